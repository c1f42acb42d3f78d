"""What a picture over time is drawn of: where each stretch of samples stands, and the outlines of latency and loss."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from statistics import median
from typing import Final

from agent.timeline import Bucket, Timeline
from agent.views.hop_html.time_axes import HEIGHT, Scale, Span, seconds_of
from probes.frozen import frozen

# Samples come a little early or late. What lies further apart than this, in usual distances, has something missing.
_MISSING: Final = 1.75
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


@frozen
class Block:
    """Neighbours of the same status, as per cent of the axis."""

    status: str
    at: float
    width: float


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


def blocks_of(cells: Sequence[Cell], span: Span) -> tuple[Block, ...]:
    """Return the statuses, neighbours of the same one as a whole, in the order of time."""
    runs: list[list[Cell]] = []
    for cell in cells:
        if runs and cell.follows and runs[-1][-1].bucket.status == cell.bucket.status:
            runs[-1].append(cell)
        else:
            runs.append([cell])
    return tuple(_block(run, span) for run in runs)


def _block(run: Sequence[Cell], span: Span) -> Block:
    left, right = span.x(run[0].start) / 10, span.x(run[-1].end) / 10
    return Block(status=run[0].bucket.status, at=round(left, 2), width=round(right - left, 2))


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
