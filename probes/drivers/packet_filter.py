"""The kernel's filter of a capture: what may belong to a trace between two addresses, and nothing else of the host."""

from __future__ import annotations

import struct
from ipaddress import ip_address
from typing import NamedTuple

from probes.drivers.bpf import NEXT, assembled, drop, let_in, line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from probes.drivers.bpf import Line

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


def trace_filter(pairs: Sequence[tuple[str, str]]) -> bytes:
    """Return a classic BPF program for datagrams, IP header first, of any of these pairs of source and destination.

    It passes what the source sends to the destination, what comes back from there, and any ICMP message to the source;
    of TCP only segments that open or reset.
    """
    lines = [each for number, pair in enumerate(pairs) for each in _pair_lines(number, *pair)]
    return assembled([*lines, drop(label=_pair(len(pairs)))])


def _pair(number: int) -> str:
    """Return the label of the part for a pair; behind the last one, of the refusal."""
    return f"pair {number}"


def _pair_lines(number: int, source: str, destination: str) -> list[Line]:
    """Return the part of the program for one pair; what it does not take goes on behind it."""
    layout = _LAYOUTS[ip_address(source).version]
    own, following = _pair(number), _pair(number + 1)
    return [
        line("a = byte at", 0, label=own),
        line("a >>=", 4),
        line("if a ==", layout.version, otherwise=following),
        line("a = byte at", layout.protocol_at),
        line("if a ==", _TCP, otherwise=f"{own} addresses"),
        *_load_tcp_flags(layout),
        line("if a &", _FLAGS, otherwise=following),
        *_compare(layout, layout.destination_at, source, otherwise=f"{own} from us", label=f"{own} addresses"),
        line("a = byte at", layout.protocol_at),
        line("if a ==", layout.icmp, then=f"{own} taken"),
        *_compare(layout, layout.source_at, destination, otherwise=following),
        let_in(label=f"{own} taken"),
        *_compare(layout, layout.destination_at, destination, otherwise=following, label=f"{own} from us"),
        *_compare(layout, layout.source_at, source, otherwise=following),
        let_in(),
    ]


def _load_tcp_flags(layout: _Layout) -> list[Line]:
    """Return the lines that load a segment's flags; the IPv6 header is 40 bytes, and extensions are not TCP."""
    if layout.version == 4:  # noqa: PLR2004 - IPv4
        return [line("x = ipv4 header length at", 0), line("a = byte behind x at", _FLAGS_AT)]
    return [line("a = byte at", 40 + _FLAGS_AT)]


def _compare(layout: _Layout, offset: int, address: str, *, otherwise: str, label: str = NEXT) -> list[Line]:
    """Return the lines that go on to the next where an address stands at an offset, and elsewhere if not."""
    words = struct.unpack(f"!{layout.words}I", ip_address(address).packed)
    loads = [line("a = word at", offset + 4 * index, label=NEXT if index else label) for index in range(layout.words)]
    tests = [line("if a ==", word, otherwise=otherwise) for word in words]
    return [each for pair in zip(loads, tests, strict=True) for each in pair]
