"""The Interface Information Object of extended ICMP messages: which interface a probe came and went by (RFC 5837)."""

from __future__ import annotations

import struct

from probes.answer_facts import InterfaceInformation, InterfaceRole
from probes.wire.ipv4 import ipv4_text
from probes.wire.ipv6 import ipv6_text
from probes.wire.malformed import MalformedDatagram

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

INTERFACE_CLASS: Final = 2
# RFC 5837 section 4.1: the two highest bits are the role, the four lowest say which parts follow, in this order.
_ROLE_SHIFT: Final = 6
_ROLES: Final = (
    InterfaceRole.INCOMING,
    InterfaceRole.SUB_IP_INCOMING,
    InterfaceRole.OUTGOING,
    InterfaceRole.NEXT_HOP,
)
_HAS_INDEX: Final = 0x08
_HAS_ADDRESS: Final = 0x04
_HAS_NAME: Final = 0x02
_HAS_MTU: Final = 0x01
_WORD: Final = 4
# RFC 5837 section 4.2: address family numbers of the IANA, and what an address of each is long.
_IPV4_FAMILY: Final = 1
_IPV6_FAMILY: Final = 2
_ADDRESS_LENGTH: Final = {_IPV4_FAMILY: 4, _IPV6_FAMILY: 16}
# RFC 5837 section 4.3: the name's length counts its own octet, is a multiple of four, and 64 at most.
_LONGEST_NAME: Final = 64


def parse_interface(c_type: int, payload: bytes) -> InterfaceInformation:
    """Return what an object's c-type and payload say.

    Raises:
        MalformedDatagram: A part that the c-type promises is cut, of an unknown address family, or of a wrong length.

    Source: RFC 5837 section 4.
    """
    parts = _Parts(payload)
    index = parts.word() if c_type & _HAS_INDEX else None
    address = parts.address() if c_type & _HAS_ADDRESS else None
    name = parts.name() if c_type & _HAS_NAME else None
    mtu = parts.word() if c_type & _HAS_MTU else None
    return InterfaceInformation(role=_ROLES[c_type >> _ROLE_SHIFT], index=index, address=address, name=name, mtu=mtu)


def build_interface(
    role: InterfaceRole, *, index: int | None, address: bytes | None, name: str | None, mtu: int | None
) -> tuple[int, int, bytes]:
    """Return class, c-type and payload of an object; `address` is packed, `name` at most 63 octets as UTF-8."""
    c_type, payload = _ROLES.index(role) << _ROLE_SHIFT, b""
    if index is not None:
        c_type, payload = c_type | _HAS_INDEX, struct.pack("!I", index)
    if address is not None:
        family = _IPV4_FAMILY if len(address) == _ADDRESS_LENGTH[_IPV4_FAMILY] else _IPV6_FAMILY
        c_type, payload = c_type | _HAS_ADDRESS, payload + struct.pack("!HH", family, 0) + address
    if name is not None:
        length = -(-(1 + len(name.encode())) // _WORD) * _WORD
        c_type, payload = c_type | _HAS_NAME, payload + (bytes((length,)) + name.encode()).ljust(length, b"\0")
    if mtu is not None:
        c_type, payload = c_type | _HAS_MTU, payload + struct.pack("!I", mtu)
    return INTERFACE_CLASS, c_type, payload


class _Parts:
    """The parts of one payload, taken off from its start."""

    def __init__(self, payload: bytes) -> None:
        self._left = payload

    def word(self) -> int:
        """Return a number of four octets."""
        return int.from_bytes(self._take(_WORD), "big")

    def address(self) -> str:
        """Return an address as text."""
        family = int.from_bytes(self._take(_WORD)[:2], "big")
        if family not in _ADDRESS_LENGTH:
            raise MalformedDatagram("an interface's address is of an unknown family")
        packed = self._take(_ADDRESS_LENGTH[family])
        return ipv4_text(packed) if family == _IPV4_FAMILY else ipv6_text(packed)

    def name(self) -> str:
        """Return a name without its padding; what is no UTF-8 shows as U+FFFD."""
        length = self._left[0] if self._left else 0
        if not length or length % _WORD or length > _LONGEST_NAME:
            raise MalformedDatagram("an interface name's length is wrong")
        return self._take(length)[1:].rstrip(b"\0").decode("utf-8", "replace")

    def _take(self, length: int) -> bytes:
        taken, self._left = self._left[:length], self._left[length:]
        if len(taken) < length:
            raise MalformedDatagram("an interface information object is cut")
        return taken
