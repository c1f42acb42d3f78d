"""The store: every entry durable before anybody gets it, a cursor for each sink, and a limit for its size.

One lock holds for everything; what takes long under it is the disk's own time. How the parts work together, and why so:
docs/adr/0033-one-log-for-spool-and-history.md.
"""

from __future__ import annotations

import sqlite3
import threading

from agent.store.books import (
    Cursor,
    OpenBatch,
    as_found,
    lost,
    missed,
    opened,
    over,
    registered,
    settled,
    shortened,
    under_way,
)
from agent.store.entry import Batch, SinkBacklog, StoreState
from agent.store.journal import Journal, unchanged
from agent.store.loss import LossReason
from agent.store.parking import (
    again_as_found,
    again_of,
    keep_aside,
    parked_counts,
    settle_again,
    split_again,
)
from agent.store.rows import COLUMNS, entry_of
from probes.clock import utc_text
from probes.frozen import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Final

    from agent.record import AgentIdentity
    from agent.store.books import Books
    from agent.store.entry import Entry, Store
    from agent.store.journal import Write
    from probes.clock import Clock

# How long a question how the store is doing waits for the disk.
_PATIENCE_S: Final = 0.005

_BEHIND: Final = "SELECT seq, CAST(coalesce(size, 0) AS INTEGER) FROM log WHERE seq > ? ORDER BY seq LIMIT ?"
_ROWS: Final = (
    f"SELECT {COLUMNS}, packed FROM log LEFT JOIN document USING (seq)"  # noqa: S608 - of our own words
    " WHERE log.seq > ? AND log.seq <= ? ORDER BY log.seq"
)
_OLDEST: Final = "SELECT at FROM log WHERE seq > ? ORDER BY seq LIMIT 1"


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
        most_bytes: How large all its files may grow together.
        clock: Its realtime names batches and losses; nothing is ordered by it.
        random_bytes: Returns so many, for UUIDs.
        identity: Who tells of losses.

    Raises:
        agent.store.owner.StoreInUse: Another process has it.
    """
    return SqliteStore(
        Journal(directory, most_bytes=most_bytes, clock=clock, random_bytes=random_bytes, identity=identity), clock
    )


class SqliteStore:
    """See `agent.store.entry.Store`, and `open_store`."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._lock = threading.RLock()
        self._attempts: dict[str, tuple[str, int]] = {}
        # Batches that a person put back, and that were handed out.
        self._put_back: set[str] = set()
        self._state = StoreState(entries=0, size_bytes=0)

    def append(self, make: Callable[[int], Entry]) -> Entry:
        """Return the entry that `make` made for its place in the sequence; it is durable, or held until the disk is."""
        with self._lock:
            self._journal.recover()
            return self._journal.append(make)

    def register(self, sinks: tuple[str, ...]) -> None:
        """Keep a cursor for each of these sinks and for no others; a new one begins with what is appended next."""
        with self._lock:
            self._journal.recover()
            self._journal.keep(lambda books: registered(books, sinks, self._journal.without_cursor))

    # --- what goes out ------------------------------------------------------------------------------------------------

    def next_batch(self, sink: str, *, most_entries: int, most_bytes: int) -> Batch | None:
        """Return what the sink is to get next, None for nothing; the same again until it is settled."""
        with self._lock:
            # Who asks for the next one did not get the one before.
            self._journal.books = over(self._journal.books, sink)
            self._journal.recover()
            # Each round but the last one finds damage, which is gone in the next.
            while sink in self._journal.books.cursors:
                before = self._journal.books
                try:
                    batch = self._batch(sink, most_entries, most_bytes)
                except sqlite3.Error as error:
                    batch = None
                    self._journal.deal_with(error)
                if batch is not None or self._journal.books is before:
                    return batch
            return None

    def _batch(self, sink: str, most_entries: int, most_bytes: int) -> Batch | None:
        """Return the batch that is under way, or the next; None for nothing, or where damage was found."""
        cursor = self._journal.books.cursors[sink]
        if cursor.batch is None:
            again = self._again(sink)
            if again is not None:
                return again
            cursor = self._opened(sink, cursor, most_entries, most_bytes)
        batch = cursor.batch
        if batch is None:
            return None
        entries = self._entries(cursor.seq, batch.last_seq)
        if entries is not None and len(entries) != batch.count:
            identity, seqs = self._journal.uuid(), tuple(entry.seq for entry in entries)
            self._journal.keep(lambda books: as_found(books, sink, seqs, identity))
            return None
        return None if entries is None else self._handed_out(batch.id, sink, entries)

    def _opened(self, sink: str, cursor: Cursor, most_entries: int, most_bytes: int) -> Cursor:
        """Return the cursor with a batch under way, if there is anything for one; raises sqlite3.Error."""
        seqs = self._chosen(cursor.seq, most_entries, most_bytes)
        if not seqs:
            return cursor
        made = OpenBatch(id=self._journal.uuid(), last_seq=seqs[-1], count=len(seqs))
        # Unless the same transaction had to make room, and it was these that went.
        self._journal.keep(lambda books: books if (books.first_seq or 0) > seqs[0] else opened(books, sink, made))
        return self._journal.books.cursors[sink]

    def _chosen(self, behind: int, most_entries: int, most_bytes: int) -> list[int]:
        """Return the numbers of the next batch, at least one where there is any; raises sqlite3.Error."""
        sizes = self._journal.query(_BEHIND, (behind, most_entries))
        if not sizes:
            sizes = [(row[0], row[7]) for row in self._journal.held.behind(behind, most_entries)]
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
        held = self._journal.held
        rows = self._journal.query(_ROWS, (behind, last))
        if not rows:
            rows = [row for row in held.behind(behind, len(held)) if row[0] <= last]
        entries = [entry_of(row) for row in rows]
        damaged = tuple(row[0] for row, entry in zip(rows, entries, strict=True) if entry is None)
        if damaged:
            self._drop(damaged)
            return None
        return tuple(entry for entry in entries if entry is not None)

    def _drop(self, damaged: tuple[int, ...]) -> None:
        if self._journal.problem is not None:
            # Not without the disk: they would be found again.
            return

        def delete(connection: sqlite3.Connection) -> None:
            for seq in damaged:
                connection.execute("DELETE FROM log WHERE seq=?", (seq,))
                connection.execute("DELETE FROM document WHERE seq=?", (seq,))

        def without(books: Books) -> Books:
            after = lost(books, LossReason.DAMAGED, damaged)
            return replace(after, unreadable=books.unreadable + len(damaged))

        self._journal.keep(without, delete)

    def _again(self, sink: str) -> Batch | None:
        """Return a batch that was put back after the sink had refused it; raises sqlite3.Error."""
        connection = self._journal.connection
        found = None if connection is None or self._journal.problem else again_of(connection, sink)
        if found is None:
            return None
        identity, seqs = found
        wanted = set(seqs)
        rows = [row for row in self._journal.query(_ROWS, (seqs[0] - 1, seqs[-1])) if row[0] in wanted]
        entries = tuple(entry for entry in map(entry_of, rows) if entry is not None)
        if len(entries) != len(seqs):
            there = tuple(entry.seq for entry in entries)
            self._journal.keep(unchanged, lambda connection: again_as_found(connection, identity, there))
            return self._again(sink)
        self._put_back.add(identity)
        return self._handed_out(identity, sink, entries)

    def _handed_out(self, identity: str, sink: str, entries: tuple[Entry, ...]) -> Batch:
        known, attempts = self._attempts.get(sink, ("", 0))
        attempt = attempts + 1 if known == identity else 1
        self._attempts[sink] = (identity, attempt)
        self._journal.books = under_way(self._journal.books, sink, (entry.seq for entry in entries))
        return Batch(id=identity, sink=sink, entries=entries, attempt=attempt)

    # --- what became of it --------------------------------------------------------------------------------------------

    def delivered(self, batch: Batch) -> None:
        """Move the sink's cursor behind the batch."""
        with self._lock:
            self._settle(batch, self._forgetting(batch), ())

    def park(self, batch: Batch, why: str, only: tuple[int, ...] | None = None) -> None:
        """Move the cursor behind a batch that the sink will never take; see `Store.park`."""
        refused = tuple(entry.seq for entry in batch.entries if only is None or entry.seq in only)
        with self._lock:
            flight = self._journal.books.flights.get(batch.sink)
            # What the log has dropped meanwhile is lost as that: there is nothing left to keep aside.
            there = tuple(seq for seq in refused if flight is None or seq not in flight.gone)
            if self._journal.takes_writes():
                self._settle(batch, self._keeping_aside(batch.sink, why, there, self._forgetting(batch)), refused)
            else:
                self._settle(batch, None, refused)
                self._journal.keep(lambda books: missed(books, LossReason.REFUSED, batch.sink, there))

    def _keeping_aside(self, sink: str, why: str, seqs: tuple[int, ...], forget: Write | None) -> Write:
        at, identity = utc_text(self._clock.realtime_ns()), self._journal.uuid()

        def write(connection: sqlite3.Connection) -> None:
            if forget is not None:
                forget(connection)
            for beyond in keep_aside(connection, identity, sink, at, why, seqs):
                self._journal.books = missed(self._journal.books, LossReason.REFUSED, sink, beyond)

        return write

    def _forgetting(self, batch: Batch) -> Write | None:
        """Return what forgets that a batch was put back, None for one that never was."""
        identity = batch.id
        if identity not in self._put_back:
            return None
        self._put_back.discard(identity)
        return lambda connection: settle_again(connection, identity)

    def _settle(self, batch: Batch, write: Write | None, refused: tuple[int, ...]) -> None:
        seqs = tuple(entry.seq for entry in batch.entries)
        got = set(seqs).difference(refused)
        self._attempts.pop(batch.sink, None)
        self._journal.keep(lambda books: over(settled(books, batch.sink, seqs), batch.sink, got), write)

    def shorten(self, batch: Batch) -> None:
        """Make the outstanding batch its own first half under a new id; see `Store.shorten`."""
        half = batch.entries[: len(batch.entries) // 2]
        with self._lock:
            cursor = self._journal.books.cursors.get(batch.sink)
            if cursor is None or not half:
                return
            if batch.id in self._put_back:
                names = (self._journal.uuid(), self._journal.uuid())
                self._journal.keep(unchanged, lambda connection: split_again(connection, batch.id, len(half), names))
            elif cursor.batch is not None and cursor.batch.id == batch.id:
                made = OpenBatch(id=self._journal.uuid(), last_seq=half[-1].seq, count=len(half))
                self._journal.keep(lambda books: shortened(books, batch.sink, batch.id, made))

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
        books = self._journal.books
        return StoreState(
            entries=books.entries,
            size_bytes=self._journal.size_bytes(),
            first_seq=books.first_seq,
            last_seq=books.next_seq - 1 if books.entries else None,
            shed=books.shed,
            unreadable=books.unreadable,
            waiting=len(self._journal.held),
            problem=self._journal.problem,
            sinks=self._backlogs(),
        )

    def _backlogs(self) -> tuple[SinkBacklog, ...]:
        cursors = self._journal.books.cursors
        try:
            parked = parked_counts(self._journal.connection)
            oldest = {sink: self._oldest(cursor) for sink, cursor in cursors.items()}
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
            for sink, cursor in cursors.items()
        )

    def _oldest(self, cursor: Cursor) -> str | None:
        if not cursor.pending:
            return None
        found = self._journal.query(_OLDEST, (cursor.seq,))
        held = found or [(row[3],) for row in self._journal.held.behind(cursor.seq, 1)]
        return held[0][0] if held else None

    def close(self) -> None:
        """Write what is held, if the disk lets us, and give everything back."""
        with self._lock:
            self._journal.close()
