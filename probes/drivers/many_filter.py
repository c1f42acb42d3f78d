"""What reaches the raw ICMP socket of the wide engine: replies and quotes with its own identifiers, nothing else."""

from __future__ import annotations

import _socket as socket
import struct
from array import array

from probes.drivers.linux import SO_ATTACH_FILTER
from probes.facts import Family

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

# linux/filter.h: code, jump if true, jump if false, constant. Loads are absolute or relative to the register X; a load
# beyond the end of the packet ends the program with "drop it".
_INSTRUCTION: Final = struct.Struct("=HBBI")
_LOAD_BYTE: Final = 0x30
_LOAD_BYTE_AT_X: Final = 0x50
_LOAD_HALF: Final = 0x28
_LOAD_HALF_AT_X: Final = 0x48
_LOAD_HEADER_LENGTH_TO_X: Final = 0xB1
_AND: Final = 0x54
_SHIFT_LEFT: Final = 0x64
_ADD_X: Final = 0x0C
_A_TO_X: Final = 0x07
_JUMP: Final = 0x05
_JUMP_IF_EQUAL: Final = 0x15
_RETURN: Final = 0x06
_WHOLE: Final = 0xFFFFFFFF
# RFC 8200 section 4: hop-by-hop, routing, fragment, destination options. A quote with these is read field by field.
_EXTENSIONS: Final = (0, 43, 44, 60)


def pass_identifiers(opened: socket.socket, family: Family, identifier: int, mask: int) -> None:
    """Let only echo replies and quoted echoes reach a raw ICMP socket whose identifier is ours under `mask`."""
    program = _program4(identifier, mask) if family is Family.IPV4 else _program6(identifier, mask)
    code = array("B", b"".join(_INSTRUCTION.pack(*each) for each in program))
    opened.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("@HP", len(program), code.buffer_info()[0]))


def _program4(identifier: int, mask: int) -> list[tuple[int, int, int, int]]:
    """Return the instructions for IPv4, whose raw sockets see the IP header (raw(7))."""
    return [
        (_LOAD_HEADER_LENGTH_TO_X, 0, 0, 0),
        (_LOAD_BYTE_AT_X, 0, 0, 0),
        (_JUMP_IF_EQUAL, 0, 2, 0),
        (_LOAD_HALF_AT_X, 0, 0, 4),
        (_JUMP, 0, 0, 8),
        # An error: the quote starts 8 bytes on, its protocol is ICMP, and its own length of header comes on top.
        (_LOAD_BYTE_AT_X, 0, 0, 8 + 9),
        (_JUMP_IF_EQUAL, 0, 9, 1),
        (_LOAD_BYTE_AT_X, 0, 0, 8),
        (_AND, 0, 0, 0x0F),
        (_SHIFT_LEFT, 0, 0, 2),
        (_ADD_X, 0, 0, 0),
        (_A_TO_X, 0, 0, 0),
        (_LOAD_HALF_AT_X, 0, 0, 8 + 4),
        (_AND, 0, 0, mask),
        (_JUMP_IF_EQUAL, 0, 1, identifier & mask),
        (_RETURN, 0, 0, _WHOLE),
        (_RETURN, 0, 0, 0),
    ]


def _program6(identifier: int, mask: int) -> list[tuple[int, int, int, int]]:
    """Return the instructions for IPv6, whose raw sockets see the ICMPv6 header first (RFC 3542 section 3)."""
    extensions = [(_JUMP_IF_EQUAL, 3 + len(_EXTENSIONS) - index, 0, number) for index, number in enumerate(_EXTENSIONS)]
    return [
        (_LOAD_BYTE, 0, 0, 0),
        (_JUMP_IF_EQUAL, 0, 2, 129),
        (_LOAD_HALF, 0, 0, 4),
        (_JUMP, 0, 0, 3 + len(extensions)),
        (_LOAD_BYTE, 0, 0, 8 + 6),
        *extensions,
        (_JUMP_IF_EQUAL, 0, 4, 58),
        (_LOAD_HALF, 0, 0, 8 + 40 + 4),
        (_AND, 0, 0, mask),
        (_JUMP_IF_EQUAL, 0, 1, identifier & mask),
        (_RETURN, 0, 0, _WHOLE),
        (_RETURN, 0, 0, 0),
    ]
