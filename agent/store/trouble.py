"""What an error of SQLite or the file system means for the store."""

from __future__ import annotations

import errno
import sqlite3

from agent.store.schema import Displaced, Inconsistent, Unusable
from probes.word import Word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


class Trouble(Word):
    """What is to be done about it."""

    # The disk, or the limit of the store's size: room must be made.
    FULL = "full"
    # The disk takes nothing just now: entries wait in memory.
    REFUSED = "refused"
    # The database must be replaced.
    DAMAGED = "damaged"


_BY_CODE: Final = {
    sqlite3.SQLITE_FULL: Trouble.FULL,
    sqlite3.SQLITE_CORRUPT: Trouble.DAMAGED,
    sqlite3.SQLITE_NOTADB: Trouble.DAMAGED,
    # A table that is not there: somebody else's work, or a page of zeros in the schema.
    sqlite3.SQLITE_ERROR: Trouble.DAMAGED,
    sqlite3.SQLITE_CONSTRAINT: Trouble.DAMAGED,
    sqlite3.SQLITE_MISMATCH: Trouble.DAMAGED,
}
# What stands in the file's place is not a file of ours: a directory, a link, a device, or somebody else's file.
_IN_OUR_PLACE: Final = frozenset({errno.EISDIR, errno.ELOOP, errno.ENXIO, errno.EACCES, errno.EPERM})
# The primary code is in the low byte (sqlite.org/rescode.html#primary_result_codes_versus_extended_result_codes).
_PRIMARY: Final = 0xFF


def trouble_of(error: sqlite3.Error | OSError) -> Trouble:
    """Return what an error means."""
    if isinstance(error, Unusable | Displaced | Inconsistent):
        return Trouble.DAMAGED
    if isinstance(error, OSError):
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            return Trouble.FULL
        return Trouble.DAMAGED if error.errno in _IN_OUR_PLACE else Trouble.REFUSED
    if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_IOERR_WRITE:
        # A quota (EDQUOT) or a limit of the process (EFBIG): room within what is there helps as on a full disk.
        return Trouble.FULL
    return _BY_CODE.get(getattr(error, "sqlite_errorcode", 0) & _PRIMARY, Trouble.REFUSED)


def words_of(error: sqlite3.Error | OSError) -> str:
    """Return an error as a few words for a person."""
    if isinstance(error, OSError):
        return (error.strerror or str(error)).lower()
    return str(error)
