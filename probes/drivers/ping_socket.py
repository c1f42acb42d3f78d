"""ICMP echo probes without privilege: a ping socket, where net.ipv4.ping_group_range lets the group have one."""

from __future__ import annotations

import _socket as socket
import errno

from probes.drivers.base import MOST_AT_ONCE, SocketDriver, in_order
from probes.drivers.errqueue import event_of, queued_error
from probes.drivers.own_host import own_verdict
from probes.drivers.sockets import Together, open_socket, queue_errors
from probes.facts import Method, RejectReason
from probes.seam import Unreadable
from probes.wire.answers import read_icmp, read_quoted_icmp
from probes.wire.icmp import ECHO_PROBE_LENGTH, PROTOCOL, build_echo_probe
from probes.wire.malformed import MalformedDatagram

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
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
            self._socket = opening.add(open_socket(endpoint, socket.SOCK_DGRAM, PROTOCOL[endpoint.family]))
            queue_errors(self._socket, endpoint.numbers)
            self._identifier = _bind_random(self._socket, endpoint, random_bytes)
        flow = endpoint.flow(icmp_id=self._identifier)
        super().__init__(endpoint, flow, clock, hearing=[self._socket])

    def send(self, probe: Probe) -> Stamp | Failure:
        """Send one echo request."""
        identity = probe.identity
        padding = self._padding(probe, ECHO_PROBE_LENGTH)
        message = build_echo_probe(self.flow.family, self._identifier, identity.sequence, identity.token, padding)
        return self._send(self._socket, probe.probe_ttl, message, 0)

    def receive(self) -> Sequence[Event]:
        """Return what the error queue and the socket hold."""
        self._stamps.start_batch()
        events: list[Event] = []
        while len(events) < MOST_AT_ONCE and (error := self._next_error(self._socket)):
            event = event_of(
                queued_error(error, self._numbers), self.flow, self._numbers, self._stamps, read_quoted_icmp
            )
            events.append(own_verdict(event, self.flow))
        while len(events) < MOST_AT_ONCE and (datagram := self._read(self._socket)):
            events.append(self._reply(datagram))
        return in_order([*events, *self._unread()])

    def _reply(self, datagram: Datagram) -> Event:
        """Return what an echo reply says."""
        try:
            received = read_icmp(
                self.flow.family,
                datagram.data,
                sender=datagram.address,
                reply_ttl=datagram.ttl(self._numbers),
                reply_tos=datagram.tos(self._numbers),
                stamp=self._stamps.at(datagram.stamp_ns()),
            )
        except MalformedDatagram:
            return Unreadable(RejectReason.MALFORMED)
        return received or Unreadable(RejectReason.FOREIGN_FLOW)


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
