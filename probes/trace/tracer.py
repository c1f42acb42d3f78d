"""The trace of one leg as it goes: which lines there are, which of them searches, and when it is enough."""

from __future__ import annotations

from probes.flow_facts import ProtocolChoice
from probes.frozen import replace
from probes.trace import adaptive, stages
from probes.trace.adaptive import Standing
from probes.trace.budget import Budget
from probes.trace.line import Line
from probes.trace.memory import Memory
from probes.trace.plan import TracePlan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from probes.clock import Clock
    from probes.facts import Leg
    from probes.flow_facts import Protocol, Refusal
    from probes.seam import Driver
    from probes.trace.account import Course, TraceOutcome
    from probes.trace.adaptive import Naming
    from probes.trace.line import Stretch
    from probes.trace.memory import Lesson
    from probes.trace.near_hops import NearHops
    from probes.trace.settings import TraceSettings

    OpenDriver = Callable[[Protocol], tuple[Driver | None, tuple[Refusal, ...]]]


class Tracer:
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
        near: NearHops | None = None,
    ) -> None:
        self.lines: dict[Protocol, Line] = {}
        self._stretch = stretch
        self._choice = choice
        self._settings = settings
        self._clock = clock
        self._random_bytes = random_bytes
        self._near = near
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
        self._interrupted: Callable[[], bool] = lambda: False
        self._on_progress: Callable[[Leg], None] | None = None
        self._reported_at = self._started_at
        self._searching_since = self._started_at
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
            near=self._near,
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
            question = stages.question(self.lines, searching)
            if question is not None:
                # Where two traces have just been, a third question would meet the limiter and not the router.
                ttls = [ttl for ttl in question.probe_ttls if self._budget.free_at(ttl) <= now]
                self.lines[question.protocol].plan.ask(ttls, question.wait_s, now)
        self._asked = True
        return not any(line.plan.asking(now) for line in self.lines.values())

    def _settled(self, now: float) -> bool:
        if self._first is None:
            return all(line.plan.over for line in self.lines.values())
        if self._second is not None:
            return self.lines[self._second].plan.over
        first, others = self._standing(self._first), self._others()
        following = self._next_trace(first, others, now)
        if following is not None:
            # Three queries and three more still fit a router's bucket of six: there is a second trace, never a third.
            self._second, self._gave_way = following, not first.reached
            self.lines[first.protocol].plan.give_way()
            self.lines[following].plan.search_hops(now)
            return False
        instead = self._instead_of_remembered(first, others, now)
        if instead is not None:
            # Memory was wrong: the trial begins anew, as if there were none.
            self._first, self._searching_since = instead, now
            self.lines[first.protocol].plan.only_check(now)
            self.lines[instead].plan.search_hops(now)
            return False
        return adaptive.settled(first, others)

    def _instead_of_remembered(self, first: Standing, others: list[Standing], now: float) -> Protocol | None:
        if first.protocol is not self._memory.protocol:
            return None
        waited_s = now - self._searching_since
        return adaptive.instead_of_remembered(self._order, first, others, waited_s, self._memory.rtt_us)

    def _next_trace(self, first: Standing, others: list[Standing], now: float) -> Protocol | None:
        if self._choice is not ProtocolChoice.ADAPTIVE:
            return None
        if not first.reached:
            if any(other.reached for other in others):
                # What it would ask again now is what the next trace may still ask.
                self.lines[first.protocol].plan.hold_retries()
            return adaptive.after_silence(first, others, now - self._searching_since)
        if not first.over or first.protocol is self._memory.protocol:
            return None
        hops = self.lines[first.protocol].plan.facts().hops
        return adaptive.worth_comparing(
            replace(first, hops_found=sum(bool(h.responders) for h in hops), hops=len(hops)), others
        )

    def _others(self) -> list[Standing]:
        return [self._standing(each) for each in self._order if each in self.lines and each is not self._first]

    def _standing(self, protocol: Protocol) -> Standing:
        plan = self.lines[protocol].plan
        return Standing(protocol=protocol, over=plan.over, reached=plan.reached, rtt_us=plan.rtt_us)

    def _report(self, now: float) -> None:
        searching = self._second or self._first
        due = now >= self._reported_at + self._settings.progress_interval_s
        if self._on_progress is not None and searching is not None and due:
            self._reported_at = now
            self._on_progress(stages.leg_so_far(self._course()))

    def outcome(self) -> TraceOutcome:
        """Return the better leg with all that was tried, every protocol's word on the address, and what it taught."""
        return stages.outcome_of(self._course())

    def _course(self) -> Course:
        return stages.course()(
            stretch=self._stretch,
            choice=self._choice,
            naming=self._naming,
            order=self._order,
            settings=self._settings,
            memory=self._memory,
            lines=self.lines,
            refused=self._refused,
            first=self._first,
            second=self._second,
            gave_way=self._gave_way,
            cut_short=frozenset(self._cut_short),
            duration_us=round((self._clock.monotonic() - self._started_at) * 1e6),
        )
