"""TCP probes without privilege: a connect() for each, its TTL set, its errors read from the error queue."""

from __future__ import annotations

import _socket as socket
import errno
import select
import struct

from probes.drivers import hearing
from probes.drivers.base import MOST_AT_ONCE, in_order
from probes.drivers.lateness import Lateness
from probes.drivers.linux import MSG_ERRQUEUE, TCP_SYN_SENT
from probes.drivers.sending import refusal
from probes.drivers.sockets import Together, open_socket, queue_errors, read_datagram
from probes.drivers.stamps import StampReader
from probes.failure import Operation, failure_of
from probes.flow_facts import Clocks, FlowKind, Method, StampSource
from probes.frozen import frozen_positional, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from probes.clock import Clock
    from probes.drivers.endpoint import Endpoint
    from probes.drivers.sockets import Datagram
    from probes.failure import Failure
    from probes.seam import Event, Probe, Stamp


# The kernel sends a second SYN 1 s after the first (RFC 6298 section 2.1), and answers to it would be told as answers
# to the first: each connection is given up before, and an answer read too late is not believed.
_GIVE_UP_S: Final = 0.94
_ECN: Final = 0x03
_RESET_ON_CLOSE: Final = struct.pack("@ii", 1, 0)
_UNDER_WAY: Final = frozenset({0, errno.EINPROGRESS, errno.ECONNREFUSED})


@frozen_positional
class Connection:
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
        self._ended: list[tuple[Connection, Datagram | None, Stamp]] = []
        self._in_flight: dict[int, Connection] = {}
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
        self._in_flight[opened.fileno()] = Connection(opened, probe.number, sent, known)
        return sent

    def receive(self, *, hurried: bool = False) -> Sequence[Event]:
        """Return how connections ended, and give up those that the kernel would soon try again.

        All that a clock says is read before anything that may have to be loaded first.
        """
        self._stamps.start_batch()
        late_s = self._lateness.since_last_s()
        for fileno, _ in self._epoll.poll(0, MOST_AT_ONCE):
            self._take(self._in_flight[fileno], late_s)
        if hurried and all(error is not None and error.is_expiry(self._numbers) for _, error, _ in self._ended):
            return ()
        ended, self._ended = self._ended, []
        events = [event for each in ended if (event := self._told(*each)) is not None]
        self._give_up()
        return in_order(events)

    def _take(self, connection: Connection, late_s: float) -> None:
        """Note the ICMP error about a connection, if there is one, and when it or the answer came."""
        error = read_datagram(connection.socket, MSG_ERRQUEUE)
        stamp = self._stamps.read_late(late_s) if error is None else self._stamps.at(error.stamp_ns())
        self._ended.append((connection, error, stamp))
        if error is not None:
            # It has told all that it will, and would go on waking who waits.
            self._close(connection)

    def _told(self, connection: Connection, error: Datagram | None, stamp: Stamp) -> Event | None:
        """Return what became of a connection, None where nothing did that concerns the probe; close what is over."""
        event = hearing.connection(connection, error, stamp, self.flow, self._numbers)
        if error is None and (event is not None or _state(connection.socket) != TCP_SYN_SENT):
            self._close(connection)
        return event

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

    def _give_up(self) -> None:
        """Close what is older than it may get; connections are in the order of their sending."""
        oldest = self._clock.monotonic() - _GIVE_UP_S
        while self._in_flight:
            first = next(iter(self._in_flight.values()))
            if first.sent.monotonic_s > oldest:
                return
            self._close(first)

    def _close(self, connection: Connection) -> None:
        """Close one connection; the descriptor leaves the epoll set with it."""
        del self._in_flight[connection.socket.fileno()]
        connection.socket.close()


def _state(opened: socket.socket) -> int:
    """Return the kernel's name for where a connection stands."""
    return opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
