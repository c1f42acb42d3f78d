"""Sessions of private access to documented statuses: by the exact code of a log, and never by guess. Pure."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from rules.diagnosis import CodeGrade, Confidence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from probes.session_facts import SessionEvent

_TABLE: Final = Path(__file__).with_name("zpa_reason_codes.tsv")

# The documented session statuses, as the catalogue has their messages.
STATUSES: Final = {
    "ZPA internal error.": "ZPA-01",
    "ZPA application is not reachable.": "ZPA-02",
    "Error in finding customer.": "ZPA-03",
    "User session expired.": "ZPA-04",
    "Error in filling assistant groups.": "ZPA-05",
    "Policy or attributes misconfigured for access.": "ZPA-06",
    "App Connector group not configured.": "ZPA-07",
    "Application policy blocked access.": "ZPA-08",
    "Timeout policy blocked access.": "ZPA-09",
    "Application not configured.": "ZPA-10",
    "Connection request timed out.": "ZPA-11",
}

_QUIET_CLASSES: Final = frozenset({"Info", "Success"})
# What a healthy session has in place of a code: nothing, or the code that says so.
_HEALTHY: Final = frozenset({"", "OPEN_OR_ACTIVE_CONNECTION"})
_OPEN: Final = frozenset({"open", "active"})


GRADE_WORDS: Final = {
    CodeGrade.A: "the status has the same words",
    CodeGrade.B: "the status has nearly the same words",
    CodeGrade.C: "inferred, for no public text joins this code to the status",
}


# How sure a verdict is that rests on a code of each grade; the rule files say the same, reason by reason.
CONFIDENCE: Final = {
    CodeGrade.A: Confidence.CERTAIN,
    CodeGrade.B: Confidence.LIKELY,
    CodeGrade.C: Confidence.TENTATIVE,
}


class ReasonCode(NamedTuple):
    """One public code: what it says, whether it is an error at all, and the documented status that it leads to."""

    token: str
    description: str
    quiet: bool
    status: str | None
    grade: CodeGrade | None


@cache
def reason_codes() -> Mapping[str, ReasonCode]:
    """Return every public code by its exact token."""
    header, *rows = _TABLE.read_text(encoding="utf-8").splitlines()
    columns = header.split("\t")
    return {
        code.token: code for row in rows for code in [_reason_code(dict(zip(columns, row.split("\t"), strict=True)))]
    }


def _reason_code(row: Mapping[str, str]) -> ReasonCode:
    status, grade = row["documented_status"], row["grade"]
    return ReasonCode(
        token=row["internal_reason"],
        description=row["description"],
        quiet=not status and bool(_QUIET_CLASSES & {row["doc_table"], row["lss_status"]}),
        status=STATUSES[status] if status else None,
        grade=CodeGrade(grade[0]) if grade else None,
    )


class Outcome(StrEnum):
    """What one event says: a documented status, another error, an unknown code, that it works, or nothing."""

    STATUS = "status"
    OTHER_ERROR = "other_error"
    UNKNOWN_CODE = "unknown_code"
    WORKS = "works"
    NOTHING = "nothing"


def outcome_of(event: SessionEvent) -> Outcome:
    """Return what an event says; a normal end says nothing, for an application may end so and be unreachable."""
    if event.internal_reason in _HEALTHY:
        return Outcome.WORKS if event.connection_status in _OPEN else Outcome.NOTHING
    code = reason_codes().get(event.internal_reason)
    if code is None:
        return Outcome.UNKNOWN_CODE
    if code.status is not None:
        return Outcome.STATUS
    return Outcome.NOTHING if code.quiet else Outcome.OTHER_ERROR


class Standing(NamedTuple):
    """The event that decides for an application: its place among all events, and what it says."""

    place: int
    event: SessionEvent
    outcome: Outcome

    @property
    def code(self) -> ReasonCode | None:
        """Return the public code of the event, None where it has none that is known."""
        return reason_codes().get(self.event.internal_reason)


def standing(events: Sequence[SessionEvent]) -> Standing | None:
    """Return the event that decides for the application that all these are of, None where none says anything.

    The newest one that says something decides; of one session's errors only the last event counts at all, so that a
    session that went on is no failure.
    """
    ordered = _in_order(events)
    last = {session_of(events[index]): index for index in ordered}
    for index in reversed(ordered):
        event = events[index]
        outcome = outcome_of(event)
        if outcome is Outcome.WORKS or (outcome is not Outcome.NOTHING and last[session_of(event)] == index):
            return Standing(index, event, outcome)
    return None


def session_of(event: SessionEvent) -> tuple[object, ...]:
    """Return what is the same for the events of one session, and different for those of two."""
    if event.tag_id is not None:
        return event.source, event.tag_id, event.tag_use
    if event.connection_id is not None or event.session_id is not None:
        return event.source, event.session_id, event.connection_id
    return event.source, "line", event.line


def _in_order(events: Sequence[SessionEvent]) -> list[int]:
    """Return the indices of the events, oldest first: by their time where all have one, else by their lines."""
    dated = all(event.at is not None for event in events)
    return sorted(range(len(events)), key=lambda index: (events[index].at or "" if dated else "", events[index].line))
