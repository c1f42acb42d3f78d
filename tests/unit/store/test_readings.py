"""What the books of a damaged database may say, and what nobody ever wrote."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.store.readings import (
    MOST_SEQ,
    count_of,
    cursor_of,
    is_cursor,
    is_note,
    is_parked,
    losses_of,
    seq_of,
    seqs_of,
)
from agent.store.schema import FILE, Inconsistent
from tests.unit.store.stores import drained, filled, next_of, opened, sample
from tests.unit.store.stores import seqs_of as numbers_of
from tests.unit.store.test_damage import asides


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (seq_of, -1),
        (seq_of, MOST_SEQ),
        (seq_of, "5"),
        (seq_of, 1.5),
        (seqs_of, None),
        (seqs_of, b"\x00"),
        (seqs_of, "[]"),
        (seqs_of, "[2, 1]"),
        (seqs_of, "[1, 1]"),
        (seqs_of, '["a"]'),
        (seqs_of, "7"),
        (seqs_of, "[" * 100_000),
        (losses_of, "{}"),
        (losses_of, "[1]"),
        (losses_of, '[["whim", 1, 1, 1, []]]'),
        (losses_of, '[["size", 1, 1, 1]]'),
        (losses_of, '[["size", "1", 1, 1, []]]'),
        (losses_of, '[["size", 1, 1, 1, [7]]]'),
        (losses_of, '[["size", 1, null, null, "s"]]'),
        (cursor_of, (b"s", 1, None, None, None)),
        (cursor_of, ("s", None, None, None, None)),
        (cursor_of, ("s", "1", None, None, None)),
        (cursor_of, ("s", -4, None, None, None)),
        (cursor_of, ("s", 1, 7, 3, 2)),
        (cursor_of, ("s", 1, "id", 3, 3)),
        (cursor_of, ("s", 1, "id", 3, 0)),
        (cursor_of, ("s", 1, "id", None, 1)),
        (cursor_of, ("\ufffd", 1, None, None, None)),
    ],
)
def test_what_nobody_wrote_is_not_believed(read: Callable[[object], object], value: object) -> None:
    with pytest.raises(Inconsistent):
        read(value)


@pytest.mark.parametrize("value", ["", "-1", "1.5", "²", "9" * 30, b"5", 5, "5 "])
def test_a_note_of_a_number_is_digits(value: object) -> None:
    with pytest.raises(Inconsistent):
        count_of(value, 0)
    assert count_of("50", 0) == 50
    assert count_of(None, 3) == 3


def test_rows_that_were_written_are_believed() -> None:
    assert is_cursor(("s", 1, None, None, None))
    assert is_cursor(("s", 1, "id", 4, 2))
    assert is_note(("losses", '[["size", null, 1, 4, ["s"]]]'))
    assert is_note(("shed", "12"))
    assert is_parked(("id", "s", "2026", "no \ufffd way", 1, 4, 2, "[1, 4]", 0))


@pytest.mark.parametrize(
    "row",
    [
        ("id", "s", "2026", "no", 1, 4, 3, "[1, 4]", 0),
        ("id", "s", "2026", "no", 1, 4, 2, "[1, 4", 0),
        ("id", "s", "2026", None, 1, 4, 2, "[1, 4]", 0),
        ("id", "s", "2026", "no", 1, 4, 2, "[1, 4]", 7),
        ("id", None, "2026", "no", 1, 4, 2, "[1, 4]", 0),
    ],
)
def test_a_refused_batch_that_nobody_wrote_is_left_behind(row: tuple[object, ...]) -> None:
    assert not is_parked(row)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE note SET value='many' WHERE name='shed'",
        "INSERT OR REPLACE INTO note VALUES ('losses', '[[')",
        "INSERT OR REPLACE INTO note VALUES ('next_seq', '-5')",
        "UPDATE cursor SET seq='far'",
        "UPDATE cursor SET batch_id='x', batch_last_seq=NULL",
        "UPDATE log SET size=NULL WHERE 0; ALTER TABLE log RENAME COLUMN size TO sise",
        "DROP INDEX log_by_time",
        "CREATE TRIGGER log_by_time AFTER INSERT ON log BEGIN DELETE FROM log; END",
        "PRAGMA user_version=0",
        "PRAGMA user_version=-7",
    ],
)
def test_books_that_nobody_wrote_are_replaced(tmp_path: Path, damage: str) -> None:
    store = opened(tmp_path)
    store.register(("s",))
    entries = filled(store, 5)
    store.close()
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("INSERT INTO note VALUES ('shed', '0')")
        connection.execute("DROP INDEX log_by_time") if "TRIGGER" in damage else None
        connection.executescript(damage)
    connection.close()
    again = opened(tmp_path)
    again.register(("s",))
    new = again.append(sample())
    found = drained(again)
    assert again.state().problem is None
    assert new.seq > 5
    assert new in found
    if "user_version" not in damage:
        assert [entry for entry in found if entry.seq <= 5] == entries
    assert len(asides(tmp_path)) == 1


def test_a_cursor_ahead_of_everything_gets_everything_again(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.register(("s",))
    filled(store, 5)
    store.close()
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("UPDATE cursor SET seq=1000000")
    connection.close()
    assert numbers_of(drained(opened(tmp_path))) == [1, 2, 3, 4, 5]


def test_a_refused_batch_that_is_damaged_while_it_waits_is_dropped(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.register(("s",))
    filled(store, 3)
    batch = next_of(store)
    assert batch is not None
    store.park(batch, "no")
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("UPDATE parked SET again=1, seqs='[3, 2'")
    connection.close()
    new = store.append(sample())
    found = drained(store)
    assert new in found
    assert store.state().problem is None
