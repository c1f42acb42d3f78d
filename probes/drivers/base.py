"""What every driver has: its flow, how it works, and one socket to send and read by."""

from __future__ import annotations

import _socket as socket
import os

from probes.drivers.own_host import send_bounded
from probes.drivers.sockets import LONGEST, keep_whole
from probes.drivers.stamps import StampReader
from probes.facts import Clocks, Family, FlowKind, StampSource
from probes.seam import Received

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from probes.clock import Clock
    from probes.drivers.endpoint import Endpoint
    from probes.facts import Method
    from probes.failure import Failure
    from probes.seam import Event, Flow, Probe, Stamp


# Datagrams read by one call, so that a flood cannot hold the loop.
MOST_AT_ONCE: Final = 256
# RFC 791 section 3.1 and RFC 8200 section 3: the header, and the longest datagram without a jumbo payload option.
IP_HEADER_LENGTH: Final = {Family.IPV4: 20, Family.IPV6: 40}
MOST_OCTETS: Final = 65_535


class SocketDriver:
    """The common part of the drivers; a subclass sends and reads."""

    method: Method
    flow_kind: FlowKind = FlowKind.PARIS
    clocks: Clocks = Clocks(sent=StampSource.USER, received=StampSource.KERNEL)

    def __init__(
        self,
        endpoint: Endpoint,
        flow: Flow,
        clock: Clock,
        *,
        hearing: Sequence[socket.socket],
        silent: Sequence[socket.socket] = (),
    ) -> None:
        """Take over the sockets: those that hear are waited on, all are closed."""
        self.flow = flow
        self._endpoint = endpoint
        self._numbers = endpoint.numbers
        self._stamps = StampReader(clock)
        self._hearing = tuple(hearing)
        self._silent = tuple(silent)
        self._longest = LONGEST
        self._noise = b""

    def filenos(self) -> Sequence[int]:
        """Return the descriptors of the sockets that hear."""
        return tuple(each.fileno() for each in self._hearing)

    def close(self) -> None:
        """Close every socket."""
        for each in (*self._hearing, *self._silent):
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
            self._noise = os.urandom(MOST_OCTETS)
            for each in (*self._hearing, *self._silent):
                keep_whole(each, self._numbers)
        return self._noise[: max(0, probe.size - IP_HEADER_LENGTH[self.flow.family] - used)]

    def _send(self, sending: socket.socket, probe_ttl: int, data: bytes, port: int) -> Stamp | Failure:
        """Send `data` with a TTL; return when, read right before the call that sent it."""
        address = self._endpoint.remote(port)
        stamp = self._stamps.now()

        def attempt() -> None:
            nonlocal stamp
            sending.setsockopt(self._numbers.level, self._numbers.probe_ttl, probe_ttl)
            stamp = self._stamps.now()
            sending.sendto(data, address)

        return send_bounded(attempt, self._endpoint) or stamp


def in_order(events: list[Event]) -> list[Event]:
    """Return events by the time they arrived, which two queues of one socket do not keep; the timeless come first."""
    return sorted(events, key=lambda event: event.stamp.monotonic_s if isinstance(event, Received) else 0.0)
