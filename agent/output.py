"""Delivers what was written: to standard output or a file, whole or not at all, and complaints to standard error."""

import contextlib
import errno
import os
import stat
import sys
from pathlib import Path
from typing import Final

_FULL: Final = "free some space or write elsewhere"


class OutputError(Exception):
    """The output could not be written; the text is one line for a person."""


class OutputClosedError(Exception):
    """Whoever read the output has gone; nobody wants to hear of it."""


def open_closed_streams() -> None:
    """Open the standard streams that the caller closed, before a socket gets one of their numbers.

    What is written to a closed standard output must fail as it would have, so it is opened for reading; nobody wants to
    hear of a closed standard error.
    """
    if sys.stdin is None:
        os.open(os.devnull, os.O_RDONLY)
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8", closefd=False)


def deliver(text: str) -> None:
    """Write text to standard output at once.

    Raises:
        OutputClosedError: The reader has gone.
        OutputError: The device is full or broken.
    """
    deliver_data(text.encode(sys.stdout.encoding or "utf-8", errors="replace"))


def deliver_data(data: bytes) -> None:
    """Write bytes to standard output at once; raises as `deliver` does."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError as error:
        raise OutputClosedError from error
    except OSError as error:
        if error.errno == errno.EBADF:
            raise OutputError("cannot write to standard output: it is closed; leave it open, or redirect it") from error
        raise OutputError(f"cannot write to standard output: {_reason(error)}; {_FULL}") from error


def deliver_to_file(path: Path, text: str) -> None:
    """Write text (UTF-8) to a file; raises as `deliver_data_to_file` does."""
    deliver_data_to_file(path, text.encode())


def deliver_data_to_file(path: Path, data: bytes) -> None:
    """Write bytes to a file: either all of them are there afterwards, or what was there before.

    A device or a FIFO is written to as it is; a symbolic link keeps pointing to its file.

    Raises:
        OutputError: The directory does not exist or is read-only, or there is no space.
    """
    try:
        if _is_plain(path):
            _replace(path.resolve(), data)
        else:
            path.write_bytes(data)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {_reason(error)}; {_FULL}") from error


def why_not_writable(path: Path) -> str | None:
    """Return why a file could not be written, in a few words, or None if it looks as if it could."""
    try:
        return _obstacle(path)
    except PermissionError:
        # Somebody else's directory is on the way there.
        return "writing there is not permitted"


def _obstacle(path: Path) -> str | None:
    directory = path.resolve().parent
    if path.is_dir():
        return "it is a directory"
    if not directory.is_dir():
        return f"there is no directory {directory}"
    if not _is_plain(path):
        return None if os.access(path, os.W_OK) else "writing there is not permitted"
    if not os.access(directory, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        read_only = os.statvfs(directory).f_flag & os.ST_RDONLY
        return "the file system is read-only" if read_only else "writing there is not permitted"
    return None


def _is_plain(path: Path) -> bool:
    """Return whether a path is a regular file, or nothing yet."""
    return not path.exists() or stat.S_ISREG(path.stat().st_mode)


def _replace(path: Path, data: bytes) -> None:
    """Write beside the file, then rename over it (rename is atomic, POSIX.1 rename)."""
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else None
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    # O_EXCL: nobody may have put a link there for us to follow.
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            if mode is not None:
                os.fchmod(file.fileno(), mode)
        beside.replace(path)
    except BaseException:
        # Ctrl-C too leaves nothing behind.
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()
        raise


def complain(line: str) -> None:
    """Write a line to standard error; if that fails too, nobody can be told."""
    shown = "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in line)
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"{shown}\n")
        sys.stderr.flush()


def abandon_output() -> None:
    """Let what is still buffered go nowhere, so that the interpreter does not try again, and complain, at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
