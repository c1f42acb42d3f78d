"""Which of two traces a leg shows, and in words why."""

from __future__ import annotations

from probes.facts import ProtocolChoice
from probes.frozen import frozen
from probes.trace.adaptive import much_less
from probes.trace.rtt import in_ms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from probes.facts import Protocol, Trial
    from probes.trace.adaptive import Naming


# One packet of ten is chance.
_MATERIAL_LOSS: Final = 0.15


@frozen
class Choice:
    """Which of two traces a leg shows, and in one sentence why; the sentence names the figures."""

    second: bool
    because: str


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
        if better.reached and much_less(better.rtt_us, worse.rtt_us) and not nearer:
            figures = (in_ms(better.rtt_us or 0), in_ms(worse.rtt_us or 0))
            said = f"{better.protocol} was answered in {figures[0]}, {worse.protocol} in {figures[1]}"
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
