"""TCP probes without privilege: a connect() for each, its TTL set, its errors read from the error queue."""

from __future__ import annotations

import _socket as socket
import errno
import select
import struct
from math import inf

from probes.drivers.base import MOST_AT_ONCE, in_order
from probes.drivers.errqueue import event_of, read_queued_error
from probes.drivers.lateness import Lateness
from probes.drivers.linux import TCP_INFO_LENGTH, TCP_INFO_RESENT, TCP_INFO_RTT, TCP_SYN_SENT
from probes.drivers.own_host import own_verdict, refusal
from probes.drivers.sockets import Together, open_socket, queue_errors
from probes.drivers.stamps import StampReader
from probes.facts import Answer, Clocks, FlowKind, Method, StampSource
from probes.failure import Operation, failure_of
from probes.frozen import frozen_positional, replace
from probes.seam import LocalError, Quote, Received, Stamp
from probes.wire import tcp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from probes.clock import Clock
    from probes.drivers.endpoint import Endpoint
    from probes.failure import Failure
    from probes.seam import Event, Probe


# The kernel sends a second SYN 1 s after the first (RFC 6298 section 2.1), and answers to it would be told as answers
# to the first: each connection is given up before, and an answer read too late is not believed.
_GIVE_UP_S: Final = 0.94
_SECOND_SYN_S: Final = 1.0
_ECN: Final = 0x03
_U32: Final = struct.Struct("=I")
_RESET_ON_CLOSE: Final = struct.pack("@ii", 1, 0)
_UNDER_WAY: Final = frozenset({0, errno.EINPROGRESS, errno.ECONNREFUSED})
# What a connection that was once established ends with.
_ESTABLISHED_THEN: Final = frozenset({0, errno.ECONNRESET, errno.EPIPE})


@frozen_positional
class _Connection:
    """One probe in flight; `error` is what connect() itself already knew."""

    socket: socket.socket
    number: int
    sent: Stamp
    error: int


class TcpConnect:
    """Carries SYN probes that the kernel builds: the ports are its own, and the socket names the probe."""

    method: Method = Method.CONNECT
    flow_kind: FlowKind = FlowKind.PER_PROBE
    clocks: Clocks = Clocks(sent=StampSource.USER, received=StampSource.KERNEL)

    def __init__(self, endpoint: Endpoint, clock: Clock) -> None:
        """Open what waits for the connections; OSError where the host refuses."""
        # The kernel keeps the ECN bits of TCP to itself (net/ipv4/ip_sockglue.c, __ip_sock_set_tos).
        self.flow = replace(endpoint.flow(), tos=endpoint.tos & ~_ECN)
        self._endpoint = endpoint
        self._numbers = endpoint.numbers
        self._clock = clock
        self._stamps = StampReader(clock)
        self._lateness = Lateness()
        self._late_s = 0.0
        self._in_flight: dict[int, _Connection] = {}
        self._epoll = select.epoll()

    def filenos(self) -> Sequence[int]:
        """Return the one descriptor that stands for all connections."""
        return (self._epoll.fileno(),)

    def send(self, probe: Probe) -> Stamp | Failure:
        """Start one connection."""
        self._give_up()
        try:
            opened = self._open(probe.probe_ttl)
        except OSError as error:
            return failure_of(error, Operation.OPEN)
        sent = self._stamps.now()
        error_number = opened.connect_ex(self._endpoint.remote(self.flow.destination_port or 0))
        if error_number not in _UNDER_WAY:
            opened.close()
            return refusal(OSError(error_number, ""), self._endpoint, Operation.CONNECT)
        sent = self._stamps.unstamped(sent)
        known = error_number if error_number == errno.ECONNREFUSED else 0
        self._in_flight[opened.fileno()] = _Connection(opened, probe.number, sent, known)
        return sent

    def receive(self) -> Sequence[Event]:
        """Return how connections ended, and give up those that the kernel would soon try again."""
        self._stamps.start_batch()
        self._late_s = self._lateness.since_last_s()
        events: list[Event] = []
        for fileno, _ in self._epoll.poll(0, MOST_AT_ONCE):
            connection = self._in_flight[fileno]
            event = self._outcome(connection)
            if event is not None:
                events.append(event)
            if event is not None or _state(connection.socket) != TCP_SYN_SENT:
                self._close(connection)
        self._give_up()
        return in_order(events)

    def close(self) -> None:
        """Reset every connection."""
        for connection in tuple(self._in_flight.values()):
            self._close(connection)
        self._epoll.close()

    def _open(self, probe_ttl: int) -> socket.socket:
        """Return a socket that is ready to connect."""
        with Together() as opening:
            opened = opening.add(open_socket(self._endpoint, socket.SOCK_STREAM))
            queue_errors(opened, self._numbers)
            opened.setsockopt(self._numbers.level, self._numbers.probe_ttl, probe_ttl)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, 1)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            opened.bind(self._endpoint.local(0))
            # What it says before it connects is not read: the kernel may refuse to watch it (epoll_ctl(2), ENOSPC).
            self._epoll.register(opened.fileno(), select.EPOLLIN | select.EPOLLOUT)
        return opened

    def _outcome(self, connection: _Connection) -> Event | None:
        """Return what became of a connection, None where nothing did that concerns the probe."""
        if error := read_queued_error(connection.socket, self._numbers):
            quote = Quote(number=connection.number, destination_port=error.datagram.port or None)
            event = event_of(error, self.flow, self._numbers, self._stamps, lambda _: quote)
            return self._in_time(connection, own_verdict(event, self.flow))
        ended_with = connection.error or connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if ended_with == errno.ECONNREFUSED:
            # The kernel says only that it came, not when.
            return self._in_time(connection, self._answer(connection, Answer.RST, self._stamps.read_late(self._late_s)))
        if ended_with in _ESTABLISHED_THEN:
            return self._established(connection)
        if ended_with == errno.ETIMEDOUT:
            return None
        return LocalError(failure_of(OSError(ended_with, ""), Operation.CONNECT), None, connection.number)

    def _established(self, connection: _Connection) -> Event | None:
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
            return self._in_time(connection, self._answer(connection, Answer.SYN_ACK, self._stamps.read_late(inf)))
        sent = connection.sent
        # The kernel measured from the packet itself: the doubt about when it left is not in the difference.
        came = Stamp(
            sent.monotonic_s + rtt_us / 1e6, sent.realtime_ns + rtt_us * 1000, StampSource.KERNEL, -sent.off_by_s
        )
        return self._answer(connection, Answer.SYN_ACK, came)

    def _answer(self, connection: _Connection, answer: Answer, stamp: Stamp) -> Received:
        """Return the destination's own answer; the kernel gave it to the connection, so it came from there."""
        quote = Quote(
            source=self.flow.source,
            destination=self.flow.destination,
            protocol=tcp.PROTOCOL,
            destination_port=self.flow.destination_port,
            number=connection.number,
        )
        return Received(sender=self.flow.destination, answer=answer, stamp=stamp, quote=quote)

    def _in_time(self, connection: _Connection, event: Event) -> Event | None:
        """Return the event, None for an answer that may be to the kernel's second SYN."""
        if isinstance(event, Received) and event.stamp.monotonic_s - connection.sent.monotonic_s >= _SECOND_SYN_S:
            return None
        return replace(event, number=connection.number) if isinstance(event, LocalError) else event

    def _give_up(self) -> None:
        """Close what is older than it may get; connections are in the order of their sending."""
        oldest = self._clock.monotonic() - _GIVE_UP_S
        while self._in_flight:
            first = next(iter(self._in_flight.values()))
            if first.sent.monotonic_s > oldest:
                return
            self._close(first)

    def _close(self, connection: _Connection) -> None:
        """Close one connection; the descriptor leaves the epoll set with it."""
        del self._in_flight[connection.socket.fileno()]
        connection.socket.close()


def _state(opened: socket.socket) -> int:
    """Return the kernel's name for where a connection stands."""
    return opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
