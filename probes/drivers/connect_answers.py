"""How connections ended: by the destination's SYN-ACK or reset, by an ICMP error, or by the host's own verdict."""

from __future__ import annotations

import _socket as socket
import errno
import struct
from math import inf

from probes.answer_facts import Answer
from probes.drivers.errqueue import event_of, queued_error
from probes.drivers.linux import TCP_INFO_LENGTH, TCP_INFO_RESENT, TCP_INFO_RTT, TCP_SYN_SENT
from probes.drivers.own_host import own_verdict
from probes.failure import Operation, failure_of
from probes.flow_facts import StampSource
from probes.frozen import replace
from probes.seam import LocalError, Quote, Received, Stamp
from probes.wire import tcp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from probes.drivers.linux import Numbers
    from probes.drivers.sockets import Datagram
    from probes.drivers.tcp_connect import Connection
    from probes.seam import Event, Flow


# The kernel's second SYN (RFC 6298 section 2.1): what is answered so late may be that one.
_SECOND_SYN_S: Final = 1.0
_U32: Final = struct.Struct("=I")
# What a connection that was once established ends with.
_ESTABLISHED_THEN: Final = frozenset({0, errno.ECONNRESET, errno.EPIPE})


def connection_event(
    connection: Connection, datagram: Datagram | None, stamp: Stamp, flow: Flow, numbers: Numbers
) -> Event | None:
    """Return what became of a connection, None where nothing did that concerns the probe.

    Args:
        connection: Which.
        datagram: The ICMP error from its error queue, if there was one.
        stamp: When that came, or when the connection was looked at.
        flow: What all probes share.
        numbers: The family's.
    """
    if datagram is not None:
        error = queued_error(datagram, numbers)
        quote = Quote(number=connection.number, destination_port=datagram.port or None)
        event = event_of(error, flow, numbers, stamp, lambda _: quote)
        return _in_time(connection, own_verdict(event, flow))
    ended_with = connection.error or connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if ended_with == errno.ECONNREFUSED:
        # The kernel says only that it came, not when.
        return _in_time(connection, _answer(connection, flow, Answer.RST, stamp))
    if ended_with in _ESTABLISHED_THEN:
        return _established(connection, flow, stamp)
    if ended_with == errno.ETIMEDOUT:
        return None
    return LocalError(failure_of(OSError(ended_with, ""), Operation.CONNECT), None, connection.number)


def _established(connection: Connection, flow: Flow, stamp: Stamp) -> Event | None:
    """Return the SYN-ACK of a connection, with the kernel's own RTT; None while there is none.

    A SYN that was sent again, as the kernel does after a segment that answers nothing
    (tcp_rcv_synsent_state_process), leaves it open which of the two was answered: the destination was reached, but
    no RTT is known.
    """
    info = connection.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_LENGTH)
    rtt_us, resent = (_U32.unpack_from(info, offset)[0] for offset in (TCP_INFO_RTT, TCP_INFO_RESENT))
    if info[0] == TCP_SYN_SENT or not (rtt_us or resent):
        return None
    if resent:
        return _in_time(connection, _answer(connection, flow, Answer.SYN_ACK, replace(stamp, off_by_s=inf)))
    sent = connection.sent
    # The kernel measured from the packet itself: the doubt about when it left is not in the difference.
    came = Stamp(sent.monotonic_s + rtt_us / 1e6, sent.realtime_ns + rtt_us * 1000, StampSource.KERNEL, -sent.off_by_s)
    return _answer(connection, flow, Answer.SYN_ACK, came)


def _answer(connection: Connection, flow: Flow, answer: Answer, stamp: Stamp) -> Received:
    """Return the destination's own answer; the kernel gave it to the connection, so it came from there."""
    quote = Quote(
        source=flow.source,
        destination=flow.destination,
        protocol=tcp.PROTOCOL,
        destination_port=flow.destination_port,
        number=connection.number,
    )
    return Received(sender=flow.destination, answer=answer, stamp=stamp, quote=quote)


def _in_time(connection: Connection, event: Event) -> Event | None:
    """Return the event, None for an answer that may be to the kernel's second SYN."""
    if isinstance(event, Received) and event.stamp.monotonic_s - connection.sent.monotonic_s >= _SECOND_SYN_S:
        return None
    return replace(event, number=connection.number) if isinstance(event, LocalError) else event
