"""The session events that join a sample: from a log's end, or from a log stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from probes.drivers.line_source import followed_lines, lines_of, open_file, tail_lines
from probes.failure import Failure
from probes.line_assembly import LinesError
from probes.sample import AgentFailure
from probes.session_choice import recent_events_of
from probes.session_lines import BadLine, SessionLines

if TYPE_CHECKING:
    from pathlib import Path

    from agent.request import SessionSource
    from probes.sample import Target
    from probes.session_facts import SessionEvent

__all__ = ["followed_lines", "lines_of", "open_file", "recent_sessions"]

_OPERATION: Final = "session_log"


def recent_sessions(
    source: SessionSource, target: Target, *, now_s: float
) -> tuple[tuple[SessionEvent, ...], tuple[AgentFailure, ...]]:
    """Return the events of a target's sessions that are recent enough, oldest first, and what could not be read.

    Args:
        source: Where the lines are. Of `file` the last 4 MiB are read; `lss_listen` is listened on for half a second,
            for a single sample has no history: who takes one after the other asks a `SessionListener` of its own.
        target: What the sample looks at.
        now_s: The wall clock, as POSIX time.
    """
    try:
        read, bad = _read(source)
    except LinesError as error:
        # Never the classifier's name for it: a missing right to a log or a port is none to the network.
        return (), (AgentFailure(operation=_OPERATION, failure=Failure.UNREADABLE_INPUT, detail=str(error)),)
    events = recent_events_of(target, read, now_s=now_s, window_s=source.window_s, username=source.username)
    return events, (_unread(source.lss_listen or str(source.file), bad),) if bad else ()


def _read(source: SessionSource) -> tuple[list[SessionEvent], list[BadLine]]:
    if source.file is not None:
        return _read_tail(source.file)
    if source.lss_listen is not None:
        from agent.session_listener import hear  # noqa: PLC0415 - sockets, for those who listen
        from probes.clock import SystemClock  # noqa: PLC0415

        return hear(source.lss_listen, SystemClock())
    return [], []


def _read_tail(path: Path) -> tuple[list[SessionEvent], list[BadLine]]:
    """Return the events in a file's last 4 MiB, and the lines there that could not be read."""
    reader = SessionLines()
    events: list[SessionEvent] = []
    bad: list[BadLine] = []
    for line in tail_lines(path):
        # Whoever writes the file is in the middle of this one: the next sample has it whole.
        found = reader.read(line) if line.ended else None
        if isinstance(found, BadLine):
            bad.append(found)
        elif found is not None:
            events.append(found)
    return events, bad


def _unread(source: str, bad: list[BadLine]) -> AgentFailure:
    first, count = bad[0], len(bad)
    lines = "a line" if count == 1 else f"{count} lines"
    detail = f"{lines} of {source} could not be read: line {first.line}: {first.detail}"
    return AgentFailure(operation=_OPERATION, failure=Failure.UNREADABLE_INPUT, detail=detail)
