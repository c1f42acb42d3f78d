"""ICMP echo probes without privilege: a ping socket, where net.ipv4.ping_group_range lets the group have one."""

from __future__ import annotations

import _socket as socket
import errno

from probes.drivers import hearing
from probes.drivers.base import SocketDriver
from probes.drivers.sockets import Together, open_socket, queue_errors
from probes.flow_facts import Method
from probes.wire.echo import ECHO_PROBE_LENGTH, build_echo_probe
from probes.wire.numbers import ICMP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from probes.clock import Clock
    from probes.drivers.endpoint import Endpoint
    from probes.drivers.sockets import Datagram
    from probes.failure import Failure
    from probes.seam import Event, Probe, Stamp


_BIND_ATTEMPTS: Final = 8


class PingSocket(SocketDriver):
    """Carries echo requests; the kernel fills in checksum and identifier, and gives only replies with that one."""

    method: Method = Method.PING_SOCKET

    def __init__(self, endpoint: Endpoint, clock: Clock, random_bytes: Callable[[int], bytes]) -> None:
        """Open the socket with a random identifier; OSError where the host refuses."""
        with Together() as opening:
            self._socket = opening.add(open_socket(endpoint, socket.SOCK_DGRAM, ICMP[endpoint.family]))
            queue_errors(self._socket, endpoint.numbers)
            self._identifier = _bind_random(self._socket, endpoint, random_bytes)
        flow = endpoint.flow(icmp_id=self._identifier)
        super().__init__(endpoint, flow, clock, ears={self._socket: self._tell}, queue=self._tell_queued)

    def send(self, probe: Probe) -> Stamp | Failure:
        """Send one echo request."""
        identity = probe.identity
        padding = self._padding(probe, ECHO_PROBE_LENGTH)
        message = build_echo_probe(self.flow.family, self._identifier, identity.sequence, identity.token, padding)
        return self._send(self._socket, probe.probe_ttl, message, 0)

    def _tell(self, datagram: Datagram, stamp: Stamp) -> Event:
        return hearing.echo(datagram, stamp, self.flow, self._numbers)

    def _tell_queued(self, datagram: Datagram, stamp: Stamp) -> Event:
        return hearing.quoted_echo(datagram, stamp, self.flow, self._numbers)


def _bind_random(opened: socket.socket, endpoint: Endpoint, random_bytes: Callable[[int], bytes]) -> int:
    """Bind to an unguessable identifier that no other ping socket has, and return it."""
    for _ in range(_BIND_ATTEMPTS):
        identifier = int.from_bytes(random_bytes(2), "big") or 1
        try:
            opened.bind(endpoint.local(identifier))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return identifier
    raise OSError(errno.EADDRINUSE, "every identifier tried is taken")
