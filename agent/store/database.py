"""The store: every entry durable before anybody gets it, a cursor for each sink, and a limit for its size.

One lock holds for everything; what takes long under it is the disk's own time. Where the disk takes nothing, the books
and the newest entries live on in memory, and the disk gets them once it takes something again. How the parts work
together, and why so: docs/adr/0033-one-log-for-spool-and-history.md.
"""

from __future__ import annotations

import sqlite3
import threading

from agent.record import uuid7
from agent.store.books import (
    Books,
    Cursor,
    OpenBatch,
    appended,
    as_found,
    lost,
    opened,
    registered,
    settled,
    with_losses,
)
from agent.store.disk import Disk, Transaction, far_ahead
from agent.store.entry import Batch, Losses, SinkBacklog, StoreState, Why
from agent.store.gap_record import gap_entry
from agent.store.held import Held
from agent.store.ledger import insert, save_books, shed
from agent.store.owner import StoreInUse
from agent.store.parking import again_of, keep_aside, parked_counts, settle_again, split_again
from agent.store.rows import entry_of, row_of
from agent.store.schema import PAGE_BYTES
from agent.store.trouble import Trouble, trouble_of, words_of
from probes.clock import utc_text
from probes.frozen import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Any, Final, TypeAlias

    from agent.record import AgentIdentity
    from agent.store.entry import Entry, Store
    from agent.store.rows import Row
    from probes.clock import Clock

    Change: TypeAlias = Callable[[Books], Books]
    Write: TypeAlias = Callable[[sqlite3.Connection], None]

# The disk is tried again after so long, and losses are told of so often.
_RETRY_S: Final = 1.0
_TELL_S: Final = 60.0
# How long a question how the store is doing waits for the disk.
_PATIENCE_S: Final = 0.005
_RANDOM_BYTES: Final = 10
# Of the store's size, what the write-ahead log may take.
_LOG_SHARE: Final = 4
_MOST_LOG_BYTES: Final = 2 << 20

_BEHIND: Final = "SELECT seq, size FROM log WHERE seq > ? ORDER BY seq LIMIT ?"
_ROWS: Final = "SELECT log.*, packed FROM log LEFT JOIN document USING (seq) WHERE log.seq > ? AND log.seq <= ?"


def open_store(
    directory: Path,
    *,
    most_bytes: int,
    clock: Clock,
    random_bytes: Callable[[int], bytes],
    identity: AgentIdentity,
) -> Store:
    """Return the store of a directory, which is made if there is none.

    Whatever is wrong with the disk or the database is no error: see `StoreState.problem`.

    Args:
        directory: Of this agent alone.
        most_bytes: How large the database and its log may grow together.
        clock: Its realtime names batches and losses; nothing is ordered by it.
        random_bytes: Returns so many, for UUIDs.
        identity: Who tells of losses.

    Raises:
        agent.store.owner.StoreInUse: Another process has it.
    """
    return SqliteStore(directory, most_bytes=most_bytes, clock=clock, random_bytes=random_bytes, identity=identity)


class SqliteStore:
    """See `agent.store.entry.Store`, and `open_store`."""

    def __init__(
        self,
        directory: Path,
        *,
        most_bytes: int,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        identity: AgentIdentity,
    ) -> None:
        self._clock = clock
        self._random_bytes = random_bytes
        self._identity = identity
        self._most_pages = (most_bytes - min(_MOST_LOG_BYTES, most_bytes // _LOG_SHARE)) // PAGE_BYTES
        self._lock = threading.RLock()
        self._disk = Disk(directory, clock)
        self._books = self._saved = Books()
        self._held = Held()
        # What the disk has still to be told, beside books and entries.
        self._later: list[Write] = []
        self._attempts: dict[str, tuple[str, int]] = {}
        self._problem: str | None = "not opened yet"
        self._jumped = False
        # Where a sink begins whose cursor was lost with a database: it rather gets entries twice than never.
        self._without_cursor: Cursor | None = None
        self._retry_at_s = self._tell_at_s = float("-inf")
        self._state = StoreState(entries=0, size_bytes=0)
        self._start()

    # --- what comes in ------------------------------------------------------------------------------------------------

    def append(self, make: Callable[[int], Entry]) -> Entry:
        """Return the entry that `make` made for its place in the sequence; it is durable, or held until the disk is."""
        with self._lock:
            self._recover()
            entry = make(self._books.next_seq)
            if self._kept(appended, (row_of(entry),)):
                return entry
            if not self._jumped and not self._disk.sequence.spend(entry.seq):
                # Nothing on the disk will know that this number was used, so it must be one that no restart comes to.
                self._jump()
                entry = make(self._books.next_seq)
            self._hold(row_of(entry))
            return entry

    def _hold(self, row: Row) -> None:
        self._books = appended(self._books)
        gone = self._held.add(row)
        if gone:
            self._books = replace(lost(self._books, Why.DISK, gone), shed=self._books.shed + len(gone))

    def _jump(self) -> None:
        self._jumped = True
        start = self._books.next_seq
        target = max(start, far_ahead(self._clock))
        if target > start:
            skipped = Losses(why=Why.SKIPPED, lost=0, first_seq=start, last_seq=target - 1)
            self._books = replace(with_losses(self._books, skipped), next_seq=target)

    # --- what goes out ------------------------------------------------------------------------------------------------

    def register(self, sinks: tuple[str, ...]) -> None:
        """Keep a cursor for each of these sinks and for no others; a new one begins with what is appended next."""
        with self._lock:
            self._recover()
            self._keep(lambda books: registered(books, sinks, self._without_cursor))

    def next_batch(self, sink: str, *, most_entries: int, most_bytes: int) -> Batch | None:
        """Return what the sink is to get next, None for nothing; the same again until it is settled."""
        with self._lock:
            self._recover()
            # Each round but the last one finds damage, which is gone in the next.
            while sink in self._books.cursors:
                before = self._books
                try:
                    batch = self._batch(sink, most_entries, most_bytes)
                except sqlite3.Error as error:
                    batch = None
                    self._deal_with(error)
                if batch is not None or self._books is before:
                    return batch
            return None

    def _batch(self, sink: str, most_entries: int, most_bytes: int) -> Batch | None:
        cursor = self._books.cursors[sink]
        if cursor.batch is None:
            again = self._again(sink)
            if again is not None:
                return again
            seqs = self._chosen(cursor.seq, most_entries, most_bytes)
            if not seqs:
                return None
            made = OpenBatch(id=self._uuid(), last_seq=seqs[-1], count=len(seqs))
            self._keep(lambda books: opened(books, sink, made))
            cursor = self._books.cursors[sink]
        if cursor.batch is None:
            return None
        entries = self._entries(cursor.seq, cursor.batch.last_seq)
        if entries is None:
            return None
        if len(entries) != cursor.batch.count:
            identity = self._uuid()
            self._keep(lambda books: as_found(books, sink, tuple(entry.seq for entry in entries), identity))
            return None
        return self._handed_out(cursor.batch.id, sink, entries)

    def _chosen(self, behind: int, most_entries: int, most_bytes: int) -> list[int]:
        """Return the numbers of the next batch, at least one where there is any; raises sqlite3.Error."""
        sizes = self._query(_BEHIND, (behind, most_entries))
        if not sizes:
            sizes = [(row[0], row[7]) for row in self._held.behind(behind, most_entries)]
        chosen: list[int] = []
        total = 0
        for seq, size in sizes:
            total += size
            if chosen and total > most_bytes:
                break
            chosen.append(seq)
        return chosen

    def _entries(self, behind: int, last: int) -> tuple[Entry, ...] | None:
        """Return the entries behind one number and up to another; None where some were damaged: they are gone now."""
        rows = self._query(f"{_ROWS} ORDER BY log.seq", (behind, last))
        if not rows:
            rows = [row for row in self._held.behind(behind, len(self._held)) if row[0] <= last]
        entries = [entry_of(row) for row in rows]
        damaged = tuple(row[0] for row, entry in zip(rows, entries, strict=True) if entry is None)
        if damaged:
            self._drop(damaged)
            return None
        return tuple(entry for entry in entries if entry is not None)

    def _drop(self, damaged: tuple[int, ...]) -> None:
        if self._problem is not None:
            # Not without the disk: they would be found again.
            return

        def delete(connection: sqlite3.Connection) -> None:
            for seq in damaged:
                connection.execute("DELETE FROM log WHERE seq=?", (seq,))
                connection.execute("DELETE FROM document WHERE seq=?", (seq,))

        def without(books: Books) -> Books:
            after = lost(books, Why.DAMAGED, damaged)
            return replace(after, unreadable=books.unreadable + len(damaged))

        self._keep(without, delete)

    def _handed_out(self, identity: str, sink: str, entries: tuple[Entry, ...]) -> Batch:
        known, attempts = self._attempts.get(sink, ("", 0))
        attempt = attempts + 1 if known == identity else 1
        self._attempts[sink] = (identity, attempt)
        return Batch(id=identity, sink=sink, entries=entries, attempt=attempt)

    def delivered(self, batch: Batch) -> None:
        """Move the sink's cursor behind the batch."""
        with self._lock:
            self._settle(batch, lambda connection: settle_again(connection, batch.id))

    def park(self, batch: Batch, why: str, only: tuple[int, ...] | None = None) -> None:
        """Move the cursor behind a batch that the sink will never take; see `Store.park`."""
        seqs = tuple(entry.seq for entry in batch.entries if only is None or entry.seq in only)
        with self._lock:
            at = utc_text(self._clock.realtime_ns())
            identity = self._uuid()

            def write(connection: sqlite3.Connection) -> None:
                settle_again(connection, batch.id)
                for gone in keep_aside(connection, identity, batch.sink, at, why, seqs):
                    self._books = with_losses(self._books, gone)

            self._settle(batch, write)

    def shorten(self, batch: Batch) -> None:
        """Make the outstanding batch its own first half under a new id; see `Store.shorten`."""
        half = batch.entries[: len(batch.entries) // 2]
        if not half:
            return
        with self._lock:
            cursor = self._books.cursors.get(batch.sink)
            if cursor is None:
                return
            if cursor.batch is not None and cursor.batch.id == batch.id:
                made = OpenBatch(id=self._uuid(), last_seq=half[-1].seq, count=len(half))
                self._keep(lambda books: opened(books, batch.sink, made))
            else:
                names = (self._uuid(), self._uuid())
                self._keep(_unchanged, lambda connection: split_again(connection, batch.id, len(half), names))

    def _settle(self, batch: Batch, write: Write) -> None:
        seqs = tuple(entry.seq for entry in batch.entries)
        self._attempts.pop(batch.sink, None)
        self._keep(lambda books: settled(books, batch.sink, seqs), write)

    def _again(self, sink: str) -> Batch | None:
        """Return a batch that was put back after the sink had refused it."""
        if self._problem is not None or self._disk.connection is None:
            return None
        found = again_of(self._disk.connection, sink)
        if found is None:
            return None
        identity, seqs = found
        rows = [row for row in self._query(f"{_ROWS} ORDER BY log.seq", (seqs[0] - 1, seqs[-1])) if row[0] in seqs]
        entries = [entry_of(row) for row in rows]
        readable = tuple(entry for entry in entries if entry is not None)
        if not readable:
            self._keep(_unchanged, lambda connection: settle_again(connection, identity))
            return None
        return self._handed_out(identity, sink, readable)

    # --- how it is ----------------------------------------------------------------------------------------------------

    def state(self) -> StoreState:
        """Return how it is doing; what it was last time, where the disk is being waited for."""
        if self._lock.acquire(timeout=_PATIENCE_S):
            try:
                self._state = self._current_state()
            finally:
                self._lock.release()
        return self._state

    def _current_state(self) -> StoreState:
        books = self._books
        return StoreState(
            entries=books.entries,
            size_bytes=self._disk.size_bytes(),
            first_seq=books.first_seq,
            last_seq=books.next_seq - 1 if books.entries else None,
            shed=books.shed,
            unreadable=books.unreadable,
            waiting=len(self._held),
            problem=self._problem,
            sinks=self._backlogs(),
        )

    def _backlogs(self) -> tuple[SinkBacklog, ...]:
        try:
            parked = parked_counts(self._disk.connection)
            oldest = {sink: self._oldest(cursor) for sink, cursor in self._books.cursors.items()}
        except sqlite3.Error:
            # Whoever writes next deals with it.
            return self._state.sinks
        return tuple(
            SinkBacklog(
                sink=sink,
                pending=cursor.pending,
                oldest_pending_at=oldest[sink],
                parked=parked.get(sink, 0),
                delivered_seq=cursor.seq,
            )
            for sink, cursor in self._books.cursors.items()
        )

    def _oldest(self, cursor: Cursor) -> str | None:
        if not cursor.pending:
            return None
        found = self._query("SELECT at FROM log WHERE seq > ? ORDER BY seq LIMIT 1", (cursor.seq,))
        held = found or [(row[3],) for row in self._held.behind(cursor.seq, 1)]
        return held[0][0] if held else None

    def close(self) -> None:
        """Write what is held, if the disk lets us, and give everything back."""
        with self._lock:
            self._retry_at_s = self._tell_at_s = float("-inf")
            self._recover()
            if self._problem is None and self._books.losses:
                self._keep(_unchanged)
            self._disk.close()
            self._problem = "closed"
            self._retry_at_s = float("inf")

    # --- the disk -----------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        try:
            books = self._saved = self._books = self._disk.open(None)
            self._problem = None
            if self._disk.replaced and books.first_seq is not None and not books.cursors:
                self._without_cursor = Cursor(seq=books.first_seq - 1, pending=books.entries)
        except (sqlite3.Error, OSError) as error:
            self._refused(error)

    def _keep(self, change: Change, write: Write | None = None) -> None:
        """Change the books, on the disk where it takes that, and else in memory until it does."""
        if write is not None:
            self._later.append(write)
        if not self._kept(change):
            self._books = change(self._books)

    def _kept(self, change: Change, rows: tuple[Row, ...] = ()) -> bool:
        """Return whether the disk has the change and these rows; if not, nothing has happened."""
        for _ in ("as it is", "once more, in a database that took the damaged one's place"):
            if self._problem is not None:
                break
            try:
                self._write(change, rows)
            except (sqlite3.Error, OSError) as error:
                self._deal_with(error)
            else:
                return True
        return False

    def _write(self, change: Change, rows: tuple[Row, ...]) -> None:
        connection = self._disk.connection
        if connection is None:
            raise FileNotFoundError
        known = self._books
        try:
            with Transaction(connection):
                for write in self._later:
                    write(connection)
                after = change(self._books)
                insert(connection, rows)
                after = self._told(connection, shed(connection, after, self._most_pages))
                save_books(connection, self._saved, after)
        except BaseException:
            self._books = known
            raise
        if known.losses and not after.losses:
            self._tell_at_s = self._clock.monotonic() + _TELL_S
        self._books = self._saved = after
        self._later.clear()
        # Where that fails, a database that is lost afterwards makes the numbers go on far ahead.
        self._disk.sequence.cover(after.next_seq - 1)

    def _told(self, connection: sqlite3.Connection, books: Books) -> Books:
        """Return the books after an entry for each loss, if it is time to tell of them."""
        if not books.losses or self._clock.monotonic() < self._tell_at_s:
            return books
        after = replace(books, losses=())
        for losses in books.losses:
            entry = gap_entry(
                after.next_seq,
                losses,
                self._identity,
                self._clock.realtime_ns(),
                self._random_bytes(_RANDOM_BYTES),
            )
            insert(connection, (row_of(entry),))
            after = appended(after)
        return after

    def _recover(self) -> None:
        """Try the disk again, if it took nothing and that is some time ago: it gets everything that is held."""
        if self._problem is None or self._clock.monotonic() < self._retry_at_s:
            return
        try:
            if self._disk.connection is None:
                loaded = self._disk.open(self._books)
                self._merge(loaded, loaded.cursors)
            self._write(_unchanged, tuple(self._held))
        except StoreInUse as error:
            self._problem = str(error)
            self._retry_at_s = self._clock.monotonic() + _RETRY_S
        except (sqlite3.Error, OSError) as error:
            self._deal_with(error)
        else:
            self._held.clear()
            self._problem = None
            self._jumped = False

    def _merge(self, loaded: Books, cursors: Mapping[str, Cursor]) -> None:
        """Take over a database that was opened, or made anew, since; `cursors` are those that hold where both know."""
        here = self._books
        self._saved = loaded
        waiting = [row[0] for row in self._held]
        merged = {sink: cursors.get(sink, cursor) for sink, cursor in here.cursors.items()}
        self._books = replace(
            loaded,
            next_seq=max(here.next_seq, loaded.next_seq),
            entries=loaded.entries + len(waiting),
            first_seq=loaded.first_seq or (waiting[0] if waiting else None),
            shed=max(loaded.shed, here.shed),
            unreadable=max(loaded.unreadable, here.unreadable),
            cursors={sink: replace(cursor, pending=self._pending(cursor)) for sink, cursor in merged.items()},
            losses=(*loaded.losses, *here.losses),
        )

    def _pending(self, cursor: Cursor) -> int:
        ((there,),) = self._query("SELECT count(*) FROM log WHERE seq > ?", (cursor.seq,)) or [(0,)]
        return int(there) + sum(row[0] > cursor.seq for row in self._held)

    def _deal_with(self, error: sqlite3.Error | OSError) -> None:
        """Replace a damaged database, or wait for a disk that takes nothing."""
        if trouble_of(error) is not Trouble.DAMAGED or self._disk.connection is None:
            self._refused(error)
            return
        try:
            self._merge(self._disk.replace(self._books), self._books.cursors)
        except (sqlite3.Error, OSError) as another:
            self._refused(another)

    def _refused(self, error: sqlite3.Error | OSError) -> None:
        self._problem = words_of(error)
        self._retry_at_s = self._clock.monotonic() + _RETRY_S

    def _query(self, query: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        """Return what the database answers, nothing where there is none; raises sqlite3.Error."""
        connection = self._disk.connection
        return [] if connection is None else connection.execute(query, values).fetchall()

    def _uuid(self) -> str:
        return uuid7(self._clock.realtime_ns(), self._random_bytes(_RANDOM_BYTES))


def _unchanged(books: Books) -> Books:
    return books
