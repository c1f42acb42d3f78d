"""The raw ICMP socket, which every protocol hears by, and echo probes sent by it (CAP_NET_RAW)."""

from __future__ import annotations

import _socket as socket

from probes.drivers import hearing
from probes.drivers.base import SocketDriver
from probes.drivers.socket_filter import pass_answers, pass_nothing, pass_wanted_icmp
from probes.drivers.sockets import Together, open_socket
from probes.flow_facts import Method, Protocol
from probes.wire.echo import ECHO_PROBE_LENGTH, build_echo_probe, checksummed
from probes.wire.numbers import ICMP, protocol_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from probes.clock import Clock
    from probes.drivers.endpoint import Endpoint
    from probes.drivers.sockets import Datagram
    from probes.failure import Failure
    from probes.seam import Event, Probe, Quote, Stamp


def open_raw_icmp(endpoint: Endpoint) -> socket.socket:
    """Return a raw socket for what ICMP says to the flow's source, deaf until `pass_answers`.

    Raises:
        OSError: There is no CAP_NET_RAW.
    """
    with Together() as opening:
        opened = opening.add(open_socket(endpoint, socket.SOCK_RAW, ICMP[endpoint.family]))
        pass_wanted_icmp(opened, endpoint.family)
        # Until `pass_answers` says what, for a flood needs no more than that to fill the queue.
        pass_nothing(opened)
        opened.bind(endpoint.local(0))
    return opened


class RawIcmp(SocketDriver):
    """Carries echo requests with a random identifier; checksums are the same for all of them."""

    method: Method = Method.RAW

    def __init__(self, endpoint: Endpoint, clock: Clock, random_bytes: Callable[[int], bytes]) -> None:
        """Open the socket; OSError without CAP_NET_RAW."""
        self._identifier = int.from_bytes(random_bytes(2), "big")
        self._number = protocol_number(endpoint.family, Protocol.ICMP)
        self._packed = endpoint.packed_source, endpoint.packed_destination
        flow = endpoint.flow(icmp_id=self._identifier)
        with Together() as opening:
            self._socket = self._icmp = opening.add(open_raw_icmp(endpoint))
            pass_answers(self._socket, flow, (self._identifier,))
        super().__init__(endpoint, flow, clock, ears={self._socket: self._tell})

    def send(self, probe: Probe) -> Stamp | Failure:
        """Send one echo request."""
        identity = probe.identity
        padding = self._padding(probe, ECHO_PROBE_LENGTH)
        blank = build_echo_probe(self.flow.family, self._identifier, identity.sequence, identity.token, padding)
        return self._send(self._socket, probe.probe_ttl, checksummed(blank, self.flow.family, *self._packed), 0)

    def _tell(self, datagram: Datagram, stamp: Stamp) -> Event | None:
        return hearing.icmp(datagram, stamp, self.flow, self._numbers, self._is_ours)

    def _is_ours(self, quote: Quote) -> bool:
        """Return whether a reply or quote may be of this flow; one cut before its identifier is left to the matcher."""
        return quote.icmp_id in {self._identifier, None} and quote.protocol in {self._number, None}
