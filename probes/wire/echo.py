"""Echo requests and their replies' types (RFC 792, RFC 4443): what an ICMP probe is made of."""

from __future__ import annotations

import struct

from probes.flow_facts import Family
from probes.wire.checksum import compensation, internet_checksum, pseudo_header

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


# The header, the token, and the two octets behind it.
ECHO_PROBE_LENGTH: Final = 18
ECHO_REQUEST: Final = {Family.IPV4: 8, Family.IPV6: 128}
ECHO_REPLY: Final = {Family.IPV4: 0, Family.IPV6: 129}
_REQUEST: Final = struct.Struct("!BBHHH")


def checksummed(message: bytes, family: Family, source: bytes, destination: bytes) -> bytes:
    """Return `message` with its checksum filled in; ICMPv6 covers the packed addresses too (RFC 4443 section 2.3)."""
    blank = message[:2] + b"\0\0" + message[4:]
    above = pseudo_header(source, destination, 58, len(blank)) if family is Family.IPV6 else b""
    return blank[:2] + internet_checksum(above + blank).to_bytes(2, "big") + blank[4:]


def build_echo_probe(family: Family, identifier: int, sequence: int, token: bytes, padding: bytes = b"") -> bytes:
    """Return an echo request without checksum whose checksum will be the same for every sequence, token and padding.

    Two bytes behind the token (of even length) cancel what varies, so that balancers that hash the checksum keep all
    probes together.
    """
    varying = sequence.to_bytes(2, "big") + token + padding
    request = _REQUEST.pack(ECHO_REQUEST[family], 0, 0, identifier, sequence)
    return request + token + compensation(varying, 0) + padding
