"""What memory saves, in probes and in time: the figures of docs/adr/0021-adaptive-protocol-and-memory.md."""

from dataclasses import dataclass

import pytest

from probes.facts import Leg, Protocol, ProtocolChoice
from probes.trace.memory import Lesson
from probes.trace.settings import TraceSettings
from tests.simulation import world as simulated
from tests.simulation.drivers import Simulation
from tests.simulation.world import World

_NOW_S = 1_700_000_000
_ANSWERS = {Protocol.ICMP: "echo_reply", Protocol.UDP: "port_unreachable", Protocol.TCP: "syn_ack"}
_NO_ECHO = {**_ANSWERS, Protocol.ICMP: "silent"}
_DEAD = dict.fromkeys(Protocol, "silent")


@dataclass(frozen=True, kw_only=True)
class Way:
    """A path, what was learned of it when it was well, and what a trace that knows it may take.

    `saves`: it takes less than a trace without memory; else what is remembered is wrong, and costs a little.
    """

    hops: int
    slowest_ms: float
    answers: dict[Protocol, str]
    drops_icmp_at: int | None = None
    protocol: Protocol = Protocol.ICMP
    distance: int | None = None
    most_probes: int
    most_ms: float
    saves: bool = True


_WAYS = {
    "near": Way(hops=4, slowest_ms=10, answers=_ANSWERS, most_probes=25, most_ms=13),
    "ten hops": Way(hops=10, slowest_ms=40, answers=_ANSWERS, most_probes=43, most_ms=45),
    "twenty hops": Way(hops=20, slowest_ms=80, answers=_ANSWERS, most_probes=73, most_ms=88),
    "far": Way(hops=28, slowest_ms=150, answers=_ANSWERS, most_probes=99, most_ms=160),
    "no echo": Way(hops=12, slowest_ms=40, answers=_NO_ECHO, protocol=Protocol.TCP, most_probes=49, most_ms=46),
    "dropped on the way": Way(
        hops=12, slowest_ms=40, answers=_ANSWERS, drops_icmp_at=5, protocol=Protocol.TCP, most_probes=49, most_ms=46
    ),
    "dead since": Way(hops=12, slowest_ms=40, answers=_DEAD, most_probes=110, most_ms=960, saves=False),
    "dead since, tcp remembered": Way(
        hops=12, slowest_ms=40, answers=_DEAD, protocol=Protocol.TCP, most_probes=150, most_ms=990, saves=False
    ),
    "remembered too near": Way(
        hops=10, slowest_ms=40, answers=_ANSWERS, distance=5, most_probes=85, most_ms=70, saves=False
    ),
    "remembered too far": Way(
        hops=10, slowest_ms=40, answers=_ANSWERS, distance=30, most_probes=105, most_ms=60, saves=False
    ),
}


def _world(way: Way) -> World:
    nodes = [
        simulated.Node(
            address=f"10.0.0.{ttl}",
            rtt_ms=way.slowest_ms * ttl / way.hops,
            drops=frozenset({Protocol.ICMP} if ttl == way.drops_icmp_at else ()),
        )
        for ttl in range(1, way.hops)
    ]
    target = simulated.Node(address="192.0.2.80", rtt_ms=way.slowest_ms, target=way.answers)
    return World(paths=[(0.0, [*nodes, target])])


def _traced(way: Way, lesson: Lesson | None) -> tuple[Leg, int]:
    """Return the leg, and how many probes left."""
    simulation = Simulation(_world(way))
    outcome = simulation.trace(ProtocolChoice.ADAPTIVE, TraceSettings(), remembered=lesson)
    return outcome.leg, simulation.sent


@pytest.mark.parametrize("name", _WAYS)
def test_who_remembers_shows_the_same_and_takes_less_or_little_more(name: str) -> None:
    way = _WAYS[name]
    lesson = Lesson(
        protocol=way.protocol,
        distance=way.distance or way.hops,
        rtt_us=round(way.slowest_ms * 1000),
        reached_at_s=_NOW_S - 60,
        tried_at_s=_NOW_S - 60,
    )
    (cold, sent_before), (warm, sent) = _traced(way, None), _traced(way, lesson)
    assert warm.duration_us is not None
    assert cold.duration_us is not None
    assert (sent <= way.most_probes, warm.duration_us / 1000 <= way.most_ms) == (True, True), (sent, warm.duration_us)
    if way.saves:
        assert (sent < sent_before, warm.duration_us < cold.duration_us) == (True, True)
    assert (warm.protocol, warm.reached, warm.end_reason) == (cold.protocol, cold.reached, cold.end_reason)
    assert _responders(warm) == _responders(cold)
    for leg in (cold, warm):
        assert all(hop.received == 3 for hop in leg.hops if hop.responders), "no limiter was starved"


def test_a_target_that_ignores_the_first_protocol_is_traced_by_the_next_long_before_the_first_gives_up() -> None:
    for name in ("no echo", "dropped on the way"):
        leg, _ = _traced(_WAYS[name], None)
        assert leg.protocol is Protocol.TCP
        assert leg.duration_us is not None
        assert leg.duration_us / 1000 <= 200, "0.12 s until the silence is plain, and a trace"


def _responders(leg: Leg) -> list[list[str]]:
    return [[responder.address for responder in hop.responders] for hop in leg.hops]
