"""Laws of memory: whatever is remembered, right or wrong, a trace shows what one without memory shows.

The networks here answer by what a probe is, not by how many came before it, and no hop answers later than the next
three times over: with those habits even two traces without memory differ, for each stops to wait when it has all else.
"""

from dataclasses import replace
from itertools import accumulate

from hypothesis import given, settings
from hypothesis import strategies as st

from probes.facts import Leg, Protocol, ProtocolChoice
from probes.failure import Failure
from probes.trace.account import TraceOutcome
from probes.trace.memory import Lesson
from probes.trace.settings import TraceSettings
from tests.simulation import world as simulated
from tests.simulation.drivers import Simulation
from tests.simulation.world import Refusals, World
from tests.unit.cycle.worlds import ADDRESS

_NOW_S = 1_700_000_000
_PROTOCOLS = st.sampled_from(list(Protocol))
_TARGET_ANSWERS = {
    Protocol.ICMP: st.sampled_from(["echo_reply", "silent", "prohibited"]),
    # An answer with data of its own names no probe, so which one it answers depends on how many are under way.
    Protocol.UDP: st.sampled_from(["port_unreachable", "silent"]),
    Protocol.TCP: st.sampled_from(["syn_ack", "rst", "silent"]),
}


@st.composite
def _routers(draw: st.DrawFn, ttl: int, rtt_ms: float) -> simulated.Node:
    refusal = st.dictionaries(_PROTOCOLS, st.sampled_from([(3, 0), (3, 1), (3, 13)]), max_size=1)
    return simulated.Node(
        address=f"10.0.0.{ttl}",
        rtt_ms=rtt_ms,
        silent=draw(st.integers(0, 3)) == 0,
        limit=None,
        short_quotes=draw(st.integers(0, 9)) == 0,
        rejects=draw(refusal) if draw(st.integers(0, 9)) == 0 else {},
        drops=draw(st.frozensets(_PROTOCOLS, max_size=2)) if draw(st.integers(0, 9)) == 0 else frozenset(),
    )


@st.composite
def _worlds(draw: st.DrawFn) -> World:
    count = draw(st.integers(0, 22))
    farther_ms = draw(st.lists(st.sampled_from([0.1, 2.0, 15.0]), min_size=count + 1, max_size=count + 1))
    rtts_ms = list(accumulate(farther_ms))
    routers = [draw(_routers(ttl, rtts_ms[ttl - 1])) for ttl in range(1, count + 1)]
    said = {protocol: draw(answers) for protocol, answers in _TARGET_ANSWERS.items()}
    target = simulated.Node(address=ADDRESS, rtt_ms=rtts_ms[-1], limit=None, target=said)
    refused = st.builds(Refusals, failure=st.just(Failure.BLOCKED_LOCALLY))
    return World(
        paths=[(0.0, [*routers, target])],
        refuses=draw(st.dictionaries(_PROTOCOLS, refused, max_size=1)),
        opens_not=draw(st.dictionaries(_PROTOCOLS, st.just(Failure.NOT_PERMITTED), max_size=1)),
        unprivileged=draw(st.booleans()),
    )


_LESSONS = st.builds(
    Lesson,
    protocol=_PROTOCOLS,
    distance=st.none() | st.integers(1, 30),
    rtt_us=st.none() | st.integers(0, 500_000),
    reached_at_s=st.integers(_NOW_S - 80_000, _NOW_S),
    tried_at_s=st.sampled_from([_NOW_S, _NOW_S - 10, _NOW_S - 7200]),
)


def _traced(world: World, choice: ProtocolChoice, lesson: Lesson | None) -> tuple[TraceOutcome, Simulation]:
    simulation = Simulation(
        replace(world, paths=[(at, [replace(n, answered=0) for n in nodes]) for at, nodes in world.paths])
    )
    outcome = simulation.trace(choice, TraceSettings(), remembered=lesson)
    return outcome, simulation


def _shown(leg: Leg) -> tuple[object, ...]:
    """Return what a leg claims, apart from how often it asked."""
    rows = [(hop.probe_ttl, {(one.address, one.answer, one.icmp) for one in hop.responders}) for hop in leg.hops]
    return leg.protocol, leg.reached, leg.reached_by, leg.end_reason, rows


@given(_worlds(), st.sampled_from([ProtocolChoice.ICMP, ProtocolChoice.TCP, ProtocolChoice.UDP]), _LESSONS)
@settings(deadline=None, max_examples=60)
def test_a_remembered_distance_changes_nothing_that_is_shown(
    world: World, choice: ProtocolChoice, lesson: Lesson
) -> None:
    assert _shown(_traced(world, choice, lesson)[0].leg) == _shown(_traced(world, choice, None)[0].leg)


@given(_worlds(), _LESSONS)
@settings(deadline=None, max_examples=60)
def test_a_remembered_protocol_shows_what_it_shows_without_memory_and_reaches_what_others_reach(
    world: World, lesson: Lesson
) -> None:
    warm = _traced(world, ProtocolChoice.ADAPTIVE, lesson)[0].leg
    cold = _traced(world, ProtocolChoice.ADAPTIVE, None)[0].leg
    assert warm.reached == cold.reached
    if warm.protocol is cold.protocol:
        assert _shown(warm) == _shown(cold)
    else:
        assert warm.reached
        assert warm.protocol is lesson.protocol
        fixed = _traced(world, ProtocolChoice(lesson.protocol.value), None)[0].leg
        assert _shown(warm) == _shown(fixed)
