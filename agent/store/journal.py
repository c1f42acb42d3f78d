"""The books and the newest entries, on the disk where it takes them, and in memory until it does.

Every change is a function from books to books: the disk gets it in one transaction, together with its rows; where it
takes nothing, memory goes on alone, and once it takes something again, it gets everything that is different.
"""

from __future__ import annotations

import sqlite3

from agent.record import uuid7
from agent.store.books import Books, Cursor, all_over, appended, lost, with_losses
from agent.store.disk import Disk, Transaction
from agent.store.gap_record import gap_entry
from agent.store.held import Held
from agent.store.ledger import insert, save_books, shed
from agent.store.loss import Losses, LossReason, together
from agent.store.owner import StoreInUse
from agent.store.rows import row_of
from agent.store.trouble import Trouble, trouble_of, words_of
from probes.frozen import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Any, Final, TypeAlias

    from agent.record import AgentIdentity
    from agent.store.entry import Entry
    from agent.store.rows import Row
    from probes.clock import Clock

    Change: TypeAlias = Callable[[Books], Books]
    Write: TypeAlias = Callable[[sqlite3.Connection], None]

# The disk is tried again after so long, and losses are told of so often.
_RETRY_S: Final = 1.0
_TELL_S: Final = 60.0
_RANDOM_BYTES: Final = 10
# Of what the disk has still to be told beside books and entries; more than this is refused batches, a thousand of them.
_MOST_WRITES: Final = 1000


class Journal:
    """One store's; used by one thread at a time.

    Attributes:
        books: As they are now.
        held: Entries that only memory has.
        problem: LossReason the disk takes nothing just now, None where it does.
    """

    def __init__(
        self,
        directory: Path,
        *,
        most_bytes: int,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        identity: AgentIdentity,
    ) -> None:
        self.books = self._saved = Books()
        self.held = Held()
        self.problem: str | None = None
        self._clock = clock
        self._random_bytes = random_bytes
        self._identity = identity
        self._disk = Disk(directory, clock, most_bytes)
        self._later: list[Write] = []
        # The first number of a process that could not ask the database for it.
        self._guessed: int | None = None
        self._jumped = False
        self._shrunk = False
        self._retry_at_s = self._tell_at_s = float("-inf")
        # Where a sink begins whose cursor was lost with a database: it rather gets entries twice than never.
        self.without_cursor: Cursor | None = None
        self._start()

    def _start(self) -> None:
        try:
            self.books = self._saved = self._disk.open(None)
        except (sqlite3.Error, OSError) as error:
            self._refused(error)
            self._guessed = self._disk.unused_number()
            self.books = self._saved = Books(next_seq=self._guessed)
            return
        if self._disk.replaced and self.books.first_seq is not None and not self.books.cursors:
            self.without_cursor = Cursor(seq=self.books.first_seq - 1, pending=self.books.entries)

    # --- changes ------------------------------------------------------------------------------------------------------

    def append(self, make: Callable[[int], Entry]) -> Entry:
        """Return the entry that `make` made for its number; it is on the disk, or held."""
        entry = make(self.books.next_seq)
        if self._kept(appended, (row_of(entry),)):
            return entry
        if entry.seq != self.books.next_seq:
            # A database that took the damaged one's place knows of later numbers.
            return self.append(make)
        if not self._jumped and not self._disk.sequence.spend(entry.seq):
            # Nothing on the disk will know that this number was used, so it must be one that no restart comes to.
            self._jump()
            entry = make(self.books.next_seq)
        self._hold(row_of(entry))
        return entry

    def keep(self, change: Change, write: Write | None = None) -> None:
        """Change the books, and write something beside them: at once, or when the disk takes it."""
        if write is not None:
            self._later.append(write)
        if not self._kept(change):
            self.books = change(self.books)

    def takes_writes(self) -> bool:
        """Return whether something may be written beside the books: not without end while the disk takes nothing."""
        return len(self._later) < _MOST_WRITES

    def query(self, query: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        """Return what the database answers, nothing where there is none; raises sqlite3.Error."""
        connection = self._disk.connection
        return [] if connection is None else connection.execute(query, values).fetchall()

    @property
    def connection(self) -> sqlite3.Connection | None:
        """Return the database, None where there is none just now."""
        return self._disk.connection

    def size_bytes(self) -> int:
        """Return what the files take on the disk."""
        return self._disk.size_bytes()

    def uuid(self) -> str:
        """Return a new UUID version 7."""
        return uuid7(self._clock.realtime_ns(), self._random_bytes(_RANDOM_BYTES))

    def close(self) -> None:
        """Write what is held, if the disk lets us, and give everything back; nothing is under way any more."""
        self.books = all_over(self.books)
        self._retry_at_s = self._tell_at_s = float("-inf")
        self.recover()
        if self.problem is None and self.books.losses:
            self._kept(unchanged)
        self._disk.close()
        self.problem = "closed"
        self._retry_at_s = float("inf")

    def _kept(self, change: Change, rows: tuple[Row, ...] = ()) -> bool:
        """Return whether the disk has the change and these rows; if not, nothing has happened."""
        for _ in ("as it is", "once more, with room made, or in a database that took the damaged one's place"):
            if self.problem is not None or (rows and rows[0][0] != self.books.next_seq):
                break
            try:
                self._write(change, rows)
            except (sqlite3.Error, OSError) as error:
                self.deal_with(error)
            else:
                return True
        else:
            # What should have helped did not.
            self.problem = self.problem or "the disk takes nothing"
            self._retry_at_s = self._clock.monotonic() + _RETRY_S
        return False

    def _write(self, change: Change, rows: tuple[Row, ...]) -> None:
        connection = self._disk.ready()
        known = self.books
        try:
            with Transaction(connection):
                for write in self._later:
                    write(connection)
                # First, so that a file which cannot grow has pages for what comes.
                self.books = shed(connection, self.books, self._disk.most_pages())
                changed = change(self.books)
                insert(connection, rows)
                after = self._told(connection, changed)
                save_books(connection, self._saved, after)
        except BaseException:
            self.books = known
            raise
        if changed.losses and not after.losses:
            self._tell_at_s = self._clock.monotonic() + _TELL_S
        self.books = self._saved = after
        self._later.clear()
        if not self._shrunk:
            self._shrunk = True
            self._disk.shrink()
        # Where that fails, a database that is lost afterwards makes the numbers go on far ahead.
        self._disk.sequence.cover(after.next_seq - 1)

    def _told(self, connection: sqlite3.Connection, books: Books) -> Books:
        """Return the books after an entry for each loss, if it is time to tell of them."""
        if not books.losses or self._clock.monotonic() < self._tell_at_s:
            return books
        after = replace(books, losses=())
        for losses in together(books.losses):
            random = self._random_bytes(_RANDOM_BYTES)
            entry = gap_entry(after.next_seq, losses, self._identity, self._clock.realtime_ns(), random)
            insert(connection, (row_of(entry),))
            after = appended(after)
        return after

    # --- without the disk ---------------------------------------------------------------------------------------------

    def _hold(self, row: Row) -> None:
        self.books = appended(self.books)
        gone = self.held.add(row)
        if gone:
            self.books = replace(lost(self.books, LossReason.DISK, gone), shed=self.books.shed + len(gone))

    def _jump(self) -> None:
        self._jumped = True
        start = self.books.next_seq
        target = max(start, self._disk.far_ahead())
        if target > start:
            self.books = replace(with_losses(self.books, _skipped(start, target)), next_seq=target)

    def recover(self) -> None:
        """Try the disk again, if it took nothing and that is some time ago: it gets everything that is held."""
        if self.problem is None or self._clock.monotonic() < self._retry_at_s:
            return
        try:
            if self._disk.connection is None:
                self._take_over(self._disk.open(self.books))
            self._write(unchanged, tuple(self.held))
        except StoreInUse as error:
            self.problem = str(error)
            self._retry_at_s = self._clock.monotonic() + _RETRY_S
        except (sqlite3.Error, OSError) as error:
            self.deal_with(error)
        else:
            self.held.clear()
            self.problem = None
            self._jumped = False

    def _take_over(self, loaded: Books) -> None:
        """Go on with a database that could not be opened until now; of sinks that both know it is believed."""
        if self._guessed is not None and self._guessed > loaded.next_seq:
            loaded = with_losses(loaded, _skipped(loaded.next_seq, self._guessed))
        self._guessed = None
        newest = loaded.next_seq - 1
        here = {sink: replace(cursor, seq=max(cursor.seq, newest)) for sink, cursor in self.books.cursors.items()}
        self._merge(loaded, {sink: loaded.cursors.get(sink, cursor) for sink, cursor in here.items()})

    def _merge(self, loaded: Books, cursors: Mapping[str, Cursor]) -> None:
        here = self.books
        # What of its losses this process had written it knows better by now: told of, delivered after all, or here.
        written = set(all_over(self._saved).losses)
        self._saved = loaded
        waiting = [row[0] for row in self.held]
        self.books = replace(
            loaded,
            next_seq=max(here.next_seq, loaded.next_seq),
            entries=loaded.entries + len(waiting),
            first_seq=loaded.first_seq or (waiting[0] if waiting else None),
            shed=max(loaded.shed, here.shed),
            unreadable=max(loaded.unreadable, here.unreadable),
            cursors={sink: replace(cursor, pending=self._pending(cursor)) for sink, cursor in cursors.items()},
            losses=(*(each for each in loaded.losses if each not in written), *here.losses),
            flights=here.flights,
        )

    def _pending(self, cursor: Cursor) -> int:
        ((there,),) = self.query("SELECT count(*) FROM log WHERE seq > ?", (cursor.seq,)) or [(0,)]
        return int(there) + sum(row[0] > cursor.seq for row in self.held)

    def deal_with(self, error: sqlite3.Error | OSError) -> None:
        """Make room on a full disk, replace a damaged database, or wait for a disk that takes nothing."""
        trouble = trouble_of(error)
        try:
            if trouble is Trouble.FULL and self._disk.full_of_damage():
                trouble = Trouble.DAMAGED
            if trouble is Trouble.FULL and self._disk.make_room():
                return
            if trouble is Trouble.DAMAGED and self._disk.connection is not None:
                self._merge(self._disk.replace(self.books), self.books.cursors)
                return
        except (sqlite3.Error, OSError) as another:
            error = another
        self._refused(error)

    def _refused(self, error: sqlite3.Error | OSError) -> None:
        self.problem = words_of(error)
        self._retry_at_s = self._clock.monotonic() + _RETRY_S


def unchanged(books: Books) -> Books:
    """Return the same books: for what is written beside them alone."""
    return books


def _skipped(first: int, following: int) -> Losses:
    return Losses(why=LossReason.SKIPPED, lost=0, first_seq=first, last_seq=following - 1)
