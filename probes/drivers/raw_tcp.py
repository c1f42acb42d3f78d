"""TCP probes by raw sockets: SYNs with a sequence number of one's own, SYN-ACKs and RSTs as they come (CAP_NET_RAW)."""

from __future__ import annotations

import _socket as socket

from probes.drivers.base import MOST_AT_ONCE, SocketDriver, in_order
from probes.drivers.raw_icmp import hear_icmp, open_raw_icmp, payload_and_marks
from probes.drivers.socket_filter import pass_answers, pass_destination_ports
from probes.drivers.sockets import Together, open_socket
from probes.drivers.source_ports import SourcePorts
from probes.facts import FlowKind, Method, RejectReason
from probes.seam import Unreadable
from probes.wire import tcp
from probes.wire.answers import read_tcp
from probes.wire.malformed import MalformedDatagram

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

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
        super().__init__(endpoint, flow, clock, hearing=[self._icmp, self._raw], beside=[self._ports])

    def send(self, probe: Probe) -> Stamp | Failure:
        """Send one SYN."""
        ports = self._ports.port_of(probe), self.flow.destination_port or 0
        segment = tcp.build_syn(*self._packed, *ports, probe.identity.tcp_sequence)
        return self._send(self._raw, probe.probe_ttl, segment, 0)

    def receive(self) -> Sequence[Event]:
        """Return ICMP messages, SYN-ACKs and RSTs."""
        self._stamps.start_batch()
        self._drain_departures()
        events = hear_icmp(self._icmp, self._numbers, self.flow, self._stamps, self._is_ours, self._read)
        for _ in range(MOST_AT_ONCE):
            datagram = self._read(self._raw)
            if datagram is None:
                break
            if (event := self._heard(datagram)) is not None:
                events.append(event)
        return in_order([*events, *self._unread()])

    def _heard(self, datagram: Datagram) -> Event | None:
        """Return what one segment says, None for one that answers nothing."""
        try:
            segment, reply_ttl, tos = payload_and_marks(datagram, self.flow.family, self._numbers)
            stamp = self._stamps.at(datagram.stamp_ns())
            received = read_tcp(
                self.flow, segment, sender=datagram.address, reply_ttl=reply_ttl, stamp=stamp, reply_tos=tos
            )
        except MalformedDatagram:
            return Unreadable(RejectReason.MALFORMED)
        if received is not None:
            self._ports.note(received)
        return received

    def _is_ours(self, quote: Quote) -> bool:
        """Return whether a quote may be of this flow; one cut before its ports is left to the matcher."""
        return quote.protocol == tcp.PROTOCOL and (
            quote.source_port is None or quote.source_port in self._ports.numbers
        )
