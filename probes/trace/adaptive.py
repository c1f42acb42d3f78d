"""Which protocol traces a leg, and when another one does so again."""

from __future__ import annotations

from probes.flow_facts import Protocol, ProtocolChoice
from probes.frozen import frozen
from probes.word import Word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Final


# An application's own protocol and port say most about the application; a bare host is best known to answer echoes.
_WITH_PORT: Final = (Protocol.TCP, Protocol.ICMP, Protocol.UDP)
_BARE: Final = (Protocol.ICMP, Protocol.TCP, Protocol.UDP)

# A difference in latency that is the path's: a fifth, and never less than 5 ms. The lowest of a few round trips of one
# path differ by less than 1 ms between protocols, by some ms over radio links; and a fifth of a delay nobody notices.
_MATERIAL_SHARE: Final = 0.2
_MATERIAL_US: Final = 5000
_RTT_FACTOR: Final = 3.0
_LEAST_SILENCE_S: Final = 0.1


class Naming(Word):
    """What is known of the application behind an address; the value says it in words."""

    HOST = "the target names no port"
    PORT = "the target names a port"
    URL = "the target is a URL"
    EDGE = "a service edge is reached by TCP"
    PROXY = "a proxy is reached by TCP"
    ROUTER = "the client's egress is a router"


@frozen
class Standing:
    """How one protocol stands in a running trace.

    `over`: it wants nothing more. `rtt_us` is the lowest round trip of the target's answers. `hops_found` of `hops`
    answered, None while nobody counted.
    """

    protocol: Protocol
    over: bool
    reached: bool
    rtt_us: int | None = None
    hops_found: int | None = None
    hops: int | None = None


def preference(choice: ProtocolChoice, naming: Naming) -> tuple[Protocol, ...]:
    """Return all protocols, the one to trace with first; the others are only checked."""
    order = _BARE if naming in {Naming.HOST, Naming.ROUTER} else _WITH_PORT
    if choice is ProtocolChoice.ADAPTIVE:
        return order
    fixed = Protocol(choice.value)
    return (fixed, *(protocol for protocol in order if protocol is not fixed))


def with_first(order: Sequence[Protocol], first: Protocol | None) -> tuple[Protocol, ...]:
    """Return the same protocols with one of them in front."""
    return tuple(order) if first is None else (first, *(protocol for protocol in order if protocol is not first))


# --- whether to trace again -------------------------------------------------------------------------------------------


def silence_is_plain(waited_s: float, rtt_us: int | None) -> bool:
    """Return whether a target that answers in `rtt_us` should have answered by now.

    Args:
        waited_s: How long ago the first probes left.
        rtt_us: The lowest round trip known of the target; None: none is.

    Source: three times the round trip, as every other wait of the engine; and 0.1 s, after which it would ask again.
    """
    return rtt_us is not None and waited_s >= max(_RTT_FACTOR * rtt_us / 1e6, _LEAST_SILENCE_S)


def after_silence(first: Standing, others: Sequence[Standing], waited_s: float) -> Protocol | None:
    """Return the protocol to trace with where the target does not answer the first, None while none promises more.

    That is one that the target answers, the preferred of them, as soon as the silence of the first is plain.
    """
    answering = next((other for other in others if other.reached), None)
    if answering is None or not (first.over or silence_is_plain(waited_s, answering.rtt_us)):
        return None
    return answering.protocol


def instead_of_remembered(
    order: Sequence[Protocol], first: Standing, others: Sequence[Standing], waited_s: float, rtt_us: int | None
) -> Protocol | None:
    """Return the protocol to begin the trial with where what memory put first stays silent, None where it is that one.

    Args:
        order: The protocols in the order of preference.
        first: The remembered one.
        others: Those that could be opened beside it.
        waited_s: How long ago its first probes left.
        rtt_us: How fast it was answered then.
    """
    if first.reached or not (first.over or silence_is_plain(waited_s, rtt_us)):
        return None
    opened = {first.protocol, *(other.protocol for other in others)}
    preferred = next(protocol for protocol in order if protocol in opened)
    return None if preferred is first.protocol else preferred


def worth_comparing(first: Standing, others: Iterable[Standing]) -> Protocol | None:
    """Return a protocol that may show a reached target better: materially faster, or where most hops are silent."""
    answering = [other for other in others if other.reached]
    faster = [other for other in answering if much_less(other.rtt_us, first.rtt_us)]
    if faster:
        return min(faster, key=lambda other: other.rtt_us or 0).protocol
    found, hops = first.hops_found, first.hops
    if found is None or hops is None or found * 2 >= hops:
        return None
    return answering[0].protocol if answering else None


def settled(first: Standing, others: Sequence[Standing]) -> bool:
    """Return whether nothing that is still open could change the choice or prove more."""
    return first.over and (first.reached or all(other.over for other in others))


def much_less(one_us: int | None, other_us: int | None) -> bool:
    """Return whether one latency is materially lower than another; what was not measured is not."""
    if one_us is None or other_us is None:
        return False
    return other_us - one_us >= max(_MATERIAL_US, _MATERIAL_SHARE * other_us)
