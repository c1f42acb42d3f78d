"""One record as a page shows it: everything on its sheet ready and safe, and the sheet as HTML."""

import re
from typing import Final

from agent.record import Record
from agent.views.escape import escape, escape_text
from agent.views.hop_html.findings import Finding, findings_of
from agent.views.hop_html.hops import Labelled
from agent.views.hop_html.lanes import Lane, lane_of
from agent.views.hop_html.screen import Piece, screen_of
from agent.views.hop_html.strip import Strip, strip_of
from agent.views.hop_html.templates import macro
from agent.views.side_notes import side_notes
from agent.views.style import Style
from agent.views.verdict import diagnosis_of, facts_of, verdict_of
from agent.views.words import ROUTES, milliseconds
from probes.frozen import frozen
from rules.diagnosis import Status

_INSTANT: Final = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)\.\d{3}Z")
_PLAIN: Final = Style()


@frozen
class Sheet:
    """One record as the page shows it; every text in it is safe to show."""

    id: str
    target: str
    seq: int
    at: str
    status: str
    status_word: str
    mark: str
    bottom_line: str
    facts: tuple[Labelled, ...]
    strip: Strip
    lanes: tuple[Lane, ...]
    findings: tuple[Finding, ...]
    rejected: tuple[Labelled, ...]
    not_evaluated: tuple[Labelled, ...]
    notes: tuple[str, ...]
    screen: tuple[Piece, ...]


def sheet_html(record: Record, prefix: str) -> str:
    """Return the sheet of one record: an `<article id=prefix>` for a page with `sprite.html`, the style and the script.

    Args:
        record: What is shown, as it was judged when it was made.
        prefix: What every id on the sheet begins with: letters and digits, another one for each sheet of a page.
    """
    return macro("sheet.html", "article", sheet_of(record, prefix))


def sheet_of(record: Record, prefix: str) -> Sheet:
    """Return what the sheet of a record says; every id on it begins with `prefix`."""
    sample, diagnosis, verdict = facts_of(record), diagnosis_of(record), verdict_of(record)
    findings = findings_of(sample, diagnosis, prefix)
    discarded = record.status is Status.DISCARDED
    lanes = tuple(
        lane_of(sample, index, findings, prefix, _PLAIN, discarded=discarded) for index in range(len(sample.legs))
    )
    return Sheet(
        id=prefix,
        target=escape(sample.target.name),
        seq=record.seq,
        at=instant_words(record.started_at),
        status=record.status.value,
        status_word=verdict.word,
        mark=verdict.mark,
        bottom_line=verdict.line,
        facts=tuple(_facts(record)),
        strip=strip_of(sample, lanes, findings),
        lanes=lanes,
        findings=findings,
        rejected=tuple(Labelled(label=escape(each.code), text=escape_text(each.because)) for each in record.rejected),
        not_evaluated=tuple(
            Labelled(label=escape(each.code), text=escape_text(", ".join(each.missing)))
            for each in record.not_evaluated
        ),
        notes=tuple(side_notes(sample)),
        screen=screen_of(sample, diagnosis, findings),
    )


def instant_words(instant: str) -> str:
    """Return `2026-01-05 08:00:00 UTC` of RFC 3339 with milliseconds, and anything else as it is."""
    found = _INSTANT.fullmatch(instant)
    return f"{found[1]} {found[2]} UTC" if found else escape(instant, 40)


def _facts(record: Record) -> list[Labelled]:
    target = record.target
    address = target.url or (target.host if target.port is None else f"{target.host}:{target.port}")
    pairs = [
        ("Target", f"{escape_text(address)}, {ROUTES[target.route]}"),
        ("Measured", f"{instant_words(record.started_at)}, in {milliseconds(record.duration_us)} ms"),
        ("By", f"{escape(record.agent.hostname)}, cloudpath {escape(record.agent.version, 40)}"),
        ("Record", escape(record.id, 40)),
    ]
    return [Labelled(label=label, text=text) for label, text in pairs]
