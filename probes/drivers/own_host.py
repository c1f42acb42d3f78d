"""What the host itself says of its probes by ICMP: its verdict, and no answer."""

from __future__ import annotations

from probes.answer_facts import Answer
from probes.failure import Failure
from probes.flow_facts import Family
from probes.seam import LocalError, Received

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from probes.answer_facts import Icmp
    from probes.seam import Event, Flow


# A neighbour that does not answer is 3/1 (RFC 1812 section 5.2.7.1) or 1/3 (RFC 4861 section 7.2.2) from the host's
# own address; a firewall's rule on the way out may send any other code.
_FAILURES: Final = {
    (Family.IPV4, 0): Failure.NETWORK_UNREACHABLE,
    (Family.IPV4, 1): Failure.HOST_UNREACHABLE,
    (Family.IPV4, 4): Failure.MESSAGE_TOO_LONG,
    (Family.IPV6, 0): Failure.NETWORK_UNREACHABLE,
    (Family.IPV6, 3): Failure.HOST_UNREACHABLE,
}


def own_verdict(event: Event, flow: Flow) -> Event:
    """Return the event, or a LocalError where the host itself sent it about a destination that is not its own."""
    if not isinstance(event, Received) or event.sender != flow.source or flow.source == flow.destination:
        return event
    if event.answer is Answer.PACKET_TOO_BIG:
        return LocalError(Failure.MESSAGE_TOO_LONG, event.sender, event.quote.number, event.next_hop_mtu)
    if event.answer is not Answer.DESTINATION_UNREACHABLE or event.icmp is None:
        return event
    return LocalError(_failure(flow.family, event.icmp), event.sender, event.quote.number, event.next_hop_mtu)


def _failure(family: Family, icmp: Icmp) -> Failure:
    """Return what an own destination-unreachable means; a code that no route or neighbour gives is the firewall's."""
    return _FAILURES.get((family, icmp.code), Failure.BLOCKED_LOCALLY)
