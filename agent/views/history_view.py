"""The history of samples for a person: a line each, the newest last, and what happened to the network between them."""

import json
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any, Final

from agent.happenings import happening_of
from agent.measures import measures_in
from agent.store.entry import Entry, Kind, SinkBacklog
from agent.store.parking import Parked
from agent.views.escape import escape
from agent.views.listing import listing
from agent.views.prose import wrapped
from agent.views.style import Paint, Style
from agent.views.words import milliseconds

_HEADERS: Final = ("Time (UTC)", "Target", "Status", "RTT (ms)", "Loss", "Took", "Errors")
_FIGURES: Final = frozenset({3, 4, 5})
_NOTHING: Final = "-"
_TARGET_WIDTH: Final = 24
_STATUS_WIDTH: Final = 10
_TITLE_WIDTH: Final = 120
_TEXT_WIDTH: Final = 180
_REASON_WIDTH: Final = 120
_GAP: Final = 2
# Room for one code.
_NARROWEST_ERRORS: Final = 6

_PAINTS: Final = {"ok": Paint.GOOD, "warning": Paint.WARNING, "critical": Paint.CRITICAL, "failed": Paint.CRITICAL}

_SINK_HEADERS: Final = ("Sink", "Waiting", "Oldest (UTC)", "Refused", "Delivered to")
_PARKED_HEADERS: Final = ("Sink", "Refused (UTC)", "Entries", "Numbers", "Why")


def history_view(entries: Iterable[Entry], style: Style) -> str:
    """Return a table of samples, with changes and losses where they happened, ending in a line break."""
    found = list(entries)
    rows = [_sample_row(entry, style) for entry in found if entry.kind is Kind.SAMPLE]
    widths = [max(len(row[column]) for row in (_HEADERS, *rows)) for column in range(len(_HEADERS))]
    lines = [style.paint(_line(_HEADERS, widths, style)[0], Paint.HEAD)] if rows else []
    following = iter(rows)
    for entry in found:
        if entry.kind is Kind.SAMPLE:
            first, *more = _line(next(following), widths, style)
            lines += [_painted(first, entry, style), *more]
        else:
            lines += _between(entry, style)
    return "\n".join(lines) + "\n"


def _line(row: Sequence[str], widths: Sequence[int], style: Style) -> list[str]:
    """Return one row; errors that do not fit beside it go on below themselves."""
    cells = [
        text.rjust(width) if column in _FIGURES else text.ljust(width)
        for column, (text, width) in enumerate(zip(row[:-1], widths, strict=False))
    ]
    front = (" " * _GAP).join(cells) + " " * _GAP
    if style.width is None or len(front) + len(row[-1]) <= style.width:
        return [f"{front}{row[-1]}".rstrip()]
    indent = len(front) if style.width - len(front) >= _NARROWEST_ERRORS else _GAP
    beside = textwrap.wrap(row[-1], style.width - indent) or [""]
    if indent == len(front):
        return [f"{front}{beside[0]}", *(f"{' ' * indent}{line}" for line in beside[1:])]
    return [front.rstrip()[: style.width], *(f"{' ' * indent}{line}" for line in beside if line)]


def _painted(line: str, entry: Entry, style: Style) -> str:
    status = entry.status or ""
    words = f"{_icon(status, style)} {status}"
    return line.replace(words, style.paint(words, _PAINTS.get(status, Paint.INFO)), 1)


def _sample_row(entry: Entry, style: Style) -> tuple[str, ...]:
    document = _document(entry)
    measures = measures_in(document)
    rtt_us, loss = measures.latency_us, measures.loss_ratio
    status = entry.status or ""
    return (
        _moment(entry.at),
        escape(entry.target or _NOTHING, _TARGET_WIDTH),
        f"{_icon(status, style)} {escape(status, _STATUS_WIDTH)}",
        _NOTHING if rtt_us is None else milliseconds(rtt_us),
        _NOTHING if loss is None else f"{loss:.0%}",
        f"{_number(document.get('duration_us')) / 1e6:.1f} s",
        " ".join(escape(code, _STATUS_WIDTH) for code in entry.codes),
    )


def _icon(status: str, style: Style) -> str:
    symbols = style.symbols
    icons = {"ok": symbols.good, "warning": symbols.warning, "discarded": symbols.info}
    return icons.get(status, symbols.critical)


def _between(entry: Entry, style: Style) -> list[str]:
    """Return what happened between samples, on a line of its own that begins with the time."""
    happening = happening_of(entry)
    title, text = escape(happening.title, _TITLE_WIDTH), escape(happening.text, _TEXT_WIDTH)
    change = entry.kind is Kind.CHANGE
    said = f"network: {title}{f': {text}' if text else ''}" if change else f"{title}, {text}"
    mark = style.symbols.info if change else style.symbols.warning
    lines = wrapped(f"{_moment(entry.at)}  {mark} {said}", style, hanging=len(_moment(entry.at)) + 4)
    paint = Paint.INFO if entry.kind is Kind.CHANGE else Paint.WARNING
    return [style.paint(line, paint) for line in lines]


def sinks_view(backlogs: Sequence[SinkBacklog], parked: Sequence[Parked], style: Style) -> str:
    """Return what each sink has still to get, and what it refused, ending in a line break."""
    if not backlogs:
        return "No sinks: the store is all that the configuration has.\n"
    rows = [_sink_row(backlog) for backlog in backlogs]
    lines = listing(_SINK_HEADERS, rows, style, right=frozenset({1, 3, 4}))
    if parked:
        lines += ["", *listing(_PARKED_HEADERS, [_parked_row(one) for one in parked], style, right=frozenset({2}))]
        lines += ["", *wrapped("`cloudpath history --unpark SINK` lets a sink try again what it refused.", style)]
    return "\n".join(lines) + "\n"


def _sink_row(backlog: SinkBacklog) -> tuple[str, ...]:
    oldest = _NOTHING if backlog.oldest_pending_at is None else _moment(backlog.oldest_pending_at)
    return escape(backlog.sink), str(backlog.pending), oldest, str(backlog.parked), str(backlog.delivered_seq)


def _parked_row(one: Parked) -> tuple[str, ...]:
    numbers = f"{one.first_seq}-{one.last_seq}" if one.last_seq > one.first_seq else str(one.first_seq)
    why = f"{escape(one.why, _REASON_WIDTH)}{' (will be tried again)' if one.again else ''}"
    return escape(one.sink), _moment(one.at), str(one.entries), numbers, why


def _moment(at: str) -> str:
    """Return `2026-11-23 11:00:05` of an instant in RFC 3339."""
    return escape(at, 40).replace("T", " ").partition(".")[0]


def _document(entry: Entry) -> dict[str, Any]:
    document = json.loads(entry.data)
    return document if isinstance(document, dict) else {}


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
