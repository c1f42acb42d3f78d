"""What the kernel throws away before a raw socket's queue fills: filters by message type and by port."""

from __future__ import annotations

import _socket as socket
import struct

from probes.drivers.bpf import any_of, assembled, attach, drop, let_in, line
from probes.drivers.icmp_filter import icmp_program
from probes.drivers.linux import ICMP6_FILTER, ICMP_FILTER, SOL_RAW
from probes.flow_facts import Family, Protocol
from probes.wire.numbers import protocol_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from probes.seam import Flow


# Echo reply; destination unreachable, source quench, time exceeded, parameter problem and their ICMPv6 twins.
_WANTED: Final = {Family.IPV4: (0, 3, 4, 11, 12), Family.IPV6: (1, 2, 3, 4, 129)}
# RFC 9293 section 3.1: where a segment has its destination port.
_DESTINATION_PORT_AT: Final = 2


def pass_wanted_icmp(opened: socket.socket, family: Family) -> None:
    """Let only messages that may answer a probe reach a raw ICMP socket (raw(7); RFC 3542 section 3.2)."""
    wanted = sum(1 << kind for kind in _WANTED[family])
    if family is Family.IPV4:
        opened.setsockopt(SOL_RAW, ICMP_FILTER, struct.pack("=I", ~wanted & 0xFFFFFFFF))
        return
    blocked = ~wanted & (1 << 256) - 1
    words = (blocked >> 32 * index & 0xFFFFFFFF for index in range(8))
    opened.setsockopt(socket.IPPROTO_ICMPV6, ICMP6_FILTER, struct.pack("=8I", *words))


def pass_destination_ports(opened: socket.socket, family: Family, ports: Sequence[int]) -> None:
    """Let only segments for `ports` (at most 250) reach a raw TCP socket, which else gets all of the host's.

    IPv4 raw sockets see the IP header, IPv6 ones do not (raw(7), ipv6(7)).
    """
    if family is Family.IPV4:
        load = [line("x = ipv4 header length at", 0), line("a = half behind x at", _DESTINATION_PORT_AT)]
    else:
        load = [line("a = half at", _DESTINATION_PORT_AT)]
    attach(opened, assembled([*load, *any_of(ports, "pass"), drop(), let_in(label="pass")]))


def pass_answers(opened: socket.socket, flow: Flow, identifiers: Sequence[int]) -> None:
    """Let only messages that may answer this flow's probes reach a raw ICMP socket, which else gets all of the host's.

    What passes is judged again when it is read.

    Args:
        opened: The socket.
        flow: Whose probes.
        identifiers: Their source ports, or the echo identifier.

    Raises:
        OSError: The kernel takes no filters.
    """
    number = protocol_number(flow.family, flow.protocol)
    attach(opened, icmp_program(flow.family, flow.protocol, number, identifiers))


def pass_echoes(opened: socket.socket, family: Family, identifier: int, mask: int) -> None:
    """Do the same for echo requests of many flows, whose identifiers are one under `mask`."""
    number = protocol_number(family, Protocol.ICMP)
    attach(opened, icmp_program(family, Protocol.ICMP, number, (identifier,), mask))


def pass_nothing(opened: socket.socket) -> None:
    """Keep the queue of a raw socket empty that is there for sending only."""
    attach(opened, assembled([drop()]))
