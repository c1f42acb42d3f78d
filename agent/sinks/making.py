"""Makes sinks from their plans, and tries them without sending anything; each kind is loaded where it is used only."""

from __future__ import annotations

import os
from pathlib import Path

from agent.sinks.sink import words_of
from probes.clock import SystemClock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol as Interface

    from agent.daemon.plan import SinkPlan
    from agent.record import AgentIdentity
    from agent.sinks.sink import Sink

    class Reachable(Sink, Interface):
        """A sink that can be tried."""

        def reach(self, stop: Callable[[], bool], /) -> str | None:
            """Return why it cannot be reached, None where it can."""


def make_sink(plan: SinkPlan, identity: AgentIdentity) -> Sink:
    """Return the sink of a plan; nothing is opened or connected before its first batch.

    Raises:
        ModuleNotFoundError: Its kind needs a package that is not installed; the text says what to do.
        ValueError: There is no such type.
    """
    match plan.type:
        case "stdout":
            from agent.sinks.stdout import StdoutSink  # noqa: PLC0415 - each kind where it is used only

            return StdoutSink()
        case "file":
            from agent.sinks.file import FileSink  # noqa: PLC0415 - likewise

            return FileSink(Path(str(plan.options["path"])))
        case _:
            return _over_sockets(plan, identity)


def _over_sockets(plan: SinkPlan, identity: AgentIdentity) -> Reachable:
    match plan.type:
        case "http":
            from agent.sinks.http import HttpSink  # noqa: PLC0415 - each kind where it is used only

            return HttpSink(plan, identity, SystemClock())
        case "otlp":
            from agent.sinks.otlp import OtlpSink  # noqa: PLC0415 - likewise

            return OtlpSink(plan, identity, SystemClock())
        case "syslog":
            from agent.sinks.syslog import SyslogSink  # noqa: PLC0415 - likewise

            return SyslogSink(plan, identity, SystemClock())
        case "journald":
            from agent.sinks.journald import JournaldSink  # noqa: PLC0415 - likewise

            return JournaldSink()
        case _:
            raise ValueError(f"there is no type of sink {plan.type!r}")


def check_sink(plan: SinkPlan, identity: AgentIdentity) -> str | None:
    """Return what would keep a sink from taking entries now, in one line without secrets; None where nothing is found.

    Nothing is sent: sockets are connected, TLS and the proxy included, and files looked at. Whether a collector takes
    our token only a batch can tell.
    """
    if plan.type == "stdout":
        return None
    if plan.type == "file":
        return _file_problem(Path(str(plan.options["path"])))
    try:
        sink = _over_sockets(plan, identity)
    except ModuleNotFoundError as error:
        return str(error)
    try:
        return sink.reach(bool)
    finally:
        sink.close()


def _file_problem(path: Path) -> str | None:
    """Return why a file cannot be appended to by this process; it is neither made nor touched."""
    try:
        path.stat()
    except FileNotFoundError:
        return _directory_problem(path.parent)
    except OSError as error:
        return f"{path}: {words_of(error)}"
    if path.is_dir():
        return f"{path}: is a directory"
    return None if os.access(path, os.W_OK) else f"{path}: permission denied"


def _directory_problem(directory: Path) -> str | None:
    if not directory.is_dir():
        return f"{directory}: there is no such directory"
    return None if os.access(directory, os.W_OK | os.X_OK) else f"{directory}: no file can be made there"
