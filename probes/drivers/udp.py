"""What both ways to send UDP probes share: their ports, and direct replies."""

from __future__ import annotations

from probes.facts import Answer
from probes.seam import Quote, Received
from probes.wire import udp
from probes.wire.answers import token_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from probes.drivers.linux import Numbers
    from probes.drivers.sockets import Datagram
    from probes.drivers.stamps import StampReader
    from probes.seam import Flow, Probe


def destination_port(flow: Flow, probe: Probe) -> int:
    """Return the port that a probe goes to."""
    return flow.own_port(probe.number) if probe.own_port else flow.destination_port or 0


def udp_reply(datagram: Datagram, flow: Flow, numbers: Numbers, stamps: StampReader) -> Received:
    """Return what a datagram from the far end says; only an echo of the probe holds its token."""
    return Received(
        sender=datagram.address,
        answer=Answer.UDP_REPLY,
        stamp=stamps.at(datagram.stamp_ns()),
        quote=Quote(
            source=flow.source,
            destination=datagram.address,
            protocol=udp.PROTOCOL,
            source_port=flow.source_port,
            destination_port=datagram.port,
            token=token_at(datagram.data, 0),
        ),
        reply_ttl=datagram.ttl(numbers),
        reply_tos=datagram.tos(numbers),
    )
