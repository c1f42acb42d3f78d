"""The one loop: plans, their drivers, a clock; and the trace of one leg with it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from probes.clock import Clock
from probes.facts import Family, Leg, Node, Protocol, ProtocolChoice, Reachability, Refusal, Role
from probes.failure import Failure
from probes.frozen import frozen
from probes.seam import Driver, Waiter
from probes.trace import adaptive
from probes.trace.adaptive import Naming, Standing
from probes.trace.budget import Budget
from probes.trace.leg import Stretch, check_of, leg_of, unopened_check, unopened_leg
from probes.trace.plan import TracePlan, deliver
from probes.trace.settings import TraceSettings

# A turn sends no more than this before it reads again, so that replies do not overflow the receive buffer.
_SENDS_PER_TURN: Final = 256

# A flag set by a signal handler wakes no descriptor: look up at least this often.
_LONGEST_NAP_S: Final = 0.1

OpenDriver = Callable[[Protocol], tuple[Driver | None, tuple[Refusal, ...]]]


@dataclass(slots=True)
class Line:
    """One plan and the driver that carries it."""

    driver: Driver
    plan: TracePlan


@frozen
class TraceOutcome:
    """One traced leg, and what each protocol's probes said of its address."""

    leg: Leg
    reachability: tuple[Reachability, ...]


def run(lines: Sequence[Line], *, waiter: Waiter, clock: Clock, steer: Callable[[float], bool]) -> None:
    """Drive all plans until `steer` says that it is enough: read, steer, send, wait.

    Args:
        lines: Plans and drivers; a plan that is over costs nothing.
        waiter: Waits for something to read, or a time.
        clock: Monotonic time.
        steer: Asked every turn with the time; returns whether to stop.
    """
    drivers = [line.driver for line in lines]
    while True:
        _read(lines, clock)
        now = clock.monotonic()
        if steer(now):
            return
        for line in lines:
            _send(line, now, clock)
        deadlines = [at for line in lines if (at := line.plan.next_deadline()) is not None]
        if deadlines:
            waiter.wait(drivers, until=min(*deadlines, now + _LONGEST_NAP_S))


def _read(lines: Sequence[Line], clock: Clock) -> None:
    for line in lines:
        for event in line.driver.receive():
            deliver(line.plan, event, clock.monotonic())


def _send(line: Line, now: float, clock: Clock) -> None:
    for probe in line.plan.probes_to_send(now)[:_SENDS_PER_TURN]:
        outcome = line.driver.send(probe)
        if isinstance(outcome, Failure):
            line.plan.failed(probe.number, outcome, clock.monotonic())
        else:
            line.plan.sent(probe, outcome)


def _never() -> bool:
    return False


def trace(
    *,
    choice: ProtocolChoice,
    settings: TraceSettings,
    role: Role,
    from_: Node,
    to: Node,
    family: Family,
    address: str,
    port: int | None,
    naming: Naming,
    open_driver: OpenDriver,
    waiter: Waiter,
    clock: Clock,
    random_bytes: Callable[[int], bytes],
    interrupted: Callable[[], bool] = _never,
    on_progress: Callable[[Leg], None] | None = None,
) -> TraceOutcome:
    """Return one leg, traced, and what each protocol's probes said of its address.

    Args:
        choice: The protocol to trace with, or `adaptive`.
        settings: The numbers to obey.
        role: What the address is to the sample.
        from_: The node that the leg starts at.
        to: The node that it should end at.
        family: The address's family.
        address: Where to, as inet_ntop writes it.
        port: The port to name in a record where no driver could be opened; else the driver's own counts.
        naming: How the target was named; a port, a URL or a service edge makes TCP come first.
        open_driver: Returns a driver for a protocol, or None, and the rungs of its ladder that were refused.
        waiter: Waits for the drivers.
        clock: The time.
        random_bytes: Returns so many unguessable bytes, as `os.urandom`.
        interrupted: Asked every turn; True ends the trace with what it has.
        on_progress: Gets the leg so far, ten times a second at most; its `end_reason` is `not_traced` meanwhile.
    """
    stretch = Stretch(role=role, from_=from_, to=to, family=family, address=address, port=port)
    tracer = _Tracer(stretch, choice, naming, settings, clock, random_bytes)
    try:
        tracer.open(open_driver)
        tracer.watch(interrupted, on_progress)
        if tracer.lines:
            run(list(tracer.lines.values()), waiter=waiter, clock=clock, steer=tracer.steer)
        return tracer.outcome()
    finally:
        tracer.close()


class _Tracer:
    """The trace of one leg: which lines there are, which of them searches, and when it is enough."""

    def __init__(
        self,
        stretch: Stretch,
        choice: ProtocolChoice,
        naming: Naming,
        settings: TraceSettings,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self.lines: dict[Protocol, Line] = {}
        self._stretch = stretch
        self._choice = choice
        self._settings = settings
        self._clock = clock
        self._random_bytes = random_bytes
        self._naming = naming
        self._order = adaptive.preference(choice, naming)
        self._budget = Budget(settings.burst_limit, settings.burst_period_s)
        self._started_at = clock.monotonic()
        self._refused: dict[Protocol, tuple[Refusal, ...]] = {}
        self._first: Protocol | None = None
        self._second: Protocol | None = None
        self._cut_short: set[Protocol] = set()
        self._interrupted: Callable[[], bool] = _never
        self._on_progress: Callable[[Leg], None] | None = None
        self._reported_at = self._started_at

    def open(self, open_driver: OpenDriver) -> None:
        """Open every protocol; the first that opens searches, unless the protocol was fixed and is another."""
        for protocol in self._order:
            driver, refused = open_driver(protocol)
            self._refused[protocol] = refused
            if driver is None:
                continue
            fixed = self._choice is not ProtocolChoice.ADAPTIVE
            search = self._first is None and (not fixed or protocol is self._order[0])
            if search:
                self._first = protocol
            self.lines[protocol] = Line(driver, self._plan(driver, search=search))

    def _plan(self, driver: Driver, *, search: bool) -> TracePlan:
        return TracePlan(
            flow=driver.flow,
            settings=self._settings,
            random_bytes=self._random_bytes,
            budget=self._budget,
            now=self._clock.monotonic(),
            search=search,
        )

    def watch(self, interrupted: Callable[[], bool], on_progress: Callable[[Leg], None] | None) -> None:
        """Say who may interrupt, and who wants to know how far it got."""
        self._interrupted = interrupted
        self._on_progress = on_progress

    def close(self) -> None:
        """Close every driver."""
        for line in self.lines.values():
            line.driver.close()

    def steer(self, now: float) -> bool:
        """Return whether the trace is over; start the second search when it is due."""
        if self._interrupted() or self._settled(now):
            self._cut_short = {protocol for protocol, line in self.lines.items() if not line.plan.over}
            for line in self.lines.values():
                line.plan.stop()
            return True
        self._report(now)
        return False

    def _settled(self, now: float) -> bool:
        if self._first is None:
            return all(line.plan.over for line in self.lines.values())
        if self._second is not None:
            return self.lines[self._second].plan.over
        first, others = self._standing(self._first), self._others()
        self._second = adaptive.second_protocol(self._choice, first, others)
        if self._second is None:
            return adaptive.settled(first, others)
        self.lines[self._second].plan.search_hops(now)
        return False

    def _others(self) -> list[Standing]:
        return [self._standing(protocol) for protocol in self.lines if protocol is not self._first]

    def _standing(self, protocol: Protocol) -> Standing:
        plan = self.lines[protocol].plan
        return Standing(protocol=protocol, over=plan.over, reached=plan.reached)

    def _report(self, now: float) -> None:
        searching = self._second or self._first
        due = now >= self._reported_at + self._settings.progress_interval_s
        if self._on_progress is not None and searching is not None and due:
            self._reported_at = now
            self._on_progress(self._leg(searching, self._first_reason(searching)))

    def outcome(self) -> TraceOutcome:
        """Return the better leg, and every protocol's word on the address."""
        return TraceOutcome(leg=self._best(), reachability=tuple(self._check(protocol) for protocol in self._order))

    def _best(self) -> Leg:
        first, second = self._first, self._second
        if first is None:
            return unopened_leg(
                self._stretch,
                self._order[0],
                self._refusals_up_to(None),
                protocol_reason=self._first_reason(self._order[0]),
                duration_us=self._duration_us(),
            )
        reason = self._first_reason(first)
        if second is None:
            return self._leg(first, reason)
        first_leg = self._leg(first, adaptive.kept_reason(reason, first, second))
        return adaptive.better(first_leg, self._leg(second, adaptive.second_reason(first, second)))

    def _first_reason(self, protocol: Protocol) -> str:
        before = self._order[: self._order.index(protocol)]
        dropped = [preferred for preferred in before if preferred not in self.lines]
        return adaptive.first_reason(self._choice, protocol, self._naming, dropped)

    def _leg(self, protocol: Protocol, reason: str) -> Leg:
        line = self.lines[protocol]
        return leg_of(
            self._stretch,
            line.driver,
            line.plan.facts(),
            protocol_reason=reason,
            refused=self._refusals_up_to(protocol),
            duration_us=self._duration_us(),
        )

    def _check(self, protocol: Protocol) -> Reachability:
        line = self.lines.get(protocol)
        if line is None:
            return unopened_check(self._stretch, protocol, self._refused.get(protocol, ()))
        return check_of(self._stretch, line.driver, line.plan.facts(), cut_short=protocol in self._cut_short)

    def _refusals_up_to(self, protocol: Protocol | None) -> tuple[Refusal, ...]:
        """Return what was refused to a protocol and to those preferred to it; None: to all that mattered."""
        if protocol is None:
            order = self._order if self._choice is ProtocolChoice.ADAPTIVE else self._order[:1]
        else:
            order = self._order[: self._order.index(protocol) + 1]
        return tuple(refusal for preferred in order for refusal in self._refused.get(preferred, ()))

    def _duration_us(self) -> int:
        return round((self._clock.monotonic() - self._started_at) * 1e6)
