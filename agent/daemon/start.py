"""Starts the service, and says in an exit code why it could not or how it ended."""

from __future__ import annotations

import gc
import logging
import os
from typing import TYPE_CHECKING, Final

from agent.daemon.log import LogForm, LogLevel, start_logging
from agent.daemon.parts import Parts
from agent.daemon.plan import ServicePlan
from agent.daemon.plan_reading import read_plan
from agent.daemon.service import Service
from agent.daemon.signals import SignalInbox
from agent.exit_codes import ServiceExit
from agent.live_world import LiveWorld
from agent.store.database import open_store
from agent.store.owner import StoreInUse
from probes.clock import SystemClock

if TYPE_CHECKING:
    from pathlib import Path

_LOG: Final = logging.getLogger(__name__)


def serve(file: Path, level: LogLevel, form: LogForm) -> int:
    """Serve by a configuration until somebody asks for the end; return the exit code."""
    # The command switches collection off, for it ends within seconds; this does not.
    gc.enable()
    start_logging(level, form, os.environ)
    with SignalInbox() as signals:
        ready = opened(file, signals)
        if isinstance(ready, ServiceExit):
            return ready
        plan, parts = ready
        service = Service(plan, parts, lambda: read_plan(file))
        parts.put_to_work(plan)
        # Whatever is loaded by now is never garbage.
        gc.freeze()
        service.run()
    return 0


def opened(file: Path, signals: SignalInbox) -> tuple[ServicePlan, Parts] | ServiceExit:
    """Return the plan of a configuration and all that it needs, open; or the exit code, once the log says why."""
    plan = read_plan(file)
    if not isinstance(plan, ServicePlan):
        for line in plan.lines:
            _LOG.error("%s", line)
        return ServiceExit.BAD_CONFIGURATION
    if not plan.targets:
        _LOG.error("%s: there are no targets, so there is nothing to do; name one under `targets`", file)
        return ServiceExit.BAD_CONFIGURATION
    clock, world = SystemClock(), LiveWorld()
    identity = world.identity()
    try:
        store = open_store(
            plan.state_dir,
            most_bytes=plan.store_bytes,
            clock=clock,
            random_bytes=world.random_bytes,
            identity=identity,
        )
    except StoreInUse as error:
        _LOG.error("%s", error)
        return ServiceExit.TEMPORARY_FAILURE
    problem = store.state().problem
    if problem is not None:
        _LOG.error("the store takes nothing, so samples are held in memory until it does: %s", problem)
    return plan, Parts(plan, store, identity, clock, signals)
