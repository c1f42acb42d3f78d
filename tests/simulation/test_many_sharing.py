"""Shared near hops: whom to probe where, what the record shows of it, and when memory is not believed."""

# ruff: noqa: S311 - a simulation draws numbers of its own

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from probes.facts import Family, Leg, LossClass, Node, Role
from probes.trace.line import Stretch
from probes.trace.many.facts import many_leg
from probes.trace.many.sharing import Share, remembered_path, share_near_hops, with_shared_hops
from probes.trace.many.state import ManyTrace
from probes.trace.many.sweep import UNHURRIED, Sweep, run
from tests.simulation.many import Clock, SimulatedCarrier, SimulatedWaiter, Way

NEAR = tuple(f"10.0.{ttl}.1" for ttl in range(1, 8))


def swept(ways: dict[str, Way], shares: dict[str, Share]) -> tuple[dict[str, Leg], SimulatedCarrier]:
    clock = Clock()
    carrier = SimulatedCarrier(clock, ways, slots=16384)
    sweep = Sweep(carrier, settings=UNHURRIED, random_bytes=Random(0).randbytes)
    for address in ways:
        sweep.add(address, address, first_ttl=shares[address].first_ttl if address in shares else None)
    finished: list[ManyTrace] = []
    run(sweep, clock=clock, waiter=SimulatedWaiter(clock), done=finished.append)
    return {str(each.key): leg_of(each, carrier) for each in finished}, carrier


def leg_of(each: ManyTrace, carrier: SimulatedCarrier) -> Leg:
    stretch = Stretch(
        role=Role.DESTINATION,
        from_=Node.CLIENT,
        to=Node.DESTINATION,
        family=Family.IPV4,
        address=str(each.key),
        port=None,
    )
    return many_leg(each, carrier, stretch, protocol_reason="icmp was asked for")


def twenty(near: tuple[str | None, ...] = NEAR) -> dict[str, Way]:
    """Return twenty targets behind the same seven routers, each with one of its own in front."""
    return {f"198.51.100.{number}": Way(hops=(*near, f"10.9.{number}.1")) for number in range(1, 21)}


def shares_of(legs: dict[str, Leg]) -> dict[str, Share]:
    return share_near_hops({address: remembered_path(leg) for address, leg in legs.items()})


def test_twenty_targets_behind_seven_routers_ask_each_router_as_one_target_does() -> None:
    first, _ = swept(twenty(), {})
    shares = shares_of(first)
    assert len(shares) == 19
    assert {share.leader for share in shares.values()} == {"198.51.100.1"}
    assert {share.path for share in shares.values()} == {NEAR}
    legs, carrier = swept(twenty(), shares)
    asked = Counter(ttl for _, _, ttl, _ in carrier.sends if ttl <= len(NEAR))
    assert asked == dict.fromkeys(range(1, 8), UNHURRIED.queries)
    for address, share in shares.items():
        leg = with_shared_hops(legs[address], legs["198.51.100.1"], share)
        assert leg is not None
        whole = first[address]
        assert [hop.probe_ttl for hop in leg.hops] == [hop.probe_ttl for hop in whole.hops]
        assert [hop.responders[0].address for hop in leg.hops] == [hop.responders[0].address for hop in whole.hops]
        assert {hop.loss_class for hop in leg.hops} == {LossClass.NONE}
        assert [hop.shared_with for hop in leg.hops] == ["198.51.100.1"] * 7 + [None, None]
        assert (leg.reached, leg.loss_ratio) == (True, 0.0)


def test_a_leader_whose_path_has_changed_is_followed_by_nobody() -> None:
    shares = shares_of(swept(twenty(), {})[0])
    legs, _ = swept(twenty(("10.0.99.1", *NEAR[1:])), shares)
    assert {with_shared_hops(legs[each], legs["198.51.100.1"], share) for each, share in shares.items()} == {None}


def test_a_target_whose_own_first_hop_has_changed_is_traced_whole() -> None:
    shares = shares_of(swept(twenty(), {})[0])
    ways = twenty() | {"198.51.100.5": Way(hops=(*NEAR, "10.9.77.1"))}
    legs, _ = swept(ways, shares)
    leader = legs["198.51.100.1"]
    assert with_shared_hops(legs["198.51.100.5"], leader, shares["198.51.100.5"]) is None
    assert with_shared_hops(legs["198.51.100.6"], leader, shares["198.51.100.6"]) is not None


def test_silence_at_the_targets_own_first_hop_contradicts_nothing() -> None:
    shares = shares_of(swept(twenty(), {})[0])
    ways = twenty() | {"198.51.100.5": Way(hops=(*NEAR, None))}
    legs, _ = swept(ways, shares)
    leg = with_shared_hops(legs["198.51.100.5"], legs["198.51.100.1"], shares["198.51.100.5"])
    assert leg is not None
    assert leg.hops[7].loss_class is LossClass.SILENT


PATHS = st.lists(st.lists(st.sampled_from(["a", "b", None]), max_size=6).map(tuple), min_size=1, max_size=12)


@given(PATHS)
def test_no_hop_is_asked_for_two_targets_and_every_hop_for_one(paths: list[tuple[str | None, ...]]) -> None:
    """Each beginning of a path that ends with an address is probed for exactly one target that has it."""
    named = {f"{number:02}": path for number, path in enumerate(paths)}
    shares = share_near_hops(named)
    probed: Counter[tuple[str | None, ...]] = Counter()
    for key, path in named.items():
        first = shares[key].first_ttl if key in shares else 1
        probed.update(path[:length] for length in range(first, len(path) + 1) if path[length - 1] is not None)
    assert set(probed.values()) <= {1}
    assert set(probed) == {p[:n] for p in paths for n in range(1, len(p) + 1) if p[n - 1] is not None}


@given(PATHS)
def test_a_leader_is_another_target_before_with_the_same_beginning(paths: list[tuple[str | None, ...]]) -> None:
    named = {f"{number:02}": path for number, path in enumerate(paths)}
    for key, share in share_near_hops(named).items():
        assert share.leader < key
        assert named[share.leader][: len(share.path)] == share.path == named[key][: len(share.path)]
        assert share.path[-1] is not None
