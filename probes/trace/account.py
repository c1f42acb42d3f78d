"""What a trace tells: the leg, what was tried on it, who answered in the target's place, what to remember.

Nothing here is needed while probes hurry: it is loaded while answers are awaited.
"""

from __future__ import annotations

from probes.facts import ProtocolChoice
from probes.frozen import field, frozen, replace
from probes.trace import choice as choosing
from probes.trace import middlebox
from probes.trace.leg import check_of, leg_of, unopened_check, unopened_leg
from probes.trace.signs import signs_of
from probes.trace.trials import checked_trial, traced_trial, unopened_trial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from probes.facts import Leg, Middlebox, Protocol, Reachability, Refusal, Trial
    from probes.trace.adaptive import Naming
    from probes.trace.line import Line, Stretch
    from probes.trace.memory import Lesson, Memory
    from probes.trace.plan_facts import TraceFacts
    from probes.trace.settings import TraceSettings


@frozen
class TraceOutcome:
    """One traced leg, what each protocol's probes said of its address, and what to remember; None: forget it.

    `middlebox` answers for the target, where somebody was found to. `asked` are the probes that left to each TTL, those
    of all protocols together.
    """

    leg: Leg
    reachability: tuple[Reachability, ...]
    lesson: Lesson | None = None
    middlebox: Middlebox | None = None
    asked: Mapping[int, int] = field(default_factory=dict)


@frozen
class Course:
    """How a trace went: what was asked for, what could be opened, which protocols searched for the path.

    `second` searched after `first`, which had not reached the target if it `gave_way`; `cut_short` are the protocols
    whose plans were ended before they were over. `facts` fills as plans are asked.
    """

    stretch: Stretch
    choice: ProtocolChoice
    naming: Naming
    order: Sequence[Protocol]
    settings: TraceSettings
    memory: Memory
    lines: Mapping[Protocol, Line]
    refused: Mapping[Protocol, tuple[Refusal, ...]]
    first: Protocol | None
    second: Protocol | None
    gave_way: bool
    cut_short: frozenset[Protocol]
    duration_us: int
    facts: dict[Protocol, TraceFacts] = field(default_factory=dict)


def outcome_of(course: Course) -> TraceOutcome:
    """Return the better leg with all that was tried, every protocol's word on the address, and what it taught."""
    checks = {protocol: _check(course, protocol) for protocol in course.order}
    found = middlebox.find(list(_voices(course.lines).values()))
    leg = _with_signs(course, _best(course, checks, found), found)
    lesson = course.memory.after(leg, first_ttl=course.settings.first_ttl)
    return TraceOutcome(
        leg=leg, reachability=tuple(checks.values()), lesson=lesson, middlebox=found, asked=_asked(course)
    )


def question(lines: Mapping[Protocol, Line], searching: Protocol) -> middlebox.Question | None:
    """Return the probes that would tell whether somebody answers for the target, None where nothing suggests it."""
    voices = _voices(lines)
    return middlebox.question_of(voices.pop(searching), list(voices.values()))


def _asked(course: Course) -> dict[int, int]:
    asked: dict[int, int] = {}
    for line in course.lines.values():
        for attempt in line.plan.attempts:
            if attempt.left:
                asked[attempt.probe.probe_ttl] = asked.get(attempt.probe.probe_ttl, 0) + 1
    return asked


def leg_so_far(course: Course) -> Leg:
    """Return the leg as far as it is known, of the protocol that searches."""
    searching = course.second or course.first
    assert searching is not None, "somebody searches"  # noqa: S101 - who asks has a line that does
    return _leg(course, searching, _first_reason(course, searching))


def _best(course: Course, checks: Mapping[Protocol, Reachability], found: Middlebox | None) -> Leg:
    first, second = course.first, course.second
    if first is None:
        return _with_trials(course, _unopened(course), checks, [], found)
    why = _first_reason(course, first)
    remembered = course.memory.protocol if course.memory.protocol in course.lines else None
    legs = {each: _leg(course, each, why) for each in (first, second, remembered) if each is not None}
    met = {each: traced_trial(leg, checks[each], found) for each, leg in legs.items()}
    if second is None:
        return _with_trials(course, legs[first], checks, list(met.values()), found)
    choose = choosing.choose_after_silence if course.gave_way else choosing.choose
    choice = choose(met[first], met[second])
    reason = choosing.chosen_reason(why, choice, from_memory=remembered is not None)
    shown = replace(legs[second if choice.second else first], protocol_reason=reason)
    return _with_trials(course, shown, checks, list(met.values()), found)


def _with_trials(
    course: Course,
    leg: Leg,
    checks: Mapping[Protocol, Reachability],
    traced: Sequence[Trial],
    found: Middlebox | None,
) -> Leg:
    """Return the leg with what each protocol met, in the order of preference."""
    met = {trial.protocol: replace(trial, chosen=trial.protocol is leg.protocol) for trial in traced}
    for protocol, check in checks.items():
        line = course.lines.get(protocol)
        if line is None:
            met[protocol] = unopened_trial(check, course.refused.get(protocol, ()))
        elif protocol not in met:
            met[protocol] = checked_trial(check, line.driver.method, leg.hops, found)
    return replace(leg, tried=tuple(met[protocol] for protocol in course.order))


def _with_signs(course: Course, leg: Leg, found: Middlebox | None) -> Leg:
    """Return the leg with what quotes and replies give away of it."""
    line = None if leg.protocol is None else course.lines.get(leg.protocol)
    if line is None or not leg.hops:
        return leg
    seen, hidden = signs_of(
        line.driver.flow,
        line.driver.flow_kind,
        line.plan.attempts,
        line.plan.elsewhere,
        found,
        compared=middlebox.can_tell(list(_voices(course.lines).values())),
    )
    return replace(leg, signs=seen, signs_not_observable=hidden)


def _voices(lines: Mapping[Protocol, Line]) -> dict[Protocol, middlebox.Voice]:
    return {
        protocol: middlebox.Voice(flow=line.driver.flow, attempts=line.plan.attempts, can_ask=line.plan.can_ask)
        for protocol, line in lines.items()
    }


def _first_reason(course: Course, protocol: Protocol) -> str:
    before = course.order[: course.order.index(protocol)]
    dropped = [preferred for preferred in before if preferred not in course.lines]
    said = choosing.first_reason(course.choice, protocol, course.naming, dropped)
    reason, remembered = course.memory.reason(protocol, said), course.memory.protocol
    return reason if remembered is protocol or remembered not in course.lines else course.memory.failed(reason)


def _leg(course: Course, protocol: Protocol, reason: str) -> Leg:
    line = course.lines[protocol]
    return leg_of(
        course.stretch,
        line.driver,
        _facts(course, protocol),
        protocol_reason=reason,
        refused=_refusals_up_to(course, protocol),
        duration_us=course.duration_us,
    )


def _facts(course: Course, protocol: Protocol) -> TraceFacts:
    """Return what a plan saw, put together once for its leg and its check."""
    if protocol not in course.facts:
        course.facts[protocol] = course.lines[protocol].plan.facts()
    return course.facts[protocol]


def _unopened(course: Course) -> Leg:
    return unopened_leg(
        course.stretch,
        course.order[0],
        _refusals_up_to(course, None),
        protocol_reason=_first_reason(course, course.order[0]),
        duration_us=course.duration_us,
    )


def _check(course: Course, protocol: Protocol) -> Reachability:
    line = course.lines.get(protocol)
    if line is None:
        return unopened_check(course.stretch, protocol, course.refused.get(protocol, ()))
    return check_of(course.stretch, line.driver, _facts(course, protocol), cut_short=protocol in course.cut_short)


def _refusals_up_to(course: Course, protocol: Protocol | None) -> tuple[Refusal, ...]:
    """Return what was refused to a protocol and to those preferred to it; None: to all that mattered."""
    if protocol is None:
        order = course.order if course.choice is ProtocolChoice.ADAPTIVE else course.order[:1]
    else:
        order = course.order[: course.order.index(protocol) + 1]
    return tuple(refusal for preferred in order for refusal in course.refused.get(preferred, ()))
