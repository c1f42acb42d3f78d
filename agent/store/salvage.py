"""A database that cannot be gone on with: moved aside for a person to see, and what can be read of it taken over."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing, suppress

from agent.store.ledger import insert
from agent.store.loss import Losses, LossReason
from agent.store.rows import entry_of
from agent.store.schema import FILE, VERSION, connect_to_read, is_ours, version_of
from probes.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import Final

    from agent.store.rows import Row

_ROWS: Final = "SELECT log.*, packed FROM log JOIN document USING (seq) ORDER BY seq"


@frozen
class Rescued:
    """What could be read: how many entries, up to where from the front, and the last of all."""

    entries: int = 0
    front_seq: int = 0
    last_seq: int = 0


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
    if source is None:
        return Rescued()
    try:
        if isinstance(source, sqlite3.Connection):
            return _rescued(source, connection)
        with closing(connect_to_read(source)) as damaged:
            return _rescued(damaged, connection)
    except sqlite3.Error:
        return Rescued()


def _rescued(damaged: sqlite3.Connection, connection: sqlite3.Connection) -> Rescued:
    if not is_ours(damaged) or version_of(damaged) != VERSION:
        return Rescued()
    for table in ("cursor", "parked", "note"):
        _copy(damaged, connection, table)
    return _rescue_entries(damaged, connection)


def losses_of(rescued: Rescued, *, entries: int | None, first_seq: int | None, next_seq: int) -> Losses | None:
    """Return what is lost beyond what was rescued, None for nothing.

    Args:
        rescued: What could be read.
        entries: How many there were, None where nobody knows.
        first_seq: The first of them, None likewise.
        next_seq: The number of the entry that comes next.
    """
    lost = None if entries is None else entries - rescued.entries
    first = max(rescued.front_seq + 1, first_seq or 1)
    if lost == 0 or first >= next_seq:
        return None
    return Losses(why=LossReason.DAMAGED, lost=lost, first_seq=first, last_seq=next_seq - 1)


def _copy(damaged: sqlite3.Connection, connection: sqlite3.Connection, table: str) -> None:
    with suppress(sqlite3.Error):
        for row in damaged.execute(f"SELECT * FROM {table}"):  # noqa: S608 - one of three words of our own
            places = ",".join("?" * len(row))
            connection.execute(f"INSERT OR IGNORE INTO {table} VALUES ({places})", row)  # noqa: S608


def _rescue_entries(damaged: sqlite3.Connection, connection: sqlite3.Connection) -> Rescued:
    """Copy entries from the front up to what cannot be read, and then from the end back to that."""
    front = last = entries = 0
    for row in _readable(damaged, _ROWS):
        insert(connection, (row,))
        front = last = row[0]
        entries += 1
    for row in _readable(damaged, f"{_ROWS} DESC"):
        if row[0] <= front:
            break
        insert(connection, (row,))
        last = max(last, row[0])
        entries += 1
    return Rescued(entries=entries, front_seq=front, last_seq=last)


def _readable(damaged: sqlite3.Connection, query: str) -> Iterator[Row]:
    seen: set[int] = set()
    with suppress(sqlite3.Error):
        rows: Iterable[Row] = damaged.execute(query)
        for row in rows:
            # A damaged tree may lead in a circle.
            if row[0] in seen:
                return
            seen.add(row[0])
            if entry_of(row) is not None:
                yield row


def _delete(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
