"""The kernel's filter of a capture: what may belong to a trace between two addresses, and nothing else of the host."""

from __future__ import annotations

import struct
from array import array
from ipaddress import ip_address
from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

# linux/filter.h: code, jump if true, jump if false, constant; and bpf_common.h for the codes.
_INSTRUCTION: Final = struct.Struct("=HBBI")
_LOAD_WORD: Final = 0x20
_LOAD_BYTE: Final = 0x30
_LOAD_BYTE_BEHIND_X: Final = 0x50
_LOAD_IHL_TO_X: Final = 0xB1
_SHIFT_RIGHT: Final = 0x74
_JUMP_IF_EQUAL: Final = 0x15
_JUMP_IF_ANY_BIT: Final = 0x45
_RETURN: Final = 0x06
_WHOLE: Final = 0x40000
_TCP: Final = 6
# SYN or RST: what a probe and its answers have, and an application's data has not.
_FLAGS: Final = 0x06
_FLAGS_AT: Final = 13


class _Layout(NamedTuple):
    """Where one version's header has what, and how many words an address takes."""

    version: int
    protocol_at: int
    source_at: int
    destination_at: int
    words: int
    icmp: int


_LAYOUTS: Final = {4: _Layout(4, 9, 12, 16, 1, 1), 6: _Layout(6, 6, 8, 24, 4, 58)}


class _Line(NamedTuple):
    """One instruction, or the place that a label names; jumps go to labels, None to the next instruction."""

    code: int = 0
    constant: int = 0
    if_true: str | None = None
    if_false: str | None = None
    label: str | None = None


def trace_filter(pairs: Iterable[tuple[str, str]]) -> bytes:
    """Return a classic BPF program for datagrams, IP header first, of any of these pairs of source and destination.

    It passes what the source sends to the destination, what comes back from there, and any ICMP message to the source;
    of TCP only segments that open or reset.
    """
    lines = [line for number, pair in enumerate(pairs) for line in _pair_lines(str(number), *pair)]
    return _assembled([*lines, _Line(_RETURN, 0)])


def program(code: bytes) -> tuple[bytes, array[int]]:
    """Return the `struct sock_fprog` that SO_ATTACH_FILTER takes, and what must live as long as the call."""
    kept = array("B", code)
    return struct.pack("@HP", len(code) // _INSTRUCTION.size, kept.buffer_info()[0]), kept


def _pair_lines(name: str, source: str, destination: str) -> list[_Line]:
    """Return the part of the program for one pair; what it does not take goes on behind it."""
    layout = _LAYOUTS[ip_address(source).version]
    take, pass_on, addresses, from_us = (f"{name}{part}" for part in ("take", "on", "addresses", "from"))
    return [
        _Line(_LOAD_BYTE, 0),
        _Line(_SHIFT_RIGHT, 4),
        _Line(_JUMP_IF_EQUAL, layout.version, None, pass_on),
        _Line(_LOAD_BYTE, layout.protocol_at),
        _Line(_JUMP_IF_EQUAL, _TCP, None, addresses),
        *_load_tcp_flags(layout),
        _Line(_JUMP_IF_ANY_BIT, _FLAGS, None, pass_on),
        _Line(label=addresses),
        *_compare(layout, layout.destination_at, source, from_us),
        _Line(_LOAD_BYTE, layout.protocol_at),
        _Line(_JUMP_IF_EQUAL, layout.icmp, take, None),
        *_compare(layout, layout.source_at, destination, pass_on),
        _Line(_RETURN, _WHOLE),
        _Line(label=from_us),
        *_compare(layout, layout.destination_at, destination, pass_on),
        *_compare(layout, layout.source_at, source, pass_on),
        _Line(label=take),
        _Line(_RETURN, _WHOLE),
        _Line(label=pass_on),
    ]


def _load_tcp_flags(layout: _Layout) -> list[_Line]:
    """Return the lines that load a segment's flags; the IPv6 header is 40 bytes, and extensions are not TCP."""
    if layout.version == 4:  # noqa: PLR2004 - IPv4
        return [_Line(_LOAD_IHL_TO_X, 0), _Line(_LOAD_BYTE_BEHIND_X, _FLAGS_AT)]
    return [_Line(_LOAD_BYTE, 40 + _FLAGS_AT)]


def _compare(layout: _Layout, offset: int, address: str, otherwise: str) -> list[_Line]:
    """Return the lines that go on to the next where an address stands at an offset, and elsewhere if not."""
    words = struct.unpack(f"!{layout.words}I", ip_address(address).packed)
    return [
        line
        for index, word in enumerate(words)
        for line in (_Line(_LOAD_WORD, offset + 4 * index), _Line(_JUMP_IF_EQUAL, word, None, otherwise))
    ]


def _assembled(lines: list[_Line]) -> bytes:
    """Return the program with labels turned into distances."""
    places: dict[str, int] = {}
    real: list[_Line] = []
    for line in lines:
        if line.label is None:
            real.append(line)
        else:
            places[line.label] = len(real)
    return b"".join(
        _INSTRUCTION.pack(
            line.code, _distance(places, at, line.if_true), _distance(places, at, line.if_false), line.constant
        )
        for at, line in enumerate(real)
    )


def _distance(places: dict[str, int], at: int, to: str | None) -> int:
    """Return how many instructions a jump leaves out."""
    return 0 if to is None else places[to] - at - 1
