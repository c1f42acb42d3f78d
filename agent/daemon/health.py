"""Whether the service is alive, and whether it is ready: a reason for each thing that it is not. Pure."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from agent.daemon.status import ServiceStatus

# The loop sleeps for 10 s at most: three rounds that did not come are no accident.
TURNED_WITHIN_S: Final = 30.0


def what_ails(status: ServiceStatus) -> tuple[str, ...]:
    """Return why a new process is needed, in sentences; nothing where the service is alive."""
    still_s = status.at_s - status.turned_at_s
    if still_s <= TURNED_WITHIN_S:
        return ()
    return (f"the loop that does the work has not come round for {still_s:.0f} s",)


def what_is_missing(status: ServiceStatus) -> tuple[str, ...]:
    """Return why the service does not do its work, in sentences; nothing where it is ready.

    A network, a target or a sink that is down is what the service is there to report: it is ready all the same.
    """
    missing = list(what_ails(status))
    if not status.ready:
        missing.append("the configuration is not at work yet")
    if status.store.problem is not None:
        missing.append(f"the store takes nothing: {status.store.problem}")
    return tuple(missing)
