"""Lines from files and streams: as they come, as they are written, or the last of them."""

from __future__ import annotations

import os
import stat

from probes.failure import Failure
from probes.line_assembly import LineAssembly, LinesError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO, Final

    from probes.line_assembly import Line

# What joins a sample is read from a file's end: about 2,000 lines of the Log Streaming Service or 30,000 of a client's
# log, which take 0.1 and 0.2 s [measured]. More lines than this are none of either.
TAIL_BYTES: Final = 4 << 20
TAIL_LINES: Final = 40_000
_CHUNK_BYTES: Final = 1 << 16
# How often a file that is followed is looked at.
_LOOK_EVERY_S: Final = 0.2


def lines_of(stream: BinaryIO) -> Iterator[Line]:
    """Yield the lines of a stream as soon as each is there, however it is buffered.

    Raises:
        LinesError: It cannot be read further.
    """
    assembly = LineAssembly()
    while data := _next_bytes(stream):
        yield from assembly.feed(data)
    yield from assembly.finish()


def followed_lines(path: Path, stop: Callable[[], bool], wait: Callable[[float], None]) -> Iterator[Line]:
    """Yield a file's lines, and then those that are written to it, until `stop` says so.

    Where another file takes its place, or it is cut, it is read from its start, as logs are turned over.

    Raises:
        LinesError: It cannot be opened at first, or read further.
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
        LinesError: It cannot be opened.
    """
    try:
        opened = path.open("rb", buffering=0)
    except OSError as error:
        raise _unreadable(error, f"cannot read {path}") from None
    return opened


def tail_lines(path: Path) -> list[Line]:
    """Return the lines in a file's last 4 MiB, the newest 40,000, from the first whole one on.

    Raises:
        LinesError: It cannot be read, or is no file.
    """
    try:
        # A FIFO in its place must not hold a sample up.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise LinesError(Failure.UNREADABLE_INPUT, f"{path} is no file with lines in it")
            file.seek(max(0, status.st_size - TAIL_BYTES))
            data = file.read(TAIL_BYTES)
    except OSError as error:
        raise _unreadable(error, f"cannot read {path}") from None
    before, *rest = data.rsplit(b"\n", TAIL_LINES)
    # What stands before the first line break may be the end of a line, or many lines.
    whole = status.st_size <= TAIL_BYTES and b"\n" not in before
    assembly = LineAssembly()
    return assembly.feed(b"\n".join([before, *rest] if whole else rest)) + assembly.finish()


def _unreadable(error: OSError, what: str) -> LinesError:
    return LinesError(Failure.UNREADABLE_INPUT, f"{what}: {(error.strerror or str(error)).lower()}")
