"""The books in the database: read when it is opened, and afterwards only what changed is written."""

from __future__ import annotations

import json

from agent.store.books import Books, Cursor, all_over, lost, missed, untold
from agent.store.entry import Kind
from agent.store.gap_record import losses_in
from agent.store.loss import LossReason
from agent.store.parking import without_shed
from agent.store.readings import count_of, cursor_of, losses_of, seq_of
from agent.store.rows import document_in
from agent.store.schema import TABLES, used_pages
from probes.frozen import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator
    from typing import Final

    from agent.store.loss import Losses
    from agent.store.rows import Row

_SHED_AT_ONCE: Final = 32
# A fiftieth of the whole is shed in one go, so that shedding is rare and its losses are told of together.
_SHED_SHARE: Final = 50


def load_books(connection: sqlite3.Connection) -> Books:
    """Return what the database says of itself; raises sqlite3.Error."""
    first, last, entries = connection.execute("SELECT min(seq), max(seq), count(*) FROM log").fetchone()
    # The same, unless one of the two trees is damaged: then a number that only the other one has was used, too.
    (packed,) = connection.execute("SELECT max(seq) FROM document").fetchone()
    notes = dict(connection.execute("SELECT name, value FROM note"))
    return Books(
        next_seq=max(seq_of(last) + 1, seq_of(packed) + 1, count_of(notes.get("next_seq"), 1)),
        entries=entries,
        first_seq=first,
        shed=count_of(notes.get("shed"), 0),
        unreadable=count_of(notes.get("unreadable"), 0),
        cursors=_cursors(connection),
        losses=losses_of(notes.get("losses")),
    )


def _cursors(connection: sqlite3.Connection) -> dict[str, Cursor]:
    """Return each sink's cursor; raises sqlite3.Error."""
    query = f"SELECT {TABLES['cursor']} FROM cursor"  # noqa: S608 - of our own words
    cursors = dict(cursor_of(row) for row in connection.execute(query).fetchall())
    return {sink: replace(cursor, pending=_behind(connection, cursor)) for sink, cursor in cursors.items()}


def _behind(connection: sqlite3.Connection, cursor: Cursor) -> int:
    (pending,) = connection.execute("SELECT count(*) FROM log WHERE seq > ?", (cursor.seq,)).fetchone()
    return int(pending)


def insert(connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Write rows that are not there yet."""
    for row in rows:
        connection.execute("INSERT INTO log VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", row[:-1])
        connection.execute("INSERT INTO document VALUES (?,?)", (row[0], row[-1]))


def save_books(connection: sqlite3.Connection, before: Books, after: Books) -> None:
    """Write what is different in `after`; counters that the log itself tells are not kept."""
    for sink, cursor in after.cursors.items():
        known = before.cursors.get(sink)
        if known is None or (known.seq, known.batch) != (cursor.seq, cursor.batch):
            _save_cursor(connection, sink, cursor)
    for sink in before.cursors.keys() - after.cursors.keys():
        connection.execute("DELETE FROM cursor WHERE sink=?", (sink,))
        connection.execute("DELETE FROM parked WHERE sink=?", (sink,))
    _save_notes(connection, before, after)


def _save_cursor(connection: sqlite3.Connection, sink: str, cursor: Cursor) -> None:
    batch = cursor.batch
    opened = (None, None, None) if batch is None else (batch.id, batch.last_seq, batch.count)
    connection.execute("INSERT OR REPLACE INTO cursor VALUES (?,?,?,?,?)", (sink, cursor.seq, *opened))


def _save_notes(connection: sqlite3.Connection, before: Books, after: Books) -> None:
    notes: dict[str, object] = {}
    if after.shed != before.shed:
        notes["shed"] = after.shed
    if after.unreadable != before.unreadable:
        notes["unreadable"] = after.unreadable
    to_tell = all_over(after).losses
    if to_tell != all_over(before).losses:
        notes["losses"] = json.dumps(
            [[each.why.value, each.lost, each.first_seq, each.last_seq, each.sinks] for each in to_tell]
        )
    for name, value in notes.items():
        connection.execute("INSERT OR REPLACE INTO note VALUES (?,?)", (name, str(value)))


def keep_number(connection: sqlite3.Connection, next_seq: int) -> None:
    """Write down the next number, where the newest entry does not tell it."""
    connection.execute("INSERT OR REPLACE INTO note VALUES ('next_seq',?)", (str(next_seq),))


# --- the ring ---------------------------------------------------------------------------------------------------------


def shed(connection: sqlite3.Connection, books: Books, most_pages: int) -> Books:
    """Delete the oldest entries until at most so many pages are in use, and return the books after that.

    What every sink has got is oldest, for sinks get entries in order. The newest entry always stays.
    """
    if used_pages(connection) <= most_pages:
        return books
    goal = most_pages - max(_SHED_SHARE, most_pages) // _SHED_SHARE
    while used_pages(connection) > goal:
        seqs = _oldest(connection)
        if not seqs:
            break
        for seq, losses in _told_in(connection, seqs[-1]):
            books = untold(books, seq, losses)
        books = replace(lost(books, LossReason.SIZE, seqs), shed=books.shed + len(seqs))
        for sink, refused in without_shed(connection, seqs[-1]):
            books = missed(books, LossReason.REFUSED, sink, refused)
        connection.execute("DELETE FROM log WHERE seq <= ?", (seqs[-1],))
        connection.execute("DELETE FROM document WHERE seq <= ?", (seqs[-1],))
    return books


def _told_in(connection: sqlite3.Connection, last_seq: int) -> Iterator[tuple[int, Losses]]:
    """Give the losses that entries up to a number tell of, and the numbers of those."""
    query = "SELECT seq, packed FROM log JOIN document USING (seq) WHERE seq <= ? AND kind = ?"
    for seq, packed in connection.execute(query, (last_seq, Kind.GAP.value)).fetchall():
        losses = losses_in(document_in(packed))
        if losses is not None:
            yield seq, losses


def _oldest(connection: sqlite3.Connection) -> tuple[int, ...]:
    query = "SELECT seq FROM log WHERE seq < (SELECT max(seq) FROM log) ORDER BY seq LIMIT ?"
    return tuple(seq for (seq,) in connection.execute(query, (_SHED_AT_ONCE,)))
