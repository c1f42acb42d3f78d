"""Batches that a sink refused: kept aside, put back by a person, shortened, forgotten when there are too many.

The entries themselves stay in the log, as long as the ring has room; what is kept here is which ones, and why.
"""

from __future__ import annotations

import json

from agent.store.readings import seqs_of
from probes.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from typing import Final

# Beyond these a sink refuses everything, and nobody has looked for a long time.
MOST_PARKED: Final = 1000
# Of a UUID as text.
_ID_LENGTH: Final = 36


@frozen
class Parked:
    """One refused batch; `again` says that it was put back and waits for its turn."""

    id: str
    sink: str
    at: str
    why: str
    entries: int
    first_seq: int
    last_seq: int
    again: bool


def keep_aside(
    connection: sqlite3.Connection, identity: str, sink: str, at: str, why: str, seqs: tuple[int, ...]
) -> tuple[tuple[int, ...], ...]:
    """Keep entries aside as one batch, and return the numbers of those that go because there are too many batches."""
    if seqs:
        row = (identity, sink, at, why, seqs[0], seqs[-1], len(seqs), json.dumps(seqs))
        connection.execute("INSERT INTO parked VALUES (?,?,?,?,?,?,?,?,0)", row)
    query = "SELECT id, seqs FROM parked WHERE sink=? ORDER BY at DESC, id DESC LIMIT -1 OFFSET ?"
    beyond = connection.execute(query, (sink, MOST_PARKED)).fetchall()
    for oldest, _ in beyond:
        connection.execute("DELETE FROM parked WHERE id=?", (oldest,))
    return tuple(seqs_of(text) for _, text in beyond)


def settle_again(connection: sqlite3.Connection, identity: str) -> None:
    """Forget a batch that was put back, if this is one: the sink has got it, or refused it anew.

    With it goes what is left of it under another id, because some of it was dropped since it was handed out.
    """
    query = "DELETE FROM parked WHERE substr(id, 1, ?)=? AND again"
    connection.execute(query, (_ID_LENGTH, identity[:_ID_LENGTH]))


def again_of(connection: sqlite3.Connection, sink: str) -> tuple[str, tuple[int, ...]] | None:
    """Return the first batch that was put back for a sink, with its numbers."""
    query = "SELECT id, seqs FROM parked WHERE sink=? AND again ORDER BY first_seq, id LIMIT 1"
    row = connection.execute(query, (sink,)).fetchone()
    return None if row is None else (row[0], seqs_of(row[1]))


def split_again(connection: sqlite3.Connection, identity: str, first: int, names: tuple[str, str]) -> None:
    """Make two of a batch that was put back: its first so many entries, and the others."""
    query = "SELECT sink, at, why, seqs FROM parked WHERE id=? AND again"
    row = connection.execute(query, (identity,)).fetchone()
    if row is None:
        return
    *facts, text = row
    seqs = seqs_of(text)
    settle_again(connection, identity)
    for name, part in zip(names, (seqs[:first], seqs[first:]), strict=True):
        values = (name, *facts, part[0], part[-1], len(part), json.dumps(part))
        connection.execute("INSERT INTO parked VALUES (?,?,?,?,?,?,?,?,1)", values)


def put_back(connection: sqlite3.Connection, sink: str) -> int:
    """Let everything that a sink refused be tried again, and return how many batches that are."""
    return connection.execute("UPDATE parked SET again=1 WHERE sink=? AND NOT again", (sink,)).rowcount


def parked_counts(connection: sqlite3.Connection | None) -> dict[str, int]:
    """Return how many entries are kept aside, by sink."""
    if connection is None:
        return {}
    return dict(connection.execute("SELECT sink, sum(entries) FROM parked GROUP BY sink").fetchall())


def parked_batches(connection: sqlite3.Connection) -> tuple[Parked, ...]:
    """Return every batch that is kept aside, the oldest first."""
    query = "SELECT id, sink, at, why, entries, first_seq, last_seq, again FROM parked ORDER BY sink, first_seq, id"
    names = ("id", "sink", "at", "why", "entries", "first_seq", "last_seq", "again")
    rows = (dict(zip(names, row, strict=True)) for row in connection.execute(query).fetchall())
    return tuple(Parked(**{**row, "again": bool(row["again"])}) for row in rows)


def without_shed(connection: sqlite3.Connection, last_seq: int) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Forget what was kept aside of entries up to a number, and return it: sinks and numbers."""
    query = "SELECT id, sink, seqs FROM parked WHERE first_seq <= ?"
    found = []
    for identity, sink, text in connection.execute(query, (last_seq,)).fetchall():
        seqs = seqs_of(text)
        gone = [seq for seq in seqs if seq <= last_seq]
        kept = seqs[len(gone) :]
        found.append((sink, tuple(gone)))
        _narrow(connection, identity, kept)
    return tuple(found)


def again_as_found(connection: sqlite3.Connection, identity: str, seqs: tuple[int, ...]) -> None:
    """Keep of a batch that was put back what the log still has."""
    _narrow(connection, identity, seqs)


def _narrow(connection: sqlite3.Connection, identity: str, seqs: Sequence[int]) -> None:
    """Leave these entries of a batch alone, under another id: an id never stands for other content."""
    if not seqs:
        connection.execute("DELETE FROM parked WHERE id=?", (identity,))
        return
    change = "UPDATE parked SET id=?, first_seq=?, last_seq=?, entries=?, seqs=? WHERE id=?"
    name = f"{identity[:_ID_LENGTH]}-{seqs[0]}-{len(seqs)}"
    connection.execute(change, (name, seqs[0], seqs[-1], len(seqs), json.dumps(seqs), identity))
