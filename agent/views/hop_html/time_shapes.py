"""What a picture over time is drawn of: where each stretch of samples stands, and the outlines of latency and loss."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, groupby, pairwise
from statistics import median
from typing import Final

from agent.timeline import Bucket, Timeline
from agent.views.hop_html.time_axes import HEIGHT, Scale, Span, seconds_of
from agent.views.verdict import STATUS_WORDS
from probes.frozen import frozen
from rules.diagnosis import Status

# Samples come a little early or late. What lies further apart than this, in usual distances, has something missing.
_MISSING: Final = 1.75
# From the bottom to the top.
_STACKED: Final = tuple(status.value for status in reversed(STATUS_WORDS))
# In hundredths of the strip's height, about three points: one sample in a thousand is there, and has to be seen.
_LEAST_SHARE: Final = 8.0
# A bar is as wide as its stretch but for this share, so that two do not run together.
_BETWEEN_BARS: Final = 0.15


@frozen
class Cell:
    """One bucket with its place on the axis, in seconds since 1970: from `start` until `end`, drawn at `middle`.

    Attributes:
        follows: Nothing is missing between this one and the one before.
    """

    bucket: Bucket
    start: float
    middle: float
    end: float
    follows: bool


def cells_of(timeline: Timeline) -> tuple[Cell, ...]:
    """Return each bucket with its place, in the order of time."""
    starts = [seconds_of(bucket.since) for bucket in timeline.buckets]
    length = timeline.bucket_s or _usual_distance(starts) or seconds_of(timeline.until) - seconds_of(timeline.since)
    return tuple(
        _cell(bucket, index, starts, length, single=not timeline.bucket_s)
        for index, bucket in enumerate(timeline.buckets)
    )


def _cell(bucket: Bucket, index: int, starts: Sequence[float], length: float, *, single: bool) -> Cell:
    start = starts[index]
    next_start = starts[index + 1] if index + 1 < len(starts) else start + length
    end = min(start + length, next_start)
    return Cell(
        bucket=bucket,
        start=start,
        middle=start if single else (start + end) / 2,
        end=end,
        # Neighbours of whole stretches touch; single samples are as far apart as they usually are.
        follows=index > 0 and start - starts[index - 1] <= length * (_MISSING if single else 1.01),
    )


def _usual_distance(starts: Sequence[float]) -> float:
    distances = [after - before for before, after in pairwise(starts)]
    return median(distances) if distances else 0.0


# --- latency ----------------------------------------------------------------------------------------------------------


@frozen
class _Measured:
    """A cell with a latency, and the heights of its three figures."""

    cell: Cell
    low: float
    median: float
    high: float


def line_path(cells: Sequence[Cell], span: Span, scale: Scale) -> str:
    """Return the outline (SVG path) of the medians: no line crosses what was not measured."""
    return "".join(f"M{_points((span.x(x), each.median) for x, each in _corners(run))}" for run in _runs(cells, scale))


def band_path(cells: Sequence[Cell], span: Span, scale: Scale) -> str:
    """Return the outline (SVG path) of the area from the least to the most of each stretch."""
    parts = []
    for run in _runs(cells, scale):
        corners = _corners(run)
        above = [(span.x(x), each.high) for x, each in corners]
        below = [(span.x(x), each.low) for x, each in reversed(corners)]
        parts.append(f"M{_points([*above, *below])}Z")
    return "".join(parts)


def beyond_path(cells: Sequence[Cell], span: Span, scale: Scale) -> str:
    """Return round marks at the top (SVG path) for stretches whose most leaves the scale."""
    outside = (cell for cell in cells if cell.bucket.high_us is not None and cell.bucket.high_us > scale.top)
    return "".join(f"M{span.x(cell.middle):g} 0h0" for cell in outside)


def dots_path(cells: Sequence[Cell], span: Span, scale: Scale) -> str:
    """Return a round mark (SVG path) for each cell, at its median, or at the bottom where none is known."""
    return "".join(
        f"M{span.x(cell.middle):g} {HEIGHT if (us := cell.bucket.median_us) is None else scale.y(us):g}h0"
        for cell in cells
    )


def _runs(cells: Sequence[Cell], scale: Scale) -> Iterator[list[_Measured]]:
    """Yield neighbours with a latency, nothing missing between them."""
    run: list[_Measured] = []
    for cell in cells:
        measured = _measured(cell, scale)
        if run and (not cell.follows or measured is None):
            yield run
            run = []
        if measured is not None:
            run.append(measured)
    if run:
        yield run


def _measured(cell: Cell, scale: Scale) -> _Measured | None:
    of = cell.bucket
    if of.low_us is None or of.median_us is None or of.high_us is None:
        return None
    return _Measured(cell=cell, low=scale.y(of.low_us), median=scale.y(of.median_us), high=scale.y(of.high_us))


def _corners(run: Sequence[_Measured]) -> list[tuple[float, _Measured]]:
    """Return where an outline passes; a stretch that stands alone is as wide as it is long."""
    if len(run) == 1:
        return [(run[0].cell.start, run[0]), (run[0].cell.end, run[0])]
    return [(each.cell.middle, each) for each in run]


def _points(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:g} {y:g}" for x, y in points)


# --- loss and status --------------------------------------------------------------------------------------------------


def bars_path(cells: Sequence[Cell], span: Span, scale: Scale, *, worst: bool) -> str:
    """Return bars (SVG path) from the bottom: the mean loss of each stretch, or the worst of one sample in it."""
    parts = []
    for cell in cells:
        loss = cell.bucket.worst_loss_ratio if worst else cell.bucket.loss_ratio
        if loss:
            left, right = span.x(cell.start), span.x(cell.end)
            width = round((right - left) * (1 - _BETWEEN_BARS), 1)
            parts.append(f"M{left:g} {HEIGHT}V{scale.y(loss):g}h{width:g}V{HEIGHT}Z")
    return "".join(parts)


def shares_path(cells: Sequence[Cell], span: Span, status: str) -> str:
    """Return the outline (SVG path) of a status: in each stretch as high as is its share of the samples."""
    return "".join(_steps(run, span) for run in _neighbours(cells, status))


def foot_path(cells: Sequence[Cell], span: Span) -> str:
    """Return a line (SVG path) below all stretches with a healthy sample."""
    runs = _neighbours(cells, Status.OK.value)
    return "".join(f"M{span.x(run[0][0].start):g} {HEIGHT}H{span.x(run[-1][0].end):g}" for run in runs)


def in_order(counts: Iterable[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """Return how many samples have each status, what there is least to do about first."""
    return tuple(sorted(counts, key=lambda each: _STACKED.index(each[0])))


def levels_of(counts: Iterable[tuple[str, int]]) -> dict[str, tuple[float, float]]:
    """Return from where to where (in units from the bottom) each status stands in a stretch.

    Each that occurs at all is seen: what a rare one gets above its share, the most frequent one gives.
    """
    there = dict(in_order(counts))
    samples = sum(there.values())
    heights = {status: max(round(HEIGHT * count / samples, 1), _LEAST_SHARE) for status, count in there.items()}
    most = max(there, key=lambda status: there[status])
    heights[most] += HEIGHT - sum(heights.values())
    ends = [0.0, *accumulate(heights.values())]
    return {
        status: (round(low, 1), round(high, 1)) for status, (low, high) in zip(heights, pairwise(ends), strict=True)
    }


_Step = tuple[Cell, tuple[float, float]]


def _neighbours(cells: Sequence[Cell], status: str) -> Iterator[list[_Step]]:
    """Yield neighbours that have a status, with its levels, nothing missing between them."""
    run: list[_Step] = []
    for cell in cells:
        level = levels_of(cell.bucket.counts).get(status)
        if run and (not cell.follows or level is None):
            yield run
            run = []
        if level is not None:
            run.append((cell, level))
    if run:
        yield run


def _steps(run: Sequence[_Step], span: Span) -> str:
    """Return the outline of neighbours: along their tops, and back along their feet; level ones are one step."""
    level = [tuple(steps) for _, steps in groupby(run, key=lambda step: step[1])]
    there = [(span.x(steps[-1][0].end), steps[0][1]) for steps in level]
    back = [(span.x(steps[0][0].start), steps[0][1]) for steps in reversed(level)]
    above = "".join(f"V{HEIGHT - high:g}H{right:g}" for right, (_, high) in there)
    below = "".join(f"V{HEIGHT - low:g}H{left:g}" for left, (low, _) in back)
    return f"M{back[-1][0]:g} {HEIGHT - run[0][1][0]:g}{above}{below}Z"


def path_changes(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """Return the stretches in which the way changed, or with which another one began."""
    changed = []
    before: Cell | None = None
    for cell in cells:
        if not cell.bucket.paths:
            continue
        # Where several ways were taken in one stretch, the change was there, and not at its end.
        other = before is not None and before.bucket.paths == 1 and cell.bucket.shown.path != before.bucket.shown.path
        if cell.bucket.paths > 1 or other:
            changed.append(cell)
        before = cell
    return tuple(changed)
