"""Latency, loss and verdicts of one target over time, as a figure (SVG in HTML) that is seen and read without a script.

Everything is drawn here; the script adds a hand that moves over it, and tells the page which moment was chosen.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Final

from agent.timeline import Bucket, Happening, Moment, Timeline
from agent.views.escape import escape, escape_text
from agent.views.hop_html.templates import macro
from agent.views.hop_html.time_axes import (
    WIDTH,
    Scale,
    Span,
    Tick,
    latency_scale,
    loss_scale,
    moment_words,
    seconds_of,
    span_of,
    stretch_words,
    time_ticks,
)
from agent.views.hop_html.time_shapes import (
    Cell,
    band_path,
    bars_path,
    beyond_path,
    cells_of,
    dots_path,
    foot_path,
    in_order,
    line_path,
    path_changes,
    shares_path,
)
from agent.views.verdict import STATUS_WORDS
from agent.views.words import counted, milliseconds
from probes.frozen import frozen

Link = Callable[[Moment], str | None]

_STATUSES: Final = {status.value: word for status, word in reversed(STATUS_WORDS.items())}
_HAPPENINGS: Final = {"change": "Network change", "gap": "Lost samples"}
_MIXED: Final = "mixed"
# So few stretches are drawn as a mark each.
_FEW: Final = 90
_MOST_CODES: Final = 6


@frozen
class Figure:
    """A number that tells much, in words: `12.3 ms`, and what it is."""

    label: str
    value: str


@frozen
class Row:
    """One stretch, in words: a row of the table, and what the hand tells while it is over it.

    Attributes:
        offset_s: How far from the beginning it is drawn; `at` is the same in per cent of the axis.
        left: Where it begins for the mouse, in per cent; it reaches over `width`.
        href: Where its sample is shown, None where it is not.
        tone: The status, as a class, or that there are several; `status` is the same in words.
    """

    seq: int
    offset_s: int
    at: float
    left: float
    width: float
    href: str | None
    when: str
    samples: str
    latency: str
    spread: str
    loss: str
    tone: str
    status: str
    codes: str
    path: str


@frozen
class Mark:
    """What happened between samples: where it stands on the axis, and what is said of it."""

    id: str
    at: float
    kind: str
    kind_word: str
    instant: str
    when: str
    title: str
    text: str


@frozen
class Drawing:
    """All that is drawn: outlines (SVG paths), ticks, each status with its shares, and places of changes of the way."""

    time: tuple[Tick, ...]
    latency: tuple[Tick, ...]
    loss: tuple[Tick, ...]
    band: str
    line: str
    beyond: str
    beyond_words: str
    dots: str
    shown: str
    mean_loss: str
    worst_loss: str
    verdicts: tuple[tuple[str, str], ...]
    foot: str
    changed_ways: tuple[float, ...]


@frozen
class Picture:
    """The whole figure; every text in it is safe to show.

    Attributes:
        stretch_s: How long each row's stretch is, 0 where it is one sample.
        chosen: Which row has the moment that the page shows; `compared`: the one beside it.
        about: What the picture stands for, in a sentence.
        missing: What of it cannot be opened, up to the command with which it can; empty where everything can.
        zoom: Whether finer stretches can be had.
    """

    id: str
    target: str
    since: str
    until: str
    since_words: str
    until_words: str
    stretch_s: int
    about: str
    missing: str
    summary: str
    figures: tuple[Figure, ...]
    drawing: Drawing
    rows: tuple[Row, ...]
    marks: tuple[Mark, ...]
    left_out: str
    statuses: tuple[tuple[str, str], ...]
    chosen: int | None
    compared: int | None
    zoom: bool


def timeline_html(
    timeline: Timeline,
    prefix: str,
    link: Link,
    *,
    chosen: str | None = None,
    compared: str | None = None,
    zoom: bool = False,
) -> str:
    """Return the figure of a target's samples over time, as HTML for a page that has `timeline.css`.

    Args:
        timeline: May be without any bucket: the figure then says so.
        prefix: Begins every identity in it; one of its own in a page.
        link: Where a moment's sample is shown (an anchor in the page, or a URL), None where nowhere.
        chosen: When the sample began that the page shows now (RFC 3339).
        compared: Likewise the one beside it.
        zoom: The page answers `cloudpath:range` with a finer timeline.
    """
    return macro("timeline.html", "figure", _picture(timeline, prefix, link, chosen, compared, zoom=zoom))


def _picture(
    timeline: Timeline, prefix: str, link: Link, chosen: str | None, compared: str | None, *, zoom: bool
) -> Picture:
    span = span_of(timeline.since, timeline.until)
    cells = cells_of(timeline)
    rows = _rows(cells, span, link, single=not timeline.bucket_s)
    return Picture(
        id=prefix,
        target=escape(timeline.target),
        since=timeline.since,
        until=timeline.until,
        since_words=moment_words(timeline.since),
        until_words=moment_words(timeline.until),
        stretch_s=timeline.bucket_s,
        about=_about(timeline),
        missing=_missing(rows),
        summary=_summary(timeline),
        figures=tuple(_figures(timeline)),
        drawing=_drawing(cells, rows, span),
        rows=rows,
        marks=tuple(_mark(each, number, span, prefix) for number, each in enumerate(timeline.happenings, 1)),
        left_out=f"{timeline.left_out:,} more of the kind are not told here." if timeline.left_out else "",
        statuses=_statuses(timeline.buckets),
        chosen=_place_of(chosen, cells),
        compared=_place_of(compared, cells),
        zoom=zoom,
    )


def _drawing(cells: Sequence[Cell], rows: Sequence[Row], span: Span) -> Drawing:
    buckets = [cell.bucket for cell in cells]
    latency = latency_scale(bucket.high_us for bucket in buckets if bucket.high_us is not None)
    loss = loss_scale(max((bucket.worst_loss_ratio or 0.0 for bucket in buckets), default=0.0))
    shown = [cell for cell, row in zip(cells, rows, strict=True) if row.href is not None]
    return Drawing(
        time=time_ticks(span),
        latency=latency.ticks,
        loss=loss.ticks,
        band=band_path(cells, span, latency),
        line=line_path(cells, span, latency),
        beyond=beyond_path(cells, span, latency),
        beyond_words=_beyond_words(buckets, latency),
        dots=dots_path(cells, span, latency) if len(cells) <= _FEW else "",
        shown=dots_path(shown, span, latency) if len(shown) < len(cells) else "",
        mean_loss=bars_path(cells, span, loss, worst=False),
        worst_loss=bars_path(cells, span, loss, worst=True),
        verdicts=tuple((status, shares_path(cells, span, status)) for status, _ in _statuses(buckets)),
        foot=foot_path(cells, span),
        changed_ways=tuple(round(100 * span.x(cell.start) / WIDTH, 2) for cell in path_changes(cells)),
    )


def _beyond_words(buckets: Sequence[Bucket], scale: Scale) -> str:
    outside = [bucket.high_us for bucket in buckets if bucket.high_us is not None and bucket.high_us > scale.top]
    return f"above the scale, up to {milliseconds(max(outside))} ms" if outside else ""


# --- words ------------------------------------------------------------------------------------------------------------


def _about(timeline: Timeline) -> str:
    samples = _many(timeline.samples, "sample")
    if not timeline.buckets:
        return "No samples in this time."
    if len(timeline.buckets) == timeline.samples:
        return f"{samples}, each drawn by itself."
    long = stretch_words(timeline.bucket_s).replace(" ", "\N{NO-BREAK SPACE}")
    return f"{samples} in {_many(len(timeline.buckets), 'stretch', 'es')} of {long}."


def _missing(rows: Sequence[Row]) -> str:
    here = sum(row.href is not None for row in rows)
    if here == len(rows):
        return ""
    return f"{here} of {len(rows)} can be opened here, and have a ring; the others are in the store, to be seen with"


def _many(number: int, noun: str, plural: str = "s") -> str:
    return f"{number:,} {noun}{'' if number == 1 else plural}"


def _figures(timeline: Timeline) -> Iterable[Figure]:
    buckets = timeline.buckets
    if not buckets:
        return
    yield Figure(label="of samples healthy", value=_share_not_rounded_up(timeline.fine, timeline.samples))
    highest = max((bucket.high_us for bucket in buckets if bucket.high_us is not None), default=None)
    for label, us in (
        ("median latency", timeline.median_us),
        ("not exceeded by 95 in 100", timeline.p95_us),
        ("highest latency", highest),
    ):
        if us is not None:
            yield Figure(label=label, value=f"{milliseconds(us)} ms")
    if highest is None:
        yield Figure(label="latency", value="not measured")
    worst = max((bucket.worst_loss_ratio for bucket in buckets if bucket.worst_loss_ratio is not None), default=None)
    if worst is not None:
        yield Figure(label="highest loss of a sample", value=_share(worst))


def _share_not_rounded_up(part: int, whole: int) -> str:
    """Return a share in per cent, never more than it is: 100 only where it is exact."""
    hundredths = 10_000 * part // whole
    return f"{hundredths / 100:g}%"


def _summary(timeline: Timeline) -> str:
    """Return what the picture shows, for who cannot see it."""
    if not timeline.buckets:
        return "Nothing is drawn: there are no samples."
    told = "; ".join(f"{figure.label} {figure.value}" for figure in _figures(timeline))
    happened = counted(len(timeline.happenings), "network change or loss")
    return f"{told}; {happened}." if timeline.happenings else f"{told}."


def _statuses(buckets: Sequence[Bucket]) -> tuple[tuple[str, str], ...]:
    """Return each status that occurs, and its word, the gravest last: it is drawn over its neighbours."""
    there = {status for bucket in buckets for status, _ in bucket.counts}
    return tuple((status, word) for status, word in _STATUSES.items() if status in there)


def _rows(cells: Sequence[Cell], span: Span, link: Link, *, single: bool) -> tuple[Row, ...]:
    edges = _edges(cells, span)
    return tuple(
        _row(cell, before, after, span, link, single=single)
        for cell, (before, after) in zip(cells, pairwise(edges), strict=True)
    )


def _edges(cells: Sequence[Cell], span: Span) -> list[float]:
    """Return where, in per cent, the mouse is nearer to one cell's middle than to its neighbour's."""
    middles = [span.x(cell.middle) * 100 / WIDTH for cell in cells]
    return [0.0, *(round((one + other) / 2, 2) for one, other in pairwise(middles)), *([100.0] if middles else [])]


def _row(cell: Cell, before: float, after: float, span: Span, link: Link, *, single: bool) -> Row:
    bucket = cell.bucket
    return Row(
        seq=bucket.shown.seq,
        offset_s=round(cell.middle - span.since),
        at=round(100 * span.x(cell.middle) / WIDTH, 2),
        left=before,
        width=round(after - before, 2),
        href=link(bucket.shown),
        when=moment_words(bucket.shown.at if single else bucket.since),
        samples=f"{bucket.samples:,}",
        latency="" if bucket.median_us is None else milliseconds(bucket.median_us),
        spread=_spread(bucket),
        loss=_loss(bucket),
        tone=bucket.status if len(bucket.counts) == 1 else _MIXED,
        status=_verdict(bucket),
        codes=_codes(bucket.codes),
        path="changed" if bucket.paths > 1 else "",
    )


def _verdict(bucket: Bucket) -> str:
    """Return the status that all samples have, or how many have each: `132 healthy, 1 warning`."""
    if len(bucket.counts) == 1:
        return _STATUSES[bucket.status]
    return ", ".join(f"{count:,} {_STATUSES[status].lower()}" for status, count in in_order(bucket.counts))


def _spread(bucket: Bucket) -> str:
    if bucket.low_us is None or bucket.high_us is None or bucket.low_us == bucket.high_us:
        return ""
    return f"{milliseconds(bucket.low_us)} to {milliseconds(bucket.high_us)}"


def _loss(bucket: Bucket) -> str:
    if bucket.loss_ratio is None or bucket.worst_loss_ratio is None:
        return ""
    mean, worst = _share(bucket.loss_ratio), _share(bucket.worst_loss_ratio)
    return mean if mean == worst else f"{mean}, once {worst}"


def _share(ratio: float) -> str:
    """Return a share in per cent; 0 only where it is exact."""
    percent = 100 * ratio
    return "<0.1%" if 0 < percent < 0.1 else f"{percent:.2g}%" if percent < 1 else f"{percent:.0f}%"  # noqa: PLR2004


def _codes(codes: Sequence[str]) -> str:
    shown = " ".join(escape(code, 16) for code in codes[:_MOST_CODES])
    return f"{shown} and {len(codes) - _MOST_CODES} more" if len(codes) > _MOST_CODES else shown


def _mark(happening: Happening, number: int, span: Span, prefix: str) -> Mark:
    return Mark(
        id=f"{prefix}-happening-{number}",
        at=round(100 * span.x(seconds_of(happening.at)) / WIDTH, 2),
        kind=happening.kind,
        kind_word=_HAPPENINGS[happening.kind],
        instant=happening.at,
        when=moment_words(happening.at),
        title=escape_text(happening.title),
        text=escape_text(happening.text),
    )


def _place_of(instant: str | None, cells: Sequence[Cell]) -> int | None:
    """Return which cell an instant is in, None where none is there."""
    if instant is None:
        return None
    place = bisect_right([cell.start for cell in cells], seconds_of(instant)) - 1
    return place if place >= 0 and seconds_of(instant) <= cells[place].end else None
