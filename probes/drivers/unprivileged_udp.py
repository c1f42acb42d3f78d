"""UDP probes without privilege: one socket, answers from its error queue."""

from __future__ import annotations

import _socket as socket

from probes.drivers.base import MOST_AT_ONCE, SocketDriver, in_order
from probes.drivers.errqueue import event_of, queued_error
from probes.drivers.own_host import own_verdict
from probes.drivers.sockets import Together, open_socket, queue_errors
from probes.drivers.udp import destination_port, udp_reply
from probes.facts import Method
from probes.seam import Quote
from probes.wire import udp
from probes.wire.answers import token_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from probes.clock import Clock
    from probes.drivers.endpoint import Endpoint
    from probes.drivers.errqueue import QueuedError
    from probes.failure import Failure
    from probes.seam import Event, Probe, Stamp


class UnprivilegedUdp(SocketDriver):
    """Carries UDP probes whose identity is the token that their payload is.

    A quote cut at 28 bytes holds no payload: then only a port of the probe's own tells which it was.
    """

    method: Method = Method.ERROR_QUEUE

    def __init__(self, endpoint: Endpoint, clock: Clock) -> None:
        """Open the socket; OSError where the host refuses."""
        with Together() as opening:
            self._socket = opening.add(open_socket(endpoint, socket.SOCK_DGRAM))
            queue_errors(self._socket, endpoint.numbers)
            self._socket.bind(endpoint.local(0))
        super().__init__(
            endpoint, endpoint.flow(source_port=self._socket.getsockname()[1]), clock, hearing=[self._socket]
        )

    def send(self, probe: Probe) -> Stamp | Failure:
        """Send one datagram: the token, and what brings it to its size."""
        token = probe.identity.token
        data = token + self._padding(probe, udp.HEADER_LENGTH + len(token))
        return self._send(self._socket, probe.probe_ttl, data, destination_port(self.flow, probe))

    def receive(self) -> Sequence[Event]:
        """Return what the error queue and the socket hold."""
        self._stamps.start_batch()
        events: list[Event] = []
        while len(events) < MOST_AT_ONCE and (error := self._next_error(self._socket)):
            events.append(own_verdict(self._event(queued_error(error, self._numbers)), self.flow))
        while len(events) < MOST_AT_ONCE and (datagram := self._read(self._socket)):
            events.append(udp_reply(datagram, self.flow, self._numbers, self._stamps))
        return in_order([*events, *self._unread()])

    def _event(self, error: QueuedError) -> Event:
        """Return what an entry says; the queue keeps the port that the probe was sent to beside it."""

        def quoted(payload: bytes) -> Quote:
            return Quote(
                source_port=self.flow.source_port,
                destination_port=error.datagram.port or None,
                token=token_at(payload, 0),
            )

        return event_of(error, self.flow, self._numbers, self._stamps, quoted)
