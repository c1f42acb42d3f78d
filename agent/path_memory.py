"""Keeps what legs taught in one small file of the state directory; where it cannot, nothing is remembered.

The file is text, a line a leg, because a trace has no 2 ms for `json` before its first packet: one `find` and one
`split` read what one leg needs (docs/adr/0021-adaptive-protocol-and-memory.md). Nothing in it is trusted: it only says
what to try first.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISDIR, S_ISREG, S_IWOTH

from probes.facts import Protocol
from probes.trace.memory import Lesson, Remembered, Surroundings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Final

SYSTEM_DIRECTORY: Final = Path("/var/lib/cloudpath-agent")
FILE: Final = "paths"
SET_ASIDE: Final = "paths.unreadable"

MOST_LEGS: Final = 1000
# A thousand lines as long as IPv6 addresses and interface names may be take less than half of this.
_MOST_BYTES: Final = 1 << 19

_HEADER: Final = b"cloudpath-agent paths 1\n"
_NOTHING: Final = "-"
_FIELDS: Final = 10
_MOST_TTL: Final = 255
_ENCODING: Final = ("utf-8", "surrogateescape")

# Neither a link that somebody put there is followed, nor a FIFO waited for.
_SAFELY: Final = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def state_directory(environment: Mapping[str, str], user: int) -> Path | None:
    """Return the directory of one-shot commands, None where this user has none.

    Args:
        environment: The process's; an absolute XDG_STATE_HOME counts most (XDG Base Directory Specification 0.8).
        user: The effective user id. Root shares the daemon's directory where there is one.
    """
    named = Path(environment.get("XDG_STATE_HOME", ""))
    if named.is_absolute():
        return named / "cloudpath-agent"
    if user == 0 and SYSTEM_DIRECTORY.is_dir():
        return SYSTEM_DIRECTORY
    home = Path(environment.get("HOME", ""))
    return home / ".local/state/cloudpath-agent" if home.is_absolute() and _belongs_to(home, user) else None


def _belongs_to(home: Path, user: int) -> bool:
    """Return whether a directory is this user's: under `sudo` HOME may be of one who could not replace root's files."""
    try:
        status = home.stat()
    except OSError:
        return False
    return S_ISDIR(status.st_mode) and status.st_uid == user


class PathMemory:
    """The file in one directory; None for a directory: a memory that forgets at once.

    Two processes at once never see half a file: each replaces it as a whole, and the later one may undo what the
    earlier one learned of one leg. An error of the file system costs the memory, never the trace.
    """

    def __init__(self, directory: Path | None) -> None:
        self.directory = directory

    def recall(self, key: str) -> Remembered | None:
        """Return what is remembered of a leg, None for nothing."""
        try:
            with self._opened() as directory:
                data = _read(directory)
        except OSError:
            return None
        return _find(data, key)

    def remember(self, key: str, remembered: Remembered | None) -> None:
        """Remember what a leg taught in place of what was remembered of it; None: forget the leg."""
        if self.directory is None:
            return
        with suppress(OSError):
            if remembered is not None:
                self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._opened() as directory:
                self._replace_line(directory, key, remembered)

    def everything(self) -> dict[str, Remembered]:
        """Return all that is remembered, by leg, the newest last; nothing where the file cannot be read."""
        try:
            with self._opened() as directory:
                data = _read(directory)
        except OSError:
            return {}
        lines = data[len(_HEADER) :].decode(*_ENCODING).split("\n")[:-1] if data.startswith(_HEADER) else []
        found = ((line.partition("\t")[0], _parsed(line)) for line in lines)
        return {key: remembered for key, remembered in found if remembered is not None}

    def remember_all(self, legs: Mapping[str, Remembered]) -> None:
        """Remember these legs and no others, the newest last."""
        if self.directory is None:
            return
        lines = [_written(key, remembered).encode(*_ENCODING) + b"\n" for key, remembered in legs.items()]
        with suppress(OSError):
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._opened() as directory:
                _set_strange_aside(directory)
                _write(directory, b"".join([_HEADER, *lines[-MOST_LEGS:]]))

    def problem(self) -> str | None:
        """Return in words why nothing is remembered, None where it is."""
        if self.directory is None:
            return "this user has no home directory, and XDG_STATE_HOME names none"
        existing = next(place for place in (self.directory, *self.directory.parents) if os.path.lexists(place))
        if existing == self.directory:
            try:
                with self._opened():
                    pass
            except OSError as error:
                return f"{self.directory}: {(error.strerror or str(error)).lower()}"
        return (
            None if os.access(existing, os.W_OK | os.X_OK, effective_ids=True) else f"{existing} cannot be written to"
        )

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """Open the directory, if it is ours alone to write to.

        Raises:
            OSError: It is not there, not ours, or no directory.
        """
        if self.directory is None:
            raise FileNotFoundError
        directory = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | _SAFELY)
        try:
            status = os.fstat(directory)
            if status.st_uid != os.geteuid() or status.st_mode & S_IWOTH:
                raise PermissionError(None, "others may write there, or it belongs to somebody else")
            yield directory
        finally:
            os.close(directory)

    def _replace_line(self, directory: int, key: str, remembered: Remembered | None) -> None:
        data, strange = _set_strange_aside(directory)
        if not strange and remembered is None and _line_of(data, key) is None:
            return
        _write(directory, _with_line(data, key, remembered))


# --- the file ---------------------------------------------------------------------------------------------------------


def _read(directory: int) -> bytes:
    """Return what the file holds; something that cannot be this file's is nothing that has a header.

    Raises:
        OSError: It is not there, or not readable.
    """
    file = os.open(FILE, os.O_RDONLY | _SAFELY, dir_fd=directory)
    try:
        status = os.fstat(file)
        if not S_ISREG(status.st_mode) or status.st_size > _MOST_BYTES:
            return b"?"
        return os.read(file, _MOST_BYTES)
    finally:
        os.close(file)


def _set_strange_aside(directory: int) -> tuple[bytes, bool]:
    """Return what the file holds, and whether that was strange, and is set aside.

    Raises:
        OSError: It is not readable, or cannot be moved.
    """
    try:
        data = _read(directory)
    except FileNotFoundError:
        return b"", False
    strange = bool(data) and not data.startswith(_HEADER)
    if strange:
        # Another program's, another version's, or damaged: somebody may want to look at it.
        os.replace(FILE, SET_ASIDE, src_dir_fd=directory, dst_dir_fd=directory)
    return data, strange


def _write(directory: int, data: bytes) -> None:
    """Put the file in place as a whole: rename is atomic (POSIX.1 rename)."""
    beside = f".{FILE}.{os.getpid()}"
    with suppress(FileNotFoundError):
        os.unlink(beside, dir_fd=directory)
    file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFELY, 0o600, dir_fd=directory)
    try:
        with os.fdopen(file, "wb") as writing:
            writing.write(data)
        os.replace(beside, FILE, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside, dir_fd=directory)
        raise


# --- its lines --------------------------------------------------------------------------------------------------------


def _find(data: bytes, key: str) -> Remembered | None:
    line = _line_of(data, key) if data.startswith(_HEADER) else None
    return None if line is None else _parsed(line.decode(*_ENCODING))


def _line_of(data: bytes, key: str) -> bytes | None:
    start = data.find(b"\n" + key.encode(*_ENCODING) + b"\t") + 1
    end = data.find(b"\n", start)
    return data[start:end] if start and end > 0 else None


def _with_line(data: bytes, key: str, remembered: Remembered | None) -> bytes:
    """Return the file with one line in place of the key's: newest last, the oldest beyond the limit gone."""
    lines = data[len(_HEADER) :].split(b"\n")[:-1] if data.startswith(_HEADER) else []
    own = key.encode(*_ENCODING) + b"\t"
    kept = [line for line in lines if not line.startswith(own) and line.count(b"\t") == _FIELDS - 1]
    if remembered is not None:
        kept.append(_written(key, remembered).encode(*_ENCODING))
    return b"".join([_HEADER, *(line + b"\n" for line in kept[-MOST_LEGS:])])


def _written(key: str, remembered: Remembered) -> str:
    lesson, where = remembered.lesson, remembered.learned_in
    values = (
        key,
        lesson.protocol,
        lesson.distance,
        lesson.rtt_us,
        lesson.reached_at_s,
        lesson.tried_at_s,
        where.epoch,
        where.interface,
        where.gateway,
        where.source,
    )
    return "\t".join(_NOTHING if value is None else str(value) for value in values)


def _parsed(line: str) -> Remembered | None:
    """Return what a line says, None where it says nothing that could be meant."""
    try:
        _, protocol, distance, rtt_us, reached_at, tried_at, epoch, *where = line.split("\t")
        interface, gateway, source = (None if value == _NOTHING else value for value in where)
        lesson = Lesson(
            protocol=Protocol(protocol),
            distance=None if distance == _NOTHING else int(distance),
            rtt_us=None if rtt_us == _NOTHING else int(rtt_us),
            reached_at_s=int(reached_at),
            tried_at_s=int(tried_at),
        )
    except ValueError:
        return None
    if lesson.distance is not None and not 1 <= lesson.distance <= _MOST_TTL:
        return None
    return Remembered(
        lesson=lesson,
        learned_in=Surroundings(epoch=epoch, interface=interface, gateway=gateway, source=source),
    )
