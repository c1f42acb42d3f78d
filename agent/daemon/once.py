"""One round over all targets, as the service would do it, and out."""

from __future__ import annotations

import logging
import os
import select
from functools import partial
from typing import TYPE_CHECKING, Final

from agent.daemon.log import LogForm, LogLevel, start_logging
from agent.daemon.service import LONGEST_HOLD_S
from agent.daemon.signals import SignalInbox
from agent.daemon.start import opened
from agent.daemon.workers import LIMIT_S
from agent.exit_codes import ExitCode, ServiceExit, exit_code_of
from probes.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from pathlib import Path

    from agent.daemon.parts import Parts
    from agent.daemon.plan import ServicePlan
    from agent.daemon.sampling import Taken

_LOG: Final = logging.getLogger(__name__)
# What sinks may take to get the round; what they have not got then is theirs at the next start.
_DELIVERY_S: Final = 30.0
_INTERRUPTED_DELIVERY_S: Final = 1.0
_ASK_AGAIN_S: Final = 0.2


@frozen
class Round:
    """One round: a sample of each target in the order of the configuration, as far as they came back.

    Attributes:
        code: The exit code: the gravest of all samples, or why there is no round.
        shown: Whether a sink has put the samples on standard output already.
    """

    taken: tuple[Taken, ...]
    code: int
    shown: bool = False


def one_round(file: Path, level: LogLevel) -> Round:
    """Return what one round over the targets of a configuration found, once it is filed and delivered."""
    start_logging(level, LogForm.TEXT, os.environ)
    with SignalInbox() as signals:
        ready = opened(file, signals)
        if isinstance(ready, ServiceExit):
            return Round(taken=(), code=ready)
        plan, parts = ready
        parts.put_to_work(plan)
        try:
            taken = samples_of(plan, parts)
            interrupted = signals.take().stop is not None
            _tell_of_missing(plan, taken, "interrupted: " if interrupted else "")
            now = parts.clock.monotonic()
            for name in parts.deliveries.finish(now + (_INTERRUPTED_DELIVERY_S if interrupted else _DELIVERY_S)):
                _LOG.warning("sink %s did not take everything; the rest is kept for it", name)
        finally:
            parts.close()
    code = ExitCode.INTERRUPTED if interrupted else gravest(taken, len(plan.targets))
    return Round(taken=taken, code=code, shown=any(sink.type == "stdout" for sink in plan.sinks))


def samples_of(plan: ServicePlan, parts: Parts) -> tuple[Taken, ...]:
    """Return the samples of all targets, taken as many at once as the plan allows, until somebody interrupts.

    A target is missing whose sample failed, does not come back, or had no thread of the host's for a minute.
    """
    poll = select.poll()
    poll.register(parts.workers.fileno(), select.POLLIN)
    poll.register(parts.signals.fileno(), select.POLLIN)
    going = _Going(plan, parts)
    while not going.over and parts.signals.take().stop is None:
        going.turn(parts.clock.monotonic())
        poll.poll(_ASK_AGAIN_S * 1000)
        going.collect()
    parts.workers.stop(parts.clock.monotonic())
    return tuple(going.found[target.name] for target in plan.targets if target.name in going.found)


class _Going:
    """A round under way: who waits to be let in, whose sample may still come, and what was found."""

    def __init__(self, plan: ServicePlan, parts: Parts) -> None:
        self._parts = parts
        self._waiting = {target.name: target for target in plan.targets}
        self._expected = set(self._waiting)
        self._let_in_at = self._served_at = parts.clock.monotonic()
        self.found: dict[str, Taken] = {}

    @property
    def over(self) -> bool:
        """Return whether nothing more is to come."""
        return not self._expected

    def turn(self, now: float) -> None:
        """Let in who may begin, and stop to expect what does not come back or never begins."""
        parts = self._parts
        for name in let_in(self._waiting, parts.shared.ready_at, now, self._let_in_at):
            self._let_in_at = now
            parts.workers.submit(name, partial(parts.sample, self._waiting.pop(name)))
        for name in parts.workers.turn(now):
            _LOG.error("%s: its sample does not come back", name)
            self._expected.discard(name)
        if not parts.workers.waiting or parts.workers.running > parts.workers.stuck:
            self._served_at = now
        elif now >= self._served_at + LIMIT_S:
            _LOG.error("the host gives no thread to take samples in")
            self._expected.clear()

    def collect(self) -> None:
        """Take in what came back, also what was not expected any more."""
        for done in self._parts.workers.collect():
            self._expected.discard(done.name)
            if done.error is not None:
                _LOG.error("%s: %s: %s", done.name, type(done.error).__name__, done.error)
            elif done.result is not None:
                self.found[done.name] = done.result
                self._parts.deliveries.wake()


def let_in(waiting: Iterable[str], ready_at: Callable[[str, float], float], now: float, last_at: float) -> list[str]:
    """Return who of those that wait may begin now; the first of them where nobody could for a long time.

    Args:
        waiting: Their names, the first comes first.
        ready_at: Says when the routers on the way to somebody are ready.
        now: The time.
        last_at: When somebody was let in last.
    """
    names = tuple(waiting)
    ready = [name for name in names if ready_at(name, now) <= now]
    return ready or list(names[: now >= last_at + LONGEST_HOLD_S])


def _tell_of_missing(plan: ServicePlan, taken: Iterable[Taken], why: str) -> None:
    """Log of which targets there is no sample; what is shown has the others only."""
    there = {one.target for one in taken}
    if missing := [target.name for target in plan.targets if target.name not in there]:
        _LOG.warning("%sthere is no sample of %s", why, ", ".join(missing))


def gravest(taken: Collection[Taken], targets: int) -> int:
    """Return the exit code of a round over so many targets; one without a sample was not measured."""
    missing = ExitCode.NOT_MEASURED if targets > len(taken) else ExitCode.CLEAN
    return max([missing, *(exit_code_of(one.status) for one in taken)])
