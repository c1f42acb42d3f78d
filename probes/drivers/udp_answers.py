"""What ordinary UDP sockets heard: direct replies, and ICMP errors from the error queue."""

from __future__ import annotations

from probes.answer_facts import Answer
from probes.drivers.errqueue import event_of, queued_error
from probes.drivers.own_host import own_verdict
from probes.seam import Quote, Received
from probes.wire import udp
from probes.wire.answers import token_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from probes.drivers.linux import Numbers
    from probes.drivers.sockets import Datagram
    from probes.seam import Event, Flow, Stamp


def udp_reply(datagram: Datagram, stamp: Stamp, flow: Flow, numbers: Numbers) -> Received:
    """Return what a datagram from the far end says; only an echo of the probe holds its token."""
    return Received(
        sender=datagram.address,
        answer=Answer.UDP_REPLY,
        stamp=stamp,
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


def quoted_udp_event(datagram: Datagram, stamp: Stamp, flow: Flow, numbers: Numbers) -> Event:
    """Return what an entry of the error queue says; it keeps the port that the probe was sent to beside it."""
    error = queued_error(datagram, numbers)

    def quoted(payload: bytes) -> Quote:
        return Quote(
            source_port=flow.source_port,
            destination_port=error.datagram.port or None,
            token=token_at(payload, 0),
        )

    return own_verdict(event_of(error, flow, numbers, stamp, quoted), flow)
