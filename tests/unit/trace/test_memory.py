"""What a trace leaves to the next one, how it ages, and when it is forgotten."""

from dataclasses import replace

import pytest

from probes.facts import (
    Answer,
    EndReason,
    Family,
    Hop,
    Leg,
    LossClass,
    Node,
    Protocol,
    ProtocolChoice,
    Responder,
    Trial,
    TrialOutcome,
)
from probes.host_facts import Network, Route
from probes.trace.memory import (
    Lesson,
    Memory,
    Remembered,
    Surroundings,
    in_force,
    in_words,
    learned,
    leg_key,
    surroundings,
    trusted,
)
from probes.trace.settings import TraceSettings

_NOW_S = 1_700_000_000
_ICMP, _TCP = Protocol.ICMP, Protocol.TCP
_LESSON = Lesson(protocol=_TCP, distance=12, rtt_us=12_300, reached_at_s=_NOW_S - 180, tried_at_s=_NOW_S - 180)
_HERE = Surroundings(epoch="4d2c", interface="eth0", gateway="10.0.0.1", source="10.0.0.23")
_ADAPTIVE = ProtocolChoice.ADAPTIVE


def _leg(protocol: Protocol = _TCP, *, distance: int = 12, **changes: object) -> Leg:
    hops = tuple(
        Hop(
            probe_ttl=ttl,
            sent=3,
            received=3,
            loss_class=LossClass.NONE,
            responders=(Responder(address=f"10.0.0.{ttl}", answer=Answer.TIME_EXCEEDED),),
        )
        for ttl in range(1, distance + 1)
    )
    trial = Trial(
        protocol=protocol,
        outcome=TrialOutcome.REACHED,
        chosen=True,
        traced=True,
        reached=True,
        rtt_us=12_300,
        reason="",
    )
    leg = Leg(
        from_=Node.CLIENT,
        to=Node.DESTINATION,
        protocol=protocol,
        reached=True,
        end_reason=EndReason.REACHED,
        hops=hops,
        tried=(trial,),
    )
    return replace(leg, **changes)  # type: ignore[arg-type]


# --- what is learned --------------------------------------------------------------------------------------------------


def test_a_reached_leg_teaches_its_protocol_and_distance() -> None:
    assert learned(_leg(), None, first_ttl=1, now_s=_NOW_S) == Lesson(
        protocol=_TCP, distance=12, rtt_us=12_300, reached_at_s=_NOW_S, tried_at_s=_NOW_S
    )


def test_what_did_not_reach_is_forgotten() -> None:
    assert learned(_leg(reached=False), _LESSON, first_ttl=1, now_s=_NOW_S) is None
    assert learned(_leg(reached=None), _LESSON, first_ttl=1, now_s=_NOW_S) is None


def test_what_a_middlebox_answered_is_forgotten() -> None:
    leg = _leg()
    answered_for = replace(leg.tried[0], outcome=TrialOutcome.MIDDLEBOX, reached=False)
    assert learned(replace(leg, tried=(answered_for,)), _LESSON, first_ttl=1, now_s=_NOW_S) is None


@pytest.mark.parametrize("distance", [11, 13])
def test_a_path_of_another_length_is_forgotten(distance: int) -> None:
    assert learned(_leg(distance=distance), _LESSON, first_ttl=1, now_s=_NOW_S) is None


def test_another_protocol_may_be_of_another_length() -> None:
    lesson = learned(_leg(_ICMP, distance=14), _LESSON, first_ttl=1, now_s=_NOW_S)
    assert lesson is not None
    assert (lesson.protocol, lesson.distance, lesson.tried_at_s) == (_ICMP, 14, _NOW_S)


def test_a_protocol_taken_from_memory_was_not_tried_again_and_an_old_one_was() -> None:
    lesson = learned(_leg(), _LESSON, first_ttl=1, now_s=_NOW_S)
    assert lesson == replace(_LESSON, reached_at_s=_NOW_S)
    old = replace(_LESSON, tried_at_s=_NOW_S - 3600)
    assert learned(_leg(), old, first_ttl=1, now_s=_NOW_S) == replace(old, reached_at_s=_NOW_S, tried_at_s=_NOW_S)


def test_a_distance_that_was_not_seen_teaches_none_and_takes_none_away() -> None:
    near = _leg(distance=5, hops=_leg(distance=5).hops[4:])
    lesson = learned(near, None, first_ttl=5, now_s=_NOW_S)
    assert lesson is not None
    assert lesson.distance is None, "the target may be nearer than the first TTL"
    by_series = _leg(end_reason=EndReason.MAX_TTL)
    kept = learned(by_series, _LESSON, first_ttl=1, now_s=_NOW_S)
    assert kept is not None
    assert kept.distance == 12


# --- when it is used --------------------------------------------------------------------------------------------------


def _remembered(**changes: object) -> Remembered:
    return Remembered(lesson=replace(_LESSON, **changes), learned_in=_HERE)  # type: ignore[arg-type]


def test_it_is_used_in_the_network_where_it_was_learned_for_a_day() -> None:
    assert in_force(_remembered(), _HERE, _NOW_S) == _LESSON
    assert in_force(None, _HERE, _NOW_S) is None
    assert in_force(_remembered(reached_at_s=_NOW_S - 86_399), _HERE, _NOW_S) is not None
    assert in_force(_remembered(reached_at_s=_NOW_S - 86_400), _HERE, _NOW_S) is None


@pytest.mark.parametrize(
    "elsewhere", [{"epoch": "other"}, {"gateway": "10.0.0.2"}, {"source": "10.0.0.24"}, {"interface": "wlan0"}]
)
def test_it_is_not_used_anywhere_else(elsewhere: dict[str, str]) -> None:
    assert in_force(_remembered(), replace(_HERE, **elsewhere), _NOW_S) is None


@pytest.mark.parametrize("field", ["reached_at_s", "tried_at_s"])
def test_what_was_learned_in_the_future_is_not_used(field: str) -> None:
    assert in_force(_remembered(**{field: _NOW_S + 1}), _HERE, _NOW_S) is None


def test_a_protocol_is_trusted_for_an_hour_since_its_trial() -> None:
    assert trusted(replace(_LESSON, tried_at_s=_NOW_S - 3599), _NOW_S)
    assert not trusted(replace(_LESSON, tried_at_s=_NOW_S - 3600), _NOW_S)


def test_the_surroundings_are_the_network_and_the_look_up_of_the_address() -> None:
    route = Route(
        destination="192.0.2.80", family=Family.IPV4, interface="eth0", gateway="10.0.0.1", source="10.0.0.23"
    )
    assert surroundings(Network(epoch="4d2c", routes=(route,))) == _HERE
    nothing = Surroundings(epoch="4d2c", interface=None, gateway=None, source=None)
    assert surroundings(Network(epoch="4d2c")) == nothing


def test_legs_that_are_asked_for_differently_have_different_keys() -> None:
    keys = {
        leg_key(_ADAPTIVE, "192.0.2.80", None),
        leg_key(ProtocolChoice.TCP, "192.0.2.80", None),
        leg_key(_ADAPTIVE, "192.0.2.81", None),
        leg_key(_ADAPTIVE, "192.0.2.80", 443),
        leg_key(_ADAPTIVE, "192.0.2.80", None, "eth0"),
        leg_key(_ADAPTIVE, "192.0.2.80", None, None, "10.0.0.23"),
    }
    assert len(keys) == 6


# --- how it is used ---------------------------------------------------------------------------------------------------


def test_a_trusted_protocol_goes_first_with_its_distance() -> None:
    memory = Memory(_LESSON, _ADAPTIVE, now_s=_NOW_S)
    assert memory.protocol is _TCP
    assert memory.hinted(TraceSettings(), _TCP).distance_hint == 12
    assert memory.hinted(TraceSettings(), _ICMP) == TraceSettings()
    assert memory.reason(_TCP, "x") == "tcp reached the target 3 minutes ago, 12 hops away"
    assert memory.reason(_ICMP, "x") == "x"
    assert memory.failed("x") == "tcp reached the target 3 minutes ago, 12 hops away, and does not now; x"
    assert memory.rtt_us == 12_300


def test_an_old_protocol_leaves_its_distance_only() -> None:
    memory = Memory(replace(_LESSON, tried_at_s=_NOW_S - 3600), _ADAPTIVE, now_s=_NOW_S)
    assert memory.protocol is None
    assert memory.hinted(TraceSettings(), _TCP).distance_hint == 12
    assert (
        memory.reason(_TCP, "tcp comes first") == "tcp comes first; it reached the target 3 minutes ago, 12 hops away"
    )


def test_a_protocol_that_was_asked_for_is_never_replaced() -> None:
    assert Memory(_LESSON, ProtocolChoice.ICMP, now_s=_NOW_S).protocol is None
    memory = Memory(_LESSON, ProtocolChoice.TCP, now_s=_NOW_S)
    assert memory.hinted(TraceSettings(), _TCP).distance_hint == 12
    assert memory.reason(_TCP, "tcp was asked for").startswith("tcp was asked for; it reached the target")


@pytest.mark.parametrize("distance", [None, 3])
def test_no_hint_before_the_first_ttl(distance: int | None) -> None:
    memory = Memory(replace(_LESSON, distance=distance), _ADAPTIVE, now_s=_NOW_S)
    settings = TraceSettings(first_ttl=4)
    assert memory.hinted(settings, _TCP) == settings


@pytest.mark.parametrize(
    ("age_s", "distance", "words"),
    [
        (0, None, "reached the target a moment ago"),
        (1, 1, "reached the target 1 second ago, 1 hop away"),
        (59, 2, "reached the target 59 seconds ago, 2 hops away"),
        (60, 2, "reached the target 1 minute ago, 2 hops away"),
        (7_200, 2, "reached the target 2 hours ago, 2 hops away"),
        (86_400, 2, "reached the target 1 day ago, 2 hops away"),
    ],
)
def test_it_is_said_in_words(age_s: int, distance: int | None, words: str) -> None:
    lesson = replace(_LESSON, distance=distance, reached_at_s=_NOW_S - age_s)
    assert in_words(lesson, _NOW_S) == words
