"""What every driver has: its flow, how it works, and one socket to send and read by."""

from __future__ import annotations

import posix  # what `os` is made of, which takes 1 ms more to load [measured]

from probes.drivers import hearing
from probes.drivers.linux import MSG_ERRQUEUE
from probes.drivers.sending import send_bounded
from probes.drivers.sockets import LONGEST, keep_whole, read_datagram
from probes.drivers.stamps import StampReader
from probes.flow_facts import Clocks, Family, FlowKind, StampSource
from probes.seam import Received

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket as socket
    from collections.abc import Callable, Mapping, Sequence
    from typing import Final

    from probes.clock import Clock
    from probes.drivers.endpoint import Endpoint
    from probes.drivers.sockets import Closable, Datagram
    from probes.failure import Failure
    from probes.flow_facts import Method
    from probes.seam import Event, Flow, Probe, Stamp

    # What a datagram says that came then, None where it answers nothing.
    Tell = Callable[[Datagram, Stamp], Event | None]


# Datagrams read by one call, so that a flood cannot hold the loop.
MOST_AT_ONCE: Final = 256
# RFC 791 section 3.1 and RFC 8200 section 3: the header, and the longest datagram without a jumbo payload option.
IP_HEADER_LENGTH: Final = {Family.IPV4: 20, Family.IPV6: 40}
MOST_OCTETS: Final = 65_535
_SENT_BY_USER: Final = Clocks(sent=StampSource.USER, received=StampSource.KERNEL)


class SocketDriver:
    """The common part of the drivers; a subclass sends and reads."""

    method: Method
    flow_kind: FlowKind = FlowKind.PARIS
    clocks: Clocks = Clocks(sent=StampSource.KERNEL, received=StampSource.KERNEL)
    # The ear that is a raw ICMP socket, where one is.
    _icmp: socket.socket | None = None

    def __init__(
        self,
        endpoint: Endpoint,
        flow: Flow,
        clock: Clock,
        *,
        ears: Mapping[socket.socket, Tell],
        queue: Tell | None = None,
        silent: Sequence[socket.socket] = (),
        beside: Sequence[Closable] = (),
    ) -> None:
        """Take over the sockets and what is beside them: those that hear are waited on, all are closed.

        Args:
            endpoint: Both ends.
            flow: What all probes share.
            clock: Who tells the time.
            ears: The sockets that hear, and who says what their datagrams mean.
            queue: Who says it of the first one's error queue, where ICMP errors are told there.
            silent: Sockets that only send.
            beside: What else is to be closed.
        """
        self.flow = flow
        self._endpoint = endpoint
        self._numbers = endpoint.numbers
        self._stamps = StampReader(clock)
        self._ears = dict(ears)
        self._hearing = tuple(ears)
        self._queue = queue
        self._silent = tuple(silent)
        self._beside = tuple(beside)
        self._longest = LONGEST
        self._noise = b""
        self._early: list[Datagram] = []
        self._arrived: list[tuple[socket.socket, Tell, Datagram, Stamp]] = []
        self._unstamped: socket.socket | None = None
        self._lost: dict[socket.socket, int] = {}
        self._lost_told = 0

    def filenos(self) -> Sequence[int]:
        """Return the descriptors of the sockets that hear."""
        return tuple(each.fileno() for each in self._hearing)

    def receive(self, *, hurried: bool = False) -> Sequence[Event]:
        """Return what has arrived, by the time that it came; in a hurry, nothing while all of it is of probes' expiry.

        All of it is taken and stamped before any of it is read, which may have to be loaded first.
        """
        self._stamps.start_batch()
        if self._queue is None:
            self._drain_departures()
        else:
            self._take(self._next_error, self._hearing[0], self._queue)
        for opened, tell in self._ears.items():
            self._take(self._read, opened, tell)
        if hurried and all(self._is_expiry(opened, datagram) for opened, _, datagram, _ in self._arrived):
            return ()
        arrived, self._arrived = self._arrived, []
        events = [event for _, tell, datagram, stamp in arrived if (event := tell(datagram, stamp)) is not None]
        return in_order(events + self._unread())

    def _take(self, take: Callable[[socket.socket], Datagram | None], opened: socket.socket, tell: Tell) -> None:
        """Take off what one queue of a socket holds, and note when it came, and who says what it means."""
        for _ in range(MOST_AT_ONCE):
            datagram = take(opened)
            if datagram is None:
                return
            self._arrived.append((opened, tell, datagram, self._stamps.at(datagram.stamp_ns())))

    def _is_expiry(self, opened: socket.socket, datagram: Datagram) -> bool:
        """Return whether a datagram plainly says that a probe expired on its way, and nothing of the path's end."""
        if opened is not self._icmp:
            return datagram.is_expiry(self._numbers)
        data = datagram.data
        at = (data[0] & 0x0F) * 4 if data and self.flow.family is Family.IPV4 else 0
        return data[at : at + 1] == self._numbers.expiry

    def close(self) -> None:
        """Close every socket."""
        for each in (*self._hearing, *self._silent, *self._beside):
            each.close()

    def _padding(self, probe: Probe, used: int) -> bytes:
        """Return what brings a probe to its size, where `used` octets stand behind its IP header already.

        No link can compress it, and a link that compresses would seem wider than it is. A socket that has sent such a
        probe sends whole packets only, and may be answered by one as long.
        """
        if probe.size is None:
            return b""
        if self._longest < MOST_OCTETS:
            self._longest = MOST_OCTETS
            self._noise = posix.urandom(MOST_OCTETS)
            for each in (*self._hearing, *self._silent):
                keep_whole(each, self._numbers)
        return self._noise[: max(0, probe.size - IP_HEADER_LENGTH[self.flow.family] - used)]

    def _send(self, sending: socket.socket, probe_ttl: int, data: bytes, port: int) -> Stamp | Failure:
        """Send `data` with a TTL; return when it left."""
        address = self._endpoint.remote(port)
        stamp = self._stamps.now()

        def attempt() -> None:
            nonlocal stamp
            sending.setsockopt(self._numbers.level, self._numbers.probe_ttl, probe_ttl)
            stamp = self._stamps.now()
            sending.sendto(data, address)

        return send_bounded(attempt, self._endpoint) or self._departure(sending, stamp)

    def _departure(self, sending: socket.socket, asked: Stamp) -> Stamp:
        """Return when a packet left: by the kernel's stamp, which is there when the call that sent it returns.

        A process that read the clock and lost the processor before the packet left would add all of that to the RTT:
        milliseconds, for one probe in some hundred, on a busy machine [measured]. Where a queue kept the packet, or its
        network card's driver stamps nothing, the time of asking counts, with its doubt.
        """
        while (queued := read_datagram(sending, MSG_ERRQUEUE)) is not None:
            if not queued.is_departure(self._numbers):
                self._early.append(queued)
            elif (left := self._stamps.departure(asked, queued.departed_ns())) is not None:
                return left
        self.clocks = _SENT_BY_USER
        self._unstamped = sending
        return self._stamps.unstamped(asked)

    def _read(self, opened: socket.socket) -> Datagram | None:
        """Return the next datagram of a socket, and remember how many were dropped there before."""
        datagram = read_datagram(opened, longest=self._longest)
        if datagram is not None and (lost := datagram.dropped()):
            self._lost[opened] = lost
        return datagram

    def _unread(self) -> list[Event]:
        """Return the count of what the kernel dropped at the sockets since it was last told."""
        lost = sum(self._lost.values()) - self._lost_told
        self._lost_told += lost
        return [hearing.unread(lost)] if lost > 0 else []

    def _next_error(self, opened: socket.socket) -> Datagram | None:
        """Return the next ICMP error of a socket's error queue, the oldest first; None where there is none."""
        if self._early:
            return self._early.pop(0)
        while (queued := read_datagram(opened, MSG_ERRQUEUE)) is not None:
            if not queued.is_departure(self._numbers):
                return queued
        return None

    def _drain_departures(self) -> None:
        """Take the stamps off that came too late; they would wake everybody who waits for the socket."""
        if self._unstamped is not None:
            while read_datagram(self._unstamped, MSG_ERRQUEUE) is not None:
                continue


def in_order(events: list[Event]) -> list[Event]:
    """Return events by the time they arrived, which two queues of one socket do not keep; the timeless come first."""
    return sorted(events, key=lambda event: event.stamp.monotonic_s if isinstance(event, Received) else 0.0)
