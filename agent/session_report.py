"""What lines of private access add up to: each application with its status, codes without one, and bad lines; pure."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from agent.record import Document, plain
from probes.frozen import frozen, mutable
from probes.session_lines import BadLine
from rules.zpa import CONFIDENCE, Outcome, Standing, outcome_of, reason_codes, session_of, standing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from probes.session_facts import SessionEvent
    from rules.catalogue import Entry

SCHEMA: Final = "cloudpath.sessions/1"

# What is kept however long a stream is: the newest events, and the first of what is only counted.
MOST_EVENTS: Final = 10_000
MOST_CODES: Final = 1_000
MOST_BAD_LINES: Final = 100
_MOST_LINES_SHOWN: Final = 10


@frozen
class Application:
    """One application with the event that decides for it, and the documented status of that, where it has one."""

    name: str | None
    port: int | None
    sessions: int
    decided_by: Standing | None
    status: Entry | None


@mutable
class Seen:
    """A code without a documented status: how often it came, and in which lines first."""

    internal_reason: str
    count: int
    lines: list[int]


class SessionReport:
    """Takes events and bad lines one after the other, and says what they add up to so far.

    Attributes:
        events: How many events there were.
        bad: How many bad lines.
        bad_lines: The first 100 of them.
        unknown: Codes that no public list has, by their token.
        without_status: Known errors for which no status is documented, by their token.
    """

    def __init__(self, catalogue: Mapping[str, Entry]) -> None:
        self._catalogue = catalogue
        self._kept: deque[SessionEvent] = deque(maxlen=MOST_EVENTS)
        self.events = 0
        self.bad = 0
        self.bad_lines: list[BadLine] = []
        self.unknown: dict[str, Seen] = {}
        self.without_status: dict[str, Seen] = {}

    def add(self, found: SessionEvent | BadLine) -> None:
        """Take one event or bad line."""
        if isinstance(found, BadLine):
            self.bad += 1
            if len(self.bad_lines) < MOST_BAD_LINES:
                self.bad_lines.append(found)
            return
        self.events += 1
        self._kept.append(found)
        outcome = outcome_of(found)
        if outcome is Outcome.UNKNOWN_CODE:
            _count(self.unknown, found)
        elif outcome is Outcome.OTHER_ERROR:
            _count(self.without_status, found)

    def status_of(self, event: SessionEvent) -> Entry | None:
        """Return the documented status of an event's code, None where it has none."""
        code = reason_codes().get(event.internal_reason)
        return None if code is None or code.status is None else self._catalogue[code.status]

    def applications(self) -> list[Application]:
        """Return every application of the kept events: those with a status first, then by name."""
        groups: dict[tuple[object, ...], list[SessionEvent]] = {}
        for event in self._kept:
            # A session of nobody knows which application is not another such session's.
            key = (_name_of(event).casefold(), event.port) if _name_of(event) else session_of(event)
            groups.setdefault(key, []).append(event)
        found = [self._application(events) for events in groups.values()]
        return sorted(found, key=lambda one: (one.status is None, one.name or "", one.port or 0))

    def _application(self, events: list[SessionEvent]) -> Application:
        decided_by = standing(events)
        return Application(
            name=_name_of(events[-1]) or None,
            port=events[-1].port,
            sessions=len({session_of(event) for event in events}),
            decided_by=decided_by,
            status=self.status_of(decided_by.event) if decided_by else None,
        )

    # -- as JSON

    def document(self, *, source: str, lines: int, others: int, undated: int) -> Document:
        """Return everything as plain dictionaries, lists, texts and numbers; docs/zpa.md explains the keys."""
        return {
            "schema": SCHEMA,
            "source": plain(source),
            "lines": lines,
            "other_lines": others,
            "undated_events": undated,
            "applications": [self._application_document(one) for one in self.applications()],
            "unknown_codes": [_seen_document(seen) for seen in self.unknown.values()],
            "codes_without_status": [_seen_document(seen) for seen in self.without_status.values()],
            "bad_lines": {"count": self.bad, "first": [plain(bad) for bad in self.bad_lines]},
            "event_count": self.events,
            "events": [self.event_document(event) for event in self._kept],
        }

    def event_document(self, event: SessionEvent) -> Document:
        """Return one event under the keys of a record, with its documented status."""
        return {**_plain_of(event), "session_status": _status_document(event, self.status_of(event))}

    def line_document(self, found: SessionEvent | BadLine) -> Document:
        """Return one event or bad line as it comes: `event` or `bad_line` holds it."""
        if isinstance(found, BadLine):
            return {"bad_line": plain(found)}
        return {"event": self.event_document(found)}

    def _application_document(self, one: Application) -> Document:
        decided_by = one.decided_by
        return {
            "application": plain(one.name),
            "port": one.port,
            "sessions": one.sessions,
            "outcome": decided_by.outcome.value if decided_by else Outcome.NOTHING.value,
            "decided_by": _plain_of(decided_by.event) if decided_by else None,
            "session_status": _status_document(decided_by.event, one.status) if decided_by else None,
        }


def _seen_document(seen: Seen) -> Document:
    code = reason_codes().get(seen.internal_reason)
    return {
        "internal_reason": plain(seen.internal_reason),
        "description": code.description if code else None,
        "count": seen.count,
        "lines": list(seen.lines),
    }


def _plain_of(event: SessionEvent) -> Document:
    found = plain(event)
    if not isinstance(found, dict):
        raise TypeError("a record is a mapping")
    return found


def _status_document(event: SessionEvent, entry: Entry | None) -> Document | None:
    if entry is None:
        return None
    code = reason_codes()[event.internal_reason]
    return {
        "code": entry.code,
        "severity": entry.severity.value,
        "message": entry.message,
        "description": entry.description,
        "solution": entry.solution,
        "grade": code.grade.value if code.grade else None,
        "confidence": CONFIDENCE[code.grade].value if code.grade else None,
        "says": code.description,
    }


def _name_of(event: SessionEvent) -> str:
    return event.host or event.application or event.server or ""


def _count(seen: dict[str, Seen], event: SessionEvent) -> None:
    known = seen.get(event.internal_reason)
    if known is None:
        if len(seen) >= MOST_CODES:
            return
        known = seen[event.internal_reason] = Seen(event.internal_reason, 0, [])
    known.count += 1
    if len(known.lines) < _MOST_LINES_SHOWN:
        known.lines.append(event.line)
