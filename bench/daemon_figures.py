"""What the looks at a service come to: memory, processor time, growth, and whether samples were on time. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from agent.daemon.schedule import JITTER_RATIO, splay_s

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.daemon_watch import Point

# A sample is on time if it began so soon after the instant that its interval counts from [the bar's own meaning].
ON_TIME_S: Final = 1.0
# Between the beginning of the first round and the line of the log that tells of it.
_NEARLY_S: Final = 0.25
_KB_IN_MB: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How many slots there were, in how many of them a sample began on time, and in how many none began at all.

    A sample that had to wait for its routers' limits is late like any other.
    """

    targets: int
    slots: int
    on_time: int
    missed: int


def figures(points: Sequence[Point], *, begun_at_s: float, settled_at_s: float) -> dict[str, Any]:
    """Return the figures of one measurement.

    Args:
        points: Oldest first, at least two of them after `settled_at_s`.
        begun_at_s: Where the start ends: shares of a core and costs of a sample count from here.
        settled_at_s: Where everything that samples need is loaded: growth counts from here.
    """
    window = [point for point in points if point.at_s >= begun_at_s]
    settled = [point for point in points if point.at_s >= settled_at_s]
    first, last = window[0], window[-1]
    cpu_s, samples = last.cpu_s - first.cpu_s, last.samples - first.samples
    return {
        "window_s": round(last.at_s - first.at_s, 1),
        "samples": samples,
        "rss_mb": _mb(last.rss_kb),
        "rss_median_mb": _mb(median(point.rss_kb for point in settled)),
        "rss_most_mb": _mb(max(point.rss_kb for point in window)),
        "rss_most_with_children_mb": _mb(max(point.rss_kb + point.children_kb for point in points)),
        "anonymous_mb": _mb(last.anonymous_kb),
        "start_cpu_s": round(first.cpu_s, 2),
        "cpu_share": round(cpu_s / (last.at_s - first.at_s), 5),
        "cpu_ms_a_sample": round(1_000 * cpu_s / samples, 1) if samples else None,
        "threads_most": max(point.threads for point in points),
        "descriptors_median": round(median(point.descriptors for point in settled)),
        "descriptors_last": last.descriptors,
        "growth_samples": settled[-1].samples - settled[0].samples,
        "growth_kb": growth_kb(settled),
        "slope_kb_a_1000_samples": round(1_000 * slope([(p.samples, p.rss_kb) for p in settled]), 1),
        "slope_kb_an_hour": round(3_600 * slope([(p.at_s, p.rss_kb) for p in settled]), 1),
    }


def _mb(kb: float) -> float:
    return round(kb / _KB_IN_MB, 1)


def growth_kb(window: Sequence[Point]) -> int:
    """Return how much more memory the last quarter of a window has than its second: medians, in KB.

    The first quarter is left out: the first samples of each kind load what they need.
    """
    quarter = max(len(window) // 4, 1)
    before, after = window[quarter : 2 * quarter] or window[:1], window[-quarter:]
    return round(median(point.rss_kb for point in after) - median(point.rss_kb for point in before))


def slope(pairs: Sequence[tuple[float, float]]) -> float:
    """Return the slope of the straight line through pairs of x and y, by least squares; 0 where x does not vary."""
    x_mean, y_mean = (sum(pair[axis] for pair in pairs) / len(pairs) for axis in (0, 1))
    spread = sum((x - x_mean) ** 2 for x, _ in pairs)
    return sum((x - x_mean) * (y - y_mean) for x, y in pairs) / spread if spread else 0.0


def punctuality(
    starts_s: Mapping[str, Sequence[float]], agent_id: str, interval_s: float, *, begun_s: float, until_s: float
) -> Timing:
    """Return how punctual targets were, by when their samples say that they began.

    A target's slot begins where the schedule's splay puts it, which is known from outside. Each is put off by a part of
    the interval that is not known, so a sample is on time that begins no later than `ON_TIME_S` after the latest
    instant possible.

    Args:
        starts_s: For each target when its samples began, in seconds since anything.
        agent_id: Whose splay it is.
        interval_s: That of all of them.
        begun_s: When the first round began, give or take `_NEARLY_S`.
        until_s: When the measurement ended: a slot that was not over by then does not count.
    """
    patience_s = JITTER_RATIO * interval_s + ON_TIME_S
    slots = on_time = missed = 0
    for name, starts in starts_s.items():
        slot_s = begun_s + splay_s(agent_id, name, interval_s) - _NEARLY_S
        while slot_s + patience_s + 2 * _NEARLY_S <= until_s:
            slots += 1
            inside = [start for start in starts if slot_s <= start < slot_s + interval_s]
            on_time += any(start <= slot_s + patience_s + 2 * _NEARLY_S for start in inside)
            missed += not inside
            slot_s += interval_s
    return Timing(targets=len(starts_s), slots=slots, on_time=on_time, missed=missed)
