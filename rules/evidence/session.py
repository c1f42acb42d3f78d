"""Private access: whether it carries the target (CP-10), and what it says of its sessions (ZPA-01 to ZPA-11)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from probes.facts import RouteKind
from rules.diagnosis import CodeGrade, Truth
from rules.proposition import Finding, either, false, proposition, true, unknown
from rules.zpa import GRADE_WORDS, STATUSES, Outcome, Standing, standing

if TYPE_CHECKING:
    from rules.evidence.scene import Scene

_OF_ROUTE = "/target/route"
_OF_ACCESS = "/private_access"


# --- whether private access carries the target ------------------------------------------------------------------------


def _declared(scene: Scene) -> bool:
    access = scene.sample.private_access
    return scene.sample.target.route is RouteKind.PRIVATE_ACCESS or (access is not None and access.configured)


@proposition("private.configured", "The target is configured to be reached by private access.")
def _configured(scene: Scene) -> Finding:
    return either(_declared(scene), f"the route is {scene.sample.target.route}", _OF_ROUTE)


@proposition(
    "private.synthetic",
    "The target's name resolves into a synthetic range of private access, and its tunnel leads there.",
)
def _synthetic(scene: Scene) -> Finding:
    access = scene.sample.private_access
    if access is None or access.resolved_into is None:
        return false("the target has no address in a synthetic range, as far as is known")
    if access.interface is None:
        return false(f"the target's address is in {access.resolved_into}, but no tunnel leads there", _OF_ACCESS)
    return true(
        f"the name resolves into {access.resolved_into}, and the tunnel {access.interface} leads there", _OF_ACCESS
    )


@proposition("private.connector_hops", "Hops behind the service of private access are known.")
def _connector_hops(scene: Scene) -> Finding:
    access = scene.sample.private_access
    known = access is not None and access.connector_hops
    return either(known, "hops behind the service are known" if known else "no hop behind the service is known")


# --- what it says of sessions -----------------------------------------------------------------------------------------


def _words(found: Standing) -> str:
    """Return the deciding event in words: its code, when, in which line, and how sure the way to the status is."""
    event, code = found.event, found.code
    when = f" at {event.at[11:19]} UTC" if event.at else ""
    said = f"{event.internal_reason}{when} (line {event.line} of the log"
    if code is None:
        return f"{said})"
    grade = f"; grade {code.grade}: {GRADE_WORDS[code.grade]}" if code.grade else ""
    return f"{said}, {code.description!r}{grade})"


def _no_status(scene: Scene, found: Standing | None) -> Finding | None:
    """Return the finding for every status where no event decides for one of them, else None."""
    if found is None:
        return _no_news(scene)
    fact = f"/sessions/{found.place}"
    match found.outcome:
        case Outcome.WORKS:
            return false(f"the newest session works (line {found.event.line} of the log)", fact)
        case Outcome.UNKNOWN_CODE:
            return unknown(f"the newest session ended with a code that no public list has: {_words(found)}", fact)
        case Outcome.OTHER_ERROR:
            return false(f"the newest session ended with a code of no documented status: {_words(found)}", fact)
        case _:
            return None


def _no_news(scene: Scene) -> Finding:
    if scene.sample.sessions:
        return false("no session of the target ended in an error")
    if _declared(scene) or _synthetic(scene).value is Truth.TRUE:
        return unknown("no log of private access tells of its sessions")
    return false("no session is known")


def _status(code: str, scene: Scene) -> Finding:
    found = standing(scene.sample.sessions)
    undecided = _no_status(scene, found)
    if undecided is not None:
        return undecided
    if found is None or found.code is None:
        raise AssertionError("an event that decides for a status has a known code")
    return either(found.code.status == code, _words(found), f"/sessions/{found.place}")


def _grade(grade: CodeGrade, scene: Scene) -> Finding:
    found = standing(scene.sample.sessions)
    undecided = _no_status(scene, found)
    if undecided is not None:
        return undecided
    if found is None or found.code is None or found.code.grade is None:
        raise AssertionError("a code that leads to a status has a grade")
    return either(found.code.grade is grade, f"grade {found.code.grade}: {GRADE_WORDS[found.code.grade]}")


for _message, _code in STATUSES.items():
    proposition(
        f"session.{_code.lower().replace('-', '_')}",
        f"The newest telling event of the target's sessions says: {_message}",
    )(partial(_status, _code))

for _one in CodeGrade:
    proposition(
        f"session.grade_{_one.lower()}", f"That code leads to its status with grade {_one}: {GRADE_WORDS[_one]}."
    )(partial(_grade, _one))
