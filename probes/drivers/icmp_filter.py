"""The program by which the kernel keeps other people's ICMP from a raw socket: classic BPF, in doubt it passes.

The kernel gives a raw ICMP socket every message to the host. A flood of other people's echo replies and errors would
cost this process what reading and parsing each of them costs, and in the end overflow its buffer. What the program
drops could never be believed: `probes.trace.match` would reject it by the same fields. It passes whatever it cannot
read to the end, for the parser knows more shapes than it does.
"""

from __future__ import annotations

import struct

from probes.facts import Family, Protocol
from probes.wire.icmp import ECHO_REPLY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    # Operation, constant, where to jump if true and if false, label.
    _Line = tuple[str, int, str, str, str]

# linux/bpf_common.h and linux/filter.h: class, size, mode and operation of the instructions used here.
_OPCODES: Final = {
    "x = ipv4 header length at": 0xB1,
    "a = byte at": 0x30,
    "a = half at": 0x28,
    "a = word at": 0x20,
    "a = byte behind x at": 0x50,
    "a = half behind x at": 0x48,
    "a = word behind x at": 0x40,
    "a = length": 0x80,
    "a -= x": 0x1C,
    "a += x": 0x0C,
    "a &=": 0x54,
    "a <<=": 0x64,
    "x = a": 0x07,
    "if a ==": 0x15,
    "if a >=": 0x35,
    "return": 0x06,
}
_INSTRUCTION: Final = struct.Struct("=HBBI")
_WHOLE: Final = 0xFFFFFFFF
_NEXT: Final = ""
# Behind the ICMP header: the quoted IP header (RFC 791 section 3.1, RFC 8200 section 3).
_QUOTE: Final = 8
_IPV4_HEADER, _IPV4_PROTOCOL = 20, 9
_IPV6_HEADER, _IPV6_NEXT_HEADER = 40, 6
# What the parser wants of a transport header before it reads one (RFC 792 p. 4: 64 bits).
_LEAST_TRANSPORT: Final = 8
# Extension headers that the parser looks behind (RFC 8200 section 4): hop-by-hop, routing, fragment, destination.
_EXTENSION_HEADERS: Final = (0, 43, 44, 60)
# Where an echo's identifier and a segment's source port stand in a quoted transport header.
_IDENTIFIER_AT: Final = {Protocol.ICMP: 4, Protocol.UDP: 0, Protocol.TCP: 0}


def icmp_program(family: Family, protocol: Protocol, number: int, identifiers: Sequence[int]) -> list[bytes]:
    """Return the instructions that let through what may answer probes of one flow.

    Args:
        family: IPv4 raw sockets see the IP header, IPv6 ones do not (raw(7), ipv6(7)).
        protocol: What the probes are.
        number: Its number in the IP header.
        identifiers: Their source ports, or the echo identifier; at most 200.

    Returns:
        Echo replies pass with one of the identifiers, and never where the probes are not echo requests. Errors pass
        that quote the protocol and one of the identifiers, and those whose quote ends before.
    """
    at = _IDENTIFIER_AT[protocol]
    quoted = _quoted_ipv4 if family is Family.IPV4 else _quoted_ipv6
    return _assemble(
        [
            *_echo_reply(family, protocol, identifiers),
            *quoted(number, at),
            *_any_of(identifiers, "pass"),
            _line("return", 0),
            _line("return", _WHOLE, label="pass"),
        ]
    )


def _echo_reply(family: Family, protocol: Protocol, identifiers: Sequence[int]) -> list[_Line]:
    """Return the lines that judge an echo reply (RFC 792 p. 14) and jump to `error` with anything else."""
    behind = family is Family.IPV4
    return [
        *([_line("x = ipv4 header length at", 0)] if behind else []),
        _line("a = byte behind x at" if behind else "a = byte at", 0),
        _line("if a ==", ECHO_REPLY[family], then=_NEXT, otherwise="error"),
        _line("a = half behind x at" if behind else "a = half at", 4),
        *(_any_of(identifiers, "pass echo") if protocol is Protocol.ICMP else []),
        _line("return", 0),
        _line("return", _WHOLE, label="pass echo"),
    ]


def _quoted_ipv4(number: int, at: int) -> list[_Line]:
    """Return the lines that judge a quoted IPv4 header, and load the identifier behind it."""
    return [
        _line("a = length", label="error"),
        _line("a -= x"),
        _line("if a >=", _QUOTE + _IPV4_HEADER, then=_NEXT, otherwise="pass"),
        _line("a = byte behind x at", _QUOTE + _IPV4_PROTOCOL),
        _line("if a ==", number, then="ours", otherwise=_NEXT),
        _line("return", 0),
        _line("a = byte behind x at", _QUOTE, label="ours"),
        _line("a &=", 0x0F),
        _line("a <<=", 2),
        _line("a += x"),
        _line("x = a"),
        _line("a = length"),
        _line("a -= x"),
        _line("if a >=", _QUOTE + _LEAST_TRANSPORT, then=_NEXT, otherwise="pass"),
        _line("a = half behind x at", _QUOTE + at),
    ]


def _quoted_ipv6(number: int, at: int) -> list[_Line]:
    """Return the lines that judge a quoted IPv6 header, and load the identifier behind it."""
    return [
        _line("a = length", label="error"),
        _line("if a >=", _QUOTE + _IPV6_HEADER, then=_NEXT, otherwise="pass"),
        _line("a = byte at", _QUOTE + _IPV6_NEXT_HEADER),
        *_any_of(_EXTENSION_HEADERS, "pass"),
        _line("if a ==", number, then="ours", otherwise=_NEXT),
        _line("return", 0),
        _line("a = length", label="ours"),
        _line("if a >=", _QUOTE + _IPV6_HEADER + _LEAST_TRANSPORT, then=_NEXT, otherwise="pass"),
        _line("a = half at", _QUOTE + _IPV6_HEADER + at),
    ]


def _any_of(values: Sequence[int], label: str) -> list[_Line]:
    """Return the lines that jump where the accumulator is one of `values`."""
    return [_line("if a ==", value, then=label) for value in values]


def _line(operation: str, constant: int = 0, *, then: str = _NEXT, otherwise: str = _NEXT, label: str = "") -> _Line:
    """Return one instruction with the labels that it jumps to, and its own."""
    return operation, constant, then, otherwise, label


def _assemble(lines: Sequence[_Line]) -> list[bytes]:
    """Return the instructions with labels turned into distances; jumps lead forward and not farther than 255."""
    place = {label: index for index, (*_, label) in enumerate(lines) if label}

    def distance(index: int, label: str) -> int:
        return place[label] - index - 1 if label else 0

    return [
        _INSTRUCTION.pack(_OPCODES[operation], distance(index, then), distance(index, otherwise), constant)
        for index, (operation, constant, then, otherwise, _) in enumerate(lines)
    ]
