"""The Internet checksum, and the two bytes that force it (RFC 1071)."""

from __future__ import annotations

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


_MODULUS: Final = 0xFFFF


def ones_complement_sum(data: bytes) -> int:
    """Return the one's complement sum of the 16-bit words of `data`, 0..65535; an odd last byte counts as the high one.

    Source: RFC 1071 section 1. Adding with end-around carry is addition modulo 65535, whose zero is written 65535.
    """
    padded = data + b"\0" if len(data) % 2 else data
    return int.from_bytes(padded, "big") % _MODULUS or (_MODULUS if any(padded) else 0)


def internet_checksum(data: bytes) -> int:
    """Return the checksum of `data`, whose own checksum field holds zeros."""
    return ones_complement_sum(data) ^ _MODULUS


def compensation(data: bytes, wanted_sum: int) -> bytes:
    """Return two bytes that, put behind `data` (of even length), bring its sum to `wanted_sum` modulo 65535."""
    return struct.pack("!H", (wanted_sum - ones_complement_sum(data)) % _MODULUS)


def pseudo_header(source: bytes, destination: bytes, protocol: int, length: int) -> bytes:
    """Return what a transport checksum covers of the layer below.

    Args:
        source: The packed address, 4 or 16 bytes.
        destination: Likewise.
        protocol: The transport's number.
        length: Octets of the transport header and its payload.

    Source: RFC 9293 section 3.1 (IPv4), RFC 8200 section 8.1 (IPv6); the same sum in either order of fields.
    """
    return source + destination + struct.pack("!II", length, protocol)
