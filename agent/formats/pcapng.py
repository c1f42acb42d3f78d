"""Packets as a pcapng file, which Wireshark, tshark and tcpdump read: captured bytes, kernel stamps, comments.

Source: draft-ietf-opsawg-pcapng, sections 3 and 4; the link types are those of www.tcpdump.org/linktypes.html.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import Final

from probes.captured import Packet

_SECTION: Final = 0x0A0D0D0A
_INTERFACE: Final = 1
_PACKET: Final = 6
_BYTE_ORDER: Final = 0x1A2B3C4D
_LENGTH_UNKNOWN: Final = 0xFFFFFFFFFFFFFFFF
# Packets start with their IP header; its first half byte says which (LINKTYPE_RAW).
_LINK_TYPE: Final = 101
# No packet is longer, and none was cut.
_SNAP_LENGTH: Final = 65_535

_END: Final = 0
_COMMENT: Final = 1
_APPLICATION: Final = 4
_INTERFACE_NAME: Final = 2
_RESOLUTION: Final = 9
_FLAGS: Final = 2
# Stamps count units of 10 to the minus ninth.
_NANOSECONDS: Final = b"\x09"
# The lowest two bits of a packet's flags: 01 inbound, 10 outbound.
_DIRECTION: Final = {False: 1, True: 2}


def pcapng(packets: Sequence[tuple[Packet, str]], *, application: str, comment: str) -> bytes:
    """Return a whole file: packets with a comment each, in the order given.

    Args:
        packets: What was captured, and what to say of it.
        application: Who wrote the file.
        comment: What to say of the file as a whole.
    """
    names = tuple(dict.fromkeys(packet.interface for packet, _ in packets))
    blocks = [_section(application, comment), *(_interface(name) for name in names)]
    blocks += [_packet(packet, names.index(packet.interface), said) for packet, said in packets]
    return b"".join(blocks)


def _section(application: str, comment: str) -> bytes:
    """Return the block that a file begins with: version 1.0, its length left open."""
    body = struct.pack("<IHHQ", _BYTE_ORDER, 1, 0, _LENGTH_UNKNOWN)
    return _block(_SECTION, body, ((_APPLICATION, application.encode()), (_COMMENT, comment.encode())))


def _interface(name: str) -> bytes:
    body = struct.pack("<HHI", _LINK_TYPE, 0, _SNAP_LENGTH)
    return _block(_INTERFACE, body, ((_INTERFACE_NAME, name.encode()), (_RESOLUTION, _NANOSECONDS)))


def _packet(packet: Packet, interface: int, comment: str) -> bytes:
    high, low = divmod(packet.realtime_ns, 2**32)
    length = len(packet.data)
    body = struct.pack("<IIIII", interface, high, low, length, length) + _padded(packet.data)
    flags = struct.pack("<I", _DIRECTION[packet.outgoing])
    return _block(_PACKET, body, ((_COMMENT, comment.encode()), (_FLAGS, flags)))


def _block(kind: int, body: bytes, options: Iterable[tuple[int, bytes]]) -> bytes:
    """Return a block: its type, its length, what it holds, and its length again."""
    told = b"".join(struct.pack("<HH", code, len(value)) + _padded(value) for code, value in options)
    inside = body + told + struct.pack("<HH", _END, 0)
    length = struct.pack("<I", len(inside) + 12)
    return struct.pack("<I", kind) + length + inside + length


def _padded(data: bytes) -> bytes:
    """Return data filled up to whole words of 32 bits."""
    return data + bytes(-len(data) % 4)
