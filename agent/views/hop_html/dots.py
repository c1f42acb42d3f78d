"""Round-trip times as dots on a scale: where each sample stands, and what a screen reader hears instead."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from agent.views.words import milliseconds
from probes.frozen import frozen

# More would only blacken the drawing; what is left out lies at the top of a full pile.
_HIGHEST_PILE: Final = 12
# What the longest delay of a scale is rounded up to, times a power of ten.
_STEPS: Final = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)


@frozen
class Plot:
    """A drawing of `width` by `height` units: a path (SVG) of round dots for each responder, and its scale."""

    width: int
    height: int
    dots: tuple[str, ...]
    low_x: float
    average_x: float
    high_x: float
    scale: str
    words: str


def scale_us(times_us: Iterable[int]) -> int:
    """Return a round number of microseconds that no time exceeds, 1 where there is none."""
    highest = max(times_us, default=1) or 1
    magnitude = 10 ** (len(str(highest)) - 1)
    return next((round(step * magnitude) for step in _STEPS if step * magnitude >= highest), highest)


def plot(series: Sequence[Sequence[int]], up_to_us: int, *, width: int, height: int, dot: int) -> Plot | None:
    """Return the drawing of several responders' times on one scale from 0, None without any time.

    Args:
        series: Round-trip times in microseconds, a sequence for each responder.
        up_to_us: What the right end stands for, in microseconds.
        width: Width in units.
        height: Height in units.
        dot: Diameter of a dot in units; times nearer than this pile up.
    """
    times = [each for times_us in series for each in times_us]
    if not times:
        return None
    average = sum(times) / len(times)

    def x(us: float) -> float:
        return round(dot / 2 + (width - dot) * min(us, up_to_us) / up_to_us, 1)

    piles: Counter[int] = Counter()
    return Plot(
        width=width,
        height=height,
        dots=tuple(_dots([x(us) for us in times_us], piles, height, dot) for times_us in series),
        low_x=x(min(times)),
        average_x=x(average),
        high_x=x(max(times)),
        scale=f"{milliseconds(up_to_us)} ms",
        words=_words(times, average),
    )


def _dots(places: list[float], piles: Counter[int], height: int, dot: int) -> str:
    """Return a path of strokes without length, which round caps make dots; equal places stand on each other."""
    parts = []
    for place in places:
        column = round(place / dot)
        level = piles[column]
        piles[column] += 1
        y = height - dot / 2 - level * dot
        if level < _HIGHEST_PILE and y >= dot / 2:
            parts.append(f"M{place:g} {y:g}h0")
    return "".join(parts)


def _words(times: list[int], average: float) -> str:
    if len(times) == 1:
        return f"1 round trip of {milliseconds(times[0])} ms"
    span = f"{milliseconds(min(times))} to {milliseconds(max(times))} ms"
    return f"{len(times)} round trips: {span}, {milliseconds(average)} ms on average"
