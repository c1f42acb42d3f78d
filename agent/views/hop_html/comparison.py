"""Two moments of one target side by side: leg by leg and hop by hop, with what changed in one sentence above."""

from typing import Final

from agent.comparison import Change, Comparison, HopPair, LegPair, compared
from agent.record import Record
from agent.views.escape import escape
from agent.views.hop_html.lanes import outcome_words
from agent.views.hop_html.sheet import Sheet, sheet_of
from agent.views.hop_html.templates import macro
from agent.views.words import NODES, counted, milliseconds, percent, unanswered
from probes.facts import Direction, Hop, Leg
from probes.frozen import frozen

_CHANGES: Final[dict[Change, str]] = {
    Change.SAME: "",
    Change.REPLACED: "another router",
    Change.ANSWERS: "answers now",
    Change.SILENT: "silent now",
    Change.APPEARED: "only after",
    Change.GONE: "only before",
}
_LONGEST_NAME: Final = 64


@frozen
class Cell:
    """One hop at one of the two moments; every text is safe to show."""

    ttl: int
    address: str
    more: int
    name: str
    delay: str
    loss: str


@frozen
class Row:
    """A hop before and after; `change` says what became of it, `shift` what its delay did."""

    kind: str
    change: str
    before: Cell | None
    after: Cell | None
    shift: str
    slower: bool


@frozen
class Pair:
    """One leg before and after; an outcome is empty where there was no such leg."""

    title: str
    said: str
    before: str
    after: str
    rows: tuple[Row, ...]


@frozen
class Code:
    """One error's code, its mark, what it opens, and whether only this one of the two samples has it."""

    id: str
    code: str
    severity: str
    message: str
    only: bool


@frozen
class Beside:
    """The whole comparison: two sheets, what changed between them, and their legs in pairs."""

    id: str
    target: str
    changed: str
    sheets: tuple[Sheet, Sheet]
    codes: tuple[tuple[Code, ...], tuple[Code, ...]]
    pairs: tuple[Pair, ...]


def comparison_html(before: Record, after: Record, prefix: str) -> str:
    """Return two records side by side: an `<article id=prefix>`, for pages as `sheet_html` is.

    Args:
        before: One record.
        after: The other one; whichever began first stands first.
        prefix: What every id in it begins with: letters and digits.
    """
    first, second = sorted((before, after), key=lambda record: (record.started_at, record.seq))
    return macro("comparison.html", "comparison", _beside(first, second, prefix))


def changed_words(before: Record, after: Record) -> str:
    """Return what changed from one sample to a later one, in one sentence that says so of path, errors and delay."""
    return _sentence(compared(before, after))


def _beside(before: Record, after: Record, prefix: str) -> Beside:
    found = compared(before, after)
    sheets = sheet_of(before, f"{prefix}-before"), sheet_of(after, f"{prefix}-after")
    return Beside(
        id=prefix,
        target=sheets[1].target,
        changed=_sentence(found),
        sheets=sheets,
        codes=(_codes(sheets[0], found.went), _codes(sheets[1], found.came)),
        pairs=tuple(_pair(pair) for pair in found.legs),
    )


def _codes(sheet: Sheet, only: tuple[str, ...]) -> tuple[Code, ...]:
    mine = {escape(code) for code in only}
    return tuple(
        Code(
            id=each.id,
            code=each.code,
            severity=each.severity.value,
            message=each.message,
            only=each.code in mine,
        )
        for each in sheet.findings
    )


# --- what changed -----------------------------------------------------------------------------------------------------


def _sentence(found: Comparison) -> str:
    parts = [
        "" if found.same_target else "the target was set otherwise",
        "" if found.comparable else "the network changed during one of them, so its path tells nothing",
        *_way_parts(found),
        _list(found.came, "is new", "are new"),
        _list(found.went, "is gone", "are gone"),
        _list(found.stayed, "stays", "stay"),
        _delay_words(found),
        _loss_words(found),
    ]
    said = "; ".join(part for part in parts if part) or "nothing that was measured is different"
    return f"{_upper(said)}."


def _way_parts(found: Comparison) -> list[str]:
    """Return which legs lead another way; that the path is the same only where no leg says otherwise."""
    several = len(found.legs) > 1
    parts = [_way_words(pair, several=several) for pair in found.legs]
    said = [part for part in parts if part]
    if not said and any(pair.same_way for pair in found.legs):
        return ["the path is the same"]
    return said


def _way_words(pair: LegPair, *, several: bool) -> str:
    leg = pair.after or pair.before
    if leg is None:
        return ""
    ends = f"{NODES[leg.from_]} to {NODES[leg.to]}"
    if pair.before is None or pair.after is None:
        return f"only the {'later' if pair.before is None else 'earlier'} one has a path from {ends}"
    if pair.kept_ttl is None:
        return ""
    where = f"behind hop {pair.kept_ttl}" if pair.kept_ttl else "from the first hop on"
    return f"the path{f' from {ends}' if several else ''} changed {where}"


def _delay_words(found: Comparison) -> str:
    """Return `12.3 -> 48.9 ms`, or who of the two alone got an answer."""
    before, after = found.before.latency_us, found.after.latency_us
    if before is None or after is None:
        return "" if before is after else "an answer comes only " + ("before" if after is None else "after")
    old, new = milliseconds(before), milliseconds(after)
    return f"{new} ms both times" if old == new else f"{old} \u2192 {new} ms"


def _loss_words(found: Comparison) -> str:
    before, after = found.before.loss_ratio, found.after.loss_ratio
    if before == after or before is None or after is None:
        return ""
    return f"loss {_ratio_words(before)} \u2192 {_ratio_words(after)}"


def _ratio_words(ratio: float) -> str:
    return percent(round(ratio * 1_000_000), 1_000_000)


def _list(codes: tuple[str, ...], one: str, several: str) -> str:
    named = [escape(code) for code in codes]
    joined = " and ".join((", ".join(named[:-1]), named[-1])) if len(named) > 1 else "".join(named)
    return f"{joined} {several if len(named) > 1 else one}" if named else ""


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


# --- legs and hops ----------------------------------------------------------------------------------------------------


def _pair(pair: LegPair) -> Pair:
    leg = pair.after or pair.before
    title = f"{_upper(NODES[leg.from_])} to {NODES[leg.to]}" if leg else ""
    back = ", way back" if leg and leg.direction is Direction.REVERSE else ""
    return Pair(
        title=title + back,
        said=_said(pair),
        before=_outcome(pair.before),
        after=_outcome(pair.after),
        rows=tuple(_row(each) for each in pair.pairs),
    )


def _said(pair: LegPair) -> str:
    way = {None: "", True: "same path", False: f"changed behind hop {pair.kept_ttl}"}[pair.same_way]
    if pair.kept_ttl == 0:
        way = "changed from the first hop on"
    return ", ".join(part for part in (way, _shift(pair.shift_us)) if part)


def _outcome(leg: Leg | None) -> str:
    return outcome_words(leg) if leg else ""


def _row(pair: HopPair) -> Row:
    return Row(
        kind=pair.change.value,
        change=_change(pair),
        before=_cell(pair.before),
        after=_cell(pair.after),
        shift=_shift(pair.shift_us),
        slower=(pair.shift_us or 0) > 0,
    )


def _change(pair: HopPair) -> str:
    if pair.change is not Change.MOVED or pair.before is None or pair.after is None:
        return _CHANGES[pair.change]
    by = pair.after.probe_ttl - pair.before.probe_ttl
    return f"{counted(abs(by), 'hop')} {'further' if by > 0 else 'nearer'}"


def _shift(shift_us: int | None) -> str:
    if shift_us is None:
        return ""
    return f"{milliseconds(abs(shift_us))} ms {'slower' if shift_us > 0 else 'faster'}"


def _cell(hop: Hop | None) -> Cell | None:
    if hop is None:
        return None
    first = hop.responders[0] if hop.responders else None
    failed = unanswered(hop)
    return Cell(
        ttl=hop.probe_ttl,
        address=escape(first.address) if first else "no answer",
        more=max(0, len(hop.responders) - 1),
        name=escape(first.name.removesuffix("."), _LONGEST_NAME) if first and first.name else "",
        delay=f"{milliseconds(hop.rtt_us.avg)} ms" if hop.rtt_us else "",
        loss=f"{percent(failed, hop.sent)} unanswered" if failed and first else "",
    )
