"""The one loop: plans, their drivers, a clock; and the trace of one leg with it."""

from __future__ import annotations

from probes.facts import Protocol, ProtocolChoice, Refusal
from probes.failure import Failure
from probes.frozen import frozen, frozen_positional, replace
from probes.seam import Driver
from probes.trace import adaptive
from probes.trace.adaptive import Standing
from probes.trace.budget import Budget
from probes.trace.leg import Stretch, check_of, leg_of, unopened_check, unopened_leg
from probes.trace.memory import Memory
from probes.trace.plan import TracePlan, deliver
from probes.trace.trials import checked_trial, traced_trial, unopened_trial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Final

    from probes.clock import Clock
    from probes.facts import Family, Leg, Middlebox, Node, Reachability, Role, Trial
    from probes.seam import Waiter
    from probes.trace.adaptive import Naming
    from probes.trace.memory import Lesson
    from probes.trace.middlebox import Voice
    from probes.trace.settings import TraceSettings

    OpenDriver = Callable[[Protocol], tuple[Driver | None, tuple[Refusal, ...]]]


# A turn sends no more than this before it reads again, so that replies do not overflow the receive buffer.
_SENDS_PER_TURN: Final = 256

# A flag set by a signal handler wakes no descriptor: look up at least this often.
_LONGEST_NAP_S: Final = 0.1


@frozen_positional
class Line:
    """One plan and the driver that carries it."""

    driver: Driver
    plan: TracePlan


@frozen
class TraceOutcome:
    """One traced leg, what each protocol's probes said of its address, and what to remember; None: forget it.

    `middlebox` answers for the target, where somebody was found to.
    """

    leg: Leg
    reachability: tuple[Reachability, ...]
    lesson: Lesson | None = None
    middlebox: Middlebox | None = None


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
    remembered: Lesson | None = None,
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
        remembered: What an earlier trace of this leg taught and is in force. A hint: it changes which protocol is tried
            first and how far the first round goes, never what is believed.
    """
    stretch = Stretch(role=role, from_=from_, to=to, family=family, address=address, port=port)
    tracer = _Tracer(stretch, choice, naming, settings, clock, random_bytes, remembered)
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
        remembered: Lesson | None,
    ) -> None:
        self.lines: dict[Protocol, Line] = {}
        self._stretch = stretch
        self._choice = choice
        self._settings = settings
        self._clock = clock
        self._random_bytes = random_bytes
        self._naming = naming
        self._order = adaptive.preference(choice, naming)
        self._memory = Memory(remembered, choice, now_s=clock.realtime_ns() // 1_000_000_000)
        self._budget = Budget(settings.burst_limit, settings.burst_period_s)
        self._started_at = clock.monotonic()
        self._refused: dict[Protocol, tuple[Refusal, ...]] = {}
        self._first: Protocol | None = None
        self._second: Protocol | None = None
        self._gave_way = False
        self._cut_short: set[Protocol] = set()
        self._interrupted: Callable[[], bool] = _never
        self._on_progress: Callable[[Leg], None] | None = None
        self._reported_at = self._started_at
        self._path_known = False
        self._asked = False

    def open(self, open_driver: OpenDriver) -> None:
        """Open every protocol; the first that opens searches, unless the protocol was fixed and is another."""
        for protocol in adaptive.with_first(self._order, self._memory.protocol):
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
            settings=self._memory.hinted(self._settings, driver.flow.protocol) if search else self._settings,
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
        if self._interrupted() or self._over(now):
            self._cut_short = {protocol for protocol, line in self.lines.items() if not line.plan.over}
            for line in self.lines.values():
                line.plan.stop()
            return True
        self._report(now)
        return False

    def _over(self, now: float) -> bool:
        """Return whether the path is known, and whoever may answer for the target was asked after."""
        self._path_known = self._path_known or self._settled(now)
        return self._path_known and self._asked_after(now)

    def _asked_after(self, now: float) -> bool:
        """Return whether nobody seems to answer for the target, or control probes have told; ask them the first time.

        A path on which all answers agree is never kept waiting, any other no longer than a round trip.
        """
        searching = self._second or self._first
        if not self._asked and searching is not None and self.lines[searching].plan.reached:
            # After the last answer, when its import keeps nobody waiting.
            from probes.trace import middlebox  # noqa: PLC0415

            voices = self._voices()
            question = middlebox.question_of(voices.pop(searching), list(voices.values()))
            if question is not None:
                self.lines[question.protocol].plan.ask(question.probe_ttls, question.wait_s, now)
        self._asked = True
        return not any(line.plan.asking for line in self.lines.values())

    def _voices(self) -> dict[Protocol, Voice]:
        from probes.trace.middlebox import Voice  # noqa: PLC0415 - as above

        return {
            protocol: Voice(flow=line.driver.flow, attempts=line.plan.attempts, can_ask=line.plan.can_ask)
            for protocol, line in self.lines.items()
        }

    def _middlebox(self) -> Middlebox | None:
        """Return who answers for the target, if somebody was found to."""
        # Only the end of a trace needs it, and its start is what hurries.
        from probes.trace import middlebox  # noqa: PLC0415

        return middlebox.find(list(self._voices().values()))

    def _with_signs(self, leg: Leg, found: Middlebox | None) -> Leg:
        """Return the leg with what quotes and replies give away of it."""
        line = None if leg.protocol is None else self.lines.get(leg.protocol)
        if line is None or not leg.hops:
            return leg
        # As above.
        from probes.trace import middlebox, signs  # noqa: PLC0415

        voices = list(self._voices().values())
        seen, hidden = signs.signs_of(
            line.driver.flow,
            line.driver.flow_kind,
            line.plan.attempts,
            line.plan.elsewhere,
            found,
            compared=middlebox.can_tell(voices),
        )
        return replace(leg, signs=seen, signs_not_observable=hidden)

    def _settled(self, now: float) -> bool:
        if self._first is None:
            return all(line.plan.over for line in self.lines.values())
        if self._second is not None:
            return self.lines[self._second].plan.over
        first, others = self._standing(self._first), self._others()
        self._second = self._next_trace(first, others, now)
        if self._second is None:
            return adaptive.settled(first, others)
        # Three queries and three more still fit a router's bucket of six, so there is a second trace, never a third.
        self._gave_way = not first.reached
        self.lines[self._first].plan.give_way()
        self.lines[self._second].plan.search_hops(now)
        return False

    def _next_trace(self, first: Standing, others: list[Standing], now: float) -> Protocol | None:
        if self._choice is not ProtocolChoice.ADAPTIVE:
            return None
        if not first.reached:
            return adaptive.after_silence(self._order, first, others, now - self._started_at)
        if not first.over or first.protocol is self._memory.protocol:
            return None
        hops = self.lines[first.protocol].plan.facts().hops
        return adaptive.worth_comparing(
            replace(first, hops_found=sum(bool(h.responders) for h in hops), hops=len(hops)), others
        )

    def _others(self) -> list[Standing]:
        return [self._standing(protocol) for protocol in self.lines if protocol is not self._first]

    def _standing(self, protocol: Protocol) -> Standing:
        plan = self.lines[protocol].plan
        return Standing(protocol=protocol, over=plan.over, reached=plan.reached, rtt_us=plan.rtt_us)

    def _report(self, now: float) -> None:
        searching = self._second or self._first
        due = now >= self._reported_at + self._settings.progress_interval_s
        if self._on_progress is not None and searching is not None and due:
            self._reported_at = now
            self._on_progress(self._leg(searching, self._first_reason(searching)))

    def outcome(self) -> TraceOutcome:
        """Return the better leg with all that was tried, every protocol's word on the address, and what it taught."""
        checks = {protocol: self._check(protocol) for protocol in self._order}
        middlebox = self._middlebox()
        leg = self._with_signs(self._best(checks, middlebox), middlebox)
        lesson = self._memory.after(leg, first_ttl=self._settings.first_ttl)
        return TraceOutcome(leg=leg, reachability=tuple(checks.values()), lesson=lesson, middlebox=middlebox)

    def _best(self, checks: dict[Protocol, Reachability], middlebox: Middlebox | None) -> Leg:
        first, second = self._first, self._second
        if first is None:
            leg = unopened_leg(
                self._stretch,
                self._order[0],
                self._refusals_up_to(None),
                protocol_reason=self._first_reason(self._order[0]),
                duration_us=self._duration_us(),
            )
            return self._with_trials(leg, checks, [], middlebox)
        legs = [self._leg(protocol, self._first_reason(first)) for protocol in (first, second) if protocol is not None]
        met = [traced_trial(leg, checks[leg.protocol], middlebox) for leg in legs if leg.protocol is not None]
        if second is None:
            return self._with_trials(legs[0], checks, met, middlebox)
        choice = (adaptive.choose_after_silence if self._gave_way else adaptive.choose)(*met)
        from_memory = first is self._memory.protocol
        reason = adaptive.chosen_reason(self._first_reason(first), choice, from_memory=from_memory)
        return self._with_trials(replace(legs[choice.second], protocol_reason=reason), checks, met, middlebox)

    def _with_trials(
        self,
        leg: Leg,
        checks: dict[Protocol, Reachability],
        traced: Sequence[Trial],
        middlebox: Middlebox | None,
    ) -> Leg:
        """Return the leg with what each protocol met, in the order of preference."""
        met = {trial.protocol: replace(trial, chosen=trial.protocol is leg.protocol) for trial in traced}
        for protocol, check in checks.items():
            line = self.lines.get(protocol)
            if line is None:
                met[protocol] = unopened_trial(check, self._refused.get(protocol, ()))
            elif protocol not in met:
                met[protocol] = checked_trial(check, line.driver.method, leg.hops, middlebox)
        return replace(leg, tried=tuple(met[protocol] for protocol in self._order))

    def _first_reason(self, protocol: Protocol) -> str:
        before = self._order[: self._order.index(protocol)]
        dropped = [preferred for preferred in before if preferred not in self.lines]
        return self._memory.reason(protocol, adaptive.first_reason(self._choice, protocol, self._naming, dropped))

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
