"""TCP headers, and SYN probes (RFC 9293)."""

from __future__ import annotations

import struct

from probes.frozen import frozen_positional
from probes.wire import numbers
from probes.wire.checksum import internet_checksum, pseudo_header
from probes.wire.malformed import MalformedDatagram

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


PROTOCOL: Final = numbers.TCP
HEADER_LENGTH: Final = 20
QUOTED_LENGTH: Final = 8
RST: Final = 0x04
SYN: Final = 0x02
ACK: Final = 0x10
_LAYOUT: Final = struct.Struct("!HHIIBBHHH")
_QUOTED: Final = struct.Struct("!HHI")
# What any host of today offers, so that no middlebox finds the SYN odd: segment size 1460, selective acknowledgements
# (RFC 2018), window scale 7 (RFC 7323), each padded to words of four bytes with no-operations.
_OPTIONS: Final = bytes.fromhex("020405b4 01010402 01030307")
_WINDOW: Final = 64240


@frozen_positional
class TcpHeader:
    """The fields of one header that tell something of a probe."""

    source_port: int
    destination_port: int
    sequence: int
    acknowledgement: int
    flags: int


def parse_tcp(segment: bytes) -> TcpHeader:
    """Return the header that `segment` starts with.

    Raises:
        MalformedDatagram: Shorter than 20 bytes, or than its own data offset.

    Source: RFC 9293 section 3.1.
    """
    if len(segment) < HEADER_LENGTH:
        raise MalformedDatagram("a TCP header needs 20 bytes")
    source_port, destination_port, sequence, acknowledgement, offset, flags, _, _, _ = _LAYOUT.unpack_from(segment)
    if not HEADER_LENGTH <= (offset >> 4) * 4 <= len(segment):
        raise MalformedDatagram("a TCP header longer than its segment")
    return TcpHeader(
        source_port=source_port,
        destination_port=destination_port,
        sequence=sequence,
        acknowledgement=acknowledgement,
        flags=flags,
    )


def parse_quoted_tcp(segment: bytes) -> tuple[int, int, int]:
    """Return source port, destination port and sequence number, which is all that 8 quoted bytes hold.

    Raises:
        MalformedDatagram: Shorter than 8 bytes.
    """
    if len(segment) < QUOTED_LENGTH:
        raise MalformedDatagram("a quoted TCP header needs 8 bytes")
    source_port, destination_port, sequence = _QUOTED.unpack_from(segment)
    return source_port, destination_port, sequence


def build_tcp(source: bytes, destination: bytes, header: TcpHeader, options: bytes = b"") -> bytes:
    """Return a segment without data, with a valid checksum; addresses are packed, options fill whole words."""
    length = HEADER_LENGTH + len(options)
    ports_to_flags = (header.source_port, header.destination_port, header.sequence, header.acknowledgement)
    offset_and_flags = (length // 4 << 4, header.flags)
    blank = _LAYOUT.pack(*ports_to_flags, *offset_and_flags, _WINDOW, 0, 0) + options
    checksum = internet_checksum(pseudo_header(source, destination, PROTOCOL, length) + blank)
    return _LAYOUT.pack(*ports_to_flags, *offset_and_flags, _WINDOW, checksum, 0) + options


def build_syn(source: bytes, destination: bytes, source_port: int, destination_port: int, sequence: int) -> bytes:
    """Return a SYN with a host's usual options and a valid checksum; addresses are packed."""
    header = TcpHeader(
        source_port=source_port, destination_port=destination_port, sequence=sequence, acknowledgement=0, flags=SYN
    )
    return build_tcp(source, destination, header, _OPTIONS)
