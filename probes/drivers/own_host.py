"""What the host itself says of its probes: its own ICMP errors, and sending that it refuses."""

from __future__ import annotations

import _socket as socket
import errno

from probes.drivers.sockets import PENDING_ERRNOS
from probes.facts import Answer, Family
from probes.failure import Failure, Operation, failure_of
from probes.seam import LocalError, Received

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from probes.drivers.endpoint import Endpoint
    from probes.facts import Icmp
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
_SEND_ATTEMPTS: Final = 4
_SOURCE_GONE: Final = frozenset({errno.EINVAL, errno.ENETUNREACH})


def own_verdict(event: Event, flow: Flow) -> Event:
    """Return the event, or a LocalError where the host itself sent it about a destination that is not its own."""
    if not isinstance(event, Received) or event.sender != flow.source or flow.source == flow.destination:
        return event
    if event.answer is Answer.PACKET_TOO_BIG:
        return LocalError(Failure.MESSAGE_TOO_LONG, event.sender, event.quote.number, event.next_hop_mtu)
    if event.answer is not Answer.DESTINATION_UNREACHABLE or event.icmp is None:
        return event
    return LocalError(_failure(flow.family, event.icmp), event.sender, event.quote.number, event.next_hop_mtu)


def send_bounded(sending: Callable[[], object], endpoint: Endpoint) -> Failure | None:
    """Send once; return why the host refused, None where it did not.

    A socket with an error queue reports an older probe's ICMP error on the next call, which then sends nothing: such
    an error is taken off and the call made again, a few times, for a route that is missing says the same for ever.
    """
    refused: OSError | None = None
    for _ in range(_SEND_ATTEMPTS):
        try:
            sending()
        except OSError as error:
            refused = error
        else:
            return None
        if refused.errno not in PENDING_ERRNOS:
            break
    return refusal(refused, endpoint, Operation.SEND) if refused else None


def refusal(error: OSError, endpoint: Endpoint, operation: Operation) -> Failure:
    """Return why the host refused to send.

    A source address that the host no longer has gives the errno of a blackhole (older kernels) or of no route (6.18)
    [measured], so it is asked for.
    """
    if error.errno in _SOURCE_GONE and not _still_own(endpoint):
        return Failure.ADDRESS_NOT_AVAILABLE
    return failure_of(error, operation)


def _still_own(endpoint: Endpoint) -> bool:
    """Return whether the flow's source is still an address of this host."""
    asking = socket.socket(endpoint.numbers.address_family, socket.SOCK_DGRAM)
    try:
        asking.bind(endpoint.local(0))
    except OSError as error:
        return error.errno != errno.EADDRNOTAVAIL
    finally:
        asking.close()
    return True


def _failure(family: Family, icmp: Icmp) -> Failure:
    """Return what an own destination-unreachable means; a code that no route or neighbour gives is the firewall's."""
    return _FAILURES.get((family, icmp.code), Failure.BLOCKED_LOCALLY)
