"""Makes sinks from their plans; of all kinds of sinks only those that are asked for are loaded."""

from __future__ import annotations

from pathlib import Path

from probes.clock import SystemClock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agent.daemon.plan import SinkPlan
    from agent.record import AgentIdentity
    from agent.sinks.sink import Sink


def make_sink(plan: SinkPlan, identity: AgentIdentity) -> Sink:
    """Return the sink of a plan; nothing is opened or connected before its first batch.

    Raises:
        ModuleNotFoundError: Its kind needs a package that is not installed; `sink_problem` says so in words.
        ValueError: There is no such type.
    """
    match plan.type:
        case "stdout":
            from agent.sinks.stdout import StdoutSink  # noqa: PLC0415 - each kind where it is used only

            return StdoutSink()
        case "file":
            from agent.sinks.file import FileSink  # noqa: PLC0415 - likewise

            return FileSink(Path(str(plan.options["path"])))
        case "http":
            from agent.sinks.http import HttpSink  # noqa: PLC0415 - likewise

            return HttpSink(plan, identity, SystemClock())
        case _:
            raise ValueError(f"there is no type of sink {plan.type!r}")
