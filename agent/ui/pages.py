"""What each live page is made of: what the store says, put into the hands of the views."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from agent.report import telling_moments
from agent.store.entry import Kind
from agent.store.schema import FILE
from agent.ui.places import (
    RANGES,
    Changes,
    Overview,
    ReportPlace,
    SamplePlace,
    Span,
    State,
    TargetPlace,
    key_of,
    named_by,
)
from agent.ui.places import NoSuchPlaceError as Nowhere
from agent.ui.reading import Verdicts, record_in
from agent.ui.target import TargetMaker
from agent.views.escape import escape
from agent.views.hop_html.sheet import sheet_html
from agent.views.ui_html.changes import changes_page
from agent.views.ui_html.frame import HTML, Crumb, Frame, Live, data_of, file_of, page_of
from agent.views.ui_html.overview import Pager, StoreFacts, Tally, TargetFacts, interval_of, overview_page
from agent.views.ui_html.target import Way, sample_page
from agent.views.verdict import STATUS_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from agent.pages.page import Page
    from agent.store.history import History
    from agent.timeline import TargetNow
    from agent.ui.places import Links

# What a person reads before searching, and what is drawn in a tenth of a second.
_TARGETS_A_PAGE: Final = 40
_SPARK_BUCKETS: Final = 96
_HAPPENED_OF_LATE: Final = 6
_MOST_CHANGES: Final = 200
_GRAVITY: Final = {status.value: rank for rank, status in enumerate(STATUS_WORDS)}
_MARKS: Final = {"critical": "critical", "warning": "warning", "failed": "info", "discarded": "info", "ok": "good"}
_MARK_GRAVITY: Final = ("critical", "warning", "info", "good")


class Pages:
    """Makes the pages; each method raises HistoryError, and Nowhere for what is not in the store."""

    def __init__(self, directory: Path, links: Links, intervals: Mapping[str, float]) -> None:
        """Take where the store is, how addresses are written, and how often targets are measured, as far as known."""
        self._directory = directory
        self._links = links
        self._intervals = intervals
        self._verdicts = Verdicts()
        # By what stands for them in addresses: a page that asks every few seconds has been shown before.
        self._names: dict[str, str] = {}
        self._target = TargetMaker(links, intervals)

    def overview(self, history: History, place: Overview, now: datetime) -> Page:
        """Return the page of all targets."""
        everything = sorted(history.overview(), key=_gravest_first)
        found = [each for each in everything if place.find.lower() in each.name.lower()]
        last = max(1, -(-len(found) // _TARGETS_A_PAGE))
        number = min(max(place.page, 1), last)
        shown = found[(number - 1) * _TARGETS_A_PAGE : number * _TARGETS_A_PAGE]
        since, until = Span().ends(now)
        newest = history.newest_seq()
        frame = self._frame(
            title=_title(everything),
            mark=_worst_mark(everything),
            here="home",
            live=Live(state=self._links.state(newest), after=newest, follows=True),
        )
        return overview_page(
            frame,
            [self._facts(history, each, since, until) for each in shown],
            _tallies(everything),
            history.happenings(since=since, until=until, last=_HAPPENED_OF_LATE),
            self._store(history, everything),
            Pager(
                number=number,
                last=last,
                before=self._links.overview(number - 1, place.find) if number > 1 else None,
                after=self._links.overview(number + 1, place.find) if number < last else None,
            ),
            place.find,
            now,
        )

    def target(self, history: History, place: TargetPlace, now: datetime) -> Page:
        """Return the page of one target."""
        known = {each.name: each for each in history.overview()}
        name = named_by(place.key, known)
        if name is None:
            raise Nowhere(404, "The store has no sample of such a target. It may have made room for newer ones.")
        self._names[place.key] = name
        return self._target.page(history, known[name], place, now, self._frame)

    def report(self, history: History, place: ReportPlace, now: datetime) -> Page:
        """Return a target over a time as a file that needs nothing else: its line, and the moments that tell most."""
        name = named_by(place.key, history.targets())
        since, until = place.span.ends(now)
        timeline = history.timeline(name or "", since=since, until=until)
        seqs = [moment.seq for moment in telling_moments(timeline)]
        records = [record_in(entry) for seq in seqs if (entry := history.entry(seq)) is not None]
        if name is None or not records:
            raise Nowhere(404, "The store has no sample of such a target in this time.")
        from agent.views.hop_html.page import hop_page  # noqa: PLC0415 - only for who takes it away

        return file_of(f"cloudpath-{place.key}.html", hop_page(records, (timeline,)), HTML)

    def changes(self, history: History, place: Changes, now: datetime) -> Page:
        """Return the page of what happened to the network and to the store."""
        since, until = place.span.ends(now)
        ranges = [
            Way(text=text, url=self._links.changes(Span(word=word)), current=word == place.span.word)
            for word, (_, text) in RANGES.items()
        ]
        newest = history.newest_seq()
        frame = self._frame(
            title="What changed",
            mark="info",
            here="changes",
            live=Live(
                state=self._links.state(newest),
                after=newest,
                follows=place.span.until is None,
            ),
        )
        found = history.happenings(since=since, until=until, last=_MOST_CHANGES)
        return changes_page(frame, found, ranges, _MOST_CHANGES, now)

    def sample(self, history: History, place: SamplePlace) -> Page:
        """Return one sample, as a page or as a file."""
        entry = history.entry(place.seq)
        if entry is None:
            raise Nowhere(404, f"The store has no entry {place.seq}. It may have made room for newer ones.")
        if place.form == "json":
            return file_of(
                f"cloudpath-{place.seq}.json", entry.data.decode("utf-8", "replace") + "\n", "application/json"
            )
        if entry.kind is not Kind.SAMPLE:
            raise Nowhere(
                404, f"Entry {place.seq} is no sample, but a {entry.kind.value}; its data is at {place.seq}.json."
            )
        record = record_in(entry)
        if place.form == "html":
            from agent.views.hop_html.page import hop_page  # noqa: PLC0415 - only for who takes it away

            return file_of(f"cloudpath-{place.seq}.html", hop_page([record]), HTML)
        name = entry.target or ""
        here = TargetPlace(key=key_of(name), span=Span(), at=place.seq)
        ways = [
            Way(text="Show it on the time line", url=self._links.target(here)),
            Way(text="Download as a report", url=self._links.sample(place.seq, "html"), file=True),
            Way(text="Download as JSON", url=self._links.sample(place.seq, "json"), file=True),
        ]
        trail = (
            Crumb(text="Targets", url=self._links.overview()),
            Crumb(text=escape(name, 80), url=self._links.target(here)),
            Crumb(text=f"Sample {place.seq}"),
        )
        frame = self._frame(
            title=f"{escape(name, 80)}, sample {place.seq}", mark=_MARKS.get(entry.status or "", "info"), trail=trail
        )
        return sample_page(frame, sheet_html(record, "s1"), name, ways)

    def state(self, history: History, place: State) -> Page:
        """Return what is newer than a page has, as JSON: `newest` number, and how many `newer` samples."""
        name = None
        if place.key is not None:
            name = self._names.get(place.key) or named_by(place.key, history.targets())
        newer = history.newer(place.after, name)
        return data_of(json.dumps({"newest": newer.newest, "newer": newer.samples}))

    def trouble(self, status: int, title: str, text: str) -> Page:
        """Return a page that says what could not be shown."""
        return page_of("trouble.html", self._frame(title=title, mark="info"), status, title=title, text=text)

    def _frame(
        self, title: str, mark: str, here: str = "", trail: tuple[Crumb, ...] = (), live: Live | None = None
    ) -> Frame:
        return Frame(
            title=title,
            mark=mark,
            home=self._links.overview(),
            changes=self._links.changes(Span()),
            here=here,
            trail=trail,
            live=live,
        )

    def _facts(self, history: History, target: TargetNow, since: str, until: str) -> TargetFacts:
        timeline = history.timeline(target.name, since=since, until=until, most_buckets=_SPARK_BUCKETS)
        return TargetFacts(
            name=target.name,
            url=self._links.target(TargetPlace(key=key_of(target.name), span=Span())),
            at=target.newest.at,
            verdict=self._verdicts.of(history, target.newest.seq, target.newest.at),
            codes=target.newest.codes,
            latency_us=target.newest.latency_us,
            loss_ratio=target.newest.loss_ratio,
            timeline=timeline,
            interval_s=self._intervals.get(target.name) or interval_of(timeline),
        )

    def _store(self, history: History, targets: Sequence[TargetNow]) -> StoreFacts:
        backlogs = history.backlogs()
        return StoreFacts(
            size_bytes=sum(_size_bytes(self._directory / f"{FILE}{suffix}") for suffix in ("", "-wal")),
            samples=sum(target.samples for target in targets),
            since=min((target.first_at for target in targets), default=None),
            waiting=tuple((each.sink, each.pending) for each in backlogs),
            refused=tuple((each.sink, each.parked) for each in backlogs),
        )


def _size_bytes(file: Path) -> int:
    """Return how large a file is, 0 for none: whoever closes the store last takes its log away."""
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _gravest_first(target: TargetNow) -> tuple[int, str]:
    return _GRAVITY.get(target.newest.status, 0), target.name


def _worst_mark(targets: Iterable[TargetNow]) -> str:
    marks = {_MARKS.get(target.newest.status, "info") for target in targets}
    return next((mark for mark in _MARK_GRAVITY if mark in marks), "info")


def _title(targets: Sequence[TargetNow]) -> str:
    bad = sum(target.newest.status in {"critical", "warning"} for target in targets)
    return f"{bad} of {len(targets)} targets need a look" if bad else "All targets"


def _tallies(targets: Sequence[TargetNow]) -> list[Tally]:
    counts = [sum(target.newest.status == status.value for target in targets) for status in STATUS_WORDS]
    return [
        Tally(count=count, word=word, mark=_MARKS[status.value])
        for count, (status, word) in zip(counts, STATUS_WORDS.items(), strict=True)
    ]
