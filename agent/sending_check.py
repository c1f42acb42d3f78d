"""Whether packets can leave as a person wants them to: the interface and the source address exist on this host."""

from collections.abc import Callable, Sequence

from agent.world import Sending
from probes.failure import Failure


def sending_problem(
    sending: Sending, interfaces: Sequence[str], address_failure: Callable[[str], Failure | None]
) -> str | None:
    """Return why nothing can be sent that way, in one line that says what to do, or None if it can.

    Args:
        sending: What was asked for.
        interfaces: The names of this host's interfaces.
        address_failure: Why nothing can be sent from an address, None if it can.
    """
    if sending.interface is not None and sending.interface not in interfaces:
        return f"there is no interface {sending.interface!r} on this host; there are {', '.join(interfaces) or 'none'}"
    if sending.source is None:
        return None
    match address_failure(sending.source):
        case None:
            return None
        case Failure.ADDRESS_NOT_AVAILABLE:
            return f"{sending.source} is no address of this host; `ip address` shows those that are"
        case Failure.NO_SUCH_INTERFACE:
            return f"{sending.source} names an interface that is not there; there are {', '.join(interfaces) or 'none'}"
        case failure:
            return f"nothing can be sent from {sending.source} ({failure.replace('_', ' ')}); leave --source out"
