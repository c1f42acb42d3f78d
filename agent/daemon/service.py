"""The service: one loop that says what is due, takes in what was done, and looks after everything beside it.

Whatever waits for the world does so in a thread of its own; this one only sleeps until there is something to do.
"""

from __future__ import annotations

import logging
import random
import select
from collections import Counter
from textwrap import shorten
from typing import TYPE_CHECKING, Final

from agent.daemon.reload import Reloading
from agent.daemon.schedule import Schedule
from agent.daemon.standing import Standings
from agent.daemon.status import ServiceStatus
from agent.version import VERSION
from rules.diagnosis import Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.daemon.parts import Parts
    from agent.daemon.plan import PlanProblems, ServicePlan, TargetPlan
    from agent.daemon.sampling import Taken
    from agent.daemon.workers import Done
    from probes.network_burst import HostChange

_LOG: Final = logging.getLogger(__name__)

# How long the loop sleeps when nothing is due; the watchdog may ask for less.
LONGEST_SLEEP_S: Final = 10.0
# The parts of the five seconds that the end may take.
SAMPLES_END_S: Final = 3.0
SINKS_END_S: Final = 4.3
# The news of what spoiled a sample may come a little after it; until then the network looks as if it had settled.
_NEWS_S: Final = 0.25
LONGEST_HOLD_S: Final = 20.0
_LONGEST_VALUE: Final = 80
# Each status is an event of its own to the log, which tells the same one once a minute.
_TOLD: Final = {status: f"%s: {status}: %s" for status in Status}
_CHANGES: Final = "changes of the network"


class Service:
    """The service at work; `run` returns once somebody asked for the end."""

    def __init__(
        self,
        plan: ServicePlan,
        parts: Parts,
        read_plan: Callable[[], ServicePlan | PlanProblems],
        on_turn: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare; nothing is sent before `run`.

        Args:
            plan: What to do.
            parts: Everything that the loop looks after, open.
            read_plan: Reads the plan anew for a reload; may take seconds.
            on_turn: Called each time the loop comes round, every ten seconds at least.
        """
        self._plan = plan
        self._parts = parts
        self._clock = parts.clock
        self._on_turn = on_turn
        self._targets = {target.name: target for target in plan.targets}
        self._started_at = self._turned_at = self._clock.monotonic()
        self._schedule = Schedule(_timings(plan), parts.identity.id, self._started_at, random.random)
        self._standings = Standings(plan.targets)
        self._reloading = Reloading(read_plan)
        # Whose samples a change of the network spoiled: they are taken anew once it has come to rest.
        self._spoiled: dict[str, float] = {}
        # Who waits for routers, and until when at most.
        self._held_until: dict[str, float] = {}
        self._unfiled: list[HostChange] = []
        self._filing: int | None = None
        self._epoch = parts.network.epoch
        self._changes: Counter[str] = Counter()
        self._aborted = 0
        self._ready = False
        self._fed_at = 0.0

    # -- the loop

    def run(self) -> None:
        """Work until a signal asks for the end, then end within five seconds."""
        parts = self._parts
        poll = select.poll()
        for part in (parts.signals, parts.workers, self._reloading):
            poll.register(part.fileno(), select.POLLIN)
        if (news := parts.network.fileno()) is not None:
            poll.register(news, select.POLLIN)
        self._ready = True
        parts.notifier.ready(self._summary())
        self._tell_what_follows()
        while True:
            now = self._turned_at = self._clock.monotonic()
            wishes = parts.signals.take()
            if wishes.stop is not None:
                _LOG.info("%s: ending", wishes.stop.name)
                return self._end(now)
            if wishes.reload:
                self._begin_reload(now)
            if wishes.report:
                _LOG.info("%s", self._summary())
            self._turn(now)
            poll.poll(max(0.0, self._wake_at(now) - self._clock.monotonic()) * 1000)

    def _turn(self, now: float) -> None:
        self._take_changes(now)
        for done in self._parts.workers.collect():
            self._take(done, now)
        for name in self._parts.workers.turn(now):
            _LOG.error("%s: its sample does not come back; another thread takes its place", name)
        self._take_plan(now)
        self._take_anew(now)
        for name in self._schedule.due(now):
            self._start(name, now)
        for name in self._schedule.take_skipped():
            self._standings.timed(name, self._schedule.timing(name))
        self._file_changes()
        self._feed(now)
        self._on_turn()

    def _wake_at(self, now: float) -> float:
        """Return when there is something to do of the loop's own accord, in monotonic seconds."""
        deadlines = (
            now + LONGEST_SLEEP_S,
            self._schedule.next_deadline(),
            self._parts.workers.next_deadline(),
            self._parts.network.next_deadline(),
            min((at for at in self._spoiled.values() if at > now), default=None),
            self._fed_next_at(),
        )
        return min(deadline for deadline in deadlines if deadline is not None)

    def _fed_next_at(self) -> float | None:
        """Return when the manager is to be told that this loop turns; None where only a new process could help."""
        every_s = self._parts.notifier.watchdog_s
        return None if every_s is None or self._parts.workers.exhausted else self._fed_at + every_s

    def _feed(self, now: float) -> None:
        due_at = self._fed_next_at()
        if due_at is not None and now >= due_at:
            self._parts.notifier.watchdog()
            self._parts.notifier.status(self._summary())
            self._fed_at = now

    # -- samples

    def _start(self, name: str, now: float) -> None:
        """Begin the sample of a target that is due, or let it wait a little for the routers on its way."""
        plan, sample = self._targets[name], self._parts.sample
        ready_at = self._parts.shared.ready_at(name, now)
        if ready_at > now and now < self._held_until.setdefault(name, now + _longest_hold_s(plan)):
            self._schedule.hold(name, ready_at)
            return
        self._held_until.pop(name, None)
        self._parts.workers.submit(name, lambda interrupted: sample(plan, interrupted))

    def _take(self, done: Done[Taken | None], now: float) -> None:
        """Take in what a thread did."""
        if done.error is not None:
            _LOG.error("%s: a mistake of the agent's", done.name, exc_info=done.error, extra=_about(done.name))
        if done.number == self._filing:
            self._filing = None
            return
        if done.name in self._targets:
            self._schedule.started(done.name, done.started_s)
            self._schedule.finished(done.name)
            self._standings.timed(done.name, self._schedule.timing(done.name))
        if done.result is None or done.result.entry is None:
            return
        if self._standings.taken(done.result, now) and not done.result.discarded:
            _LOG.info(_TOLD[done.result.status], done.name, done.result.in_words, extra=_about(done.name))
        self._parts.network.follow(done.result.target, done.result.addresses)
        self._parts.deliveries.wake()
        if done.result.discarded:
            self._discarded(done.result, now)

    def _discarded(self, taken: Taken, now: float) -> None:
        """Have a sample taken anew that a change of the network spoiled."""
        self._aborted += 1
        self._parts.network.abort(taken.target)
        self._spoiled[taken.target] = now + _NEWS_S
        _LOG.info("%s: the network changed meanwhile; it is looked at again", taken.target, extra=_about(taken.target))

    def _take_anew(self, now: float) -> None:
        """Let targets come again whose network has come to rest, or changes without end."""
        if not self._parts.network.settled(now):
            return
        for target in [target for target, earliest in self._spoiled.items() if now >= earliest]:
            del self._spoiled[target]
            self._schedule.again(target, now)

    # -- the network

    def _take_changes(self, now: float) -> None:
        network, before = self._parts.network, self._epoch
        for change in network.turn(now):
            self._changes[change.kind] += change.times
            self._unfiled.append(change)
            if change.matters:
                _LOG.info(
                    "network: %s: %s: %s -> %s",
                    change.subject,
                    change.what,
                    *map(_short, (change.before, change.after)),
                )
        self._epoch = network.epoch
        if self._epoch != before:
            self._parts.shared.forget()
            self._parts.deliveries.retry_soon()

    def _file_changes(self) -> None:
        """Let a thread file what changed, one at a time so that they stay in order: the disk may take its time."""
        if self._filing is not None or not self._unfiled:
            return
        changes, self._unfiled = self._unfiled, []
        self._filing = self._parts.workers.submit(_CHANGES, lambda _: self._parts.file_changes(changes))

    # -- reload

    def _begin_reload(self, now: float) -> None:
        self._parts.notifier.reloading(now)
        _LOG.info("reading the configuration again")
        self._reloading.begin()

    def _take_plan(self, now: float) -> None:
        """Put a plan to work that was read; a wrong one changes nothing."""
        plan = self._reloading.take(self._plan, _LOG)
        if plan is not None:
            self._put_to_work(plan, now)
        if self._reloading.over():
            self._parts.notifier.ready(self._summary())

    def _put_to_work(self, plan: ServicePlan, now: float) -> None:
        before, self._plan = self._targets, plan
        self._targets = {target.name: target for target in plan.targets}
        for name in before:
            if self._targets.get(name) != before[name]:
                self._parts.workers.cancel(name)
        self._schedule.replace(_timings(plan), now)
        self._standings.replace(plan.targets)
        for gone in before.keys() - self._targets.keys():
            self._spoiled.pop(gone, None)
            self._held_until.pop(gone, None)
        self._parts.put_to_work(plan)

    # -- the end, and how it is going

    def _end(self, now: float) -> None:
        parts = self._parts
        parts.notifier.stopping("ending")
        left = parts.workers.stop(now + SAMPLES_END_S)
        for done in parts.workers.collect():
            self._take(done, now)
        if self._unfiled:
            parts.file_changes(self._unfiled)
        silent = parts.deliveries.finish(now + SINKS_END_S)
        for name in left:
            _LOG.warning("%s: its sample was abandoned", name)
        for name in silent:
            _LOG.warning("sink %s did not end; what it has not got is kept", name)
        parts.close()
        _LOG.info("ended")

    def _tell_what_follows(self) -> None:
        sinks = ", ".join(sink.name for sink in self._plan.sinks) or "no sink"
        _LOG.info("ready: %s; samples are kept in %s and go to %s", self._summary(), self._plan.state_dir, sinks)
        first_s = (self._schedule.next_deadline() or self._started_at) - self._clock.monotonic()
        _LOG.info("the first sample is due in %.0f s", max(0.0, first_s))

    def _summary(self) -> str:
        """Return how it is going, in a line."""
        standings = self._standings.all()
        by_status = Counter(target.status or "not yet sampled" for target in standings)
        told = ", ".join(f"{count} {status}" for status, count in sorted(by_status.items())) or "none"
        failing = [sink.name for sink in self._parts.deliveries.status() if sink.failing_since_s is not None]
        sinks = f"; sinks failing: {', '.join(failing)}" if failing else ""
        return f"{len(standings)} targets: {told}{sinks}"

    def status(self) -> ServiceStatus:
        """Return a picture of everything; may be called from any thread."""
        parts = self._parts
        return ServiceStatus(
            version=VERSION,
            ready=self._ready,
            at_s=self._clock.monotonic(),
            started_at_s=self._started_at,
            turned_at_s=self._turned_at,
            epoch=parts.network.epoch,
            targets=self._standings.all(),
            sinks=parts.deliveries.status(),
            store=parts.store.state(),
            changes=dict(self._changes),
            aborted=self._aborted,
            running=parts.workers.running,
            waiting=parts.workers.waiting,
            stuck=parts.workers.stuck,
            reloads=self._reloading.taken,
            reloads_refused=self._reloading.refused,
            last_reload_problem=self._reloading.problem,
        )


def _timings(plan: ServicePlan) -> list[tuple[str, float]]:
    return [(target.name, target.interval_s) for target in plan.targets]


def _longest_hold_s(plan: TargetPlan) -> float:
    """Return how long a sample may wait for routers; then it asks them less, and says so."""
    return min(plan.interval_s / 2, LONGEST_HOLD_S)


def _short(value: str | None) -> str:
    """Return one side of a change for a log line: a host may have hundreds of addresses, and the record has all."""
    return shorten(value or "none", _LONGEST_VALUE, placeholder=" ...")


def _about(name: str) -> dict[str, str]:
    """Return what a log line concerns, for those who read it by program."""
    return {"about": name}
