"""The loop itself, with a plan that only counts."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from probes.facts import Clocks, Family, FlowKind, Method, Protocol, StampSource
from probes.failure import Failure
from probes.seam import Driver, Event, Flow, Identity, Probe, Received, Stamp, Unreadable
from probes.trace.run import run

if TYPE_CHECKING:
    from probes.trace.line import Plan

STAMP = Stamp(0.0, 0, StampSource.USER)


class Still:
    """A clock that stands, and a waiter that never waits."""

    def monotonic(self) -> float:
        return 0.0

    def boottime(self) -> float:
        return 0.0

    def realtime_ns(self) -> int:
        return 0

    def wait(self, drivers: Sequence[object], until: float) -> None:
        assert drivers
        assert until >= 0.0


class Salvo:
    """A plan that wants many probes at once, and then nothing more."""

    def __init__(self, count: int) -> None:
        self._due = [Probe(number, 1, Identity(1, bytes(8))) for number in range(count)]
        self.left: list[int] = []

    def probes_to_send(self, now: float) -> Sequence[Probe]:
        assert now == 0.0
        due, self._due = self._due, []
        return due

    def sent(self, probe: Probe, stamp: Stamp) -> None:
        assert stamp == STAMP
        self.left.append(probe.number)

    def failed(
        self, number: int | None, failure: Failure, now: float, offender: str | None = None, mtu: int | None = None
    ) -> None:
        raise AssertionError((number, failure, now, offender, mtu))

    def reply_received(self, event: Received | Unreadable, now: float) -> None:
        raise AssertionError((event, now))

    def next_deadline(self) -> float | None:
        return 0.0


class Willing:
    """A driver that sends whatever it is given."""

    flow = Flow(family=Family.IPV4, protocol=Protocol.ICMP, source="192.0.2.1", destination="192.0.2.2", icmp_id=7)
    method = Method.RAW
    flow_kind = FlowKind.PARIS
    clocks = Clocks(sent=StampSource.USER, received=StampSource.KERNEL)

    def send(self, probe: Probe) -> Stamp | Failure:
        assert probe.probe_ttl == 1
        return STAMP

    def __init__(self) -> None:
        self.hurried: list[bool] = []

    def receive(self, *, hurried: bool = False) -> Sequence[Event]:
        self.hurried.append(hurried)
        return ()

    def filenos(self) -> Sequence[int]:
        return ()

    def close(self) -> None:
        """Hold nothing."""


class Carried:
    """The plan and its driver."""

    def __init__(self, plan: "Plan") -> None:
        self.plan = plan
        self.willing = Willing()
        self.driver: Driver = self.willing


def test_every_probe_that_a_plan_wants_leaves() -> None:
    plan, turns, still = Salvo(300), iter(range(3)), Still()
    run([Carried(plan)], waiter=still, clock=still, steer=lambda _: next(turns) == 2)
    assert plan.left == list(range(300))


class Paced:
    """A plan that sends nothing and whose deadlines are known beforehand."""

    def __init__(self, deadlines_s: Sequence[float]) -> None:
        self._deadlines_s = iter(deadlines_s)

    def probes_to_send(self, now: float) -> Sequence[Probe]:
        assert now >= 0.0
        return ()

    def sent(self, probe: Probe, stamp: Stamp) -> None:
        raise AssertionError((probe, stamp))

    def failed(
        self, number: int | None, failure: Failure, now: float, offender: str | None = None, mtu: int | None = None
    ) -> None:
        raise AssertionError((number, failure, now, offender, mtu))

    def reply_received(self, event: Received | Unreadable, now: float) -> None:
        raise AssertionError((event, now))

    def next_deadline(self) -> float | None:
        return next(self._deadlines_s)


class Counting:
    """A waiter that notes how often everything was read before it waits, and a clock that may go on meanwhile."""

    def __init__(self, carried: Carried, *, goes_on: bool) -> None:
        self._carried = carried
        self._goes_on = goes_on
        self._now = 0.0
        self.told: list[tuple[str, int]] = []

    def monotonic(self) -> float:
        return self._now

    def boottime(self) -> float:
        return self._now

    def realtime_ns(self) -> int:
        return 0

    def wait(self, drivers: Sequence[object], until: float) -> None:
        assert drivers
        self.note(f"wait until {until}")
        self._now = until if self._goes_on else self._now

    def note(self, what: str) -> None:
        self.told.append((what, self._carried.willing.hurried.count(False)))


def test_answers_are_read_in_a_hurry_until_the_loop_has_time_and_all_of_them_before_it_takes_it() -> None:
    carried = Carried(Paced([0.0001, 0.0001, 0.04, 0.04, 0.0001, 0.0001]))
    world, turns = Counting(carried, goes_on=False), iter(range(6))
    meanwhile = partial(world.note, "meanwhile")
    run([carried], waiter=world, clock=world, steer=lambda _: next(turns) == 5, meanwhile=meanwhile)
    assert carried.willing.hurried == [True, True, True, False, False, False]
    assert world.told == [
        ("wait until 0.0001", 0),
        ("wait until 0.0001", 0),
        ("meanwhile", 1),
        ("wait until 0.04", 1),
        ("wait until 0.0001", 2),
    ]


def test_a_hurry_ends_by_itself() -> None:
    carried = Carried(Paced([number / 1000 for number in range(1, 40)]))
    world = Counting(carried, goes_on=True)
    run([carried], waiter=world, clock=world, steer=lambda now: now >= 0.02)
    assert world.told[14:16] == [("wait until 0.015", 0), ("wait until 0.017", 1)]
    assert not any(carried.willing.hurried[16:])
