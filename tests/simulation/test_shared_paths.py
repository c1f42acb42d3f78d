"""Many targets behind the same routers, traced in virtual time: what is shared, checked, doubted, and never lost."""

import tracemalloc
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from agent.shared_paths import PATIENCE_S, SharedPaths, Turn
from agent.world import Sending
from probes.facts import EndReason, Hop, Leg, LossClass, Protocol, ProtocolChoice, SharedCheck
from probes.frozen import replace
from probes.trace.account import TraceOutcome
from probes.trace.memory import Surroundings
from probes.trace.near_knowledge import REFRESH_S, USABLE_S
from probes.trace.settings import TraceSettings
from tests.simulation.drivers import FakeClock, SimulatedWaiter, Simulation
from tests.simulation.world import Node, World

HERE = Surroundings(epoch="e", interface="eth0", gateway="10.0.1.1", source="192.0.2.1")
SHARED = 7
ANSWERS = {Protocol.ICMP: "echo_reply", Protocol.UDP: "port_unreachable", Protocol.TCP: "syn_ack"}


def routers(count: int, prefix: str = "10.0") -> list[Node]:
    """Return stock routers; one object stands for one router, whoever is traced through it."""
    return [Node(address=f"{prefix}.{ttl}.1", rtt_ms=2.0 * ttl) for ttl in range(1, count + 1)]


@dataclass(kw_only=True)
class Service:
    """Targets by address, each with the nodes before it, and one clock for all of them."""

    ways: dict[str, list[Node]]
    shares: bool = True
    clock: FakeClock = field(default_factory=FakeClock)
    here: Surroundings = HERE
    dead: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.shared = SharedPaths(self.clock)
        self.waited_s: dict[str, float] = {}
        self._ends: dict[str, Node] = {}

    def trace(self, address: str) -> Leg:
        """Trace one target now; the clock is where the trace ended."""
        simulation = self._simulation(address)
        turn = self.begin(address) if self.shares else None
        if turn is None:
            return simulation.trace(ProtocolChoice.ICMP, TraceSettings()).leg
        outcome: TraceOutcome | None = None
        try:
            asked = TraceSettings(queries=turn.queries)
            outcome = simulation.trace(ProtocolChoice.ICMP, asked, near=turn.near)
        finally:
            self.shared.end(turn, outcome)
        return outcome.leg

    def begin(self, address: str) -> Turn | None:
        """Wait for the turn of a target."""
        began = self.clock.now
        turn = self.shared.begin(address, address, self.here, Sending(), TraceSettings(), self._pause)
        self.waited_s[address] = self.clock.now - began
        return turn

    def round(self, every_s: float = 0.0) -> dict[str, Leg]:
        """Trace every target once, one each `every_s` seconds at most."""
        legs = {}
        for address in self.ways:
            due = self.clock.now + every_s
            legs[address] = self.trace(address)
            self.clock.now = max(self.clock.now, due)
        return legs

    def rest(self, seconds: float) -> None:
        self.clock.now += seconds

    def _pause(self, seconds: float) -> bool:
        self.clock.now += seconds
        return True

    def _simulation(self, address: str) -> Simulation:
        answers = dict.fromkeys(Protocol, "silent") if address in self.dead else ANSWERS
        way = self.ways[address]
        end = self._ends.setdefault(address, Node(address=address, rtt_ms=2.0 * (len(way) + 1), target=answers))
        end.target = answers
        simulation = Simulation(World(target=address, paths=[(0.0, [*way, end])]))
        simulation.clock = self.clock
        simulation.waiter = SimulatedWaiter(self.clock)
        return simulation


def targets(count: int, near: Sequence[Node]) -> dict[str, list[Node]]:
    """Return targets behind the same routers; every third has one more router in front, a neighbour's too."""
    branches = [Node(address=f"10.9.{number}.1", rtt_ms=20) for number in range(count // 9 + 1)]
    return {
        f"198.51.{100 + number // 250}.{number % 250 + 1}": [
            *near,
            *branches[number // 9 : number // 9 + (number % 3 == 0)],
        ]
        for number in range(count)
    }


def lossy(legs: dict[str, Leg]) -> list[str]:
    return [a for a, leg in legs.items() if leg.loss_ratio != 0.0 or any(h.received < h.sent for h in leg.hops)]


def incomplete(legs: dict[str, Leg]) -> list[str]:
    return [a for a, leg in legs.items() if not leg.reached or not all(hop.responders for hop in leg.hops)]


def paths(legs: dict[str, Leg]) -> dict[str, list[str]]:
    return {address: [hop.responders[0].address for hop in leg.hops] for address, leg in legs.items()}


def test_twenty_targets_at_once_lose_nothing_and_every_path_is_the_true_one() -> None:
    near = routers(SHARED)
    service = Service(ways=targets(20, near))
    for _ in range(10):
        legs = service.round()
        assert (lossy(legs), incomplete(legs)) == ([], [])
        assert paths(legs) == {a: [*(node.address for node in way), a] for a, way in service.ways.items()}
        service.rest(6.0)


def test_without_sharing_the_same_twenty_drown_each_other() -> None:
    """The near miss: what the test above rests on is there to be seen."""
    legs = Service(ways=targets(20, routers(SHARED)), shares=False).round()
    assert len(lossy(legs)) >= 15


def test_shared_hops_say_whose_they_are_how_old_and_how_they_were_checked() -> None:
    service = Service(ways={"198.51.100.1": (near := routers(SHARED)), "198.51.100.2": near})
    leader, follower = service.trace("198.51.100.1"), service.trace("198.51.100.2")
    assert leader.shared_check is None
    assert {hop.shared_with for hop in leader.hops} == {None}
    assert follower.shared_check is SharedCheck.CONFIRMED
    assert [hop.shared_with for hop in follower.hops] == ["198.51.100.1"] * SHARED + [None]
    assert [hop.rtt_us for hop in follower.hops[:-1]] == [hop.rtt_us for hop in leader.hops[:-1]]
    ages = {hop.shared_age_us for hop in follower.hops[:-1]}
    assert len(ages) == 1
    assert leader.duration_us is not None
    assert leader.duration_us <= (ages.pop() or 0) <= leader.duration_us + 1000
    assert near[SHARED - 1].answered == 4, "three for the leader, one for the check"
    assert near[0].answered == 3


def test_few_targets_that_are_rarely_due_ask_every_hop_themselves() -> None:
    service = Service(ways=targets(3, routers(SHARED)))
    for _ in range(3):
        legs = service.round(every_s=REFRESH_S + 1)
        assert {hop.shared_with for leg in legs.values() for hop in leg.hops} == {None}
        assert lossy(legs) == []


def test_nearness_is_found_out_where_an_unknown_target_is_nearer_than_all_others() -> None:
    near = routers(SHARED)
    ways = {"198.51.100.1": near, "198.51.100.2": near, "198.51.100.3": near[:3]}
    service = Service(ways=ways)
    legs = service.round()
    assert paths(legs)["198.51.100.3"] == [*(node.address for node in near[:3]), "198.51.100.3"]
    assert (lossy(legs), incomplete(legs)) == ([], [])


def test_an_unknown_target_on_another_branch_is_walked_back_to_where_the_ways_part() -> None:
    near, other = routers(SHARED), routers(SHARED, "10.77")
    ways = {"198.51.100.1": near, "198.51.100.2": near[:3] + other[3:]}
    service = Service(ways=ways)
    legs = service.round()
    assert paths(legs)["198.51.100.2"] == [node.address for node in ways["198.51.100.2"]] + ["198.51.100.2"]
    assert [hop.shared_with is not None for hop in legs["198.51.100.2"].hops] == [True] * 3 + [False] * 5
    assert (lossy(legs), incomplete(legs)) == ([], [])


@pytest.mark.parametrize("changed", [1, 4, SHARED])
def test_a_changed_router_is_seen_by_all_within_the_time_that_hops_are_fresh(changed: int) -> None:
    near = routers(SHARED)
    service = Service(ways={f"198.51.100.{number}": near for number in range(1, 21)})
    service.round()
    service.rest(REFRESH_S)
    near[changed - 1] = Node(address="10.66.0.1", rtt_ms=2.0 * changed)
    service.ways = dict.fromkeys(service.ways, near)
    legs = service.round()
    assert {path[changed - 1] for path in paths(legs).values()} == {"10.66.0.1"}
    assert (lossy(legs), incomplete(legs)) == ([], [])


def test_where_a_shared_router_is_gone_nobody_shows_it_any_more() -> None:
    near = routers(SHARED)
    service = Service(ways={f"198.51.100.{number}": near for number in range(1, 9)})
    service.round()
    service.rest(REFRESH_S)
    near[4].silent, near[4].drops = True, frozenset(Protocol)
    for leg in service.round().values():
        assert (leg.reached, leg.end_reason) == (False, EndReason.GAP_LIMIT)
        assert not [hop for hop in leg.hops if hop.responders and hop.probe_ttl > 4]


def test_between_two_askings_a_dead_way_is_not_shown_as_alive() -> None:
    """One second after the near hops were asked, a router of them dies: what nobody checks now, nobody is told."""
    near = routers(SHARED)
    service = Service(ways={f"198.51.100.{number}": near for number in range(1, 9)})
    service.round()
    service.rest(1.0)
    near[4].silent, near[4].drops = True, frozenset(Protocol)
    for leg in service.round().values():
        assert leg.reached is False
        assert not [hop for hop in leg.hops if hop.responders and hop.probe_ttl > 4]


def test_a_dead_target_shows_the_near_hops_after_a_check_of_its_own() -> None:
    near = routers(SHARED)
    dead = "198.51.100.2"
    service = Service(ways={"198.51.100.1": near, dead: near}, dead=frozenset({dead}))
    service.trace("198.51.100.1")
    leg = service.trace(dead)
    assert (leg.reached, leg.shared_check) == (False, SharedCheck.CONFIRMED)
    assert [hop.responders[0].address for hop in leg.hops[:SHARED]] == [node.address for node in near]


def test_loss_on_a_shared_link_is_looked_for_at_every_hop_and_reported() -> None:
    near = routers(SHARED)
    # Every fifth packet that passes the fourth router is gone; hop probes and the series take turns, so no even number.
    near[3].drops_passing = frozenset(range(0, 100_000, 5))
    service = Service(ways={f"198.51.100.{number}": near for number in range(1, 5)})
    found: Counter[LossClass] = Counter()
    for _ in range(5):
        legs = service.round(every_s=REFRESH_S + 5)
        assert all(leg.loss_ratio for leg in legs.values())
        assert all(hop.loss_class is not LossClass.LOSS for leg in legs.values() for hop in leg.hops[:4])
        found.update(hop.loss_class for leg in legs.values() for hop in leg.hops[4:SHARED])
    assert found[LossClass.LOSS]


def test_loss_that_begins_after_the_near_hops_were_asked_is_put_where_it_is() -> None:
    near = routers(SHARED)
    service = Service(ways={"198.51.100.1": near, "198.51.100.2": near})
    service.round()
    service.rest(4.0)
    near[3].drops_passing = frozenset(n for n in range(1, 1000) if n % 2)
    leg = service.trace("198.51.100.2")
    assert leg.loss_ratio
    assert {hop.shared_with for hop in leg.hops} == {None}, "asked for this leg, all of them"
    assert all(hop.received == hop.sent for hop in leg.hops[:4])
    assert any(hop.received < hop.sent for hop in leg.hops[4:])


def test_balanced_near_hops_cost_no_endless_whole_traces() -> None:
    """Two routers stand at the fourth hop; which one a trace meets differs from trace to trace."""
    near = routers(SHARED)
    pair = [Node(address=f"10.44.0.{number}", rtt_ms=8) for number in (1, 2)]
    service = Service(ways={f"198.51.100.{number}": near for number in range(1, 21)})
    whole = Counter[int]()
    for turn in range(8):
        for number, address in enumerate(service.ways):
            service.ways[address] = [*near[:3], pair[(number + turn) % 2], *near[4:]]
        legs = service.round(every_s=0.5)
        assert (lossy(legs), incomplete(legs)) == ([], [])
        whole[turn] = sum(leg.shared_check is None for leg in legs.values())
    assert max(whole.values()) <= 3, "each ten seconds one, and no more because of the two"


def test_two_gateways_share_nothing() -> None:
    near, other = routers(SHARED), routers(SHARED, "10.77")
    service = Service(ways={"198.51.100.1": near, "198.51.100.2": other})
    service.trace("198.51.100.1")
    service.here = Surroundings(epoch="e", interface="eth1", gateway="10.77.1.1", source="192.0.2.9")
    leg = service.trace("198.51.100.2")
    assert {hop.shared_with for hop in leg.hops} == {None}
    assert paths({"b": leg})["b"] == [*(node.address for node in other), "198.51.100.2"]


def test_what_was_known_before_a_change_of_the_network_is_forgotten() -> None:
    near = routers(SHARED)
    service = Service(ways={"198.51.100.1": near, "198.51.100.2": near})
    service.trace("198.51.100.1")
    service.shared.forget()
    assert {hop.shared_with for hop in service.trace("198.51.100.2").hops} == {None}


def test_three_targets_a_second_are_on_time_and_lose_nothing() -> None:
    """As many as a thousand are every five minutes, through the first minutes, in which nobody knows anything."""
    service = Service(ways=targets(400, routers(SHARED)))
    legs = service.round(every_s=0.3)
    assert (lossy(legs), incomplete(legs)) == ([], [])
    waited_s = sorted(service.waited_s.values())
    assert waited_s[-1] <= 2 * PATIENCE_S
    assert waited_s[-20] <= 0.3, "but for the first, nobody waits for his routers"
    service.rest(60)
    again = service.round(every_s=0.3)
    assert (lossy(again), incomplete(again)) == ([], [])
    assert max(service.waited_s.values()) == 0, "checks leave enough for whoever asks the near hops anew"


def test_nobody_waits_long_for_the_one_who_asks_the_near_hops_anew_while_what_is_known_will_do() -> None:
    service = Service(ways=targets(3, routers(SHARED)))
    first, second, third = service.ways
    for _ in range(3):
        service.round(every_s=3)
    service.rest(USABLE_S - 4)
    leader = service.begin(first)
    assert leader is not None
    assert leader.near is None, "it asks every hop"
    hops = service.trace(second).hops
    assert 0.5 <= service.waited_s[second] < 0.7, "news would have come by then"
    assert all(REFRESH_S <= (hop.shared_age_us or 0) / 1e6 <= USABLE_S for hop in hops[:SHARED])
    service.rest(3.5)
    service.trace(third)
    assert service.waited_s[third] > 0.7, "what is known is too old"


def test_a_thousand_paths_take_little_memory() -> None:
    service = Service(ways=targets(1000, routers(20)))
    leg = service.trace("198.51.100.2")
    here, sending, settings = service.here, Sending(), TraceSettings()
    tracemalloc.start()
    for number in range(1000):
        address = f"203.0.{number // 250}.{number % 250}"
        own = [responder_at(hop, f"10.{number // 250}.{number % 250}.{hop.probe_ttl}") for hop in leg.hops[10:]]
        found = replace(leg, address=address, hops=(*leg.hops[:10], *own))
        turn = service.shared.begin(address, address, here, sending, settings, lambda _: False)
        assert turn is not None
        service.shared.end(turn, TraceOutcome(leg=found, reachability=()))
        service.rest(0.3)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept <= 20 << 20, kept


def responder_at(hop: Hop, address: str) -> Hop:
    return replace(hop, responders=tuple(replace(one, address=address) for one in hop.responders))


# --- who is let in ----------------------------------------------------------------------------------------------------


def test_the_first_of_all_goes_alone_and_the_others_when_it_has_told_where_they_are() -> None:
    service = Service(ways=targets(3, routers(SHARED)))
    first, second, _ = service.ways
    now = service.clock.now
    assert service.shared.ready_at(first, now) <= now
    assert service.shared.ready_at(second, now) > now
    service.trace(first)
    now = service.clock.now
    assert service.shared.ready_at(second, now) <= now


def test_where_the_first_of_all_learns_nothing_the_others_wait_no_longer_than_a_second() -> None:
    shared, now = SharedPaths(FakeClock()), 5.0
    assert shared.ready_at("a", now) <= now
    assert shared.ready_at("b", now) > now
    assert shared.ready_at("b", now + 1.0) <= now + 1.0


def test_where_there_is_no_gateway_nobody_waits_for_anybody() -> None:
    service = Service(ways=targets(2, []), here=replace(HERE, gateway=None))
    first, second = service.ways
    assert service.shared.ready_at(first, service.clock.now) <= service.clock.now
    service.trace(first)
    assert service.shared.ready_at(second, service.clock.now) <= service.clock.now


def test_who_is_let_in_holds_what_he_will_ask_and_gives_it_back_if_he_never_does() -> None:
    service = Service(ways=targets(12, near := routers(SHARED)))
    service.trace(next(iter(service.ways)))
    now = service.clock.now
    let_in = [name for name in list(service.ways)[1:] if service.shared.ready_at(name, now) <= now]
    assert len(let_in) == 1, "two with three questions each would leave no answer of a router that neither knows of"
    assert near[-1].answered == 3
    now += 3.1
    again = [name for name in list(service.ways)[1:] if service.shared.ready_at(name, now) <= now]
    assert again == let_in, "nobody came: what was held for it is there again"


def test_whoever_goes_where_nobody_has_been_leaves_an_answer_for_the_next() -> None:
    """Of one router that all may meet: two with two questions each, and one with one."""
    service = Service(ways=targets(12, routers(SHARED)))
    known, unknown = list(service.ways)[:5], list(service.ways)[5:]
    for name in known:
        service.trace(name)
    now = service.clock.now
    assert sum(service.shared.ready_at(name, now) <= now for name in unknown) == 3
    assert sum(service.shared.ready_at(name, now + 1.1) <= now + 1.1 for name in unknown) == 4


def test_who_takes_long_where_nobody_has_been_delays_nobody_for_longer_than_a_router_answers_again() -> None:
    service = Service(ways=targets(12, routers(SHARED)))
    for name in list(service.ways)[:5]:
        service.trace(name)
    turns, waited_s = [], []
    for name in list(service.ways)[5:]:
        began = service.clock.now
        turns.append(service.shared.begin(name, name, HERE, Sending(), TraceSettings(), service._pause))
        waited_s.append(service.clock.now - began)
    # None of them has come back.
    assert all(turn is not None and turn.near is not None for turn in turns)
    assert [turn.queries for turn in turns if turn is not None] == [2, 2, 1, 1, 1, 1, 1]
    assert max(waited_s) <= 1.1
