"""The store's files: opened, and what is wrong with them dealt with, so that there is a database or a reason why not.

A number is never given to two entries: where the database does not know the last one that was used, the file beside it
does (`agent.store.sequence`), and where that does not either, numbers go on far ahead of any.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress

from agent.store.books import Books, with_losses, within_numbers
from agent.store.ledger import keep_number, load_books, save_books
from agent.store.loss import Losses, LossReason
from agent.store.owner import Owner
from agent.store.room import Room
from agent.store.salvage import losses_of, rescue, set_aside
from agent.store.schema import FILE, Displaced, connect, file_pages
from agent.store.sequence import Sequence, read_sequence
from agent.store.trouble import Trouble, trouble_of
from probes.clock import utc_text
from probes.frozen import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Final

    from agent.store.sequence import Known
    from probes.clock import Clock

# A log that a reader holds open is looked at so often; each time may take half a second.
_LOG_EVERY_S: Final = 10.0
# A database that may be damaged is read as a whole, a second or two, so often at most.
_CHECK_EVERY_S: Final = 600.0
# What stat(2) counts blocks in, whatever the file system's are.
_BLOCK_BYTES: Final = 512


class Disk:
    """One directory.

    Attributes:
        connection: None while there is no database to write to.
        sequence: The file that knows which numbers were used.
        replaced: Whether a database was moved aside since the process started.
    """

    def __init__(self, directory: Path, clock: Clock, most_bytes: int) -> None:
        self.connection: sqlite3.Connection | None = None
        self.sequence = Sequence(directory, None)
        self.replaced = False
        self._directory = directory
        self._path = directory / FILE
        self._clock = clock
        self._room = Room(directory, most_bytes)
        self._owner: Owner | None = None
        self._inode = 0
        self._log_looked_at_s = self._checked_at_s = float("-inf")

    # --- opening ------------------------------------------------------------------------------------------------------

    def open(self, known: Books | None) -> Books:
        """Open the database, and return what it says of itself.

        Args:
            known: What this process knows of it from before, None where it has just started.

        Raises:
            agent.store.owner.StoreInUse: Another process has it.
            OSError: The disk does not let us.
            sqlite3.Error: Likewise.
        """
        self._own()
        said = read_sequence(self._directory)
        self.sequence = Sequence(self._directory, said)
        there = os.path.lexists(self._path)
        try:
            loaded = load_books(self._connected())
        except (sqlite3.Error, OSError) as error:
            self._disconnect()
            if not there or trouble_of(error) is not Trouble.DAMAGED:
                raise
            return self._replaced(known, said)
        return loaded if known is not None else within_numbers(self._checked(loaded, said))

    def replace(self, known: Books) -> Books:
        """Put a new database in place of one that is damaged, or that somebody deleted; raises as `open` does."""
        return self._replaced(known, read_sequence(self._directory))

    def close(self) -> None:
        """Give everything back."""
        self._disconnect()
        if self._owner is not None:
            self._owner.close()
            self._owner = None

    def _own(self) -> None:
        """Make the directory if there is none, and lock it; raises StoreInUse."""
        with suppress(OSError):
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._owner is None or not self._owner.held:
            before, self._owner = self._owner, Owner(self._directory)
            if before is not None:
                before.close()

    def _connected(self) -> sqlite3.Connection:
        """Return a connection to the file, which is made if there is none; raises as `open` does."""
        connection = connect(self._path, self._room.checkpoint_pages)
        self.connection, self._inode = connection, _inode(self._path)
        self._room.prepare()
        return connection

    def _disconnect(self) -> None:
        if self.connection is not None:
            with suppress(sqlite3.Error):
                self.connection.close()
            self.connection = None

    def _checked(self, loaded: Books, said: Known | None) -> Books:
        """Return the books of a sound database, with what the file beside it knows better."""
        last = loaded.next_seq - 1
        if said is None:
            return loaded
        if last == 0 and said.ceiling:
            missing = Losses(why=LossReason.DAMAGED, lost=None, first_seq=1, last_seq=said.ceiling)
            return self._with_number(loaded, said.ceiling + 1, missing)
        if said.spent > last:
            missing = Losses(why=LossReason.DISK, lost=said.spent - last, first_seq=last + 1, last_seq=said.spent)
            return self._with_number(loaded, said.spent + 1, missing)
        return loaded

    def _with_number(self, loaded: Books, next_seq: int, missing: Losses) -> Books:
        """Return the books with a later number, which the database knows from now on."""
        after = replace(with_losses(loaded, missing), next_seq=next_seq)
        connection = self.ready()
        with Transaction(connection):
            keep_number(connection, next_seq)
            save_books(connection, loaded, after)
        return after

    def _replaced(self, known: Books | None, said: Known | None) -> Books:
        """Return the books of a new database with what can be read of the one before."""
        self.replaced = True
        # Whose file was deleted can be read as long as it is open.
        deleted = self.connection if _inode(self._path) != self._inode else None
        if deleted is None:
            self._disconnect()
        try:
            self._own()
            aside = set_aside(self._directory, utc_text(self._clock.realtime_ns()))
            connection = self._connected()
            with Transaction(connection):
                books = self._taken_over(deleted or aside, connection, known, said)
        except BaseException:
            if self.connection is not deleted:
                self._disconnect()
            self.connection = deleted
            raise
        if deleted is not None:
            with suppress(sqlite3.Error):
                deleted.close()
        return books

    def _taken_over(
        self,
        source: Path | sqlite3.Connection | None,
        connection: sqlite3.Connection,
        known: Books | None,
        said: Known | None,
    ) -> Books:
        rescued = rescue(source, connection)
        loaded = load_books(connection)
        next_seq = self._next_seq(loaded.next_seq, known, said)
        missing = losses_of(
            rescued,
            entries=None if known is None else known.entries,
            first_seq=(known.first_seq if known is not None else None) or loaded.shed + 1,
            next_seq=next_seq,
        )
        after = within_numbers(replace(loaded, next_seq=next_seq))
        if missing is not None:
            after = with_losses(after, missing)
        keep_number(connection, next_seq)
        save_books(connection, loaded, after)
        return after

    # --- numbers ------------------------------------------------------------------------------------------------------

    def _next_seq(self, least: int, known: Books | None, said: Known | None) -> int:
        if known is not None:
            return max(least, known.next_seq)
        if said is not None:
            return max(least, said.ceiling + 1)
        return max(least, self.far_ahead())

    def unused_number(self) -> int:
        """Return a number that was never used, without asking the database."""
        said = read_sequence(self._directory)
        return self.far_ahead() if said is None else max(said.ceiling, said.spent) + 1

    def far_ahead(self) -> int:
        """Return a number that no agent comes to by counting, larger each time: milliseconds since 1970."""
        return self._clock.realtime_ns() // 1_000_000

    # --- room ---------------------------------------------------------------------------------------------------------

    def ready(self) -> sqlite3.Connection:
        """Return the database for a transaction.

        Raises:
            FileNotFoundError: There is none just now.
            Displaced: Somebody deleted or moved its file: what goes there is lost when the process ends.
            TimeoutError: Another program reads and does not end, and the log has grown beyond measure.
        """
        if self.connection is None:
            raise FileNotFoundError
        if _inode(self._path) != self._inode:
            raise Displaced("the file was deleted or moved")
        self._room.look()
        if _size(f"{self._path}-wal") > self._room.longest_log_bytes:
            self._cut_log(self.connection)
        return self.connection

    def _cut_log(self, connection: sqlite3.Connection) -> None:
        now = self._clock.monotonic()
        if now >= self._log_looked_at_s + _LOG_EVERY_S:
            self._log_looked_at_s = now
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        if _size(f"{self._path}-wal") > self._room.longest_log_bytes:
            raise TimeoutError(None, "another program has been reading the database for too long")

    def most_pages(self) -> int:
        """Return how many pages of the database may hold something."""
        return self._room.most_pages()

    def shrink(self) -> None:
        """Give free pages back to the disk, where the file is larger than it may be: the limit was lowered."""
        if self.connection is not None and file_pages(self.connection) > self._room.allowed_pages():
            # `execute` would stop after the first page: the statement has rows, but no columns.
            self.connection.executescript("PRAGMA incremental_vacuum")
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def make_room(self) -> bool:
        """Make what room there can be on a full disk, and return whether it is worth another try; raises as `open`."""
        if self.connection is None or not self._room.make(self._path):
            return False
        # What the log holds goes into the file, while the ballast's room is there for it.
        self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        return True

    def full_of_damage(self) -> bool:
        """Return whether it is damage, and no full disk, that a database found no room: SQLite says the same of both.

        A damaged page leads to others behind every end.
        """
        now = self._clock.monotonic()
        if self.connection is None or now < self._checked_at_s + _CHECK_EVERY_S or not self._room.has_plenty():
            return False
        self._checked_at_s = now
        try:
            return bool(self.connection.execute("PRAGMA quick_check(1)").fetchall() != [("ok",)])
        except sqlite3.Error as error:
            return trouble_of(error) is Trouble.DAMAGED

    def size_bytes(self) -> int:
        """Return what the files take on the disk."""
        total = self._room.size_bytes()
        for suffix in ("", "-wal", "-shm"):
            with suppress(OSError):
                total += os.stat(f"{self._path}{suffix}").st_blocks * _BLOCK_BYTES  # noqa: PTH116 - a plain name
        return total


class Transaction:
    """A transaction that holds, or leaves nothing behind."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is not None:
            self._roll_back()
            return
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        # SQLite has done so by itself after some errors.
        with suppress(sqlite3.Error):
            self._connection.execute("ROLLBACK")


def _inode(path: Path) -> int:
    """Return the number of a file, 0 where there is none."""
    try:
        return os.stat(path).st_ino  # noqa: PTH116 - this way for each entry
    except OSError:
        return 0


def _size(path: str) -> int:
    """Return the bytes of a file, 0 where there is none."""
    try:
        return os.stat(path).st_size  # noqa: PTH116 - likewise
    except OSError:
        return 0
