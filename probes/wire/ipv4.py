"""IPv4 headers and addresses (RFC 791)."""

from __future__ import annotations

import struct

from probes.frozen import frozen_positional
from probes.wire.malformed import MalformedDatagram

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


HEADER_LENGTH: Final = 20
_LAYOUT: Final = struct.Struct("!BBHHHBBH4s4s")


@frozen_positional
class Ipv4Header:
    """The fields of one header that tell something of a probe; addresses are packed."""

    header_length: int
    tos: int
    total_length: int
    identification: int
    ttl: int
    protocol: int
    source: bytes
    destination: bytes


def parse_ipv4(datagram: bytes) -> Ipv4Header:
    """Return the header that `datagram` starts with; what follows it may be cut.

    Raises:
        MalformedDatagram: Not version 4, or shorter than its own header length.

    Source: RFC 791 section 3.1.
    """
    if len(datagram) < HEADER_LENGTH:
        raise MalformedDatagram("an IPv4 header needs 20 bytes")
    first, tos, total, identification, _, ttl, protocol, _, source, destination = _LAYOUT.unpack_from(datagram)
    header_length = (first & 0x0F) * 4
    if first >> 4 != 4 or not HEADER_LENGTH <= header_length <= len(datagram):
        raise MalformedDatagram("no IPv4 header")
    return Ipv4Header(
        header_length=header_length,
        tos=tos,
        total_length=total,
        identification=identification,
        ttl=ttl,
        protocol=protocol,
        source=source,
        destination=destination,
    )


def build_ipv4(header: Ipv4Header) -> bytes:
    """Return the 20 bytes of `header` without options; the checksum is left zero, for the kernel fills it in."""
    return _LAYOUT.pack(
        0x40 | HEADER_LENGTH // 4,
        header.tos,
        header.total_length,
        header.identification,
        0,
        header.ttl,
        header.protocol,
        0,
        header.source,
        header.destination,
    )


def ipv4_text(packed: bytes) -> str:
    """Return a packed address as dotted decimals."""
    return ".".join(map(str, packed))
