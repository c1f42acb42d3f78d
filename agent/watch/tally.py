"""What the probes of one place of a path came to so far, as figures that are kept up to date: pure."""

from __future__ import annotations

from collections import Counter, deque
from math import sqrt
from typing import TYPE_CHECKING

from probes.facts import LossClass
from probes.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

# What a curve and a histogram are drawn from: the newest so many rounds.
HISTORY: Final = 300


@frozen
class Figures:
    """What the probes of one place came to; round-trip times are microseconds, None where nothing was measured.

    Attributes:
        answered: Those whose answer came, however late.
        lost_alone: Unanswered while the end of the path answered; `lost_with_end`: while it did not, either.
        last_us: Of the newest probe, None where that one was not answered.
        stddev_us: The population's; `jitter_us` is the mean |difference| of neighbours, None below two answers.
        history: The newest rounds, oldest first: the mean of each, None where nothing came back.
    """

    sent: int = 0
    answered: int = 0
    lost_alone: int = 0
    lost_with_end: int = 0
    last_us: int | None = None
    avg_us: float | None = None
    best_us: int | None = None
    worst_us: int | None = None
    stddev_us: float | None = None
    jitter_us: float | None = None
    history: tuple[int | None, ...] = ()

    @property
    def lost(self) -> int:
        """Return how many probes nobody answered."""
        return self.sent - self.answered


def newest(figures: Figures, rounds: int) -> Figures:
    """Return what the newest rounds came to, each counted as one probe; all of it where there were no more."""
    if len(figures.history) <= rounds:
        return figures
    tally = Tally()
    for rtt_us in figures.history[-rounds:]:
        heard = [] if rtt_us is None else [rtt_us]
        tally.add(1, len(heard), heard, end_lost=not heard)
    return tally.figures()


class Tally:
    """Adds one round after the other to the figures of a place."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._sent = 0
        self._answered = 0
        self._lost: Counter[bool] = Counter()
        self._times = _Times()
        self._history: deque[int | None] = deque(maxlen=HISTORY)

    def add(self, sent: int, answered: int, rtts_us: Sequence[int], *, end_lost: bool) -> None:
        """Take in one round.

        Args:
            sent: Probes of this round; a round without any changes nothing.
            answered: Those that were answered, late ones included.
            rtts_us: The round-trip times that could be measured, in sending order.
            end_lost: Whether the end of the path did not answer in this round.
        """
        if not sent:
            return
        self._sent += sent
        self._answered += answered
        self._lost[end_lost] += sent - answered
        for rtt_us in rtts_us:
            self._times.add(rtt_us)
        self._history.append(round(sum(rtts_us) / len(rtts_us)) if rtts_us else None)

    def figures(self) -> Figures:
        """Return what it all comes to."""
        times = self._times
        return Figures(
            sent=self._sent,
            answered=self._answered,
            lost_alone=self._lost[False],
            lost_with_end=self._lost[True],
            last_us=times.last_us if self._history and self._history[-1] is not None else None,
            avg_us=times.mean_us if times.count else None,
            best_us=times.best_us,
            worst_us=times.worst_us,
            stddev_us=sqrt(times.squares / times.count) if times.count else None,
            jitter_us=times.steps_us / (times.count - 1) if times.count > 1 else None,
            history=tuple(self._history),
        )


class _Times:
    """Round-trip times as running sums.

    Mean and variance by B. P. Welford, Note on a method for calculating corrected sums of squares and products,
    Technometrics 4 (1962): no sum of squares that loses its figures after a day.
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean_us = 0.0
        self.squares = 0.0
        self.steps_us = 0
        self.last_us: int | None = None
        self.best_us: int | None = None
        self.worst_us: int | None = None

    def add(self, rtt_us: int) -> None:
        self.count += 1
        before = rtt_us - self.mean_us
        self.mean_us += before / self.count
        self.squares += before * (rtt_us - self.mean_us)
        if self.last_us is not None:
            self.steps_us += abs(rtt_us - self.last_us)
        self.last_us = rtt_us
        self.best_us = rtt_us if self.best_us is None else min(self.best_us, rtt_us)
        self.worst_us = rtt_us if self.worst_us is None else max(self.worst_us, rtt_us)


def loss_class(figures: Figures, *, behind_answers: bool, end_answers: bool) -> LossClass:
    """Return what the missing answers of a place mean, round by round.

    Args:
        figures: Its own.
        behind_answers: Whether anything behind it ever answered; for the end of the path, whether that did.
        end_answers: Whether the end ever answered; if not, nobody can tell loss from limits.
    """
    if not figures.lost:
        return LossClass.NONE if figures.sent else LossClass.UNKNOWN
    if not figures.answered:
        return LossClass.SILENT if behind_answers else LossClass.UNKNOWN
    if not end_answers:
        return LossClass.UNKNOWN
    # What is lost on the way is missing at the end in the same round; a router that spares itself misses alone.
    return LossClass.LOSS if figures.lost_with_end >= figures.lost_alone else LossClass.RATE_LIMITED
