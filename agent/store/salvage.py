"""A database that cannot be gone on with: moved aside for a person to see, and what can be read of it taken over."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from agent.store.ledger import insert
from agent.store.loss import Losses, LossReason
from agent.store.readings import is_cursor, is_note, is_parked
from agent.store.rows import COLUMNS, entry_from, entry_of, row_of
from agent.store.schema import FILE, TABLES, VERSION, connect_to_read, is_ours, version_of
from probes.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from agent.store.rows import Row

_WRITTEN: Final = {"cursor": is_cursor, "parked": is_parked, "note": is_note}


@frozen
class Rescued:
    """What could be read: how many entries, the first of them, and up to which number none is missing."""

    entries: int = 0
    first_seq: int | None = None
    complete_to: int = 0


def set_aside(directory: Path, utc: str) -> Path | None:
    """Return where the database is now, None where there was none any more.

    An earlier one that was moved aside is deleted, for the disk's sake.

    Args:
        directory: The store's.
        utc: The time as RFC 3339 has it, for its name.

    Raises:
        OSError: It cannot be moved.
    """
    if not os.path.lexists(directory / FILE):
        # Its log would be taken for that of the next one.
        for suffix in ("-wal", "-shm"):
            (directory / f"{FILE}{suffix}").unlink(missing_ok=True)
        return None
    earlier = list(directory.glob(f"{FILE}.damaged-*"))
    stamp = utc.replace("-", "").replace(":", "").partition(".")[0]
    aside = directory / f"{FILE}.damaged-{stamp}Z"
    number = 1
    while os.path.lexists(aside):
        number += 1
        aside = directory / f"{FILE}.damaged-{stamp}Z-{number}"
    os.rename(directory / FILE, aside)  # noqa: PTH104 - a name that leads nowhere is moved, too
    with suppress(OSError):
        os.rename(directory / f"{FILE}-wal", f"{aside}-wal")  # noqa: PTH104
    with suppress(OSError):
        (directory / f"{FILE}-shm").unlink()
    for each in earlier:
        _delete(each)
    return aside


def rescue(source: Path | sqlite3.Connection | None, connection: sqlite3.Connection) -> Rescued:
    """Copy what can be read into a new database, inside the transaction that is open there.

    Args:
        source: Where the damaged one is; or it, where it is still open though its file is gone; None for nothing.
        connection: To the new one.
    """
    if source is None or (isinstance(source, Path) and (source.is_symlink() or not source.is_file())):
        return Rescued()
    try:
        if isinstance(source, sqlite3.Connection):
            return _rescued(source, connection)
        with closing(connect_to_read(source)) as damaged:
            return _rescued(damaged, connection)
    except sqlite3.Error:
        return Rescued()
    finally:
        # SQLite's own, of reading it.
        Path(f"{source}-shm").unlink(missing_ok=True)


def _rescued(damaged: sqlite3.Connection, connection: sqlite3.Connection) -> Rescued:
    if not is_ours(damaged) or not 1 <= version_of(damaged) <= VERSION:
        return Rescued()
    for table, columns in TABLES.items():
        _copy(damaged, connection, table, columns)
    return _rescue_entries(damaged, connection)


def losses_of(rescued: Rescued, *, entries: int | None, first_seq: int, next_seq: int) -> Losses | None:
    """Return what is lost beyond what was rescued, None for nothing.

    Args:
        rescued: What could be read.
        entries: How many there were, None where nobody knows.
        first_seq: The first of them, as far as that is known.
        next_seq: The number of the entry that comes next.
    """
    lost = None if entries is None else entries - rescued.entries
    from_the_start = rescued.first_seq is None or rescued.first_seq > first_seq
    first = first_seq if from_the_start else rescued.complete_to + 1
    if lost == 0 or first >= next_seq:
        return None
    return Losses(why=LossReason.DAMAGED, lost=lost, first_seq=first, last_seq=next_seq - 1)


def _copy(damaged: sqlite3.Connection, connection: sqlite3.Connection, table: str, columns: str) -> None:
    with suppress(sqlite3.Error):
        for row in damaged.execute(f"SELECT {columns} FROM {table}"):  # noqa: S608 - of our own words
            if _WRITTEN[table](row):
                places = ",".join("?" * len(row))
                connection.execute(f"INSERT OR IGNORE INTO {table} VALUES ({places})", row)  # noqa: S608


def _rescue_entries(damaged: sqlite3.Connection, connection: sqlite3.Connection) -> Rescued:
    """Copy entries from the front up to what cannot be read, and then from the end back to that."""
    entries, first, front, complete_to = 0, None, 0, 0
    for row in _readable(damaged, "SELECT seq, packed FROM document ORDER BY seq"):
        insert(connection, (row,))
        first = first or row[0]
        if row[0] == first or row[0] == complete_to + 1:
            complete_to = row[0]
        front = row[0]
        entries += 1
    for row in _readable(damaged, "SELECT seq, packed FROM document ORDER BY seq DESC"):
        if row[0] <= front:
            break
        insert(connection, (row,))
        entries += 1
    return Rescued(entries=entries, first_seq=first, complete_to=complete_to)


def _readable(damaged: sqlite3.Connection, query: str) -> Iterator[Row]:
    """Yield rows until a page cannot be read; documents that are there but damaged are left out."""
    seen: set[int] = set()
    with suppress(sqlite3.Error):
        for seq, packed in damaged.execute(query):
            # A damaged tree may lead in a circle.
            if seq in seen:
                return
            seen.add(seq)
            row = _row(damaged, seq, packed)
            if row is not None:
                yield row


def _row(damaged: sqlite3.Connection, seq: int, packed: bytes) -> Row | None:
    """Return the whole row of a document; what lies beside it is made anew from it where that is damaged."""
    with suppress(sqlite3.Error):
        beside = damaged.execute(f"SELECT {COLUMNS} FROM log WHERE seq=?", (seq,)).fetchone()  # noqa: S608 - our own
        if beside is not None and entry_of((*beside, packed)) is not None:
            return (*beside, packed)
    entry = entry_from(seq, packed)
    return None if entry is None else row_of(entry)


def _delete(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
