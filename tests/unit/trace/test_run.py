"""The loop itself, with a plan that only counts."""

from collections.abc import Sequence

from probes.facts import Clocks, Family, FlowKind, Method, Protocol, StampSource
from probes.failure import Failure
from probes.seam import Driver, Event, Flow, Identity, Probe, Received, Stamp, Unreadable
from probes.trace.run import run

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

    def receive(self) -> Sequence[Event]:
        return ()

    def filenos(self) -> Sequence[int]:
        return ()

    def close(self) -> None:
        """Hold nothing."""


class Carried:
    """The plan and its driver."""

    def __init__(self, plan: Salvo) -> None:
        self.plan = plan
        self.driver: Driver = Willing()


def test_every_probe_that_a_plan_wants_leaves() -> None:
    plan, turns, still = Salvo(300), iter(range(3)), Still()
    run([Carried(plan)], waiter=still, clock=still, steer=lambda _: next(turns) == 2)
    assert plan.left == list(range(300))
