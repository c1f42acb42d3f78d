"""Looks at a store without being noticed: its directory, its disk, who writes to it, and what is in it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from agent.doctor.service import StoreSeen
from agent.store import ledger, owner, parking, schema
from agent.store.entry import SinkBacklog, StoreState
from agent.store.trouble import Trouble, trouble_of, words_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOCKS: Final = Path("/proc/locks")
_NS_PER_S: Final = 1_000_000_000


def look_at_store(directory: Path, most_bytes: int, now_ns: int) -> StoreSeen:
    """Return what is to be seen of a store; `now_ns` is the wall clock's."""
    missing, problem, foreign = _access(directory)
    used_by = _writer(directory / owner.FILE)
    contents = _contents(directory / schema.FILE, used=used_by is not None, now_ns=now_ns)
    return StoreSeen(
        directory=str(directory),
        missing=missing,
        problem=problem,
        foreign=foreign,
        free_bytes=_free_bytes(directory),
        most_bytes=most_bytes,
        used_by=used_by,
        state=contents.state,
        damage=contents.damage,
        newest_ahead_s=contents.newest_ahead_s,
    )


def _access(directory: Path) -> tuple[bool, str | None, bool]:
    """Return whether the directory is missing, why nothing could be written there, and if only another user could."""
    there = _nearest(directory)
    if not there.is_dir():
        return False, f"{there} is no directory", False
    if os.access(there, os.W_OK | os.X_OK):
        return there != directory, None, False
    if os.statvfs(there).f_flag & os.ST_RDONLY:
        return there != directory, f"{there} is on a disk that is mounted read-only", False
    foreign = there.stat().st_uid != os.geteuid()
    return there != directory, f"{there} gives this user no right to write", foreign and there == directory


def _nearest(path: Path) -> Path:
    """Return the path itself, or the nearest one above it that is there or that nobody may look into."""
    for each in (path, *path.parents):
        try:
            each.lstat()
        except FileNotFoundError:
            continue
        except OSError:
            return each.parent
        return each
    return Path("/")


def _free_bytes(directory: Path) -> int | None:
    try:
        found = os.statvfs(_nearest(directory))
    except OSError:
        return None
    return found.f_bavail * found.f_frsize


def _writer(lock: Path) -> int | None:
    """Return the process that has the store's lock, as the kernel tells it: trying the lock could refuse a start."""
    try:
        inode = lock.stat().st_ino
        lines = _LOCKS.read_text("ascii").splitlines()
    except OSError:
        return None
    # proc_locks(5): number, kind, mode, access, process, device:inode, range.
    for fields in map(str.split, lines):
        # Who only waits for a lock has an arrow here.
        if fields[1] == "FLOCK" and fields[5].rpartition(":")[2] == str(inode):
            return int(fields[4])
    return None


class _Contents(NamedTuple):
    """What is in the database."""

    state: StoreState | None = None
    damage: str | None = None
    newest_ahead_s: float | None = None


def _contents(database: Path, *, used: bool, now_ns: int) -> _Contents:
    try:
        # One that a full disk let nobody write to is as good as none.
        if not database.exists() or not database.stat().st_size:
            return _Contents()
        # What nobody writes to and what lacks a log can be read without making a file beside it.
        log = database.with_name(f"{database.name}-wal")
        still = not used and not (log.exists() and log.stat().st_size)
        with closing(schema.connect_to_read(database, immutable=still)) as connection:
            if not schema.is_ours(connection):
                return _Contents(damage="another program's database")
            # Reads all of it: not beside a running agent, which would notice.
            if not used and (complaint := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                return _Contents(damage=" ".join(complaint.split()))
            return _Contents(_state(connection, database), newest_ahead_s=_newest_ahead_s(connection, now_ns))
    except (sqlite3.Error, OSError) as error:
        damaged = trouble_of(error) is Trouble.DAMAGED and not isinstance(error, OSError)
        return _Contents(damage=words_of(error) if damaged else None)


def _state(connection: sqlite3.Connection, database: Path) -> StoreState:
    books = ledger.load_books(connection)
    parked = parking.parked_counts(connection)
    return StoreState(
        entries=books.entries,
        size_bytes=sum(_sizes(database)),
        first_seq=books.first_seq,
        last_seq=books.next_seq - 1,
        shed=books.shed,
        unreadable=books.unreadable,
        sinks=tuple(
            SinkBacklog(
                sink=sink,
                pending=cursor.pending,
                oldest_pending_at=_oldest(connection, cursor.seq),
                parked=parked.get(sink, 0),
                delivered_seq=cursor.seq,
            )
            for sink, cursor in books.cursors.items()
        ),
    )


def _sizes(database: Path) -> Iterator[int]:
    for suffix in ("", "-wal"):
        file = database.with_name(f"{database.name}{suffix}")
        yield file.stat().st_size if file.exists() else 0


def _oldest(connection: sqlite3.Connection, seq: int) -> str | None:
    row = connection.execute("SELECT at FROM log WHERE seq > ? ORDER BY seq LIMIT 1", (seq,)).fetchone()
    return None if row is None else str(row[0])


def _newest_ahead_s(connection: sqlite3.Connection, now_ns: int) -> float | None:
    row = connection.execute("SELECT at FROM log ORDER BY seq DESC LIMIT 1").fetchone()
    try:
        newest = datetime.fromisoformat(row[0]) if row else None
    except ValueError:
        # A damaged row; the check above tells of worse.
        return None
    now = datetime.fromtimestamp(now_ns / _NS_PER_S, UTC)
    return None if newest is None or newest.tzinfo is None else (newest - now).total_seconds()
