"""What the page of one target is made of: its time line, the sample that is looked at, and the ways on from there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.store.entry import Kind
from agent.ui.places import RANGES, Span, TargetPlace, utc
from agent.ui.reading import UnreadableError, record_in
from agent.views.escape import escape
from agent.views.hop_html.comparison import comparison_html
from agent.views.hop_html.sheet import sheet_html
from agent.views.hop_html.timeline import timeline_html
from agent.views.ui_html.frame import Crumb, Live
from agent.views.ui_html.overview import interval_of, silence_of
from agent.views.ui_html.target import Looked, TargetView, Way, target_page
from probes.frozen import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from agent.pages.page import Page
    from agent.store.entry import Entry
    from agent.store.history import History
    from agent.timeline import Moment, TargetNow, Timeline
    from agent.ui.places import Links
    from agent.views.ui_html.frame import Frame

_NAME_LIMIT: Final = 200
_MARKS: Final = {"critical": "critical", "warning": "warning", "ok": "good"}
_GONE: Final = "The store has no such sample of this target. It may have made room for newer ones."


class TargetMaker:
    """Makes the pages of targets."""

    def __init__(self, links: Links, intervals: Mapping[str, float]) -> None:
        """Take how addresses are written, and how often targets are measured, as far as that is known."""
        self._links = links
        self._intervals = intervals

    def page(
        self,
        history: History,
        target: TargetNow,
        place: TargetPlace,
        now: datetime,
        frame: Callable[..., Frame],
    ) -> Page:
        """Return the page of a target that there are samples of; raises HistoryError."""
        since, until = place.span.ends(now)
        timeline = history.timeline(target.name, since=since, until=until)
        seq = target.newest.seq if place.at is None else place.at
        newest = history.newest_seq()
        newer = history.newer(seq, target.name).samples if place.at is not None else 0
        view = self._view(history, target, place, timeline, now)
        live = Live(
            state=self._links.state(newest, place.key),
            after=newest,
            follows=place.at is None and place.beside is None and place.span.until is None,
            newer=newer,
        )
        name = escape(target.name, _NAME_LIMIT)
        return target_page(
            frame(
                title=name,
                mark=_MARKS.get(target.newest.status, "info"),
                trail=(Crumb(text="Targets", url=self._links.overview()), Crumb(text=name)),
                live=live,
            ),
            replace(view, newer=newer),
            now,
        )

    def _view(
        self, history: History, target: TargetNow, place: TargetPlace, timeline: Timeline, now: datetime
    ) -> TargetView:
        entry = _sample(history, target.name, target.newest.seq if place.at is None else place.at)
        other = None if place.beside is None else _sample(history, target.name, place.beside)
        since, until = place.span.ends(now)
        gone = entry is None or (other is None and place.beside is not None)
        interval_s = self._intervals.get(target.name) or interval_of(timeline)
        return TargetView(
            name=escape(target.name, _NAME_LIMIT),
            ranges=self._ranges(place),
            since=since,
            until=until,
            form=self._links.target(TargetPlace(key=place.key, span=Span())),
            custom=place.span.word is None,
            report=self._links.report(place.key, place.span) if timeline.buckets else "",
            timeline=self._timeline(place, timeline, entry, other),
            emptiness="" if timeline.buckets else f"Nothing was measured in this time: {_range_words(place.span)}.",
            instead=None if timeline.buckets else self._around_newest(target, place),
            steps=() if entry is None else self._steps(history, target, place, entry.seq),
            more=() if entry is None else self._more(place, entry.seq, target.newest.seq),
            looked=None if entry is None or gone else _looked(entry, other, past=place.at is not None),
            missing=_GONE if gone else "",
            newest=self._links.target(replace(place, at=None, beside=None, choosing=False)),
            newer=0,
            choosing=escape(entry.at, 40) if place.choosing and entry is not None else "",
            choosing_ends=self._links.target(replace(place, choosing=False)),
            silence=silence_of(target.newest.at, interval_s, now),
        )

    def _timeline(self, place: TargetPlace, timeline: Timeline, entry: Entry | None, other: Entry | None) -> str:
        if not timeline.buckets:
            return ""

        def leads_to(moment: Moment) -> str:
            if place.choosing and entry is not None:
                return self._links.target(
                    replace(place, at=entry.seq, beside=moment.seq if moment.seq != entry.seq else None, choosing=False)
                )
            return self._links.target(replace(place, at=moment.seq, beside=None, choosing=False))

        chosen = None if entry is None else entry.at
        compared = None if other is None else other.at
        return timeline_html(timeline, "t1", leads_to, chosen=chosen, compared=compared, zoom=True)

    def _ranges(self, place: TargetPlace) -> tuple[Way, ...]:
        return tuple(
            Way(
                text=text, url=self._links.target(replace(place, span=Span(word=word))), current=place.span.word == word
            )
            for word, (_, text) in RANGES.items()
        )

    def _around_newest(self, target: TargetNow, place: TargetPlace) -> Way:
        """Return where the newest samples are: the day that ends with them."""
        from datetime import datetime, timedelta  # noqa: PLC0415 - seldom

        newest = datetime.fromisoformat(target.newest.at)
        day = Span(word=None, since=utc(newest - timedelta(days=1)), until=utc(newest + timedelta(minutes=1)))
        return Way(text="Show the day before the newest sample", url=self._links.target(replace(place, span=day)))

    def _steps(self, history: History, target: TargetNow, place: TargetPlace, seq: int) -> tuple[Way, ...]:
        around = history.around(target.name, seq)

        def way(text: str, to: int | None) -> Way:
            # The newest is the one that is followed.
            at = None if to == target.newest.seq else to
            where = replace(place, at=at, beside=None, choosing=False)
            return Way(text=text, url=None if to is None else self._links.target(where))

        return (
            way("← Previous change", around.changed_before),
            way("← Previous", around.before),
            way("Next →", around.after),
            way("Next change →", around.changed_after),
        )

    def _more(self, place: TargetPlace, seq: int, newest: int) -> tuple[Way, ...]:
        return (
            *self._comparisons(place, seq, newest),
            Way(text="On a page of its own", url=self._links.sample(seq), keeps=False),
            Way(text="Download as a report", url=self._links.sample(seq, "html"), file=True),
            Way(text="Download as JSON", url=self._links.sample(seq, "json"), file=True),
        )

    def _comparisons(self, place: TargetPlace, seq: int, newest: int) -> tuple[Way, ...]:
        if place.beside is not None:
            return (Way(text="End the comparison", url=self._links.target(replace(place, beside=None))),)
        choosing = self._links.target(replace(place, at=seq, choosing=True))
        chosen = Way(text="Compare with…", url=choosing, current=place.choosing)
        if seq == newest:
            return (chosen,)
        beside = replace(place, at=seq, beside=newest, choosing=False)
        return Way(text="Compare with the newest", url=self._links.target(beside)), chosen


def _sample(history: History, target: str, seq: int) -> Entry | None:
    """Return a sample of a target, None where the number is that of something else."""
    entry = history.entry(seq)
    return entry if entry is not None and entry.kind is Kind.SAMPLE and entry.target == target else None


def _looked(entry: Entry, other: Entry | None, *, past: bool) -> Looked:
    try:
        record = record_in(entry)
        if other is None:
            return Looked(at=escape(entry.at, 40), sheet=sheet_html(record, "s1"), past=past)
        first, second = sorted((entry, other), key=lambda each: each.seq)
        sheet = comparison_html(record_in(first), record_in(second), "s1")
        return Looked(at=escape(first.at, 40), sheet=sheet, beside=escape(second.at, 40), past=past)
    except UnreadableError as error:
        return Looked(at=escape(entry.at, 40), sheet=f'<div class="empty"><p>{error}</p></div>', past=past)


def _range_words(span: Span) -> str:
    if span.word is not None:
        return f"the last {RANGES[span.word][1]}"
    return f"{span.since} to {span.until or 'now'}"
