"""UDP headers, and probes whose checksum is chosen (RFC 768)."""

from __future__ import annotations

import struct

from probes.frozen import frozen_positional
from probes.wire import numbers
from probes.wire.checksum import compensation, pseudo_header
from probes.wire.malformed import MalformedDatagram

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


PROTOCOL: Final = numbers.UDP
HEADER_LENGTH: Final = 8
TOKEN_LENGTH: Final = 8
# The header, the token, and the two octets that force the checksum.
PROBE_LENGTH: Final = 18
_LAYOUT: Final = struct.Struct("!HHHH")


@frozen_positional
class UdpHeader:
    """The four fields of a UDP header."""

    source_port: int
    destination_port: int
    length: int
    checksum: int


def parse_udp(segment: bytes) -> UdpHeader:
    """Return the header that `segment` starts with; what follows it may be cut.

    Raises:
        MalformedDatagram: Shorter than 8 bytes.

    Source: RFC 768.
    """
    if len(segment) < HEADER_LENGTH:
        raise MalformedDatagram("a UDP header needs 8 bytes")
    source_port, destination_port, length, checksum = _LAYOUT.unpack_from(segment)
    return UdpHeader(source_port=source_port, destination_port=destination_port, length=length, checksum=checksum)


def build_udp_probe(
    source: bytes,
    destination: bytes,
    source_port: int,
    destination_port: int,
    token: bytes,
    checksum: int,
    padding: bytes = b"",
) -> bytes:
    """Return a datagram, header first, with a valid checksum of one's choice.

    Args:
        source: The packed address, 4 or 16 bytes.
        destination: Likewise.
        source_port: 0..65535.
        destination_port: 0..65535.
        token: An even number of bytes; two that force the checksum follow it.
        checksum: 1..65535. A checksum of 0 cannot be: 65535 is sent for it, and 0 would mean none (RFC 768).
        padding: What follows them.
    """
    length = HEADER_LENGTH + len(token) + 2 + len(padding)
    covered = (
        pseudo_header(source, destination, PROTOCOL, length)
        + _LAYOUT.pack(source_port, destination_port, length, 0)
        + token
        + padding
    )
    chosen = checksum or 0xFFFF
    forcing = compensation(covered, chosen ^ 0xFFFF)
    return _LAYOUT.pack(source_port, destination_port, length, chosen) + token + forcing + padding
