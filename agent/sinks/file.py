"""Entries as lines of a file that may be rotated under our hands."""

from __future__ import annotations

import os
import stat

from agent.sinks.sink import DELIVERED, unavailable, words_of
from agent.sinks.whole_lines import (
    LineStream,
    NotTakenError,
    append_whole,
    is_regular,
    lines_of,
    mend_end,
    write_batch,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Final

    from agent.sinks.sink import Outcome
    from agent.store.entry import Batch

# Those who collect logs read as a member of the group; UMask= of the unit takes away what is too much.
_MODE: Final = 0o640


class FileSink:
    """Appends to a file, makes it where it is not there, and looks before each batch whether it is still the same."""

    def __init__(self, path: Path) -> None:
        """Prepare; the file is opened with the first batch."""
        self._path = path
        self._descriptor: int | None = None
        self._stream: LineStream | None = None

    def send(self, batch: Batch, stop: Callable[[], bool]) -> Outcome:
        """Return what became of the batch."""
        try:
            descriptor, stream = self._opened()
            write_batch(descriptor, stream, batch, stop)
            if is_regular(descriptor) and not os.fstat(descriptor).st_nlink:
                # Removed while we wrote: nobody will ever read that.
                self.close()
                descriptor, _ = self._opened()
                append_whole(descriptor, b"".join(lines_of(batch)))
        except NotTakenError as error:
            return self._failed(str(error), keep=True)
        except OSError as error:
            return self._failed(words_of(error))
        return DELIVERED

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = self._stream = None

    def _failed(self, why: str, *, keep: bool = False) -> Outcome:
        if not keep:
            self.close()
        return unavailable(f"{self._path}: {why}")

    def _opened(self) -> tuple[int, LineStream]:
        if self._descriptor is not None and not self._is_the_same(self._descriptor):
            self.close()
        if self._descriptor is None or self._stream is None:
            self._descriptor = open_for_lines(self._path)
            self._stream = LineStream(self._descriptor)
        return self._descriptor, self._stream

    def _is_the_same(self, descriptor: int) -> bool:
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return False
        return os.path.samestat(there, os.fstat(descriptor))


def open_for_lines(path: Path) -> int:
    """Return a descriptor that appends whole lines to a file, with no half line before them.

    Raises:
        OSError: It cannot be opened, or is a directory; a FIFO that nobody reads is ENXIO.
    """
    flags = os.O_APPEND | os.O_CLOEXEC | os.O_NOCTTY
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return _created(path, flags)
    if not regular:
        # A FIFO without a reader would keep us waiting for one.
        return os.open(path, flags | os.O_WRONLY | os.O_NONBLOCK)
    descriptor = os.open(path, flags | os.O_RDWR)
    try:
        mend_end(descriptor)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _created(path: Path, flags: int) -> int:
    descriptor = os.open(path, flags | os.O_RDWR | os.O_CREAT, _MODE)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # So that its name outlives a loss of power as its lines do.
        os.fsync(directory)
    finally:
        os.close(directory)
    return descriptor
