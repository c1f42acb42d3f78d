"""The page of all targets: how each is now, the worst first, and what happened to the network of late. Pure."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

from agent.pages.page import Page
from agent.timeline import Happening, Timeline
from agent.views.escape import escape, escape_text
from agent.views.ui_html.frame import Frame, page_of
from agent.views.ui_html.sparkline import HEIGHT, WIDTH, Sparkline, sparkline_of
from agent.views.ui_html.times import ago, instant, seconds_between, stretch
from agent.views.verdict import Verdict
from agent.views.words import milliseconds
from probes.frozen import frozen

# A sample may begin late and take its time; who is silent for longer than two rounds has stopped.
_ROUNDS: Final = 2
_LATE_S: Final = 120
_NAME_LIMIT: Final = 80


@frozen
class TargetFacts:
    """What is known of one target.

    Attributes:
        url: Where it is shown.
        verdict: Of the newest sample, which began `at`.
        latency_us: To the destination, None where nothing answered; `loss_ratio` None where nothing was asked.
        timeline: Its last 24 hours.
        interval_s: How often it is measured, None where that is not known.
    """

    name: str
    url: str
    at: str
    verdict: Verdict
    codes: tuple[str, ...]
    latency_us: int | None
    loss_ratio: float | None
    timeline: Timeline
    interval_s: float | None


@frozen
class TargetRow:
    """One target as the page shows it; every text is safe to show."""

    name: str
    url: str
    word: str
    mark: str
    line: str
    codes: tuple[str, ...]
    latency: str
    loss: str
    lossy: bool
    at: str
    iso: str
    ago: str
    silence: str
    spark: Sparkline


@frozen
class Happened:
    """A change of the network or a loss of the store as pages show it; every text is safe to show."""

    iso: str
    at: str
    ago: str
    kind: str
    title: str
    text: str


@frozen
class StoreFacts:
    """What holds it all: what its files take, since when it has samples, and how many."""

    size_bytes: int
    samples: int
    since: str | None
    waiting: tuple[tuple[str, int], ...] = ()
    refused: tuple[tuple[str, int], ...] = ()


@frozen
class Pager:
    """Where the pages before and after this one are, None where there is none."""

    number: int
    last: int
    before: str | None
    after: str | None


@frozen
class Tally:
    """How many targets are of one kind; `word` and `mark` as of a verdict."""

    count: int
    word: str
    mark: str


def overview_page(
    frame: Frame,
    targets: Sequence[TargetFacts],
    tallies: Sequence[Tally],
    happenings: Sequence[Happening],
    store: StoreFacts,
    pager: Pager,
    find: str,
    now: datetime,
) -> Page:
    """Return the page; `targets` are those of this page of it, in their order."""
    rows = [_row(facts, now) for facts in targets]
    return page_of(
        "overview.html",
        frame,
        rows=rows,
        tallies=tallies,
        total=sum(tally.count for tally in tallies),
        silence=_silence_of_all(targets, rows, now),
        happenings=[happened(each, now) for each in reversed(happenings)],
        store=_store_words(store),
        pager=pager,
        find=escape(find),
        width=WIDTH,
        height=HEIGHT,
    )


def happened(each: Happening, now: datetime) -> Happened:
    """Return what happened, safe to show."""
    return Happened(
        iso=escape(each.at, 40),
        at=instant(escape(each.at, 40)),
        ago=ago(each.at, now),
        kind=each.kind,
        title=escape_text(each.title),
        text=escape_text(each.text),
    )


def silence_of(at: str, interval_s: float | None, now: datetime) -> str:
    """Return for how long nothing was measured that should have been, empty where all is as it should be."""
    silent_s = seconds_between(at, now)
    if interval_s is None or silent_s <= _ROUNDS * interval_s + _LATE_S:
        return ""
    return stretch(silent_s)


def interval_of(timeline: Timeline) -> float | None:
    """Return how often a target was measured, seconds, judged by its time line; None where that shows too little."""
    if timeline.bucket_s:
        rates = sorted(timeline.bucket_s / bucket.samples for bucket in timeline.buckets)
    else:
        starts = [datetime.fromisoformat(bucket.shown.at) for bucket in timeline.buckets]
        rates = sorted((later - earlier).total_seconds() for earlier, later in pairwise(starts))
    return rates[len(rates) // 2] if rates else None


def percent(ratio: float | None) -> str:
    """Return a share in whole percent, `<1%` for less than that, and nothing for what is not known."""
    if ratio is None:
        return ""
    return "<1%" if 0 < ratio < 0.01 else f"{ratio:.0%}"  # noqa: PLR2004


def _row(facts: TargetFacts, now: datetime) -> TargetRow:
    return TargetRow(
        name=escape(facts.name, _NAME_LIMIT),
        url=facts.url,
        word=facts.verdict.word,
        mark=facts.verdict.mark,
        line=facts.verdict.line,
        codes=tuple(escape(code, 12) for code in facts.codes),
        latency="" if facts.latency_us is None else f"{milliseconds(facts.latency_us)} ms",
        loss=percent(facts.loss_ratio),
        lossy=bool(facts.loss_ratio),
        at=instant(escape(facts.at, 40)),
        iso=escape(facts.at, 40),
        ago=ago(facts.at, now),
        silence=silence_of(facts.at, facts.interval_s, now),
        spark=sparkline_of(facts.timeline),
    )


def _silence_of_all(targets: Sequence[TargetFacts], rows: Sequence[TargetRow], now: datetime) -> str:
    """Return for how long nothing at all was measured, empty where anything was."""
    if not rows or not all(row.silence for row in rows):
        return ""
    return stretch(seconds_between(max(facts.at for facts in targets), now))


def _store_words(store: StoreFacts) -> list[str]:
    number = f"{store.samples:,} sample{'' if store.samples == 1 else 's'}"
    since = f" since {instant(escape(store.since, 40))} UTC" if store.since else ""
    words = [f"The store has {number}{since}, in {max(store.size_bytes / 1e6, 0.1):,.1f} MB."]
    words += [
        f"{escape(sink)} has still to get {count:,} entr{'y' if count == 1 else 'ies'}."
        for sink, count in store.waiting
        if count
    ]
    words += [
        f"{escape(sink)} refused {count:,}; cloudpath history --sinks says why."
        for sink, count in store.refused
        if count
    ]
    return words
