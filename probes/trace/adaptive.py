"""Which protocol traces a leg, and why."""

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Final

from probes.facts import Leg, Protocol, ProtocolChoice
from probes.frozen import frozen

# An application's own protocol and port say most about the application; a bare host is best known to answer echoes.
_WITH_PORT: Final = (Protocol.TCP, Protocol.ICMP, Protocol.UDP)
_BARE: Final = (Protocol.ICMP, Protocol.TCP, Protocol.UDP)


class Naming(Enum):
    """What is known of the application behind an address; the value says it in words."""

    HOST = "the target names no port"
    PORT = "the target names a port"
    URL = "the target is a URL"
    EDGE = "a service edge is reached by TCP"


@frozen
class Standing:
    """How one protocol stands in a running trace: whether it is over, and whether the target answered it."""

    protocol: Protocol
    over: bool
    reached: bool


def preference(choice: ProtocolChoice, naming: Naming) -> tuple[Protocol, ...]:
    """Return all protocols, the one to trace with first; the others are only checked."""
    order = _BARE if naming is Naming.HOST else _WITH_PORT
    if choice is ProtocolChoice.ADAPTIVE:
        return order
    fixed = Protocol(choice.value)
    return (fixed, *(protocol for protocol in order if protocol is not fixed))


def second_protocol(choice: ProtocolChoice, first: Standing, others: Iterable[Standing]) -> Protocol | None:
    """Return the protocol to trace with again, None where the first trace is as good as any.

    Three queries and three more still fit a router's bucket of six, so there is a second trace and never a third.
    """
    if choice is not ProtocolChoice.ADAPTIVE or not first.over or first.reached:
        return None
    return next((other.protocol for other in others if other.reached), None)


def settled(first: Standing, others: Sequence[Standing]) -> bool:
    """Return whether nothing that is still open could change the choice or prove more."""
    return first.over and (first.reached or all(other.over for other in others))


def better(first: Leg, second: Leg) -> Leg:
    """Return the leg that shows more: reaching the end, then hops found; the first of equals."""
    return second if _worth(second) > _worth(first) else first


def _worth(leg: Leg) -> tuple[bool, int]:
    return leg.reached is True, sum(bool(hop.responders) for hop in leg.hops)


def first_reason(choice: ProtocolChoice, protocol: Protocol, naming: Naming, dropped: Sequence[Protocol]) -> str:
    """Return in words why the first trace used this protocol."""
    if choice is not ProtocolChoice.ADAPTIVE:
        return f"{protocol} was asked for"
    if not dropped:
        return f"{protocol} comes first, because {naming.value}"
    return f"{protocol} comes first of what could be opened ({', '.join(dropped)} could not), because {naming.value}"


def second_reason(first: Protocol, second: Protocol) -> str:
    """Return in words why a second trace was better."""
    return f"{first} did not reach the target, and {second} was answered"


def kept_reason(reason: str, first: Protocol, second: Protocol) -> str:
    """Return in words why a second trace was not better."""
    return f"{reason}; {second} was answered where {first} was not, but showed no more of the path"
