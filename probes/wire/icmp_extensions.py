"""Extended ICMP messages: how long the quote is, and the objects behind it (RFC 4884, RFC 4950, RFC 5837)."""

from __future__ import annotations

import struct

from probes.answer_facts import ExtensionObject, MplsLabel
from probes.flow_facts import Family
from probes.seam import Extensions
from probes.wire.checksum import internet_checksum
from probes.wire.malformed import MalformedDatagram

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from probes.answer_facts import InterfaceInformation

# Where the length stands in the message's second word, and the octets that it counts (RFC 4884 section 4).
_LENGTH_AT: Final = {Family.IPV4: (1, 4), Family.IPV6: (0, 8)}
_WITH_LENGTH: Final = {Family.IPV4: frozenset({3, 11, 12}), Family.IPV6: frozenset({1, 3})}
# Routers older than RFC 4884 put extensions behind 128 octets of quote and no length (RFC 4884 section 5.5).
UNDECLARED_QUOTE: Final = 128
_HEADER_LENGTH: Final = 4
# RFC 8200 section 3; RFC 792 p. 4: what any error quotes behind the header.
_IPV6_HEADER: Final = 40
_LEAST_TRANSPORT: Final = 8
_VERSION: Final = 2
_MPLS: Final = (1, 1)
_INTERFACE_CLASS: Final = 2
# More objects than these in one message say nothing more.
_MOST_OBJECTS: Final = 16


def split_quote(family: Family, kind: int, rest: bytes, body: bytes) -> tuple[bytes, bytes]:
    """Return the quoted datagram of an ICMP error, and its extension structure (empty where there is none).

    A length that promises more than there is, or less than any error quotes, leaves the whole body as the quote: what
    the quote itself says decides whether it is believed, and a router's bad arithmetic must not cost its answer.

    Args:
        family: Which ICMP.
        kind: The message's type.
        rest: Its second word.
        body: What follows it.

    Source: RFC 4884 sections 4 and 5.
    """
    if kind not in _WITH_LENGTH[family]:
        return body, b""
    index, unit = _LENGTH_AT[family]
    length = rest[index] * unit
    if not length:
        return split_undeclared(body, UNDECLARED_QUOTE)
    return (body[:length], body[length:]) if _least_quote(family, body) <= length <= len(body) else (body, b"")


def _least_quote(family: Family, body: bytes) -> int:
    """Return how many octets any error quotes: the IP header and 64 bits of what it carries."""
    header = (body[0] & 0x0F) * 4 if family is Family.IPV4 and body else _IPV6_HEADER
    return header + _LEAST_TRANSPORT


def split_undeclared(body: bytes, length: int) -> tuple[bytes, bytes]:
    """Return quote and extension structure where no length says where the quote ends, but old routers put it here.

    A long quote may go on there instead: only a checksum that is present and right makes it a structure.
    """
    structure = body[length:]
    return (body[:length], structure) if _is_structure(structure, trusted=False) else (body, b"")


def read_extensions(structure: bytes) -> Extensions | None:
    """Return what the objects of an extension structure say; never raises, for the answer counts without them too.

    Args:
        structure: From its header on; empty where there is none.

    Returns:
        None where there is no structure. Else everything that could be read before the first object whose length is
        wrong; `malformed` says that there is one, or that version or checksum are wrong.

    Source: RFC 4884 sections 7 and 8; RFC 4950 section 3; RFC 5837 section 4.
    """
    # Zeros are the padding of a quote without objects, and no structure at all.
    if not any(structure):
        return None
    if not _is_structure(structure, trusted=True):
        return Extensions(malformed=True)
    mpls: list[MplsLabel] = []
    interfaces: list[InterfaceInformation] = []
    others: list[ExtensionObject] = []
    malformed = False
    try:
        for class_number, c_type, payload in _objects(structure):
            if (class_number, c_type) == _MPLS:
                mpls.extend(_labels(payload))
            elif class_number == _INTERFACE_CLASS:
                interfaces.append(_interface(c_type, payload))
            else:
                others.append(ExtensionObject(class_number=class_number, c_type=c_type, octets=len(payload)))
    except MalformedDatagram:
        malformed = True
    return Extensions(mpls=tuple(mpls), interfaces=tuple(interfaces), others=tuple(others), malformed=malformed)


def build_mpls(labels: tuple[MplsLabel, ...]) -> bytes:
    """Return an extension structure with one label stack object."""
    stack = b"".join(
        struct.pack("!I", each.label << 12 | each.traffic_class << 9 | each.bottom << 8 | each.mpls_ttl)
        for each in labels
    )
    return build_extensions(((*_MPLS, stack),))


def build_extensions(objects: tuple[tuple[int, int, bytes], ...]) -> bytes:
    """Return an extension structure with these objects, each a class, a c-type and a payload."""
    body = b"".join(struct.pack("!HBB", _HEADER_LENGTH + len(data), kind, sub) + data for kind, sub, data in objects)
    blank = struct.pack("!BBH", _VERSION << 4, 0, 0) + body
    return blank[:2] + internet_checksum(blank).to_bytes(2, "big") + body


def _is_structure(structure: bytes, *, trusted: bool) -> bool:
    """Return whether version and checksum are right; a checksum of zero (not computed) only where `trusted`."""
    if len(structure) < _HEADER_LENGTH or structure[0] >> 4 != _VERSION:
        return False
    if structure[2:4] == b"\0\0":
        return trusted
    return internet_checksum(structure) == 0


def _objects(structure: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield class, c-type and payload of each object."""
    offset, count = _HEADER_LENGTH, 0
    while offset < len(structure) and count < _MOST_OBJECTS:
        if offset + _HEADER_LENGTH > len(structure):
            raise MalformedDatagram("an ICMP extension object is cut")
        length, class_number, c_type = struct.unpack_from("!HBB", structure, offset)
        if length < _HEADER_LENGTH or offset + length > len(structure):
            raise MalformedDatagram("an ICMP extension object's length is wrong")
        yield class_number, c_type, structure[offset + _HEADER_LENGTH : offset + length]
        offset, count = offset + length, count + 1


def _labels(payload: bytes) -> Iterator[MplsLabel]:
    """Yield the entries of a label stack; a cut last one is left out (RFC 4950 section 3, RFC 3032 section 2.1)."""
    for (word,) in struct.iter_unpack("!I", payload[: len(payload) // 4 * 4]):
        yield MplsLabel(label=word >> 12, traffic_class=word >> 9 & 7, bottom=bool(word >> 8 & 1), mpls_ttl=word & 0xFF)


def _interface(c_type: int, payload: bytes) -> InterfaceInformation:
    # Few routers send it: the others do not pay for its reader.
    from probes.wire.interface_information import parse_interface  # noqa: PLC0415

    return parse_interface(c_type, payload)
