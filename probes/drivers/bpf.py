"""Classic BPF: a program in words, assembled, and given to a socket (kernel, Documentation/networking/filter.rst)."""

from __future__ import annotations

import _ctypes  # `array` and `ctypes` take 4 ms and more to load [measured]
import _socket as socket
import struct

from probes.drivers.linux import SO_ATTACH_FILTER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Final

    # Operation, constant, where to jump if true and if false, label.
    Line = tuple[str, int, str, str, str]

# linux/bpf_common.h and linux/filter.h: class, size, mode and operation of the instructions used here. A load from
# beyond the end of a packet ends the program with "drop it".
_OPCODES: Final = {
    "x = ipv4 header length at": 0xB1,
    "a = byte at": 0x30,
    "a = half at": 0x28,
    "a = word at": 0x20,
    "a = byte behind x at": 0x50,
    "a = half behind x at": 0x48,
    "a = length": 0x80,
    "a -= x": 0x1C,
    "a += x": 0x0C,
    "a &=": 0x54,
    "a <<=": 0x64,
    "a >>=": 0x74,
    "x = a": 0x07,
    "if a ==": 0x15,
    "if a >=": 0x35,
    "if a &": 0x45,
    "return": 0x06,
}
# linux/filter.h, struct sock_filter: code, jump if true, jump if false, constant.
_INSTRUCTION: Final = struct.Struct("=HBBI")
_WHOLE: Final = 0xFFFFFFFF
NEXT: Final = ""


class _Octet(_ctypes._SimpleCData):  # type: ignore[type-arg]  # noqa: SLF001 - what `ctypes.c_byte` is made of
    """One byte of memory that has an address."""

    _type_ = "b"


def line(operation: str, constant: int = 0, *, then: str = NEXT, otherwise: str = NEXT, label: str = NEXT) -> Line:
    """Return one instruction, the labels that it jumps to, and its own; `NEXT` is the instruction behind it."""
    return operation, constant, then, otherwise, label


def drop(*, label: str = NEXT) -> Line:
    """Return the end of a program that keeps a packet from the socket."""
    return line("return", 0, label=label)


def let_in(*, label: str = NEXT) -> Line:
    """Return the end of a program that gives the socket the whole packet."""
    return line("return", _WHOLE, label=label)


def any_of(values: Iterable[int], label: str) -> list[Line]:
    """Return the lines that jump to a label where the accumulator is one of `values`."""
    return [line("if a ==", value, then=label) for value in values]


def assembled(lines: Sequence[Line]) -> bytes:
    """Return the program with labels turned into distances; jumps lead forward and not farther than 255."""
    place = {label: index for index, (*_, label) in enumerate(lines) if label}

    def distance(index: int, label: str) -> int:
        return place[label] - index - 1 if label else 0

    return b"".join(
        _INSTRUCTION.pack(_OPCODES[operation], distance(index, then), distance(index, otherwise), constant)
        for index, (operation, constant, then, otherwise, _) in enumerate(lines)
    )


def attach(opened: socket.socket, program: bytes) -> None:
    """Let the kernel judge by a program what reaches a socket from now on; it takes the place of one before.

    Raises:
        OSError: The kernel finds no memory for it, or takes no filters.
    """
    # The kernel copies what the address points at.
    held = (_Octet * len(program)).from_buffer_copy(program)
    code = struct.pack("@HP", len(program) // _INSTRUCTION.size, _ctypes.addressof(held))
    opened.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, code)
