"""Laws that hold of every trace, whatever the network does."""

from dataclasses import replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from probes.facts import Leg, Protocol, ProtocolChoice, RejectReason
from probes.failure import Failure
from probes.trace.account import TraceOutcome
from probes.trace.budget import Budget
from probes.trace.line import Line
from probes.trace.plan import TracePlan
from probes.trace.run import run
from probes.trace.settings import TraceSettings
from tests.simulation import world as simulated
from tests.simulation.drivers import Simulation
from tests.simulation.world import FORGERIES, Refusals, World

_CHOICES = st.sampled_from(list(ProtocolChoice))
_PROTOCOLS = st.sampled_from(list(Protocol))
_NUMBERS = st.frozensets(st.integers(1, 8), max_size=4)


@st.composite
def _routers(draw: st.DrawFn) -> simulated.Node:
    return simulated.Node(
        address=f"10.0.{draw(st.integers(0, 3))}.{draw(st.integers(1, 250))}",
        rtt_ms=draw(st.floats(0.02, 400)),
        silent=draw(st.booleans()),
        limit=draw(st.sampled_from([(6, 1.0), (1, 1.0), (2, 10.0), None])),
        lost=draw(_NUMBERS),
        delays_ms=draw(st.dictionaries(st.integers(1, 5), st.floats(0, 1500), max_size=2)),
        copies=draw(st.integers(1, 3)),
        short_quotes=draw(st.booleans()),
        rejects=draw(st.dictionaries(_PROTOCOLS, st.sampled_from([(3, 0), (3, 1), (3, 13)]), max_size=1)),
        drops=draw(st.frozensets(_PROTOCOLS, max_size=1)),
        drops_passing=draw(_NUMBERS),
    )


@st.composite
def _paths(draw: st.DrawFn) -> list[simulated.Node]:
    routers = draw(st.lists(_routers(), max_size=12))
    answers = st.sampled_from(["echo_reply", "silent", "port_unreachable", "prohibited", "host_unreachable"])
    target = draw(_routers())
    said = {
        Protocol.ICMP: draw(answers),
        Protocol.UDP: draw(st.sampled_from(["port_unreachable", "udp_reply", "silent"])),
        Protocol.TCP: draw(st.sampled_from(["syn_ack", "rst", "silent"])),
    }
    return [*routers, replace(target, address="192.0.2.80", rejects={}, drops=frozenset(), target=said)]


@st.composite
def _worlds(draw: st.DrawFn) -> World:
    paths = [(0.0, draw(_paths()))]
    if draw(st.booleans()):
        paths.append((draw(st.floats(0.0005, 0.2)), draw(_paths())))
    refused = st.builds(
        Refusals,
        failure=st.sampled_from([Failure.BLOCKED_LOCALLY, Failure.NETWORK_UNREACHABLE]),
        from_ttl=st.integers(1, 8),
    )
    return World(
        paths=paths,
        refuses=draw(st.dictionaries(_PROTOCOLS, refused, max_size=1)),
        opens_not=draw(st.dictionaries(_PROTOCOLS, st.just(Failure.NOT_PERMITTED), max_size=1)),
        unprivileged=draw(st.booleans()),
        clock_step=draw(st.none() | st.tuples(st.floats(0, 0.2), st.floats(-100, 100))),
    )


_SETTINGS = st.builds(
    TraceSettings,
    first_ttl=st.integers(1, 3),
    max_ttl=st.integers(3, 20),
    queries=st.integers(1, 8),
    timeout_s=st.sampled_from([0.05, 0.5, 1.0, 3.0]),
    distance_hint=st.none() | st.integers(1, 20),
)


def _traced(world: World, choice: ProtocolChoice, wanted: TraceSettings) -> tuple[TraceOutcome, Simulation]:
    simulation = Simulation(world)
    outcome = simulation.trace(choice, wanted)
    return outcome, simulation


def _fresh(world: World) -> World:
    """Return the same world with nobody's counters turned."""
    paths = [
        (since, [replace(node, answered=0, passed=0, bucket=None) for node in nodes]) for since, nodes in world.paths
    ]
    return replace(world, paths=paths)


@given(_worlds(), _CHOICES, _SETTINGS)
@settings(deadline=None, max_examples=60)
def test_no_ttl_is_asked_more_than_six_times_a_second(
    world: World, choice: ProtocolChoice, wanted: TraceSettings
) -> None:
    _, simulation = _traced(world, choice, wanted)
    times: dict[int, list[float]] = {}
    for driver in simulation.drivers.values():
        for at, probe in driver.sends:
            if probe.probe_ttl != wanted.series_ttl:
                times.setdefault(probe.probe_ttl, []).append(at)
    for sent in (sorted(each) for each in times.values()):
        assert all(seventh - first >= 1.0 - 1e-6 for first, seventh in zip(sent, sent[6:], strict=False))


@given(_worlds(), _CHOICES, _SETTINGS)
@settings(deadline=None, max_examples=60)
def test_rows_are_ordered_and_count_no_more_than_was_sent(
    world: World, choice: ProtocolChoice, wanted: TraceSettings
) -> None:
    leg = _traced(world, choice, wanted)[0].leg
    first = wanted.first_ttl
    assert [hop.probe_ttl for hop in leg.hops] == list(range(first, first + len(leg.hops)))
    for hop in leg.hops:
        assert hop.received + hop.late <= hop.sent
        assert sum(len(responder.rtt_us) for responder in hop.responders) == hop.received
        assert (hop.rtt_us is None) == (hop.received == 0)
        assert (hop.responders == ()) == (hop.received + hop.late == 0)
    _series_adds_up(leg)


def _series_adds_up(leg: Leg) -> None:
    series = leg.end_to_end
    if series is not None:
        assert series.received + series.late <= series.sent
        assert series.loss_ratio is None or 0.0 <= series.loss_ratio <= 1.0
        assert series.loss_ratio is not None or series.reason is not None


@given(_worlds(), _CHOICES, _SETTINGS)
@settings(deadline=None, max_examples=60)
def test_reached_is_proven_by_the_target_and_the_path_ends_there(
    world: World, choice: ProtocolChoice, wanted: TraceSettings
) -> None:
    leg = _traced(world, choice, wanted)[0].leg
    assert (leg.reached is True) == (leg.reached_by is not None)
    if leg.reached_by is None:
        return
    assert leg.reached_by.address == world.target
    assert leg.reached_by.probe_ttl is not None
    if leg.reached_by.probe_ttl != wanted.series_ttl:
        assert leg.hops[-1].probe_ttl == leg.reached_by.probe_ttl


@given(_worlds(), _CHOICES, _SETTINGS)
@settings(deadline=None, max_examples=60)
def test_every_trace_ends_within_its_bound(world: World, choice: ProtocolChoice, wanted: TraceSettings) -> None:
    outcome, simulation = _traced(world, choice, wanted)
    assert outcome.leg.duration_us is not None
    assert outcome.leg.duration_us / 1e6 <= 2 * wanted.longest_s
    assert all(driver.closed for driver in simulation.drivers.values())


@given(_worlds(), _CHOICES, _SETTINGS)
@settings(deadline=None, max_examples=60)
def test_the_same_world_gives_the_same_facts(world: World, choice: ProtocolChoice, wanted: TraceSettings) -> None:
    first = _traced(_fresh(world), choice, wanted)[0]
    assert _traced(_fresh(world), choice, wanted)[0] == first


@given(_worlds(), _PROTOCOLS, _SETTINGS)
@settings(deadline=None, max_examples=60)
def test_every_event_is_counted_once(world: World, protocol: Protocol, wanted: TraceSettings) -> None:
    simulation = Simulation(replace(world, opens_not={}))
    driver = simulation.open(protocol)[0]
    assert driver is not None
    budget = Budget(wanted.burst_limit, wanted.burst_period_s)
    plan = TracePlan(
        flow=driver.flow,
        settings=wanted,
        random_bytes=simulation.random_bytes,
        budget=budget,
        now=simulation.clock.now,
        search=True,
    )
    run([Line(driver, plan)], waiter=simulation.waiter, clock=simulation.clock, steer=lambda _now: plan.over)
    believed = sum(attempt.reply is not None for attempt in plan._ledger.attempts)
    rejected = plan.facts().rejected
    assert believed + sum(rejected.values()) == simulation.drivers[protocol].delivered
    assert sum(a.duplicates for a in plan._ledger.attempts) == rejected.get(RejectReason.DUPLICATE, 0)


@given(_worlds(), st.sampled_from([ProtocolChoice.ICMP, ProtocolChoice.TCP, ProtocolChoice.UDP]), st.integers())
@settings(deadline=None, max_examples=60)
def test_forgeries_change_nothing_but_their_own_counters(world: World, choice: ProtocolChoice, seed: int) -> None:
    honest = _traced(_fresh(world), choice, TraceSettings())[0].leg
    kinds = tuple(Random(seed).sample(sorted(FORGERIES), 3))  # noqa: S311 - a choice of test data
    lied_to = _traced(replace(_fresh(world), forgeries=kinds), choice, TraceSettings())[0].leg
    assert _believed(lied_to) == _believed(honest)


def _believed(leg: Leg) -> tuple[object, ...]:
    """Return what a leg claims, apart from timing: reading forgeries takes time, and time moves what is sent when."""
    rows = [(hop.probe_ttl, {responder.address for responder in hop.responders}) for hop in leg.hops]
    return leg.reached, leg.reached_by, leg.end_reason, rows
