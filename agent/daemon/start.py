"""Starts the service, and says in an exit code why it could not or how it ended."""

from __future__ import annotations

import gc
import logging
import os
from typing import TYPE_CHECKING, Final

from agent.config.place import DEFAULT_FILE
from agent.daemon.log import LogForm, LogLevel, start_logging
from agent.daemon.parts import Parts
from agent.daemon.plan import ServicePlan
from agent.daemon.plan_reading import read_plan
from agent.daemon.service import Service
from agent.daemon.signals import SignalInbox
from agent.daemon.thrift import Thrift
from agent.exit_codes import ServiceExit
from agent.live_world import LiveWorld
from agent.store.database import open_store
from agent.store.owner import StoreInUse
from probes.clock import SystemClock

if TYPE_CHECKING:
    from pathlib import Path

    from agent.daemon.showing import Showing

_LOG: Final = logging.getLogger(__name__)


def serve(file: Path, level: LogLevel, form: LogForm) -> int:
    """Serve by a configuration until somebody asks for the end; return the exit code."""
    # The command switches collection off, for it ends within seconds; this does not.
    gc.enable()
    clock = SystemClock()
    thrift = Thrift(clock.monotonic)
    lines = start_logging(level, form, os.environ)
    with SignalInbox() as signals:
        ready = opened(file, signals)
        if isinstance(ready, ServiceExit):
            return ready
        plan, parts = ready

        def on_turn() -> None:
            lines.turn()
            thrift.turn()

        service = Service(plan, parts, lambda: read_plan(file), on_turn)
        parts.put_to_work(plan)
        pages = _pages(plan, service)
        # What is loaded by now is never garbage.
        gc.freeze()
        service.run()
        if pages is not None:
            pages.close()
    return 0


def opened(file: Path, signals: SignalInbox) -> tuple[ServicePlan, Parts] | ServiceExit:
    """Return the plan of a configuration and all that it needs, open; or the exit code, once the log says why."""
    if file == DEFAULT_FILE and not file.exists():
        # Nobody named it.
        _LOG.error("%s: there is no such file; name yours, as in `cloudpath run -c agent.yaml`", file)
        return ServiceExit.BAD_CONFIGURATION
    plan = read_plan(file)
    if not isinstance(plan, ServicePlan):
        for line in plan.lines:
            _LOG.error("%s", line)
        return ServiceExit.BAD_CONFIGURATION
    if not plan.targets:
        _LOG.error("%s: there are no targets, so there is nothing to do; name one under `targets`", file)
        return ServiceExit.BAD_CONFIGURATION
    if problem := why_not_ours(plan.state_dir):
        _LOG.error("%s", problem)
        return ServiceExit.MISSING_RIGHTS
    clock, world = SystemClock(), LiveWorld()
    identity = world.identity()
    try:
        store = open_store(
            plan.state_dir, most_bytes=plan.store_bytes, clock=clock, random_bytes=world.random_bytes, identity=identity
        )
    except StoreInUse as error:
        _LOG.error("%s", error)
        return ServiceExit.TEMPORARY_FAILURE
    if taken_not := store.state().problem:
        _LOG.error("the store takes nothing, so samples are held in memory until it does: %s", taken_not)
    return plan, Parts(plan, store, identity, clock, signals)


def why_not_ours(directory: Path) -> str | None:
    """Return why this user may not write to the directory of the state; None where nothing but the disk may refuse.

    A disk that is full or read-only is no reason not to start: the newest samples are held in memory.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except PermissionError as error:
        return _no_right(directory, error)
    except OSError:
        return None
    if os.access(directory, os.W_OK | os.X_OK, effective_ids=True) or os.statvfs(directory).f_flag & os.ST_RDONLY:
        return None
    return _no_right(directory, PermissionError())


def _no_right(directory: Path, error: OSError) -> str:
    place = error.filename or directory
    return (
        f"{place}: this user may not write there, and samples are kept in {directory}; name another directory under "
        "agent.state_dir, or run as the user of the service"
    )


def _pages(plan: ServicePlan, service: Service) -> Showing | None:
    """Return who shows metrics and health, None where nobody is asked to."""
    if plan.metrics_listen is None:
        return None
    # For those who want metrics.
    from agent.daemon.pages import Pages  # noqa: PLC0415
    from agent.daemon.showing import Showing  # noqa: PLC0415

    return Showing(plan.metrics_listen, Pages(service.status), SystemClock())
