"""UDP probes without privilege: one socket, answers from its error queue."""

from __future__ import annotations

import _socket as socket

from probes.drivers import hearing
from probes.drivers.base import SocketDriver
from probes.drivers.sockets import Together, open_socket, queue_errors
from probes.drivers.udp import destination_port
from probes.flow_facts import Method
from probes.wire import udp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from probes.clock import Clock
    from probes.drivers.endpoint import Endpoint
    from probes.drivers.sockets import Datagram
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
        flow = endpoint.flow(source_port=self._socket.getsockname()[1])
        super().__init__(endpoint, flow, clock, ears={self._socket: self._tell}, queue=self._tell_queued)

    def send(self, probe: Probe) -> Stamp | Failure:
        """Send one datagram: the token, and what brings it to its size."""
        token = probe.identity.token
        data = token + self._padding(probe, udp.HEADER_LENGTH + len(token))
        return self._send(self._socket, probe.probe_ttl, data, destination_port(self.flow, probe))

    def _tell(self, datagram: Datagram, stamp: Stamp) -> Event:
        return hearing.udp(datagram, stamp, self.flow, self._numbers)

    def _tell_queued(self, datagram: Datagram, stamp: Stamp) -> Event:
        return hearing.quoted_udp(datagram, stamp, self.flow, self._numbers)
