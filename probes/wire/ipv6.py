"""IPv6 headers, their extension headers, and addresses (RFC 8200, RFC 5952)."""

from __future__ import annotations

import struct

from probes.frozen import frozen_positional
from probes.wire.malformed import MalformedDatagram

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


HEADER_LENGTH: Final = 40
_LAYOUT: Final = struct.Struct("!IHBB16s16s")
_FRAGMENT: Final = 44
# Hop-by-hop, routing, destination options: each says its length in 8-octet units beyond the first (RFC 8200 section 4).
_SKIPPED: Final = frozenset({0, 43, 60})


@frozen_positional
class Ipv6Header:
    """The fields of one fixed header; addresses are packed."""

    traffic_class: int
    flow_label: int
    payload_length: int
    next_header: int
    hop_limit: int
    source: bytes
    destination: bytes


def parse_ipv6(datagram: bytes) -> Ipv6Header:
    """Return the fixed header that `datagram` starts with; what follows it may be cut.

    Raises:
        MalformedDatagram: Not version 6, or shorter than 40 bytes.

    Source: RFC 8200 section 3.
    """
    if len(datagram) < HEADER_LENGTH:
        raise MalformedDatagram("an IPv6 header needs 40 bytes")
    first, payload_length, next_header, hop_limit, source, destination = _LAYOUT.unpack_from(datagram)
    if first >> 28 != 6:
        raise MalformedDatagram("no IPv6 header")
    return Ipv6Header(
        traffic_class=first >> 20 & 0xFF,
        flow_label=first & 0xFFFFF,
        payload_length=payload_length,
        next_header=next_header,
        hop_limit=hop_limit,
        source=source,
        destination=destination,
    )


def build_ipv6(header: Ipv6Header) -> bytes:
    """Return the 40 bytes of `header`."""
    return _LAYOUT.pack(
        6 << 28 | header.traffic_class << 20 | header.flow_label,
        header.payload_length,
        header.next_header,
        header.hop_limit,
        header.source,
        header.destination,
    )


def find_transport(header: Ipv6Header, datagram: bytes) -> tuple[int, int]:
    """Return the transport's number and its offset in `datagram`, which lies beyond the end where the datagram is cut.

    Source: RFC 8200 section 4; a fragment header is 8 octets long.
    """
    kind, offset = header.next_header, HEADER_LENGTH
    while offset + 2 <= len(datagram):
        if kind in _SKIPPED:
            kind, offset = datagram[offset], offset + 8 * (datagram[offset + 1] + 1)
        elif kind == _FRAGMENT:
            kind, offset = datagram[offset], offset + 8
        else:
            break
    return kind, offset


def ipv6_text(packed: bytes) -> str:
    """Return a packed address as the kernel's own tools write it.

    Lower case, the longest run of two zero words or more (the first of equals) as `::`, mapped and compatible
    addresses with dotted decimals at the end.

    Source: RFC 5952 sections 4 and 5; `inet_ntop` for the compatible ones.
    """
    words = struct.unpack("!8H", packed)
    start, length = _longest_zero_run(words)
    if start == 0 and (length == 6 or (length == 5 and words[5] == 0xFFFF)):
        return ("::" if length == 6 else "::ffff:") + ".".join(map(str, packed[12:]))
    if length < 2:
        return ":".join(f"{word:x}" for word in words)
    before = ":".join(f"{word:x}" for word in words[:start])
    after = ":".join(f"{word:x}" for word in words[start + length :])
    return f"{before}::{after}"


def _longest_zero_run(words: tuple[int, ...]) -> tuple[int, int]:
    """Return where the first longest run of zeros starts, and how long it is."""
    best_start, best_length, length = 0, 0, 0
    for index, word in enumerate(words):
        length = 0 if word else length + 1
        if length > best_length:
            best_start, best_length = index - length + 1, length
    return best_start, best_length
