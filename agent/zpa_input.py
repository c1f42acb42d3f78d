"""Session lines of private access from where they are kept: a stream, or the end of a file."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

from probes.failure import Failure
from probes.line_assembly import Line, LineAssembly
from probes.sample import AgentFailure
from probes.session_choice import recent_events_of
from probes.session_lines import BadLine, SessionLines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from agent.config_model import ZpaSection
    from probes.sample import Target
    from probes.session_facts import SessionEvent

# What joins a sample is read from a file's end: about 2,000 lines of the Log Streaming Service or 30,000 of a client's
# log, which take 0.1 and 0.2 s [measured]. More lines than this are none of either.
TAIL_BYTES: Final = 4 << 20
TAIL_LINES: Final = 40_000
_CHUNK_BYTES: Final = 1 << 16
# How often a file that is followed is looked at.
_LOOK_EVERY_S: Final = 0.2


class InputError(Exception):
    """Session lines cannot be read; the text is one line for a person."""

    def __init__(self, failure: Failure, text: str) -> None:
        super().__init__(text)
        self.failure = failure


# --- files and streams ------------------------------------------------------------------------------------------------


def lines_of(stream: BinaryIO) -> Iterator[Line]:
    """Yield the lines of a stream as soon as each is there, however it is buffered.

    Raises:
        InputError: It cannot be read further.
    """
    assembly = LineAssembly()
    while data := _next_bytes(stream):
        yield from assembly.feed(data)
    yield from assembly.finish()


def followed_lines(path: Path, stop: Callable[[], bool], wait: Callable[[float], None]) -> Iterator[Line]:
    """Yield a file's lines, and then those that are written to it, until `stop` says so.

    Where another file takes its place, or it is cut, it is read from its start, as logs are turned over.

    Raises:
        InputError: It cannot be opened at first, or read further.
    """
    stream, assembly = open_file(path), LineAssembly()
    try:
        while not stop():
            if data := _next_bytes(stream):
                yield from assembly.feed(data)
            elif _replaced(path, stream):
                yield from assembly.finish()
                stream.close()
                stream, assembly = open_file(path), LineAssembly()
            else:
                wait(_LOOK_EVERY_S)
        yield from assembly.finish()
    finally:
        stream.close()


def _replaced(path: Path, stream: BinaryIO) -> bool:
    """Return whether there is another file of this name now, or the one that is read was cut."""
    mine = os.fstat(stream.fileno())
    if not stat.S_ISREG(mine.st_mode):
        return False
    try:
        there = path.stat()
    except OSError:
        # Between the old file and the new one there may be none.
        return False
    return (there.st_dev, there.st_ino) != (mine.st_dev, mine.st_ino) or there.st_size < stream.tell()


def _next_bytes(stream: BinaryIO) -> bytes:
    try:
        return os.read(stream.fileno(), _CHUNK_BYTES)
    except OSError as error:
        raise _unreadable(error, "the lines cannot be read further") from None


def open_file(path: Path) -> BinaryIO:
    """Return a file opened to read; a FIFO is waited for, until somebody writes.

    Raises:
        InputError: It cannot be opened.
    """
    try:
        opened = path.open("rb", buffering=0)
    except OSError as error:
        raise _unreadable(error, f"cannot read {path}") from None
    return opened


def recent_sessions(
    section: ZpaSection, target: Target, *, now_s: float
) -> tuple[tuple[SessionEvent, ...], tuple[AgentFailure, ...]]:
    """Return the events of a target's sessions that are recent enough, oldest first, and what could not be read.

    Args:
        section: Where the lines are. Of `file` the last 4 MiB are read; `lss_listen` is listened on for half a second,
            for a single sample has no history: who takes one after the other asks a `SessionListener` of its own.
        target: What the sample looks at.
        now_s: The wall clock, as POSIX time.
    """
    try:
        read, bad = _read(section)
    except InputError as error:
        # Never the classifier's name for it: a missing right to a log or a port is none to the network.
        return (), (AgentFailure(operation=_OPERATION, failure=Failure.UNREADABLE_INPUT, detail=str(error)),)
    events = recent_events_of(target, read, now_s=now_s, window_s=section.window_s, username=section.username)
    return events, (_unread(section.lss_listen or str(section.file), bad),) if bad else ()


def _read(section: ZpaSection) -> tuple[list[SessionEvent], list[BadLine]]:
    if section.file is not None:
        return _read_tail(section.file)
    if section.lss_listen is not None:
        from agent.session_listener import hear  # noqa: PLC0415 - sockets, for those who listen
        from probes.clock import SystemClock  # noqa: PLC0415

        return hear(section.lss_listen, SystemClock())
    return [], []


_OPERATION: Final = "session_log"


def _read_tail(path: Path) -> tuple[list[SessionEvent], list[BadLine]]:
    """Return the events in a file's last 4 MiB, and the lines there that could not be read."""
    reader = SessionLines()
    events: list[SessionEvent] = []
    bad: list[BadLine] = []
    for line in _tail_lines(path):
        # Whoever writes the file is in the middle of this one: the next sample has it whole.
        found = reader.read(line) if line.ended else None
        if isinstance(found, BadLine):
            bad.append(found)
        elif found is not None:
            events.append(found)
    return events, bad


def _tail_lines(path: Path) -> list[Line]:
    try:
        # A FIFO in its place must not hold a sample up.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise InputError(Failure.UNREADABLE_INPUT, f"{path} is no file with lines in it")
            file.seek(max(0, status.st_size - TAIL_BYTES))
            data = file.read(TAIL_BYTES)
    except OSError as error:
        raise _unreadable(error, f"cannot read {path}") from None
    before, *rest = data.rsplit(b"\n", TAIL_LINES)
    # What stands before the first line break may be the end of a line, or many lines.
    whole = status.st_size <= TAIL_BYTES and b"\n" not in before
    assembly = LineAssembly()
    return assembly.feed(b"\n".join([before, *rest] if whole else rest)) + assembly.finish()


def _unread(source: str, bad: list[BadLine]) -> AgentFailure:
    first, count = bad[0], len(bad)
    lines = "a line" if count == 1 else f"{count} lines"
    detail = f"{lines} of {source} could not be read: line {first.line}: {first.detail}"
    return AgentFailure(operation=_OPERATION, failure=Failure.UNREADABLE_INPUT, detail=detail)


def _unreadable(error: OSError, what: str) -> InputError:
    return InputError(Failure.UNREADABLE_INPUT, f"{what}: {(error.strerror or str(error)).lower()}")
