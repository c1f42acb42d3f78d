"""Extended ICMP messages: how long the quote is, and MPLS label stacks (RFC 4884, RFC 4950)."""

import struct
from collections.abc import Iterator
from typing import Final

from probes.facts import Family, MplsLabel
from probes.wire.checksum import internet_checksum
from probes.wire.malformed import MalformedDatagram

# Where the length stands in the message's second word, and the octets that it counts (RFC 4884 section 4).
_LENGTH_AT: Final = {Family.IPV4: (1, 4), Family.IPV6: (0, 8)}
_WITH_LENGTH: Final = {Family.IPV4: frozenset({3, 11, 12}), Family.IPV6: frozenset({1, 3})}
# Routers older than RFC 4884 put extensions behind 128 octets of quote and no length (RFC 4884 section 5.5).
_UNDECLARED_QUOTE: Final = 128
_HEADER_LENGTH: Final = 4
_VERSION: Final = 2
_MPLS_CLASS: Final = 1
_MPLS_INCOMING: Final = 1


def split_quote(family: Family, kind: int, rest: bytes, body: bytes) -> tuple[bytes, bytes]:
    """Return the quoted datagram of an ICMP error, and its extension structure (empty where there is none).

    Args:
        family: Which ICMP.
        kind: The message's type.
        rest: Its second word.
        body: What follows it.

    Raises:
        MalformedDatagram: The length field promises more than there is.

    Source: RFC 4884 sections 4 and 5.
    """
    if kind not in _WITH_LENGTH[family]:
        return body, b""
    index, unit = _LENGTH_AT[family]
    length = rest[index] * unit
    if length > len(body):
        raise MalformedDatagram("the ICMP length field promises more than there is")
    if length:
        return body[:length], body[length:]
    undeclared = body[_UNDECLARED_QUOTE:]
    # A long quote may go on there instead: only a checksum that is present and right makes it a structure.
    return (body[:_UNDECLARED_QUOTE], undeclared) if _is_structure(undeclared, trusted=False) else (body, b"")


def parse_mpls(structure: bytes) -> tuple[MplsLabel, ...]:
    """Return the labels with which the packet arrived, outermost first; none for a structure that is not valid.

    Raises:
        MalformedDatagram: An object's length is shorter than its header, or promises more than there is.

    Source: RFC 4884 section 7 and 8; RFC 4950 section 3.
    """
    if not _is_structure(structure, trusted=True):
        return ()
    return tuple(label for payload in _mpls_payloads(structure) for label in _labels(payload))


def build_mpls(labels: tuple[MplsLabel, ...]) -> bytes:
    """Return an extension structure with one label stack object."""
    stack = b"".join(
        struct.pack("!I", each.label << 12 | each.traffic_class << 9 | each.bottom << 8 | each.mpls_ttl)
        for each in labels
    )
    objects = struct.pack("!HBB", _HEADER_LENGTH + len(stack), _MPLS_CLASS, _MPLS_INCOMING) + stack
    blank = struct.pack("!BBH", _VERSION << 4, 0, 0) + objects
    return blank[:2] + internet_checksum(blank).to_bytes(2, "big") + objects


def _is_structure(structure: bytes, *, trusted: bool) -> bool:
    """Return whether version and checksum are right; a checksum of zero (not computed) only where `trusted`."""
    if len(structure) < _HEADER_LENGTH or structure[0] >> 4 != _VERSION:
        return False
    if structure[2:4] == b"\0\0":
        return trusted
    return internet_checksum(structure) == 0


def _mpls_payloads(structure: bytes) -> Iterator[bytes]:
    """Yield the payload of each object that holds an incoming label stack."""
    offset = _HEADER_LENGTH
    while offset < len(structure):
        if offset + _HEADER_LENGTH > len(structure):
            raise MalformedDatagram("an ICMP extension object is cut")
        length, class_number, subtype = struct.unpack_from("!HBB", structure, offset)
        if length < _HEADER_LENGTH or offset + length > len(structure):
            raise MalformedDatagram("an ICMP extension object's length is wrong")
        if (class_number, subtype) == (_MPLS_CLASS, _MPLS_INCOMING):
            yield structure[offset + _HEADER_LENGTH : offset + length]
        offset += length


def _labels(payload: bytes) -> Iterator[MplsLabel]:
    """Yield the entries of a label stack; a cut last one is left out (RFC 4950 section 3, RFC 3032 section 2.1)."""
    for (word,) in struct.iter_unpack("!I", payload[: len(payload) // 4 * 4]):
        yield MplsLabel(label=word >> 12, traffic_class=word >> 9 & 7, bottom=bool(word >> 8 & 1), mpls_ttl=word & 0xFF)
