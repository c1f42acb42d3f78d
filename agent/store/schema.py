"""The database file: its tables, its version, and how a connection to it is set up.

What is asked for often (`log`) lies apart from the documents, so that counting and searching read forty entries a page.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from contextlib import closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, Final

FILE: Final = "store.sqlite"
VERSION: Final = 2
# "clpa": what `file` and a person see of whose database it is (sqlite.org/fileformat2.html#application_id).
APPLICATION_ID: Final = 0x636C7061
PAGE_BYTES: Final = 4096

_TABLES: Final = """
CREATE TABLE log (
  seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, at TEXT NOT NULL, target TEXT, status TEXT,
  codes TEXT NOT NULL, size INTEGER NOT NULL, checksum INTEGER NOT NULL
);
CREATE TABLE document (seq INTEGER PRIMARY KEY, packed BLOB NOT NULL);
CREATE TABLE cursor (
  sink TEXT PRIMARY KEY, seq INTEGER NOT NULL, batch_id TEXT, batch_last_seq INTEGER, batch_count INTEGER
) WITHOUT ROWID;
CREATE TABLE parked (
  id TEXT PRIMARY KEY, sink TEXT NOT NULL, at TEXT NOT NULL, why TEXT NOT NULL, first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL, entries INTEGER NOT NULL, seqs TEXT NOT NULL, again INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE note (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
# What made each version of the one before. A new database goes through all of them, so that all have the same text.
# Entries up to `unmeasured_to` have their measures in their documents alone (docs/adr/0042).
_UPGRADES: Final = {
    2: """
ALTER TABLE log ADD COLUMN latency_us INTEGER;
ALTER TABLE log ADD COLUMN loss_ppm INTEGER;
ALTER TABLE log ADD COLUMN path TEXT;
CREATE INDEX log_by_time ON log (target, at);
INSERT OR REPLACE INTO note SELECT 'unmeasured_to', max(seq) FROM log HAVING count(*);
"""
}

_OURS: Final = frozenset({"log", "document", "cursor", "parked", "note", "log_by_time"})
# The columns of what has no checksum, in the order in which it is written.
TABLES: Final = {
    "cursor": "sink, seq, batch_id, batch_last_seq, batch_count",
    "parked": "id, sink, at, why, first_seq, last_seq, entries, seqs, again",
    "note": "name, value",
}

# Another program's lock is waited for so long, then the entry is held in memory.
_BUSY_S: Final = 0.5
# A sixteenth of what SQLite takes by itself, and entries are filed as quickly [measured]: an idle agent has 45 MB for
# everything, and a cache that fills for an hour looks like a leak.
_CACHE_KIB: Final = 128


class Displaced(sqlite3.DatabaseError):
    """The database that is open is not the one that the directory has any more."""


class Unusable(sqlite3.DatabaseError):
    """A database that is sound, but not one that this version can go on with."""


class Inconsistent(sqlite3.DatabaseError):
    """What was read is nothing that was ever written: the disk gave back something else."""


class Connection(sqlite3.Connection):
    """A connection that has no other errors than SQLite's.

    Python reads the names of columns, and what SQLite complains of, as UTF-8, which they are not after some damage.
    """

    def execute(self, query: str, values: Any = (), /) -> sqlite3.Cursor:  # type: ignore[explicit-override]
        """Return what the database answers; raises sqlite3.Error."""
        try:
            return super().execute(query, values)
        except UnicodeDecodeError:
            raise _no_text() from None

    def executescript(self, script: str, /) -> sqlite3.Cursor:  # type: ignore[explicit-override]
        """Run several statements; raises sqlite3.Error."""
        try:
            return super().executescript(script)
        except UnicodeDecodeError:
            raise _no_text() from None


def _no_text() -> Inconsistent:
    return Inconsistent("a name in the database is no text")


def connect(path: Path, checkpoint_pages: int = 256) -> sqlite3.Connection:
    """Return a connection that writes, to a database that is made if there is none.

    Args:
        path: The file.
        checkpoint_pages: After so many the write-ahead log starts anew; it is cut back to twice as much where a reader
            made it grow.

    Raises:
        sqlite3.Error: It cannot be opened, is damaged, or (Unusable) is another program's or a later version's.
        OSError: The file cannot be made.
    """
    # Not by SQLite, which would let everybody read it; its other files take this one's mode.
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    regular = stat.S_ISREG(os.fstat(file).st_mode)
    os.close(file)
    if not regular:
        raise OSError(errno.ENXIO, "it is no file")
    connection = sqlite3.connect(
        path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False, factory=Connection
    )
    try:
        _set_up(connection, checkpoint_pages)
    except BaseException:
        connection.close()
        raise
    return connection


def connect_to_read(path: Path, *, immutable: bool = False) -> sqlite3.Connection:
    """Return a connection that cannot write; raises sqlite3.Error where there is nothing to read.

    Args:
        path: The file.
        immutable: Nobody writes to it, and nothing can be written beside it.
    """
    how = "mode=ro&immutable=1" if immutable else "mode=ro"
    uri = f"{path.absolute().as_uri()}?{how}"
    connection = sqlite3.connect(
        uri, uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False, factory=Connection
    )
    connection.text_factory = _text
    return connection


def rows_of(connection: sqlite3.Connection, query: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
    """Return what the database answers, damaged texts among it as they are; raises sqlite3.Error."""
    # A function of ours for each text takes as long as all the rest.
    connection.text_factory = str
    try:
        return connection.execute(query, values).fetchall()
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", None) is not None:
            raise
    finally:
        connection.text_factory = _text
    return connection.execute(query, values).fetchall()


def is_ours(connection: sqlite3.Connection) -> bool:
    """Return whether a database was made by this program, at whatever version."""
    return bool(_number(connection, "application_id") == APPLICATION_ID)


def version_of(connection: sqlite3.Connection) -> int:
    """Return the version of its tables."""
    return _number(connection, "user_version")


def used_pages(connection: sqlite3.Connection) -> int:
    """Return how many pages hold something."""
    return _number(connection, "page_count") - _number(connection, "freelist_count")


def file_pages(connection: sqlite3.Connection) -> int:
    """Return how many pages the file has, free ones included."""
    return _number(connection, "page_count")


def _set_up(connection: sqlite3.Connection, checkpoint_pages: int) -> None:
    connection.text_factory = _text
    # Only before the first table; it lets a smaller limit give pages back.
    connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    # Debian's SQLite overwrites what is deleted with zeros: every shed page would go through the log.
    connection.execute("PRAGMA secure_delete=OFF")
    connection.execute("PRAGMA cell_size_check=ON")
    connection.execute("PRAGMA trusted_schema=OFF")
    connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
    connection.execute(f"PRAGMA wal_autocheckpoint={checkpoint_pages}")
    connection.execute(f"PRAGMA journal_size_limit={checkpoint_pages * PAGE_BYTES * 2}")
    if _number(connection, "schema_version") == 0:
        connection.executescript(
            f"BEGIN IMMEDIATE;{_TABLES}PRAGMA application_id={APPLICATION_ID};PRAGMA user_version=1;COMMIT;"
        )
    if not is_ours(connection):
        raise Unusable("another program's database")
    _check_tables(connection, version_of(connection))
    for version in range(version_of(connection) + 1, VERSION + 1):
        connection.executescript(f"BEGIN IMMEDIATE;{_UPGRADES[version]}PRAGMA user_version={version};COMMIT;")


def _check_tables(connection: sqlite3.Connection, version: int) -> None:
    """Raise what is wrong with a database's version or tables, if anything."""
    if not 1 <= version <= VERSION:
        raise Unusable(f"version {version} of the store; this program writes version {VERSION}")
    there = {row for row in connection.execute("SELECT type, name, sql FROM sqlite_schema") if row[1] in _OURS}
    if there != _tables_of(version):
        raise Inconsistent("its tables are not those of the store")


def _tables_of(version: int) -> set[tuple[str, str, str]]:
    """Return type, name and text of everything that a version has made."""
    with closing(sqlite3.connect(":memory:")) as made:
        made.executescript(_TABLES)
        for each in range(2, version + 1):
            made.executescript(_UPGRADES[each])
        return set(made.execute("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL"))


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    (number,) = connection.execute(f"PRAGMA {pragma}").fetchone()
    return int(number)


def _text(data: bytes) -> str:
    # A damaged text is found out by its row's checksum, and must not end the reading of others.
    return data.decode("utf-8", "replace")
