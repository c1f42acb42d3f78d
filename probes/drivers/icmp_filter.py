"""The program by which the kernel keeps other people's ICMP from a raw socket: classic BPF, in doubt it passes.

The kernel gives a raw ICMP socket every message to the host. A flood of other people's echo replies and errors would
cost this process what reading and parsing each of them costs, and in the end overflow its buffer. What the program
drops could never be believed: `probes.trace.match` would reject it by the same fields. It passes whatever it cannot
read to the end, for the parser knows more shapes than it does.
"""

from __future__ import annotations

from probes.drivers.bpf import any_of, assembled, drop, let_in, line
from probes.flow_facts import Family, Protocol
from probes.wire.echo import ECHO_REPLY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from probes.drivers.bpf import Line

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
_ALL_BITS: Final = 0xFFFF


def icmp_program(
    family: Family, protocol: Protocol, number: int, identifiers: Sequence[int], mask: int = _ALL_BITS
) -> bytes:
    """Return the instructions that let through what may answer probes of one flow.

    Args:
        family: IPv4 raw sockets see the IP header, IPv6 ones do not (raw(7), ipv6(7)).
        protocol: What the probes are.
        number: Its number in the IP header.
        identifiers: Their source ports, or the echo identifier; at most 200.
        mask: The bits of an identifier that are compared.

    Returns:
        Echo replies pass with one of the identifiers, and never where the probes are not echo requests. Errors pass
        that quote the protocol and one of the identifiers, and those whose quote ends before.
    """
    at = _IDENTIFIER_AT[protocol]
    quoted = _quoted_ipv4 if family is Family.IPV4 else _quoted_ipv6
    named = {identifier & mask for identifier in identifiers}
    return assembled(
        [
            *_echo_reply(
                family, [line("a &=", mask), *any_of(named, "pass echo")] if protocol is Protocol.ICMP else []
            ),
            *quoted(number, at),
            line("a &=", mask),
            *any_of(named, "pass"),
            drop(),
            let_in(label="pass"),
        ]
    )


def _echo_reply(family: Family, judged: list[Line]) -> list[Line]:
    """Return the lines that have an echo reply's identifier judged (RFC 792 p. 14), and `error` anything else."""
    behind = family is Family.IPV4
    return [
        *([line("x = ipv4 header length at", 0)] if behind else []),
        line("a = byte behind x at" if behind else "a = byte at", 0),
        line("if a ==", ECHO_REPLY[family], otherwise="error"),
        line("a = half behind x at" if behind else "a = half at", 4),
        *judged,
        drop(),
        let_in(label="pass echo"),
    ]


def _quoted_ipv4(number: int, at: int) -> list[Line]:
    """Return the lines that judge a quoted IPv4 header, and load the identifier behind it."""
    return [
        line("a = length", label="error"),
        line("a -= x"),
        line("if a >=", _QUOTE + _IPV4_HEADER, otherwise="pass"),
        line("a = byte behind x at", _QUOTE + _IPV4_PROTOCOL),
        line("if a ==", number, then="ours"),
        drop(),
        line("a = byte behind x at", _QUOTE, label="ours"),
        line("a &=", 0x0F),
        line("a <<=", 2),
        line("a += x"),
        line("x = a"),
        line("a = length"),
        line("a -= x"),
        line("if a >=", _QUOTE + _LEAST_TRANSPORT, otherwise="pass"),
        line("a = half behind x at", _QUOTE + at),
    ]


def _quoted_ipv6(number: int, at: int) -> list[Line]:
    """Return the lines that judge a quoted IPv6 header, and load the identifier behind it."""
    return [
        line("a = length", label="error"),
        line("if a >=", _QUOTE + _IPV6_HEADER, otherwise="pass"),
        line("a = byte at", _QUOTE + _IPV6_NEXT_HEADER),
        *any_of(_EXTENSION_HEADERS, "pass"),
        line("if a ==", number, then="ours"),
        drop(),
        line("a = length", label="ours"),
        line("if a >=", _QUOTE + _IPV6_HEADER + _LEAST_TRANSPORT, otherwise="pass"),
        line("a = half at", _QUOTE + _IPV6_HEADER + at),
    ]
