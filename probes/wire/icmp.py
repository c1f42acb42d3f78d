"""ICMP and ICMPv6 messages (RFC 792, RFC 4443)."""

from __future__ import annotations

import struct

from probes.answer_facts import Answer
from probes.flow_facts import Family
from probes.frozen import frozen_positional
from probes.wire.checksum import ones_complement_sum
from probes.wire.malformed import MalformedDatagram

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


HEADER_LENGTH: Final = 8
_LAYOUT: Final = struct.Struct("!BBH4s")
_ECHO: Final = struct.Struct("!HH")

# Codes that change the kind; None stands for every other code of the type.
_ANSWERS: Final[dict[tuple[Family, int, int | None], Answer]] = {
    (Family.IPV4, 0, None): Answer.ECHO_REPLY,
    (Family.IPV4, 3, None): Answer.DESTINATION_UNREACHABLE,
    (Family.IPV4, 11, 0): Answer.TIME_EXCEEDED,
    (Family.IPV4, 11, 1): Answer.REASSEMBLY_TIME_EXCEEDED,
    (Family.IPV4, 12, None): Answer.PARAMETER_PROBLEM,
    (Family.IPV6, 1, None): Answer.DESTINATION_UNREACHABLE,
    (Family.IPV6, 2, None): Answer.PACKET_TOO_BIG,
    (Family.IPV6, 3, 0): Answer.TIME_EXCEEDED,
    (Family.IPV6, 3, 1): Answer.REASSEMBLY_TIME_EXCEEDED,
    (Family.IPV6, 4, None): Answer.PARAMETER_PROBLEM,
    (Family.IPV6, 129, None): Answer.ECHO_REPLY,
}
# Source quench is obsolete (RFC 6633) and still quotes; a redirect (5) is advice to the sender, no answer to a probe.
_QUOTING_IPV4: Final = frozenset({3, 4, 11, 12})
_FIRST_ICMPV6_INFORMATION: Final = 128


@frozen_positional
class IcmpMessage:
    """One message; `rest` is the second word, whose meaning depends on the type, `body` what follows it."""

    type: int
    code: int
    checksum: int
    rest: bytes
    body: bytes


def parse_icmp(message: bytes) -> IcmpMessage:
    """Return the message as it stands; its checksum is not verified.

    Raises:
        MalformedDatagram: Shorter than 8 bytes.

    Source: RFC 792; RFC 4443 section 2.1.
    """
    if len(message) < HEADER_LENGTH:
        raise MalformedDatagram("an ICMP message needs 8 bytes")
    kind, code, checksum, rest = _LAYOUT.unpack_from(message)
    return IcmpMessage(type=kind, code=code, checksum=checksum, rest=rest, body=message[HEADER_LENGTH:])


def next_hop_mtu(family: Family, message: IcmpMessage) -> int | None:
    """Return the MTU that a message about a packet too big names, in octets; None for every other message.

    Source: RFC 1191 section 4 (the low 16 bits of the second word; 0 from older routers), RFC 4443 section 3.2.
    """
    if not is_too_big(family, message.type, message.code):
        return None
    return int.from_bytes(message.rest[2:] if family is Family.IPV4 else message.rest, "big")


def is_too_big(family: Family, kind: int, code: int) -> bool:
    """Return whether a message says that a link is too narrow: fragmentation needed, or ICMPv6 packet too big."""
    return (kind, code) == (3, 4) if family is Family.IPV4 else kind == 2  # RFC 4443 section 3.2


def verify_icmp_checksum(message: bytes) -> None:
    """Check an ICMP (not ICMPv6) message, which a raw socket gets before the kernel has.

    Raises:
        MalformedDatagram: The sum over the whole message is not 65535.

    Source: RFC 792.
    """
    if ones_complement_sum(message) != 0xFFFF:
        raise MalformedDatagram("wrong ICMP checksum")


def build_icmp(message: IcmpMessage) -> bytes:
    """Return the bytes of a message with the checksum it names."""
    return _LAYOUT.pack(message.type, message.code, message.checksum, message.rest) + message.body


def parse_echo(message: IcmpMessage) -> tuple[int, int]:
    """Return identifier and sequence number of an echo request or reply."""
    identifier, sequence = _ECHO.unpack(message.rest)
    return identifier, sequence


def answer_kind(family: Family, kind: int, code: int) -> Answer:
    """Return what an ICMP type and code mean to a trace; OTHER_ICMP where they mean nothing to it."""
    return _ANSWERS.get((family, kind, code)) or _ANSWERS.get((family, kind, None), Answer.OTHER_ICMP)


def is_error(family: Family, kind: int) -> bool:
    """Return whether messages of a type quote the datagram that they are about (RFC 792; RFC 4443 section 2.1)."""
    return kind < _FIRST_ICMPV6_INFORMATION if family is Family.IPV6 else kind in _QUOTING_IPV4
