"""What of a trace is loaded when: the one place where the engine loads what it does not need at once (ADR 0049).

A trace is in a hurry twice: until its probes have left, and after its last answer. In between it waits for the network,
and loading costs nothing.

1. Before the first probe: `run`, `tracer`, `plan` and what they import at their top, which is what sending takes.
2. With the first answer: `judge`. Sending is paced by then, and catches up.
3. In the first wait that is long enough, or when they are asked for: `account` and what it imports (`load_the_rest`).
4. Only where a trace needs them: `walk`, `control`.
"""

from __future__ import annotations

from probes.flow_facts import Family

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from probes.facts import Leg
    from probes.flow_facts import Protocol
    from probes.trace.account import Course, TraceOutcome
    from probes.trace.control import Control
    from probes.trace.judge import Judge
    from probes.trace.line import Line
    from probes.trace.middlebox import Question
    from probes.trace.nat64 import Translation
    from probes.trace.near_hops import Walk
    from probes.trace.plan_facts import Seen


# ruff: noqa: PLC0415 - that is what this file is for


def judge() -> type[Judge]:
    """Return who believes answers."""
    from probes.trace.judge import Judge

    return Judge


def seen() -> type[Seen]:
    """Return what facts are made of."""
    from probes.trace.plan_facts import Seen

    return Seen


def course() -> type[Course]:
    """Return what a whole trace is told from."""
    from probes.trace.account import Course

    return Course


def load_the_rest(family: Family) -> None:
    """Load what only the end of a trace needs, while answers are awaited; `ipaddress` alone takes 6 ms [measured]."""
    course()
    seen()
    if family is Family.IPV6:
        from probes.trace import nat64  # noqa: F401


def translation(target: str, hops: Sequence[tuple[int, str]]) -> Translation | None:
    """Return the sign of a translator on the way to an IPv6 target; no other needs the arithmetic of addresses."""
    from probes.trace.nat64 import translation

    return translation(target, hops)


def leg_so_far(course: Course) -> Leg:
    """Return the leg as far as it is known."""
    from probes.trace.account import leg_so_far

    return leg_so_far(course)


def outcome_of(course: Course) -> TraceOutcome:
    """Return what a trace tells in the end."""
    from probes.trace.account import outcome_of

    return outcome_of(course)


def question(lines: Mapping[Protocol, Line], searching: Protocol) -> Question | None:
    """Return the probes that would tell whether somebody answers for the target, None where nothing suggests it."""
    from probes.trace.account import question

    return question(lines, searching)


def walk() -> type[Walk]:
    """Return who goes by the near hops of another target; only the service shares them."""
    from probes.trace.near_hops import Walk

    return Walk


def control() -> type[Control]:
    """Return who asks once more, where somebody seems to answer in the target's place."""
    from probes.trace.control import Control

    return Control
