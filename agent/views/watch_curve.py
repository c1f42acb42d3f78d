"""Delays as curves: a line of bars, a chart of several lines, a histogram; characters only, and pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.views.words import milliseconds
from probes.facts import LossClass

if TYPE_CHECKING:
    from typing import Final

    from agent.watch.tally import Figures

# Eight heights of a cell; without Unicode six characters that rise.
BARS: Final = "▁▂▃▄▅▆▇█"
ASCII_BARS: Final = "_-=+*#"
# A probe that is lost, and one that a router left unanswered to spare itself.
LOST: Final = "x"
LIMITED: Final = "."

# A curve shows what is more than its own best: below twice that, or a millisecond more, all is calm.
_CALM_US: Final = 1000
_BINS: Final = 8
_LONGEST_BAR: Final = 50


def bars(unicode: bool) -> str:  # noqa: FBT001 - one of two alphabets
    """Return the characters of a curve, lowest first."""
    return BARS if unicode else ASCII_BARS


def curve(figures: Figures, loss_class: LossClass, width: int, alphabet: str) -> str:
    """Return the newest rounds in at most `width` characters, oldest first."""
    shown = figures.history[-width:] if width > 0 else ()
    heard = [each for each in shown if each is not None]
    low = figures.best_us or 0
    high = max([low * 2, low + _CALM_US, *heard])
    missing = LIMITED if loss_class in {LossClass.RATE_LIMITED, LossClass.SILENT} else LOST
    return "".join(missing if each is None else _bar(each, low, high, alphabet) for each in shown)


def _bar(value: float, low: float, high: float, alphabet: str) -> str:
    steps = len(alphabet)
    return alphabet[max(0, min(steps - 1, int((value - low) / max(1, high - low) * steps)))]


def chart(figures: Figures, loss_class: LossClass, width: int, height: int, alphabet: str) -> list[str]:
    """Return delay over time as `height` lines with an axis of milliseconds; newest rounds at the right edge.

    Lost probes stand at the foot.
    """
    label = max(len(_axis(figures.worst_us)), len(_axis(0)))
    room = max(1, width - label - 3)
    shown = figures.history[-room:]
    heard = [each for each in shown if each is not None]
    # From nought on: a chart that begins elsewhere makes much of little.
    high = max(heard, default=0)
    rows = max(1, height)
    lines = []
    for row in range(rows):
        floor = rows - 1 - row
        cells = "".join(_cell(each, high, floor, rows, loss_class, alphabet) for each in shown)
        lines.append(f"{_axis_at(row, rows, high):>{label}} | {cells}")
    return lines


def _axis(us: float | None) -> str:
    return "-" if us is None else milliseconds(us) if us else "0"


def _axis_at(row: int, rows: int, high: int) -> str:
    """Return the label of a line: the top, the middle and the foot have one."""
    if row == 0 and high:
        return _axis(high)
    if row == rows - 1:
        return "0"
    return _axis(high * (rows - row) / rows) if row == rows // 2 and high else ""


def _cell(value: int | None, high: int, floor: int, rows: int, loss_class: LossClass, alphabet: str) -> str:
    if value is None:
        missing = LIMITED if loss_class in {LossClass.RATE_LIMITED, LossClass.SILENT} else LOST
        return missing if floor == 0 else " "
    filled = value / max(1, high) * rows - floor
    if filled <= 0:
        # What is measured shows, however small.
        return alphabet[0] if floor == 0 else " "
    return alphabet[min(len(alphabet) - 1, max(0, round(filled * len(alphabet)) - 1))]


def histogram(figures: Figures, width: int, alphabet: str) -> list[str]:
    """Return how round-trip times are spread, as lines `12.1 to 12.4 ms  ####  17`; nothing below three answers.

    The bins are of one width, from the best to the worst of the newest rounds.
    """
    heard = [each for each in figures.history if each is not None]
    if len(heard) < 3 or min(heard) == max(heard):  # noqa: PLR2004 - two of them are no distribution
        return []
    low, high = min(heard), max(heard)
    step = (high - low) / _BINS
    counts = [0] * _BINS
    for each in heard:
        counts[min(_BINS - 1, int((each - low) / step))] += 1
    labels = [f"{milliseconds(low + at * step)} to {milliseconds(low + (at + 1) * step)} ms" for at in range(_BINS)]
    label = max(map(len, labels))
    most = max(counts)
    room = max(1, min(_LONGEST_BAR, width - label - len(f"   {most}")))
    return [
        f"{text:>{label}}  {alphabet[-1] * _length(count, most, room)} {count or ''}".rstrip()
        for text, count in zip(labels, counts, strict=True)
    ]


def _length(count: int, most: int, room: int) -> int:
    return 0 if not count else max(1, round(count / most * room))
