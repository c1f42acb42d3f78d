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
from agent.exit_codes import ExitCode, ServiceExit, exit_code_of
from probes.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
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
            taken = _taken(plan, parts)
            interrupted = signals.take().stop is not None
            if interrupted:
                _tell_of_missing(plan, taken)
            now = parts.clock.monotonic()
            for name in parts.deliveries.finish(now + (_INTERRUPTED_DELIVERY_S if interrupted else _DELIVERY_S)):
                _LOG.warning("sink %s did not take everything; the rest is kept for it", name)
        finally:
            parts.close()
    code = ExitCode.INTERRUPTED if interrupted else _gravest(taken)
    return Round(taken=taken, code=code, shown=any(sink.type == "stdout" for sink in plan.sinks))


def _taken(plan: ServicePlan, parts: Parts) -> tuple[Taken, ...]:
    """Return the samples of all targets, taken as many at once as the plan allows, until somebody interrupts."""
    waiting = {target.name: target for target in plan.targets}
    poll = select.poll()
    poll.register(parts.workers.fileno(), select.POLLIN)
    poll.register(parts.signals.fileno(), select.POLLIN)
    found: dict[str, Taken] = {}
    under_way = len(waiting)
    last_at = parts.clock.monotonic()
    while under_way and parts.signals.take().stop is None:
        now = parts.clock.monotonic()
        for name in let_in(waiting, parts.shared.ready_at, now, last_at):
            last_at = now
            parts.workers.submit(name, partial(parts.sample, waiting.pop(name)))
        poll.poll(_ASK_AGAIN_S * 1000)
        for done in parts.workers.collect():
            under_way -= 1
            if done.error is not None:
                _LOG.error("%s: %s: %s", done.name, type(done.error).__name__, done.error)
            elif done.result is not None:
                found[done.name] = done.result
                parts.deliveries.wake()
    parts.workers.stop(parts.clock.monotonic())
    return tuple(found[target.name] for target in plan.targets if target.name in found)


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


def _tell_of_missing(plan: ServicePlan, taken: Iterable[Taken]) -> None:
    """Log of which targets there is no sample; what is shown has the others only."""
    there = {one.target for one in taken}
    if missing := [target.name for target in plan.targets if target.name not in there]:
        _LOG.warning("interrupted: there is no sample of %s", ", ".join(missing))


def _gravest(taken: Iterable[Taken]) -> int:
    return max((exit_code_of(one.status) for one in taken), default=ExitCode.NOT_MEASURED)
