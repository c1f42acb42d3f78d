"""Which protocol traces a leg, and why."""

from __future__ import annotations

from probes.facts import Protocol, ProtocolChoice
from probes.frozen import frozen
from probes.word import Word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Final

    from probes.facts import Trial


# An application's own protocol and port say most about the application; a bare host is best known to answer echoes.
_WITH_PORT: Final = (Protocol.TCP, Protocol.ICMP, Protocol.UDP)
_BARE: Final = (Protocol.ICMP, Protocol.TCP, Protocol.UDP)

# A difference in latency that is the path's: a fifth, and never less than 5 ms. The lowest of a few round trips of one
# path differ by less than 1 ms between protocols, by some ms over radio links; and a fifth of a delay nobody notices.
_MATERIAL_SHARE: Final = 0.2
_MATERIAL_US: Final = 5000
# One packet of ten is chance.
_MATERIAL_LOSS: Final = 0.15

_RTT_FACTOR: Final = 3.0
_LEAST_SILENCE_S: Final = 0.1


class Naming(Word):
    """What is known of the application behind an address; the value says it in words."""

    HOST = "the target names no port"
    PORT = "the target names a port"
    URL = "the target is a URL"
    EDGE = "a service edge is reached by TCP"


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


@frozen
class Choice:
    """Which of two traces a leg shows, and in one sentence why; the sentence names the figures."""

    second: bool
    because: str


def preference(choice: ProtocolChoice, naming: Naming) -> tuple[Protocol, ...]:
    """Return all protocols, the one to trace with first; the others are only checked."""
    order = _BARE if naming is Naming.HOST else _WITH_PORT
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
        rtt_us: The lowest round trip that the target answered another protocol in; None: not in time.

    Source: three times the round trip, as every other wait of the engine; and 0.1 s, after which it would ask again.
    """
    return rtt_us is not None and waited_s >= max(_RTT_FACTOR * rtt_us / 1e6, _LEAST_SILENCE_S)


def after_silence(
    order: Sequence[Protocol], first: Standing, others: Sequence[Standing], waited_s: float
) -> Protocol | None:
    """Return the protocol to trace with where the target does not answer the first, None while none promises more.

    That is one that the target answers, as soon as the silence of the first is plain. Where it answers none at all, a
    trace by what only memory put first is no trial: the first by preference makes it.
    """
    answering = next((other for other in others if other.reached), None)
    if answering is not None:
        return answering.protocol if first.over or silence_is_plain(waited_s, answering.rtt_us) else None
    if not all(each.over for each in (first, *others)):
        return None
    opened = {each.protocol for each in (first, *others)}
    preferred = next(protocol for protocol in order if protocol in opened)
    return None if preferred is first.protocol else preferred


def worth_comparing(first: Standing, others: Iterable[Standing]) -> Protocol | None:
    """Return a protocol that may show a reached target better: materially faster, or where most hops are silent."""
    answering = [other for other in others if other.reached]
    faster = [other for other in answering if _much_less(other.rtt_us, first.rtt_us)]
    if faster:
        return min(faster, key=lambda other: other.rtt_us or 0).protocol
    found, hops = first.hops_found, first.hops
    if found is None or hops is None or found * 2 >= hops:
        return None
    return answering[0].protocol if answering else None


def settled(first: Standing, others: Sequence[Standing]) -> bool:
    """Return whether nothing that is still open could change the choice or prove more."""
    return first.over and (first.reached or all(other.over for other in others))


# --- which of two to show ---------------------------------------------------------------------------------------------


def choose(first: Trial, second: Trial) -> Choice:
    """Return which trace to show: by reaching the end, then latency, loss, hops found; the first of equals."""
    for compared in (_by_end, _by_latency, _by_loss, _by_hops):
        choice = compared(first, second)
        if choice is not None:
            return choice
    return Choice(second=False, because=f"{second.protocol} showed no more than {first.protocol}")


def choose_after_silence(first: Trial, second: Trial) -> Choice:
    """Return which trace to show where the first gave way unanswered: the second, unless only the first reached."""
    said = f"neither {first.protocol} nor {second.protocol} reached the target"
    return _by_end(first, second) or Choice(second=True, because=said)


def _by_end(first: Trial, second: Trial) -> Choice | None:
    if (first.reached is True) == (second.reached is True):
        return None
    better, worse = (first, second) if first.reached else (second, first)
    return Choice(second=better is second, because=f"{better.protocol} reached the target and {worse.protocol} did not")


def _by_latency(first: Trial, second: Trial) -> Choice | None:
    for better, worse in ((first, second), (second, first)):
        # Who is faster because he is nearer may be somebody else in the target's place: that is no better path.
        nearer = (better.hops or 0) < (worse.hops or 0)
        if better.reached and _much_less(better.rtt_us, worse.rtt_us) and not nearer:
            said = f"{better.protocol} was answered in {_ms(better.rtt_us)}, {worse.protocol} in {_ms(worse.rtt_us)}"
            return Choice(second=better is second, because=said)
    return None


def _by_loss(first: Trial, second: Trial) -> Choice | None:
    lost = (first.loss_ratio, second.loss_ratio)
    if lost[0] is None or lost[1] is None or abs(lost[0] - lost[1]) < _MATERIAL_LOSS:
        return None
    better, worse = (first, second) if lost[0] < lost[1] else (second, first)
    said = f"{better.protocol} lost {better.loss_ratio:.0%}, {worse.protocol} {worse.loss_ratio:.0%}"
    return Choice(second=better is second, because=said)


def _by_hops(first: Trial, second: Trial) -> Choice | None:
    found = (first.hops_found or 0, second.hops_found or 0)
    if found[0] == found[1]:
        return None
    better, worse = (first, second) if found[0] > found[1] else (second, first)
    said = f"{better.protocol}: {better.hops_found} of {better.hops} hops answered, {worse.protocol} {worse.hops_found}"
    return Choice(second=better is second, because=f"{said} of {worse.hops}")


def _much_less(one_us: int | None, other_us: int | None) -> bool:
    if one_us is None or other_us is None:
        return False
    return other_us - one_us >= max(_MATERIAL_US, _MATERIAL_SHARE * other_us)


def _ms(rtt_us: int | None) -> str:
    return "-" if rtt_us is None else f"{rtt_us / 1000:.1f} ms"


# --- reasons ----------------------------------------------------------------------------------------------------------


def first_reason(choice: ProtocolChoice, protocol: Protocol, naming: Naming, dropped: Sequence[Protocol]) -> str:
    """Return in words why the first trace used this protocol."""
    if choice is not ProtocolChoice.ADAPTIVE:
        return f"{protocol} was asked for"
    if not dropped:
        return f"{protocol} comes first, because {naming.value}"
    return f"{protocol} comes first of what could be opened ({', '.join(dropped)} could not), because {naming.value}"


def chosen_reason(reason: str, choice: Choice, *, from_memory: bool) -> str:
    """Return in words why one of two traces is shown.

    Args:
        reason: Why the first of them was made.
        choice: Which is shown, and why.
        from_memory: The first was made because of what was remembered; the record says so whatever is shown.
    """
    return f"{reason}; {choice.because}" if from_memory or not choice.second else choice.because
