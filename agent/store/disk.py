"""The store's files: opened, and what is wrong with them dealt with, so that there is a database or a reason why not.

A number is never given to two entries: where the database does not know the last one that was used, the file beside it
does (`agent.store.sequence`), and where that does not either, numbers go on far ahead of any.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress

from agent.store.books import Books, with_losses
from agent.store.entry import Losses, Why
from agent.store.ledger import keep_number, load_books, save_books
from agent.store.owner import Owner
from agent.store.salvage import losses_of, rescue, set_aside
from agent.store.schema import FILE, connect
from agent.store.sequence import Known, Sequence, read_sequence
from agent.store.trouble import Trouble, trouble_of
from probes.clock import utc_text
from probes.frozen import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from probes.clock import Clock


class Disk:
    """One directory; `connection` is None while there is no database to write to."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self.connection: sqlite3.Connection | None = None
        # Whether a database was moved aside since the process started.
        self.replaced = False
        self.sequence = Sequence(directory, None)
        self._directory = directory
        self._path = directory / FILE
        self._clock = clock
        self._owner: Owner | None = None

    def open(self, known: Books | None) -> Books:
        """Open the database, and return what it says of itself.

        Args:
            known: What this process knows of it from before, None where it has just started.

        Raises:
            agent.store.owner.StoreInUse: Another process has it.
            OSError: The disk does not let us.
            sqlite3.Error: Likewise.
        """
        with suppress(OSError):
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._owner is None or not self._owner.held:
            self._owner = Owner(self._directory)
        said = read_sequence(self._directory)
        self.sequence = Sequence(self._directory, said)
        there = os.path.lexists(self._path)
        try:
            self.connection = connect(self._path)
            loaded = load_books(self.connection)
        except (sqlite3.Error, OSError) as error:
            self._disconnect()
            if not there or trouble_of(error) is not Trouble.DAMAGED:
                raise
            return self._replaced(known, said)
        return self._checked(loaded, known, said)

    def replace(self, known: Books) -> Books:
        """Put a new database in place of one that turned out to be damaged; raises as `open` does."""
        return self._replaced(known, read_sequence(self._directory))

    def is_in_place(self) -> bool:
        """Return whether the database that is open is the one that the directory has."""
        try:
            return os.stat(self._path).st_nlink > 0  # noqa: PTH116 - a `Path` for each entry costs more than the call
        except OSError:
            return False

    def size_bytes(self) -> int:
        """Return what the files take on the disk."""
        total = 0
        for suffix in ("", "-wal", "-shm"):
            with suppress(OSError):
                total += os.stat(f"{self._path}{suffix}").st_blocks * 512  # noqa: PTH116 - stat(2): always 512
        return total

    def close(self) -> None:
        """Give everything back."""
        self._disconnect()
        if self._owner is not None:
            self._owner.close()
            self._owner = None

    def _disconnect(self) -> None:
        if self.connection is not None:
            with suppress(sqlite3.Error):
                self.connection.close()
            self.connection = None

    def _checked(self, loaded: Books, known: Books | None, said: Known | None) -> Books:
        """Return the books of a sound database, with what the file beside it knows better."""
        if said is None or known is not None:
            return loaded
        last = loaded.next_seq - 1
        if last == 0 and said.ceiling:
            missing = Losses(why=Why.DAMAGED, lost=None, first_seq=1, last_seq=said.ceiling)
            return self._with_number(loaded, said.ceiling + 1, missing)
        if said.spent > last:
            missing = Losses(why=Why.DISK, lost=said.spent - last, first_seq=last + 1, last_seq=said.spent)
            return self._with_number(loaded, said.spent + 1, missing)
        return loaded

    def _with_number(self, loaded: Books, next_seq: int, missing: Losses) -> Books:
        """Return the books with a later number, which the database knows from now on."""
        after = replace(with_losses(loaded, missing), next_seq=next_seq)
        if self.connection is not None:
            with Transaction(self.connection):
                keep_number(self.connection, next_seq)
                save_books(self.connection, loaded, after)
        return after

    def _replaced(self, known: Books | None, said: Known | None) -> Books:
        self._disconnect()
        self.replaced = True
        aside = set_aside(self._directory, utc_text(self._clock.realtime_ns()))
        connection = self.connection = connect(self._path)
        try:
            with Transaction(connection):
                return self._taken_over(aside, connection, known, said)
        except BaseException:
            self._disconnect()
            raise

    def _taken_over(
        self, aside: Path, connection: sqlite3.Connection, known: Books | None, said: Known | None
    ) -> Books:
        """Return the books of the new database, which has what could be read of the damaged one."""
        rescued = rescue(aside, connection)
        loaded = load_books(connection)
        next_seq = self._next_seq(loaded.next_seq, known, said)
        missing = losses_of(
            rescued,
            entries=None if known is None else known.entries,
            first_seq=None if known is None else known.first_seq,
            next_seq=next_seq,
        )
        after = replace(loaded, next_seq=next_seq)
        if missing is not None:
            after = with_losses(after, missing)
        keep_number(connection, next_seq)
        save_books(connection, loaded, after)
        return after

    def _next_seq(self, least: int, known: Books | None, said: Known | None) -> int:
        if known is not None:
            return max(least, known.next_seq)
        if said is not None:
            return max(least, said.ceiling + 1)
        return max(least, far_ahead(self._clock))


class Transaction:
    """A transaction that holds, or leaves nothing behind."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            self._connection.execute("COMMIT")
            return
        # SQLite has rolled back by itself after some errors.
        with suppress(sqlite3.Error):
            self._connection.execute("ROLLBACK")


def far_ahead(clock: Clock) -> int:
    """Return a number that no agent reaches by counting, and that is larger each time: milliseconds since 1970."""
    return clock.realtime_ns() // 1_000_000
