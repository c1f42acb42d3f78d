"""TCP probes by raw sockets: SYNs with a sequence number of one's own, SYN-ACKs and RSTs as they come (CAP_NET_RAW)."""

from __future__ import annotations

import _socket as socket

from probes.drivers import hearing
from probes.drivers.base import SocketDriver
from probes.drivers.raw_icmp import open_raw_icmp
from probes.drivers.socket_filter import pass_answers, pass_destination_ports
from probes.drivers.sockets import Together, open_socket
from probes.drivers.source_ports import SourcePorts
from probes.flow_facts import FlowKind, Method
from probes.wire import tcp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from probes.clock import Clock
    from probes.drivers.endpoint import Endpoint
    from probes.drivers.sockets import Datagram
    from probes.failure import Failure
    from probes.seam import Event, Probe, Quote, Stamp


class RawTcp(SocketDriver):
    """Carries SYN probes."""

    method: Method = Method.RAW
    flow_kind: FlowKind = FlowKind.PER_ROUND

    def __init__(self, endpoint: Endpoint, clock: Clock) -> None:
        """Open the sockets; OSError without CAP_NET_RAW."""
        flow = endpoint.flow()
        with Together() as opening:
            self._icmp = opening.add(open_raw_icmp(endpoint))
            self._raw = opening.add(open_socket(endpoint, socket.SOCK_RAW, tcp.PROTOCOL))
            self._ports = opening.add(SourcePorts(endpoint))
            pass_destination_ports(self._raw, endpoint.family, self._ports.numbers)
            self._raw.bind(endpoint.local(0))
            pass_answers(self._icmp, flow, self._ports.numbers)
        self._packed = endpoint.packed_source, endpoint.packed_destination
        super().__init__(
            endpoint, flow, clock, ears={self._icmp: self._tell_icmp, self._raw: self._tell_tcp}, beside=[self._ports]
        )

    def send(self, probe: Probe) -> Stamp | Failure:
        """Send one SYN."""
        ports = self._ports.port_of(probe), self.flow.destination_port or 0
        segment = tcp.build_syn(*self._packed, *ports, probe.identity.tcp_sequence)
        return self._send(self._raw, probe.probe_ttl, segment, 0)

    def _tell_icmp(self, datagram: Datagram, stamp: Stamp) -> Event | None:
        return hearing.icmp(datagram, stamp, self.flow, self._numbers, self._is_ours)

    def _tell_tcp(self, datagram: Datagram, stamp: Stamp) -> Event | None:
        return hearing.tcp(datagram, stamp, self.flow, self._numbers, self._ports.taken)

    def _is_ours(self, quote: Quote) -> bool:
        """Return whether a quote may be of this flow; one cut before its ports is left to the matcher."""
        return quote.protocol == tcp.PROTOCOL and (
            quote.source_port is None or quote.source_port in self._ports.numbers
        )
