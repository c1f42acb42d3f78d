"""Sessions of private access for a person: each application with its status, why it is said, and what to do."""

from typing import Final

from agent.session_report import Application, Seen, SessionReport
from agent.views.escape import escape, escape_text
from agent.views.listing import listing
from agent.views.prose import headline, labelled, wrapped
from agent.views.style import PAINT_OF, Paint, Style
from probes.session_facts import SessionEvent
from probes.session_lines import BadLine
from rules.diagnosis import CodeGrade
from rules.zpa import CONFIDENCE, GRADE_WORDS, Outcome, reason_codes

_HEADERS: Final = ("  Application", "Sessions", "Last word (UTC)", "Status")
_FIGURES: Final = frozenset({1})
_LABEL: Final = 12
_INDENT: Final = 2
# Longer than any public code; an unknown one may be anything.
_CODE_WIDTH: Final = 60
_MOST_BAD_LINES: Final = 10

_OUTCOMES: Final[dict[Outcome, str]] = {
    Outcome.STATUS: "",
    Outcome.OTHER_ERROR: "an error without a documented status",
    Outcome.UNKNOWN_CODE: "a code that no public list has",
    Outcome.WORKS: "works",
    Outcome.NOTHING: "nothing to report",
}


def session_view(report: SessionReport, style: Style, *, lines: int, undated: int) -> str:
    """Return applications, statuses, codes without one and bad lines, ending in a line break."""
    applications = report.applications()
    blocks = [_summary(report, style, lines=lines, undated=undated)]
    if applications:
        blocks.append(listing(_HEADERS, [_row(one, style) for one in applications], style, right=_FIGURES))
    blocks += [_status(one, style) for one in applications if one.status is not None]
    blocks += [block for block in (_codes(report, style), _bad_lines(report, style)) if block]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def event_line(report: SessionReport, found: SessionEvent | BadLine, style: Style) -> str:
    """Return one event or bad line as it comes, on a line of its own, ending in a line break."""
    if isinstance(found, BadLine):
        return f"line {found.line} could not be read: {escape_text(found.detail)}\n"
    status = report.status_of(found)
    name = _name(found.host or found.application or found.server, found.port)
    parts = [_moment(found), name, escape(found.connection_status or "-", 10), escape(found.internal_reason, 60) or "-"]
    text = "  ".join(parts)
    if status is None:
        return f"{text}\n"
    paint = PAINT_OF[status.severity]
    return f"{text}  {style.paint(f'{style.symbols.icon(status.severity)} {status.code} {status.message}', paint)}\n"


def _summary(report: SessionReport, style: Style, *, lines: int, undated: int) -> list[str]:
    parts = [_counted(lines, "line"), _counted(report.events, "event")]
    if report.bad:
        parts.append(f"{_counted(report.bad, 'line')} that could not be read")
    if undated:
        parts.append(f"{_counted(undated, 'event')} without a time")
    return wrapped(f"Sessions of private access: {', '.join(parts)}.", style)


def _row(one: Application, style: Style) -> tuple[str, ...]:
    icon = style.symbols.icon(one.status.severity) if one.status else style.symbols.good
    if one.decided_by is None:
        icon = " "
    elif one.decided_by.outcome in {Outcome.OTHER_ERROR, Outcome.UNKNOWN_CODE}:
        icon = "?"
    last = _moment(one.decided_by.event) if one.decided_by else "-"
    said = _OUTCOMES[one.decided_by.outcome if one.decided_by else Outcome.NOTHING]
    status = f"{one.status.code} {one.status.message}" if one.status else said
    return f"{icon} {_name(one.name, one.port)}", str(one.sessions), last, status


def _status(one: Application, style: Style) -> list[str]:
    """Return one application's status with what it rests on."""
    entry, decided_by = one.status, one.decided_by
    if entry is None or decided_by is None or decided_by.code is None or decided_by.code.grade is None:
        return []
    code, grade = decided_by.code, decided_by.code.grade
    lines = headline(entry.severity, entry.code, f"{entry.message}  {_name(one.name, one.port)}", style)
    for label, text in (
        ("Means", entry.description),
        ("Why", _why(decided_by.event, code.description, grade)),
        ("What to do", entry.solution),
        ("Severity", f"{entry.severity}, {CONFIDENCE[grade]}"),
    ):
        lines += labelled(label, text, style, indent=_INDENT, label_width=_LABEL)
    return lines


def _why(event: SessionEvent, description: str, grade: CodeGrade) -> str:
    when = f" at {_moment(event)} UTC" if event.at else ""
    said = f"Line {event.line}{when} says {escape(event.internal_reason)} ({escape_text(description)})."
    return f"{said} Grade {grade}: {GRADE_WORDS[grade]}."


def _codes(report: SessionReport, style: Style) -> list[str]:
    """Return the codes that give no status: they are shown as they came, and nothing is made of them."""
    rows = [*map(_code_row, report.unknown.values()), *map(_code_row, report.without_status.values())]
    if not rows:
        return []
    head = style.paint("Codes without a documented status", Paint.HEAD)
    return [head, *listing(("Code", "Times", "Lines", "What it says"), rows, style, right=frozenset({1}))]


def _code_row(seen: Seen) -> tuple[str, ...]:
    code = reason_codes().get(seen.internal_reason)
    more = ", ..." if seen.count > len(seen.lines) else ""
    lines = ", ".join(map(str, seen.lines[:3])) + (more or (", ..." if seen.count > 3 else ""))  # noqa: PLR2004
    said = escape_text(code.description) if code else "in no public list; report it to support if it lasts"
    return escape(seen.internal_reason, _CODE_WIDTH), str(seen.count), lines, said


def _bad_lines(report: SessionReport, style: Style) -> list[str]:
    if not report.bad:
        return []
    lines = [style.paint("Lines that could not be read", Paint.HEAD)]
    for bad in report.bad_lines[:_MOST_BAD_LINES]:
        lines += wrapped(f"line {bad.line}: {escape_text(bad.detail)}", style, indent=_INDENT, hanging=_INDENT + 2)
    more = report.bad - _MOST_BAD_LINES
    return lines if more <= 0 else [*lines, f"{' ' * _INDENT}and {more} more"]


def _name(name: str | None, port: int | None) -> str:
    shown = escape(name) if name else "(not named)"
    return shown if port is None else f"{shown}:{port}"


def _moment(event: SessionEvent) -> str:
    return f"{event.at[:10]} {event.at[11:19]}" if event.at else "-"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun if number == 1 else noun + 's'}"
