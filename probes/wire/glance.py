"""What an ICMP message says at first sight: whose probe it answers, read at fixed offsets.

Nearly every message has the shape expected here; for the others, `probes.wire.answers` reads field by field.
"""

from __future__ import annotations

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    # type << 8 | code, quoted source and destination (None: an echo reply), identifier, sequence, and the payload's
    # first 8 bytes or at least 4 of them (None: the quote ends before). IPv4 has the sender second.
    Glance6 = tuple[int, bytes | None, bytes | None, int, int, bytes | None]
    Glance4 = tuple[int, bytes, bytes | None, bytes | None, int, int, bytes | None]

# Fewer bytes of a cut token prove too little.
_LEAST_TOKEN: Final = 4
# IPv4 header without options (RFC 791), ICMP header (RFC 792), then the same two again as quoted.
_ERROR4: Final = struct.Struct("!B11x4s4xH6xB8xB2x4s4sB3xHH")
_ECHO4: Final = struct.Struct("!B11x4s4xH2xHH8s")
# ICMPv6 header (RFC 4443), the quoted IPv6 header (RFC 8200), the quoted ICMPv6 header.
_ERROR6: Final = struct.Struct("!H6xB5xBx16s16sB3xHH")
_ECHO6: Final = struct.Struct("!H2xHH8s")
_PLAIN4: Final = 0x45
_TYPE4_AT: Final = 20
_QUOTED_TOKEN4: Final = slice(56, 64)
_QUOTED_TOKEN6: Final = slice(56, 64)
_ECHO_REPLY6: Final = 129
_ERRORS4: Final = frozenset({3, 4, 11, 12})
# Where the second word may say how long the quote is (RFC 4884 section 4), in words of 4 and of 8 octets. A quote that
# ends before the token does is none of the plain shape.
_LENGTH4_AT: Final = 25
_LENGTH6_AT: Final = 4
_WORDS_TO_TOKEN4: Final = 9
_WORDS_TO_TOKEN6: Final = 7
_FIRST_INFORMATION6: Final = 128


def glance_ipv4(datagram: bytes) -> Glance4 | None:
    """Return what an IPv4 datagram with an ICMP message says, None where it has not the plain shape.

    Args:
        datagram: From the IP header on, as raw sockets give it (raw(7)).
    """
    length = len(datagram)
    if length < _ECHO4.size:
        return None
    if datagram[_TYPE4_AT] == 0:
        first, sender, kind, identifier, sequence, token = _ECHO4.unpack_from(datagram)
        return (kind, sender, None, None, identifier, sequence, token) if first == _PLAIN4 else None
    if length < _ERROR4.size:
        return None
    first, sender, kind, quoted, protocol, source, destination, asked, identifier, sequence = _ERROR4.unpack_from(
        datagram
    )
    if first != _PLAIN4 or quoted != _PLAIN4 or protocol != 1 or asked != 8 or kind >> 8 not in _ERRORS4:
        return None
    if 0 < datagram[_LENGTH4_AT] < _WORDS_TO_TOKEN4:
        return None
    token = datagram[_QUOTED_TOKEN4]
    return kind, sender, source, destination, identifier, sequence, token if len(token) >= _LEAST_TOKEN else None


def glance_ipv6(message: bytes) -> Glance6 | None:
    """Return what an ICMPv6 message says, None where it has not the plain shape; the sender stands elsewhere."""
    length = len(message)
    if length < _ECHO6.size:
        return None
    if message[0] == _ECHO_REPLY6:
        kind, identifier, sequence, token = _ECHO6.unpack_from(message)
        return kind, None, None, identifier, sequence, token
    if length < _ERROR6.size:
        return None
    kind, version, protocol, source, destination, asked, identifier, sequence = _ERROR6.unpack_from(message)
    if version >> 4 != 6 or protocol != 58 or asked != 128 or kind >> 8 >= _FIRST_INFORMATION6:
        return None
    if 0 < message[_LENGTH6_AT] < _WORDS_TO_TOKEN6:
        return None
    token = message[_QUOTED_TOKEN6]
    return kind, source, destination, identifier, sequence, token if len(token) >= _LEAST_TOKEN else None


def sound_checksum(message: bytes) -> bool:
    """Return whether the one's complement sum over a whole ICMP message is right (RFC 792, RFC 1071)."""
    padded = message + b"\0" if len(message) & 1 else message
    return int.from_bytes(padded, "big") % 0xFFFF == 0 and any(message)
