"""What of a driver is loaded with the first datagram that arrives, and not before its probes leave (ADR 0049).

To send, a driver needs its sockets and the bytes of its probes. What arrives is taken off a socket with its stamp, and
read by what these functions load when they are first called: the `*_answers` of a way to probe, with the codecs.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from probes.drivers.linux import Numbers
    from probes.drivers.sockets import Datagram
    from probes.drivers.tcp_connect import Connection
    from probes.seam import Event, Flow, Quote, Received, Stamp, Unreadable


# ruff: noqa: PLC0415 - that is what this file is for


def icmp(
    datagram: Datagram, stamp: Stamp, flow: Flow, numbers: Numbers, is_ours: Callable[[Quote], bool]
) -> Event | None:
    """Return what a raw ICMP socket heard, None for what answers nothing."""
    from probes.drivers.raw_answers import icmp_event

    return icmp_event(datagram, stamp, flow, numbers, is_ours)


def tcp(datagram: Datagram, stamp: Stamp, flow: Flow, numbers: Numbers, taken: Callable[[int], None]) -> Event | None:
    """Return what a raw TCP socket heard, None for what answers nothing; `taken` gets the number of each SYN taken."""
    from probes.drivers.raw_answers import tcp_event

    return tcp_event(datagram, stamp, flow, numbers, taken)


def echo(datagram: Datagram, stamp: Stamp, flow: Flow, numbers: Numbers) -> Event:
    """Return what a ping socket heard."""
    from probes.drivers.echo_answers import echo_event

    return echo_event(datagram, stamp, flow, numbers)


def quoted_echo(datagram: Datagram, stamp: Stamp, flow: Flow, numbers: Numbers) -> Event:
    """Return what the error queue of a ping socket held."""
    from probes.drivers.echo_answers import quoted_echo_event

    return quoted_echo_event(datagram, stamp, flow, numbers)


def udp(datagram: Datagram, stamp: Stamp, flow: Flow, numbers: Numbers) -> Received:
    """Return what an ordinary UDP socket heard."""
    from probes.drivers.udp_answers import udp_reply

    return udp_reply(datagram, stamp, flow, numbers)


def quoted_udp(datagram: Datagram, stamp: Stamp, flow: Flow, numbers: Numbers) -> Event:
    """Return what the error queue of an ordinary UDP socket held."""
    from probes.drivers.udp_answers import quoted_udp_event

    return quoted_udp_event(datagram, stamp, flow, numbers)


def connection(
    connection: Connection, datagram: Datagram | None, stamp: Stamp, flow: Flow, numbers: Numbers
) -> Event | None:
    """Return what became of a connection, None where nothing did that concerns the probe."""
    from probes.drivers.connect_answers import connection_event

    return connection_event(connection, datagram, stamp, flow, numbers)


def unread(count: int) -> Unreadable:
    """Return that the kernel dropped so many datagrams at the sockets."""
    from probes.answer_facts import RejectReason
    from probes.seam import Unreadable

    return Unreadable(RejectReason.UNREAD, count)
