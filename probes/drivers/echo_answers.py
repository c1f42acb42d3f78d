"""What ping sockets heard: echo replies, and ICMP errors from the error queue."""

from __future__ import annotations

from probes.answer_facts import RejectReason
from probes.drivers.errqueue import event_of, queued_error
from probes.drivers.own_host import own_verdict
from probes.seam import Unreadable
from probes.wire.answers import read_icmp, read_quoted_icmp
from probes.wire.malformed import MalformedDatagram

TYPE_CHECKING = False
if TYPE_CHECKING:
    from probes.drivers.linux import Numbers
    from probes.drivers.sockets import Datagram
    from probes.seam import Event, Flow, Stamp


def echo_event(datagram: Datagram, stamp: Stamp, flow: Flow, numbers: Numbers) -> Event:
    """Return what an echo reply says."""
    try:
        received = read_icmp(
            flow.family,
            datagram.data,
            sender=datagram.address,
            reply_ttl=datagram.ttl(numbers),
            reply_tos=datagram.tos(numbers),
            stamp=stamp,
        )
    except MalformedDatagram:
        return Unreadable(RejectReason.MALFORMED)
    return received or Unreadable(RejectReason.FOREIGN_FLOW)


def quoted_echo_event(datagram: Datagram, stamp: Stamp, flow: Flow, numbers: Numbers) -> Event:
    """Return what an entry of the error queue says."""
    return own_verdict(event_of(queued_error(datagram, numbers), flow, numbers, stamp, read_quoted_icmp), flow)
