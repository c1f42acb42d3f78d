"""Lines that are written whole or not at all: to a file, and as nearly as it can be done to a pipe."""

from __future__ import annotations

import fcntl
import os
import select
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Final

    from agent.store.entry import Batch

# A pipe that poll() calls writable takes this much without blocking (pipe(7)).
_CHUNK: Final = select.PIPE_BUF
_NAP_MS: Final = 100
# A reader that takes nothing for so long is not there.
_PATIENCE_TURNS: Final = 100
_BLOCK: Final = 65_536
# How every document of the agent begins.
_BEGINNING: Final = b'{"schema":"cloudpath.'


class NotTakenError(Exception):
    """What was to be written was not taken; the text says why."""


def is_regular(descriptor: int) -> bool:
    """Return whether a descriptor is of a file on a disk."""
    return stat.S_ISREG(os.fstat(descriptor).st_mode)


def write_batch(descriptor: int, stream: LineStream, batch: Batch, stop: Callable[[], bool]) -> None:
    """Write a batch to whatever a descriptor is of.

    Raises:
        NotTakenError: It takes nothing now.
        OSError: It cannot be written to.
    """
    if is_regular(descriptor):
        append_whole(descriptor, b"".join(lines_of(batch)))
    else:
        stream.write(batch, lines_of(batch), stop)


def lines_of(batch: Batch) -> Sequence[bytes]:
    """Return one line for each entry."""
    return [entry.data + b"\n" for entry in batch.entries]


def append_whole(descriptor: int, data: bytes) -> None:
    """Write all of `data` to a regular file and have the disk keep it; or leave the file as it was.

    Raises:
        OSError: The disk does not take it.
    """
    began = _place(descriptor)
    written = 0
    view = memoryview(data)
    try:
        while written < len(data):
            written += os.write(descriptor, view[written:])
        os.fdatasync(descriptor)
    except OSError:
        _take_back(descriptor, began, written)
        raise


def mend_end(descriptor: int) -> None:
    """Remove the half line that a crash left at the end of a regular file; one of somebody else's is ended instead.

    Raises:
        OSError: The file cannot be read or cut.
    """
    size = os.fstat(descriptor).st_size
    start = _last_line_start(descriptor, size)
    if start == size:
        return
    beginning = os.pread(descriptor, len(_BEGINNING), start)
    if _BEGINNING.startswith(beginning):
        os.ftruncate(descriptor, start)
    else:
        append_whole(descriptor, b"\n")


def _place(descriptor: int) -> int:
    """Return where the next byte goes."""
    if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_APPEND:
        return os.fstat(descriptor).st_size
    return os.lseek(descriptor, 0, os.SEEK_CUR)


def _take_back(descriptor: int, began: int, written: int) -> None:
    # Whoever wrote behind us meanwhile keeps what he wrote.
    if os.fstat(descriptor).st_size == began + written:
        os.ftruncate(descriptor, began)
        os.lseek(descriptor, began, os.SEEK_SET)


def _last_line_start(descriptor: int, size: int) -> int:
    """Return where the line begins that no line break ends, the size where every line has one."""
    end = size
    while end > 0:
        start = max(0, end - _BLOCK)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


class LineStream:
    """Lines to a pipe, a terminal or a socket: what is left of a line when its reader pauses is written first later."""

    def __init__(self, descriptor: int) -> None:
        """Write to a descriptor that stays its owner's to close."""
        self._descriptor = descriptor
        self._batch = ""
        self._done = 0
        self._owed = memoryview(b"")

    def write(self, batch: Batch, lines: Sequence[bytes], stop: Callable[[], bool]) -> None:
        """Write the lines of a batch, those left out that an earlier attempt at it wrote.

        Raises:
            NotTakenError: The reader takes nothing for ten seconds, or `stop` says so.
            OSError: There is no reader any more.
        """
        self._pay(stop)
        if batch.id != self._batch:
            self._batch, self._done = batch.id, 0
        for line in lines[self._done :]:
            self._owed = memoryview(line)
            self._done += 1
            self._pay(stop)

    def _pay(self, stop: Callable[[], bool]) -> None:
        while self._owed:
            self._wait(stop)
            self._owed = self._owed[os.write(self._descriptor, self._owed[:_CHUNK]) :]

    def _wait(self, stop: Callable[[], bool]) -> None:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        for _ in range(_PATIENCE_TURNS):
            if poll.poll(_NAP_MS):
                return
            if stop():
                break
        raise NotTakenError("whoever reads takes nothing")
