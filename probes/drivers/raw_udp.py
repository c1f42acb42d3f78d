"""UDP probes by raw sockets: the checksum is the probe's identity, so that 28 quoted bytes name it (CAP_NET_RAW)."""

from __future__ import annotations

import _socket as socket

from probes.drivers import hearing
from probes.drivers.base import SocketDriver
from probes.drivers.endpoint import bind_source
from probes.drivers.raw_icmp import open_raw_icmp
from probes.drivers.socket_filter import pass_answers, pass_nothing
from probes.drivers.sockets import Together, open_socket
from probes.drivers.udp import destination_port
from probes.flow_facts import Method
from probes.wire import udp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from probes.clock import Clock
    from probes.drivers.endpoint import Endpoint
    from probes.drivers.sockets import Datagram
    from probes.failure import Failure
    from probes.seam import Event, Probe, Quote, Stamp


class RawUdp(SocketDriver):
    """Carries UDP probes.

    An ordinary socket reserves the source port and gets direct replies. The probes leave by a raw one: a checksum that
    the kernel leaves to the network card is not yet there when a router on the same host quotes the probe [measured].
    """

    method: Method = Method.RAW

    def __init__(self, endpoint: Endpoint, clock: Clock) -> None:
        """Open the sockets; OSError without CAP_NET_RAW."""
        with Together() as opening:
            self._icmp = opening.add(open_raw_icmp(endpoint))
            self._sending = opening.add(open_socket(endpoint, socket.SOCK_RAW, udp.PROTOCOL))
            self._bound = opening.add(open_socket(endpoint, socket.SOCK_DGRAM))
            pass_nothing(self._sending)
            self._sending.bind(endpoint.local(0))
            flow = endpoint.flow(source_port=bind_source(self._bound, endpoint))
            self._source_port = flow.source_port or 0
            pass_answers(self._icmp, flow, (self._source_port,))
        self._packed = endpoint.packed_source, endpoint.packed_destination
        super().__init__(
            endpoint,
            flow,
            clock,
            ears={self._icmp: self._tell_icmp, self._bound: self._tell_udp},
            silent=[self._sending],
        )

    def send(self, probe: Probe) -> Stamp | Failure:
        """Send one datagram whose checksum is the probe's sequence."""
        port = destination_port(self.flow, probe)
        identity = probe.identity
        padding = self._padding(probe, udp.PROBE_LENGTH)
        datagram = udp.build_udp_probe(
            *self._packed, self._source_port, port, identity.token, identity.sequence, padding
        )
        return self._send(self._sending, probe.probe_ttl, datagram, 0)

    def _tell_icmp(self, datagram: Datagram, stamp: Stamp) -> Event | None:
        return hearing.icmp(datagram, stamp, self.flow, self._numbers, self._is_ours)

    def _tell_udp(self, datagram: Datagram, stamp: Stamp) -> Event:
        return hearing.udp(datagram, stamp, self.flow, self._numbers)

    def _is_ours(self, quote: Quote) -> bool:
        """Return whether a quote may be of this flow; one cut before its ports is left to the matcher."""
        return quote.protocol == udp.PROTOCOL and quote.source_port in {self._source_port, None}
