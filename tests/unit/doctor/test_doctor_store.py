"""What the doctor sees of a real store, also while somebody writes to it, and that nobody notices."""

import os
import sqlite3
from pathlib import Path

import pytest

from agent.doctor.store import look_at_store
from agent.store.schema import FILE
from tests.unit.store.stores import filled, next_of, opened

# 2026-11-23T11:00:00Z is when the entries say that they were made.
NOW_NS = 1_795_431_600_000_000_000
MOST = 64 << 20


def snapshot(directory: Path) -> dict[str, tuple[int, int]]:
    return {path.name: (path.stat().st_size, path.stat().st_mtime_ns) for path in directory.iterdir()}


def test_a_store_in_use_is_read_beside_its_writer(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.register(("central", "other"))
    filled(store, 5)
    batch = next_of(store, "central", 2)
    assert batch is not None
    store.delivered(batch)
    batch = next_of(store, "central", 1)
    assert batch is not None
    store.park(batch, "too large")
    before = snapshot(tmp_path)
    seen = look_at_store(tmp_path, MOST, NOW_NS)
    assert snapshot(tmp_path) == before
    assert seen.used_by == os.getpid()
    assert seen.state is not None
    assert seen.state.entries == 5
    assert [(each.sink, each.pending, each.parked) for each in seen.state.sinks] == [("central", 2, 1), ("other", 5, 0)]
    assert seen.state.sinks[0].oldest_pending_at == "2026-11-23T11:00:00.000Z"
    assert seen.newest_ahead_s == 0
    assert (seen.missing, seen.problem, seen.damage) == (False, None, None)
    # And the writer goes on.
    assert [entry.seq for entry in filled(store, 2)] == [6, 7]
    store.close()


def test_a_store_at_rest_is_read_without_a_trace(tmp_path: Path) -> None:
    store = opened(tmp_path)
    filled(store, 3)
    store.close()
    before = snapshot(tmp_path)
    seen = look_at_store(tmp_path, MOST, NOW_NS - 7_200_000_000_000)
    assert snapshot(tmp_path) == before
    assert (seen.used_by, seen.newest_ahead_s) == (None, 7_200)
    assert seen.state is not None
    assert seen.state.entries == 3
    assert seen.state.size_bytes == (tmp_path / FILE).stat().st_size


def test_nothing_there_yet_is_no_trouble_and_is_not_made(tmp_path: Path) -> None:
    seen = look_at_store(tmp_path / "a" / "b", MOST, NOW_NS)
    assert (seen.missing, seen.problem, seen.state, seen.damage) == (True, None, None, None)
    assert seen.free_bytes is not None
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_nothing_was_written_to_is_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").touch()
    seen = look_at_store(tmp_path, MOST, NOW_NS)
    assert (seen.problem, seen.state, seen.damage) == (None, None, None)


def test_a_file_in_the_directory_s_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    seen = look_at_store(tmp_path / "file", MOST, NOW_NS)
    assert seen.problem == f"{tmp_path / 'file'} is no directory"
    assert look_at_store(tmp_path / "file" / "below", MOST, NOW_NS).problem == f"{tmp_path / 'file'} is no directory"


@pytest.mark.parametrize(
    ("damaged", "found"),
    [
        (lambda _: b"nonsense" * 2_000, "file is not a database"),
        (lambda data: data[:4096] + os.urandom(len(data) - 4096), ""),
        (lambda data: data[: len(data) // 2], ""),
    ],
)
def test_damage_is_told_and_left_as_it_is(tmp_path: Path, damaged: object, found: str) -> None:
    store = opened(tmp_path)
    filled(store, 200)
    store.close()
    assert callable(damaged)
    (tmp_path / FILE).write_bytes(damaged((tmp_path / FILE).read_bytes()))
    before = snapshot(tmp_path)
    seen = look_at_store(tmp_path, MOST, NOW_NS)
    assert snapshot(tmp_path) == before
    assert seen.damage
    assert found in seen.damage
    assert seen.state is None


def test_another_program_s_database_is_told(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / FILE)
    connection.execute("CREATE TABLE theirs (a)")
    connection.commit()
    connection.close()
    assert look_at_store(tmp_path, MOST, NOW_NS).damage == "another program's database"
