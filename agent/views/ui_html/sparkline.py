"""A target's last hours as a small picture: delays as a band with its middle, and every bad moment. Pure."""

from datetime import datetime
from itertools import pairwise
from typing import Final

from agent.timeline import Bucket, Timeline
from agent.views.words import milliseconds
from probes.frozen import frozen

WIDTH: Final = 240
HEIGHT: Final = 36
_ROOM: Final = 4
# Below this, differences are noise, and a line that fills the height would shout of them.
_LEAST_SCALE_US: Final = 2_000
_BAD: Final = {"critical": "critical", "failed": "critical", "warning": "warning"}
_HIGHEST_MARK: Final = 10
# Stretches further apart than so many of their own lengths have a gap between them.
_APART: Final = 2.5


@frozen
class Sparkline:
    """What to draw into `WIDTH` by `HEIGHT`: SVG paths, empty where there is nothing of them.

    Attributes:
        band: From the least to the most delay; `line` the median.
        warning: A mark for each stretch with a warning, as high as is their share, `critical` likewise; at the bottom.
        words: The same for who cannot see it.
    """

    band: str
    line: str
    warning: str
    critical: str
    words: str


def sparkline_of(timeline: Timeline) -> Sparkline:
    """Return a target's time line as a small picture."""
    begins, ends = (datetime.fromisoformat(at) for at in (timeline.since, timeline.until))
    length_s = max((ends - begins).total_seconds(), 1.0)
    xs = [
        round((datetime.fromisoformat(_middle(bucket)) - begins).total_seconds() / length_s * WIDTH, 1)
        for bucket in timeline.buckets
    ]
    high_us = max((bucket.high_us or 0 for bucket in timeline.buckets), default=0)
    scale = max(high_us * 1.05, _LEAST_SCALE_US)
    runs = _runs(timeline, xs)
    return Sparkline(
        band="".join(_band(run, scale) for run in runs),
        line="".join(_line(run, scale) for run in runs),
        warning=_marks(timeline, xs, "warning"),
        critical=_marks(timeline, xs, "critical"),
        words=_words(timeline),
    )


def _middle(bucket: Bucket) -> str:
    return bucket.shown.at if bucket.samples == 1 else bucket.since


def _runs(timeline: Timeline, xs: list[float]) -> list[list[tuple[float, Bucket]]]:
    """Return stretches that were measured without a gap between them."""
    steps = sorted(later - earlier for earlier, later in pairwise(xs))
    widest = steps[len(steps) // 2] * _APART if steps else WIDTH
    runs: list[list[tuple[float, Bucket]]] = [[]]
    last: float | None = None
    for x, bucket in zip(xs, timeline.buckets, strict=True):
        if bucket.median_us is None:
            runs.append([])
            continue
        if last is not None and x - last > widest:
            runs.append([])
        runs[-1].append((x, bucket))
        last = x
    return [run for run in runs if run]


def _y(delay_us: int | None, scale: float) -> float:
    return round(HEIGHT - _ROOM - (delay_us or 0) / scale * (HEIGHT - 2 * _ROOM), 1)


def _line(run: list[tuple[float, Bucket]], scale: float) -> str:
    points = [f"{x} {_y(bucket.median_us, scale)}" for x, bucket in run]
    # A single point is drawn by its round ends.
    return f"M{points[0]}h0" if len(points) == 1 else f"M{'L'.join(points)}"


def _band(run: list[tuple[float, Bucket]], scale: float) -> str:
    there = [f"{x} {_y(bucket.high_us, scale)}" for x, bucket in run]
    back = [f"{x} {_y(bucket.low_us, scale)}" for x, bucket in reversed(run)]
    return f"M{'L'.join(there + back)}z" if len(run) > 1 else ""


def _marks(timeline: Timeline, xs: list[float], mark: str) -> str:
    """Return a mark for each stretch with such samples: a dot for one of many, a line where all are."""
    shares = ((x, _share(bucket, mark)) for x, bucket in zip(xs, timeline.buckets, strict=True))
    return "".join(f"M{x} {HEIGHT - 2}v{-_HIGHEST_MARK * share:.1f}" for x, share in shares if share)


def _share(bucket: Bucket, mark: str) -> float:
    return sum(count for status, count in bucket.counts if _BAD.get(status) == mark) / bucket.samples


def _words(timeline: Timeline) -> str:
    medians = sorted(bucket.median_us for bucket in timeline.buckets if bucket.median_us is not None)
    if not timeline.buckets:
        return "nothing measured"
    bad = sum(count for bucket in timeline.buckets for status, count in bucket.counts if status in _BAD)
    least = min((bucket.low_us for bucket in timeline.buckets if bucket.low_us is not None), default=0)
    most = max((bucket.high_us for bucket in timeline.buckets if bucket.high_us is not None), default=0)
    delays = (
        f"{milliseconds(least)} to {milliseconds(most)} ms, in the middle {milliseconds(medians[len(medians) // 2])} ms"
        if medians
        else "no latency measured"
    )
    worse = f"; worse than information in {bad:,} of {timeline.samples:,} samples" if bad else ""
    return f"{delays}{worse}"
