"""What one sample leaves to the next: taken where it holds, replaced where it does not, and never believed."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.cycle import collect
from agent.request import SampleRequest
from probes.facts import Family, Protocol, ProtocolChoice, Role, RouteKind
from probes.sample import Sample, Target
from probes.trace.memory import Lesson, Remembered, Surroundings, leg_key
from rules.engine import diagnose
from rules.shipped import shipped_rules
from tests.unit.cycle.worlds import ADDRESS, GATEWAY, ToldWorld, literal

HOST = Target(name=ADDRESS, host=ADDRESS, literal=True, family=Family.IPV4)
KEY = leg_key(ProtocolChoice.ADAPTIVE, ADDRESS, None)
HERE = Surroundings(epoch="4d2c", interface="eth0", gateway=GATEWAY, source="198.51.100.2")
NOW_S = 1_700_000_000
LESSON = Lesson(protocol=Protocol.TCP, distance=10, rtt_us=40_000, reached_at_s=NOW_S - 180, tried_at_s=NOW_S - 180)


def asked_for(target: Target = HOST, **changes: object) -> SampleRequest:
    return replace(SampleRequest(target=target, patience_s=3_600.0), **changes)  # type: ignore[arg-type]


def a_world(map_name: str = "all_answer", lesson: Lesson | None = LESSON, where: Surroundings = HERE) -> ToldWorld:
    world = ToldWorld(map_name)
    if lesson is not None:
        world.memory[KEY] = Remembered(lesson=lesson, learned_in=where)
    return world


def sent(world: ToldWorld) -> int:
    return world.simulation.sent


def shown(sample: Sample) -> tuple[object, ...]:
    (leg,) = sample.legs
    return leg.protocol, leg.reached, [(hop.probe_ttl, [r.address for r in hop.responders]) for hop in leg.hops]


def test_a_sample_leaves_what_it_learned_and_the_next_one_takes_it() -> None:
    first = a_world(lesson=None)
    before = collect(asked_for(), first)
    left = first.memory[KEY]
    assert left is not None
    assert left.learned_in == HERE
    assert (left.lesson.protocol, left.lesson.distance, left.lesson.reached_at_s) == (Protocol.ICMP, 10, NOW_S)
    second = a_world(lesson=left.lesson)
    after = collect(asked_for(), second)
    assert shown(after) == shown(before)
    assert sent(second) < sent(first), "nothing is asked beyond the target but one"
    assert after.legs[0].protocol_reason == "icmp reached the target a moment ago, 10 hops away"


def test_what_is_remembered_is_said() -> None:
    (leg,) = collect(asked_for(), a_world()).legs
    assert (leg.protocol, leg.protocol_reason) == (Protocol.TCP, "tcp reached the target 3 minutes ago, 10 hops away")


@pytest.mark.parametrize(
    "world",
    [
        a_world(where=replace(HERE, epoch="elsewhere")),
        a_world(where=replace(HERE, gateway="198.51.100.9")),
        a_world(where=replace(HERE, source="198.51.100.9")),
        a_world(lesson=replace(LESSON, reached_at_s=NOW_S - 86_400, tried_at_s=NOW_S - 86_400)),
    ],
    ids=["another network", "another gateway", "another source", "yesterday"],
)
def test_what_holds_no_more_is_not_taken_and_is_replaced(world: ToldWorld) -> None:
    (leg,) = collect(asked_for(), world).legs
    assert leg.protocol_reason == "icmp comes first, because the target names no port"
    left = world.memory[KEY]
    assert left is not None
    assert (left.lesson.protocol, left.learned_in) == (Protocol.ICMP, HERE)


def test_fresh_asks_nobody_what_was_and_replaces_it() -> None:
    world = a_world()
    (leg,) = collect(asked_for(fresh=True), world).legs
    assert leg.protocol is Protocol.ICMP
    assert world.calls("recall") == []
    left = world.memory[KEY]
    assert left is not None
    assert left.lesson.protocol is Protocol.ICMP


def test_a_protocol_that_is_asked_for_is_remembered_apart() -> None:
    world = a_world()
    (leg,) = collect(asked_for(replace(HOST, protocol=ProtocolChoice.UDP)), world).legs
    assert leg.protocol is Protocol.UDP
    assert set(world.memory) == {KEY, leg_key(ProtocolChoice.UDP, ADDRESS, None)}
    assert world.memory[KEY] == Remembered(lesson=LESSON, learned_in=HERE)


def test_a_target_that_does_not_answer_is_forgotten_after_a_full_trial() -> None:
    world = a_world("dead_target")
    (leg,) = collect(asked_for(), world).legs
    assert (leg.reached, leg.protocol, world.memory[KEY]) == (False, Protocol.ICMP, None)
    assert leg.protocol_reason is not None
    assert leg.protocol_reason.startswith("tcp reached the target 3 minutes ago, 10 hops away, and does not now; icmp")
    assert {trial.protocol for trial in leg.tried if trial.traced} == {Protocol.TCP, Protocol.ICMP}


@pytest.mark.parametrize("by", ["a person", "the network"])
def test_a_sample_that_is_cut_short_leaves_the_memory_as_it_was(by: str) -> None:
    world = a_world("dead_target")
    if by == "the network":
        world.the_watch.disturbed_at = 0.05
    collect(asked_for(), world, interrupted=lambda: by == "a person")
    assert world.memory[KEY] == Remembered(lesson=LESSON, learned_in=HERE)
    assert world.calls("remember") == []


def test_each_service_edge_is_a_leg_of_its_own() -> None:
    world = a_world()
    world.checks["edge.example.com"] = literal(ADDRESS, Role.SERVICE_EDGE)
    target = replace(HOST, route=RouteKind.SERVICE_EDGE, edge_host="edge.example.com", edge_port=8_443)
    collect(asked_for(target), world)
    assert leg_key(ProtocolChoice.ADAPTIVE, ADDRESS, 8_443) in world.memory


# What a network does has to depend on the probe alone: see `tests/property/trace/test_memory_laws.py`.
_MAPS = (
    "all_answer",
    "all_silent",
    "dead_target",
    "falls_back",
    "local_firewall",
    "many_silent",
    "middle_prohibited_3_13",
    "next_door",
    "no_route",
    "one_protocol_blocked",
    "target_prohibits",
    "thirty_hops",
    "three_silent",
)


@given(
    st.sampled_from(_MAPS),
    st.sampled_from(list(Protocol)),
    st.none() | st.integers(1, 30),
    st.none() | st.integers(0, 200_000),
)
@settings(deadline=None, max_examples=60)
def test_a_wrong_memory_changes_no_verdict(
    map_name: str, protocol: Protocol, distance: int | None, rtt_us: int | None
) -> None:
    wrong = replace(LESSON, protocol=protocol, distance=distance, rtt_us=rtt_us)
    cold, warm = (collect(asked_for(), a_world(map_name, lesson)) for lesson in (None, wrong))
    verdicts = [diagnose(sample, shipped_rules()) for sample in (cold, warm)]
    first, second = (
        (one.status, [(e.code, e.reason, e.anchor) for e in one.errors], [e.code for e in one.rejected])
        for one in verdicts
    )
    assert second == first
    assert warm.legs[0].reached == cold.legs[0].reached
