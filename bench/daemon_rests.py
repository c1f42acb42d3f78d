"""What a service keeps of its samples for ever, told by what of its memory is in use whenever it rests. Pure.

At work that swings with the threads that happen to run, by more than a day's leak would add. At rest there are as many
threads as before, cycles were collected, and only what is kept differs.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from bench.daemon_figures import slope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.daemon_watch import Point

# A thread without work ends after 10 s, and cycles are collected every 30 s, as the loop comes round, every 10 s.
REST_S: Final = 55.0
# The part of a rest in which nothing happens any more.
_LAST_S: Final = 4.5
# The part in which cycles were collected once: just after that, only what is kept is there [measured: the loop itself
# leaves 80 to 200 KB of them between two times].
_COLLECTED_S: Final = 40.0
# As 10 targets every 5 minutes are in a day.
SAMPLES_A_DAY: Final = 2_880
_BYTES_IN_KB: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """One rest: how many samples came before it, what the process had at its end, and the least that was in use."""

    samples: int
    in_use_bytes: int
    rss_kb: float
    threads: int


def rest_of(points: Sequence[Point], in_use_bytes: Sequence[int]) -> Rest:
    """Return what the looks at one rest come to, oldest first, with what was in use at each of them."""
    last = [point for point in points if point.at_s >= points[-1].at_s - _LAST_S]
    weighed = zip(points, in_use_bytes, strict=True)
    return Rest(
        samples=last[-1].samples,
        in_use_bytes=min(weight for point, weight in weighed if point.at_s >= points[-1].at_s - _COLLECTED_S),
        rss_kb=median(point.rss_kb for point in last),
        threads=max(point.threads for point in last),
    )


def kept(rests: Sequence[Rest]) -> dict[str, Any]:
    """Return what is kept of a sample, in bytes, by all rests but the first; and what the answer is worth.

    At least four rests: two values say nothing of the error of their line. `kept_error_bytes` is the standard
    error of the slope.
    """
    settled = rests[1:]
    pairs = [(float(rest.samples), float(rest.in_use_bytes)) for rest in settled]
    each = slope(pairs)
    return {
        "rests": len(rests),
        "rest_samples": settled[-1].samples - settled[0].samples,
        "rest_threads": sorted({rest.threads for rest in settled}),
        "rest_in_use_bytes": [rest.in_use_bytes for rest in rests],
        "rest_rss_kb": [round(rest.rss_kb) for rest in rests],
        "kept_bytes_a_sample": round(each, 1),
        "kept_error_bytes": round(_error(pairs, each), 1),
        "kept_kb_a_day": round(each * SAMPLES_A_DAY / _BYTES_IN_KB),
    }


def _error(pairs: Sequence[tuple[float, float]], each: float) -> float:
    """Return the standard error of a slope by least squares, of three pairs at least."""
    x_mean, y_mean = (sum(pair[axis] for pair in pairs) / len(pairs) for axis in (0, 1))
    off = sum((y - y_mean - each * (x - x_mean)) ** 2 for x, y in pairs)
    return sqrt(off / (len(pairs) - 2) / sum((x - x_mean) ** 2 for x, _ in pairs))
