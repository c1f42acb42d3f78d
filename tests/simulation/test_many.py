"""Many traces over simulated ways: each shows its own way, whatever happens to the packets of all the others."""

# ruff: noqa: S311 - a simulation draws numbers of its own

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from probes.facts import EndReason, Family, Leg, LossClass, Node, Protocol, ProtocolChoice, Refusal, RejectReason, Role
from probes.failure import Failure
from probes.seam import Driver
from probes.trace.adaptive import Naming
from probes.trace.line import Stretch
from probes.trace.many.facts import many_check, many_leg
from probes.trace.many.state import ManyTrace
from probes.trace.many.sweep import UNHURRIED, Sweep, most_probes, run
from probes.trace.run import trace
from probes.trace.settings import TraceSettings
from tests.simulation.many import Clock, DeepDriver, SimulatedCarrier, SimulatedWaiter, Way

TARGET = "198.51.100.1"
RATE_PER_S = 50_000.0


def hops(count: int, silent: frozenset[int] = frozenset()) -> tuple[str | None, ...]:
    return tuple(None if ttl in silent else f"10.0.{ttl}.1" for ttl in range(1, count + 1))


class Traced:
    """One sweep over simulated ways, run to its end."""

    def __init__(
        self,
        ways: dict[str, Way],
        *,
        hints: dict[str, int] | None = None,
        trace_settings: TraceSettings = UNHURRIED,
        seed: int = 0,
        prepare: Callable[["Traced"], None] | None = None,
        slots: int = 8192,
    ) -> None:
        self.clock = Clock()
        self.carrier = SimulatedCarrier(self.clock, ways, seed=seed, slots=slots)
        draw = Random(seed).randbytes
        self.sweep = Sweep(self.carrier, settings=trace_settings, random_bytes=draw, rate_per_s=RATE_PER_S)
        for address in ways:
            self.sweep.add(address, address, hint=(hints or {}).get(address))
        self.finished: list[ManyTrace] = []
        if prepare is not None:
            prepare(self)
        waiter = SimulatedWaiter(self.clock)
        run(self.sweep, clock=self.clock, waiter=waiter, done=self.finished.append)

    def legs(self) -> dict[str, Leg]:
        return {str(each.key): self.leg(each) for each in self.finished}

    def leg(self, each: ManyTrace) -> Leg:
        return many_leg(each, self.carrier, stretch(str(each.key)), protocol_reason="icmp was asked for")


def stretch(address: str) -> Stretch:
    return Stretch(
        role=Role.DESTINATION, from_=Node.CLIENT, to=Node.DESTINATION, family=Family.IPV4, address=address, port=None
    )


def path(leg: Leg) -> list[str | None]:
    assert [hop.probe_ttl for hop in leg.hops] == list(range(1, len(leg.hops) + 1))
    assert all(len(hop.responders) <= 1 for hop in leg.hops), "one way, one responder at each hop"
    return [hop.responders[0].address if hop.responders else None for hop in leg.hops]


def deep_leg(way: Way) -> Leg:
    clock = Clock()
    driver = DeepDriver(SimulatedCarrier(clock, {TARGET: way}), clock, TARGET)

    def opened(protocol: Protocol) -> tuple[Driver | None, tuple[Refusal, ...]]:
        return (driver if protocol is Protocol.ICMP else None), ()

    return trace(
        choice=ProtocolChoice.ICMP,
        settings=UNHURRIED,
        role=Role.DESTINATION,
        from_=Node.CLIENT,
        to=Node.DESTINATION,
        family=Family.IPV4,
        address=TARGET,
        port=None,
        naming=Naming.HOST,
        open_driver=opened,
        waiter=SimulatedWaiter(clock),
        clock=clock,
        random_bytes=Random(1).randbytes,
    ).leg


WAYS = {
    "near": Way(hops=()),
    "one hop": Way(hops=hops(1)),
    "ten hops": Way(hops=hops(10)),
    "beyond the first window": Way(hops=hops(24)),
    "three silent hops": Way(hops=hops(10, frozenset({3, 4, 7}))),
    "silent first hop": Way(hops=hops(5, frozenset({1}))),
    "seven silent hops before the target": Way(hops=hops(12, frozenset(range(6, 13)))),
    "dead target": Way(hops=hops(6), alive=False),
    "nothing answers": Way(hops=hops(4, frozenset(range(1, 5))), alive=False),
    "refused on the way": Way(hops=hops(8), refuses_at=4),
    "refused by the last hop": Way(hops=hops(8), refuses_at=8, refusal=(3, 1)),
    "farther than the last TTL": Way(hops=hops(35)),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_both_engines_show_the_same_path(way: Way) -> None:
    wide, deep = Traced({TARGET: way}).legs()[TARGET], deep_leg(way)
    assert path(wide) == path(deep)
    assert [hop.loss_class for hop in wide.hops] == [hop.loss_class for hop in deep.hops]
    assert [hop.responders[:1] and hop.responders[0].icmp for hop in wide.hops] == [
        hop.responders[:1] and hop.responders[0].icmp for hop in deep.hops
    ]
    assert (wide.reached, wide.end_reason, wide.reason) == (deep.reached, deep.end_reason, deep.reason)
    assert wide.reached_by == deep.reached_by
    assert wide.signs == deep.signs
    assert wide.loss_ratio == deep.loss_ratio
    assert wide.end_to_end is not None
    assert deep.end_to_end is not None
    assert (wide.end_to_end.sent, wide.end_to_end.received) == (deep.end_to_end.sent, deep.end_to_end.received)


@given(
    ways=st.lists(
        st.builds(
            lambda count, silent, jitter_s, duplicates: Way(
                hops=hops(count, frozenset(silent)), jitter_s=jitter_s, duplicates=duplicates
            ),
            st.integers(0, 28),
            st.sets(st.integers(1, 28), max_size=4),
            st.sampled_from([0.0, 0.005, 0.4]),
            st.sampled_from([0.0, 0.3]),
        ),
        min_size=1,
        max_size=30,
    ),
    hints=st.lists(st.one_of(st.none(), st.integers(1, 30)), min_size=30, max_size=30),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_every_trace_shows_its_own_way_whatever_was_remembered(
    ways: list[Way], hints: list[int | None], seed: int
) -> None:
    """Out of order and twice, all answers come in time: every hop that speaks is found, and nothing is lost."""
    named = {f"198.51.100.{number}": way for number, way in enumerate(ways, start=1)}
    remembered = {address: hint for address, hint in zip(named, hints, strict=False) if hint is not None}
    traced = Traced(named, hints=remembered, seed=seed)
    legs = traced.legs()
    assert legs.keys() == named.keys()
    for address, way in named.items():
        leg = legs[address]
        assert path(leg) == [*way.hops, address]
        assert (leg.reached, leg.end_reason, leg.loss_ratio) == (True, EndReason.REACHED, 0.0)
        allowed = {LossClass.NONE, LossClass.SILENT}
        assert {hop.loss_class for hop in leg.hops} <= allowed, "nothing was lost"


@given(
    loss=st.sampled_from([0.05, 0.3, 0.9]),
    jitter_s=st.sampled_from([0.0, 0.3, 3.0]),
    count=st.integers(0, 20),
    alive=st.booleans(),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_loss_and_lateness_never_put_an_answer_on_another_hop(
    loss: float, jitter_s: float, count: int, seed: int, *, alive: bool
) -> None:
    ways = {
        f"198.51.100.{number}": Way(hops=hops(count), loss=loss, jitter_s=jitter_s, alive=alive)
        for number in range(1, 9)
    }
    traced = Traced(ways, seed=seed)
    for address, leg in traced.legs().items():
        for hop in leg.hops:
            seen = {responder.address for responder in hop.responders}
            assert seen <= {([*hops(count), address, *[address] * 64])[hop.probe_ttl - 1]}
            assert hop.received + hop.late <= hop.sent
    most = most_probes(UNHURRIED)
    assert all(len(each.ttls) <= most for each in traced.finished)
    asked: dict[tuple[str, int], list[float]] = {}
    for at, address, ttl, _ in traced.carrier.sends:
        asked.setdefault((address, ttl), []).append(at)
    for (_, ttl), times in asked.items():
        if ttl != UNHURRIED.series_ttl:
            later = times[UNHURRIED.burst_limit :]
            assert all(b - a >= UNHURRIED.burst_period_s for a, b in zip(times, later, strict=False))


def test_a_way_that_has_become_longer_costs_no_pause() -> None:
    """The hop where the target was remembered passes probes on: that is heard, and nobody waits for silence."""
    traced = Traced({TARGET: Way(hops=hops(10))}, hints={TARGET: 3})
    leg = traced.legs()[TARGET]
    assert path(leg) == [*hops(10), TARGET]
    assert leg.duration_us is not None
    assert leg.duration_us < UNHURRIED.retry_delays_s[0] * 1e6


def test_an_answer_after_the_end_is_late_until_the_trace_is_taken() -> None:
    clock = Clock()
    carrier = SimulatedCarrier(clock, {TARGET: Way(hops=hops(3, frozenset({2})))}, slots=4096)
    sweep = Sweep(carrier, settings=TraceSettings(), random_bytes=Random(0).randbytes)
    sweep.add(TARGET, TARGET)
    waiter = SimulatedWaiter(clock)
    while (at := sweep.turn(clock.now)) is not None:
        waiter.wait((carrier,), until=at)
    first, second = [slot for _, _, ttl, slot in carrier.sends if ttl == 2][:2]
    token = Random(0).randbytes(8 * carrier.slots + 8)[-8:]
    carrier.forge(slot=first, sender="10.0.2.1", destination=TARGET, token=token, at=clock.now)
    sweep.turn(clock.now)
    finished = sweep.take()
    carrier.forge(slot=second, sender="10.0.2.1", destination=TARGET, token=token, at=clock.now)
    sweep.turn(clock.now)
    hop = many_leg(finished[0], carrier, stretch(TARGET), protocol_reason="icmp was asked for").hops[1]
    assert (hop.sent, hop.received, hop.late) == (3, 0, 1)
    assert sweep.rejected == {RejectReason.UNKNOWN_PROBE: 1}


def test_probes_leave_no_faster_than_allowed() -> None:
    traced = Traced({f"198.51.100.{number}": Way(hops=hops(10)) for number in range(1, 200)})
    times = [at for at, *_ in traced.carrier.sends]
    window = 500
    for first, last in zip(times, times[window:], strict=False):
        assert last - first >= (window - 256) / RATE_PER_S - 1e-9


def test_a_paced_sweep_looks_seldom() -> None:
    looks: list[float] = []

    def count(traced: Traced) -> None:
        turn = traced.sweep.turn

        def counted(now: float) -> float | None:
            looks.append(now)
            return turn(now)

        traced.sweep.turn = counted  # type: ignore[method-assign]

    # Answers come while probes still leave, and wake the loop each time: what they find due is not sent one by one.
    traced = Traced({f"198.51.100.{number}": Way(hops=hops(10)) for number in range(1, 200)}, prepare=count)
    bursts = {at for at, *_ in traced.carrier.sends}
    assert len(bursts) <= len(traced.carrier.sends) / 5
    assert len(looks) <= len(traced.carrier.sends)


def test_a_host_that_refuses_ends_every_trace_with_its_word() -> None:
    def refuse(traced: Traced) -> None:
        traced.carrier.refuses = Failure.BLOCKED_LOCALLY

    traced = Traced({f"198.51.100.{n}": Way(hops=hops(3)) for n in range(1, 40)}, prepare=refuse)
    legs = traced.legs()
    assert len(legs) == 39
    for leg in legs.values():
        assert (leg.end_reason, leg.reached) == (EndReason.SEND_FAILED, None)
        assert [failure.failure for failure in leg.send_failures] == [Failure.BLOCKED_LOCALLY]
    assert many_check(traced.finished[0], traced.carrier, stretch(TARGET)).failure is Failure.BLOCKED_LOCALLY


def test_a_full_queue_delays_and_loses_nothing() -> None:
    def fill(traced: Traced) -> None:
        traced.carrier.full = 25

    traced = Traced({TARGET: Way(hops=hops(5))}, prepare=fill)
    leg = traced.legs()[TARGET]
    assert path(leg) == [*hops(5), TARGET]
    assert leg.loss_ratio == 0.0


def test_a_target_without_a_way_is_named_and_holds_up_nobody() -> None:
    clock = Clock()
    carrier = SimulatedCarrier(clock, {TARGET: Way(hops=hops(2))})
    sweep = Sweep(carrier, settings=UNHURRIED, random_bytes=Random(0).randbytes)
    sweep.add("nowhere", "203.0.113.1")
    sweep.add("somewhere", TARGET)
    finished: list[ManyTrace] = []
    run(sweep, clock=clock, waiter=SimulatedWaiter(clock), done=finished.append)
    assert [each.key for each in finished] == ["somewhere"]
    assert sweep.unreachable == [("nowhere", Failure.NETWORK_UNREACHABLE, "no way to 203.0.113.1")]


def test_more_targets_than_slots_take_turns() -> None:
    ways = {f"198.51.{n // 250}.{1 + n % 250}": Way(hops=hops(8)) for n in range(300)}
    traced = Traced(ways, slots=2048)
    legs = traced.legs()
    assert len(legs) == 300
    assert all(path(leg) == [*hops(8), address] for address, leg in legs.items())


def test_stopping_ends_every_trace_and_forgets_the_rest() -> None:
    clock = Clock()
    ways = {f"198.51.100.{n}": Way(hops=hops(8), jitter_s=0.5) for n in range(1, 200)}
    carrier = SimulatedCarrier(clock, ways)
    sweep = Sweep(carrier, settings=UNHURRIED, random_bytes=Random(0).randbytes)
    for address in ways:
        sweep.add(address, address)
    sweep.turn(clock.now)
    clock.now += 0.1
    sweep.turn(clock.now)
    sweep.stop(clock.now)
    assert sweep.turn(clock.now) is None
    stopped = sweep.take()
    assert stopped
    assert {each.outcome for each in stopped} == {EndReason.ABORTED}
    leg = many_leg(stopped[0], carrier, stretch(str(stopped[0].key)), protocol_reason="icmp was asked for")
    assert (leg.end_reason, leg.reason) == (EndReason.ABORTED, "interrupted")


def test_more_queries_than_a_bucket_holds_are_refused() -> None:
    clock = Clock()
    with pytest.raises(ValueError, match="at most 6 queries"):
        Sweep(SimulatedCarrier(clock, {}), settings=TraceSettings(queries=7), random_bytes=Random(0).randbytes)


FORGERIES = {
    "another target quoted": ({"destination": "203.0.113.9", "right_token": True}, RejectReason.FOREIGN_FLOW),
    "wrong token": ({"destination": TARGET, "token": b"mallory!"}, RejectReason.WRONG_IDENTITY),
    "four wrong bytes of a cut token": ({"destination": TARGET, "token": b"mall"}, RejectReason.WRONG_IDENTITY),
    "an echo reply from somebody else": (
        {"destination": "203.0.113.9", "right_token": True, "kind": 0},
        RejectReason.WRONG_SOURCE,
    ),
    "an echo reply without payload": ({"destination": TARGET, "kind": 0}, RejectReason.SHORT_QUOTE),
    "a redirect": ({"destination": TARGET, "right_token": True, "kind": 0x0500}, RejectReason.NOT_AN_ANSWER),
}


@pytest.mark.parametrize(("forgery", "reason"), FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forged_answer_is_counted_and_changes_nothing(forgery: dict[str, object], reason: RejectReason) -> None:
    """The forger knows the slot of a probe that is unanswered, and everything but what the case says."""
    clock = Clock()
    carrier = SimulatedCarrier(clock, {TARGET: Way(hops=hops(4, frozenset({2})))}, slots=4096)
    sweep = Sweep(carrier, settings=UNHURRIED, random_bytes=Random(0).randbytes)
    sweep.add(TARGET, TARGET)
    sweep.turn(clock.now)
    # The first hop has answered by now: what its kind of answer means is known already.
    clock.now += 0.003
    sweep.turn(clock.now)
    slot = next(slot for _, _, ttl, slot in carrier.sends if ttl == 2)
    right = Random(0).randbytes(8 * carrier.slots + 8)[-8:] if forgery.get("right_token") else None
    token = forgery.get("token", right)
    assert token is None or isinstance(token, bytes)
    kind = forgery.get("kind", 0x0B00)
    assert isinstance(kind, int)
    destination = str(forgery["destination"])
    carrier.forge(slot=slot, sender="203.0.113.66", destination=destination, token=token, kind=kind, at=clock.now)
    finished: list[ManyTrace] = []
    run(sweep, clock=clock, waiter=SimulatedWaiter(clock), done=finished.append)
    leg = many_leg(finished[0], carrier, stretch(TARGET), protocol_reason="icmp was asked for")
    assert path(leg) == [*hops(4, frozenset({2})), TARGET]
    assert leg.rejected_replies == {str(reason): 1}


def test_an_answer_that_anybody_could_have_sent_right_is_believed() -> None:
    """The forgeries' near miss: slot, destination and token are right."""
    clock = Clock()
    carrier = SimulatedCarrier(clock, {TARGET: Way(hops=hops(4, frozenset({2})))}, slots=4096)
    sweep = Sweep(carrier, settings=UNHURRIED, random_bytes=Random(0).randbytes)
    sweep.add(TARGET, TARGET)
    sweep.turn(clock.now)
    slot = next(slot for _, _, ttl, slot in carrier.sends if ttl == 2)
    token = Random(0).randbytes(8 * carrier.slots + 8)[-8:]
    carrier.forge(slot=slot, sender="10.0.2.1", destination=TARGET, token=token, at=clock.now + 0.001)
    finished: list[ManyTrace] = []
    run(sweep, clock=clock, waiter=SimulatedWaiter(clock), done=finished.append)
    leg = many_leg(finished[0], carrier, stretch(TARGET), protocol_reason="icmp was asked for")
    assert path(leg) == [*hops(4), TARGET]


@pytest.mark.timeout(20)
def test_a_flood_does_not_keep_probes_from_leaving(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sends faster than anybody reads: the carrier never runs dry."""
    clock = Clock()
    carrier = SimulatedCarrier(clock, {TARGET: Way(hops=hops(3))})
    flood = [(0, 0x0B00, b"four", None, b"four", bytes(8), 0.0, b"")] * 256
    monkeypatch.setattr(carrier, "receive", lambda: flood)
    sweep = Sweep(carrier, settings=UNHURRIED, random_bytes=Random(0).randbytes)
    sweep.add(TARGET, TARGET)
    for _ in range(20):
        sweep.turn(clock.now)
        clock.now += 0.001
    assert len(carrier.sends) > 3


def test_an_answer_to_no_probe_is_counted_by_the_sweep() -> None:
    clock = Clock()
    carrier = SimulatedCarrier(clock, {TARGET: Way(hops=hops(2))})
    sweep = Sweep(carrier, settings=UNHURRIED, random_bytes=Random(0).randbytes)
    sweep.add(TARGET, TARGET)
    sweep.turn(clock.now)
    used = {slot for *_, slot in carrier.sends}
    free = next(slot for slot in range(carrier.slots) if slot not in used)
    carrier.forge(slot=free, sender="10.0.1.1", destination=TARGET, token=None, at=clock.now)
    run(sweep, clock=clock, waiter=SimulatedWaiter(clock), done=lambda _: None)
    assert sweep.rejected == {RejectReason.UNKNOWN_PROBE: 1}
