"""Whatever is wrong with the database: it is moved aside or passed over, what is lost is counted, numbers go on."""

import json
import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from agent.store.entry import Entry, Kind
from agent.store.history import History, HistoryError, Wanted
from agent.store.loss import LossReason
from agent.store.schema import FILE
from agent.store.sequence import AHEAD
from tests.unit.store.stores import Clock, drained, filled, next_of, opened, sample, seqs_of

# Far beyond what any test appends.
FAR = 1_000_000_000


def closed_with(directory: Path, entries: int, size: int = 200) -> Path:
    """Leave a store with entries that no sink has got; return its database."""
    store = opened(directory)
    store.register(("s",))
    filled(store, entries, size)
    store.close()
    return directory / FILE


def asides(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob(f"{FILE}.damaged-*") if not path.name.endswith("-wal"))


def gaps_of(entries: list[Entry]) -> list[dict[str, Any]]:
    return [json.loads(entry.data) for entry in entries if entry.kind is Kind.GAP]


def garbage_at_the_front(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"no database at all" * 100)


def cut_in_the_middle(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def cut_to_nothing_of_a_page(path: Path) -> None:
    os.truncate(path, 100)


def a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "something").write_text("inside")


def a_link_to_nowhere(path: Path) -> None:
    path.unlink()
    path.symlink_to("/nonexistent/elsewhere")


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def somebody_else_s(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE log (what TEXT)")
    connection.close()


def a_later_version(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()


DAMAGES = (
    garbage_at_the_front,
    cut_in_the_middle,
    cut_to_nothing_of_a_page,
    a_directory,
    a_link_to_nowhere,
    a_pipe,
    somebody_else_s,
    a_later_version,
)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_database_that_is_of_no_use_is_moved_aside(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    path = closed_with(tmp_path, 50, size=4000)
    damage(path)
    store = opened(tmp_path)
    store.register(("s",))
    entry = store.append(sample())
    assert 50 < entry.seq <= 50 + AHEAD + 2
    assert store.state().problem is None
    assert asides(tmp_path) == [f"{FILE}.damaged-20261123T110640Z"]
    found = drained(store)
    (gap,) = gaps_of(found)
    assert gap["why"] == LossReason.DAMAGED
    assert gap["lost"] is None
    assert gap["last_seq"] == gap["seq"] - 1 == entry.seq - 2
    assert entry in found


def test_what_can_be_read_of_a_damaged_database_goes_on(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.register(("s",))
    entries = filled(store, 400, size=3000)
    store.close()
    path = tmp_path / FILE
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2 // 4096 * 4096)
        file.write(os.urandom(8 * 4096))
    again = opened(tmp_path)
    again.register(("s",))
    found = drained(again)
    assert all(entry in entries for entry in found if entry.kind is Kind.SAMPLE)
    assert len([entry for entry in found if entry.kind is Kind.SAMPLE]) > 300
    assert seqs_of(found) == sorted(seqs_of(found))


@pytest.mark.parametrize("seed", range(30))
def test_random_bytes_over_pages_are_survived(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same bytes each time
    store = opened(tmp_path)
    store.register(("s",))
    entries = {entry.seq: entry for entry in filled(store, 120, size=2000)}
    store.close()
    write_over(tmp_path / FILE, chance)
    read_all(tmp_path)
    again = opened(tmp_path)
    again.register(("s",))
    new = [again.append(sample()) for _ in range(20)]
    found = drained(again)
    assert again.state().problem is None
    assert [entry for entry in found if entry.seq <= 120] == [entries[entry.seq] for entry in found if entry.seq <= 120]
    assert all(entry.seq > 120 for entry in new)
    assert seqs_of(found) == sorted(set(seqs_of(found)))
    told = [gap for gap in gaps_of(found) if gap["why"] == LossReason.DAMAGED]
    later = again._journal.books.losses
    missing = {*entries, *(entry.seq for entry in new)} - {*seqs_of(found)}
    ranges = [(gap["first_seq"], gap["last_seq"]) for gap in told] + [(one.first_seq, one.last_seq) for one in later]
    assert all(any(first <= seq <= last for first, last in ranges) for seq in missing)
    again.close()


def write_over(path: Path, chance: random.Random) -> None:
    """Write random bytes to random places, the same for the same chance."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        for _ in range(chance.randint(1, 4)):
            file.seek(chance.randrange(size))
            file.write(chance.randbytes(chance.choice((1, 100, 4096, 20_000))))


def read_all(directory: Path) -> None:
    """Read everything that readers read: what is damaged is left out or said to be, and nothing else happens."""
    with suppress(HistoryError), History(directory) as history:
        reads: tuple[Callable[[], object], ...] = (
            lambda: list(history.entries(Wanted())),
            lambda: history.timeline("crm"),
            lambda: [history.entry(seq) for seq in range(130)],
            history.overview,
            history.backlogs,
            history.parked,
            history.targets,
        )
        for read in reads:
            with suppress(HistoryError):
                read()


@pytest.mark.parametrize("content", [6, 13, 20])
def test_a_page_that_leads_behind_the_end_is_no_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: int
) -> None:
    """SQLite says that the disk is full (SQLITE_FULL), and says so again however much room is made."""
    monkeypatch.setattr(os, "urandom", random.Random(content).randbytes)  # noqa: S311 - the same pages each time
    path = closed_with(tmp_path, 120, size=2000)
    write_over(path, random.Random(192))  # noqa: S311 - bytes that lead there
    store = opened(tmp_path)
    entries = filled(store, 20)
    assert store.state().problem is None
    assert len(asides(tmp_path)) == 1
    assert entries[-1] in drained(store)


def test_a_damaged_row_is_passed_over_and_counted(tmp_path: Path) -> None:
    path = closed_with(tmp_path, 5)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE document SET packed = substr(packed, 1, 20) || x'00' WHERE seq=2")
        connection.execute("UPDATE log SET target = 'other' WHERE seq=4")
        connection.execute("DELETE FROM document WHERE seq=5")
    connection.close()
    store = opened(tmp_path)
    found = drained(store)
    assert [entry.seq for entry in found if entry.kind is Kind.SAMPLE] == [1, 3]
    assert store.state().unreadable == 3
    gaps = [(gap["why"], gap["lost"], gap["first_seq"], gap["last_seq"]) for gap in gaps_of(found)]
    # Not as one: 3 was delivered.
    assert gaps == [(LossReason.DAMAGED, 1, 2, 2), (LossReason.DAMAGED, 2, 4, 5)]
    assert asides(tmp_path) == []


def test_a_batch_with_a_damaged_row_gets_another_id(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.register(("s",))
    filled(store, 3)
    before = next_of(store)
    store.close()
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("UPDATE document SET packed = x'00' WHERE seq=2")
    connection.close()
    after = next_of(opened(tmp_path))
    assert before is not None
    assert after is not None
    assert seqs_of(after.entries)[:2] == [1, 3]
    assert after.id != before.id


def test_a_database_that_is_damaged_while_it_is_used_is_replaced(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.register(("s",))
    entries = filled(store, 300, size=3000)
    connection = store._journal.connection
    assert connection is not None
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    path = tmp_path / FILE
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 3 * 4096))
    entries += filled(store, 5)
    found = drained(store)
    entries.append(store.append(sample()))
    found += drained(store)
    assert store.state().problem is None
    assert entries[-1].seq > 305
    assert entries[-1] in found
    samples = [entry for entry in found if entry.kind is Kind.SAMPLE]
    assert all(entry in entries for entry in samples)
    (gap,) = gaps_of(found)
    assert gap["lost"] == len(entries) - len(samples) > 200


def test_a_database_that_is_deleted_while_it_is_used_is_written_anew(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.register(("s",))
    entries = filled(store, 10)
    for path in tmp_path.glob(f"{FILE}*"):
        path.unlink()
    entries += filled(store, 1)
    store.close()
    again = opened(tmp_path)
    assert drained(again) == entries
    assert again.state().shed == 0


def test_the_directory_is_deleted_while_it_is_used(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    clock = Clock()
    store = opened(directory, clock)
    store.register(("s",))
    entries = filled(store, 10)
    shutil.rmtree(directory)
    entries += filled(store, 1)
    clock.now_s += 2
    entries += filled(store, 1)
    assert store.state().problem is None
    assert [entry for entry in drained(store) if entry.kind is Kind.SAMPLE] == entries


def test_without_database_and_numbers_the_sequence_goes_on_far_ahead(tmp_path: Path) -> None:
    path = closed_with(tmp_path, 5)
    garbage_at_the_front(path)
    (tmp_path / "store.seq").write_bytes(b"garbage, too")
    store = opened(tmp_path)
    assert store.append(sample()).seq > FAR


def test_a_deleted_database_does_not_begin_the_numbers_anew(tmp_path: Path) -> None:
    closed_with(tmp_path, 5).unlink()
    store = opened(tmp_path)
    assert store.append(sample()).seq == 5 - 4 + AHEAD + 1


def test_only_the_newest_damaged_database_is_kept(tmp_path: Path) -> None:
    clock = Clock()
    for _ in range(3):
        clock.realtime_s += 60
        garbage_at_the_front(closed_with(tmp_path, 3))
        opened(tmp_path, clock).close()
    assert asides(tmp_path) == [f"{FILE}.damaged-20261123T110940Z"]


def test_a_sink_without_a_cursor_rather_gets_entries_twice(tmp_path: Path) -> None:
    """Where a damaged database gives its entries but not its cursors, nobody knows what was delivered."""
    store = opened(tmp_path)
    store.register(("s",))
    entries = filled(store, 5)
    store.close()
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("DROP TABLE cursor")
    connection.close()
    again = opened(tmp_path)
    again.register(("s",))
    assert [entry for entry in drained(again) if entry.kind is Kind.SAMPLE] == entries
