"""The store on real disks that are full, read-only or come back: alive, the newest kept, every loss counted."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.store.entry import Entry, Kind
from agent.store.loss import LossReason
from tests.lab.small_disk import fill_up, remount, small_disk
from tests.unit.store.stores import Clock, drained, filled, opened, sample, seqs_of

pytestmark = pytest.mark.lab

DISK_MB = 12
ROOT = Path(__file__).resolve().parents[2]
READ = """
import pathlib, sys
from agent.store.history import History, HistoryError
try:
    History(pathlib.Path(sys.argv[1]))
except HistoryError as error:
    print(error)
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of memory."""
    with small_disk(tmp_path / "disk", DISK_MB) as place:
        yield place


def lost_in(entries: list[Entry]) -> list[dict[str, object]]:
    return [json.loads(entry.data) for entry in entries if entry.kind is Kind.GAP]


def test_a_full_disk_keeps_the_newest_and_counts_the_rest(disk: Path) -> None:
    clock = Clock()
    store = opened(disk / "state", clock, most_bytes=64 << 20)
    store.register(("s",))
    appended = []
    for _ in range(3000):
        clock.now_s += 1
        appended.append(store.append(sample(size=8000)))
    state = store.state()
    assert state.size_bytes < DISK_MB << 20
    assert state.problem is None
    assert state.shed > 0
    found = drained(store)
    assert appended[-1] in found
    kept = [entry for entry in found if entry.kind is Kind.SAMPLE]
    # The newest stay: what is there is one row without a hole.
    assert kept == appended[-len(kept) :]
    told = sum(int(str(gap["lost"])) for gap in lost_in(found))
    untold = sum(losses.lost or 0 for losses in store._journal.books.losses)
    assert told + untold == state.shed
    assert len(found) + state.shed == store._journal.books.next_seq - 1
    store.close()
    # And it is all there the next time.
    again = opened(disk / "state", clock, most_bytes=64 << 20)
    assert again.state().entries == state.entries
    assert again.append(sample()).seq > appended[-1].seq


def test_a_disk_that_somebody_else_fills_and_empties(disk: Path) -> None:
    clock = Clock()
    store = opened(disk / "state", clock, most_bytes=8 << 20)
    store.register(("s",))
    appended = filled(store, 20, size=8000)
    while store.state().problem is None:
        # Whatever the store gives up, the other one takes.
        fill_up(disk / "other")
        clock.now_s += 2
        appended.append(store.append(sample(size=8000)))
        assert len(appended) < 1000
    held_from = len(appended)
    appended += filled(store, 300, size=8000)
    state = store.state()
    assert state.problem == "database or disk is full"
    assert state.waiting > 0
    # Nobody goes without because the disk is full.
    found = drained(store)
    assert found[-1] == appended[-1]
    appended += filled(store, 5, size=8000)
    (disk / "other").unlink()
    clock.now_s += 2
    appended += filled(store, 1)
    state = store.state()
    assert (state.problem, state.waiting) == (None, 0)
    found += drained(store)
    samples = [entry for entry in found if entry.kind is Kind.SAMPLE]
    assert seqs_of(samples) == sorted(set(seqs_of(samples)))
    assert samples[-300:] == appended[-300:]
    assert len(samples) + sum(int(str(gap["lost"])) for gap in lost_in(found)) >= len(appended) >= held_from
    store.close()
    again = opened(disk / "state", clock, most_bytes=8 << 20)
    assert again.append(sample()).seq == found[-1].seq + 1


def test_a_process_that_ends_on_a_full_disk_uses_no_number_twice(disk: Path) -> None:
    clock = Clock()
    store = opened(disk / "state", clock, most_bytes=8 << 20)
    store.register(("s",))
    filled(store, 20, size=8000)
    while store.state().problem is None:
        fill_up(disk / "other")
        clock.now_s += 2
        store.append(sample(size=8000))
    handed_out = filled(store, 10) and drained(store)
    owner = store._journal._disk._owner
    assert owner is not None
    owner.close()
    (disk / "other").unlink()
    again = opened(disk / "state", clock, most_bytes=8 << 20)
    entry = again.append(sample())
    assert entry.seq > handed_out[-1].seq
    gaps = [gap for gap in lost_in(drained(again)) if gap["why"] == LossReason.DISK]
    assert len(gaps) == 1
    assert gaps[0]["last_seq"] == handed_out[-1].seq


def test_a_disk_that_becomes_read_only_and_comes_back(disk: Path) -> None:
    clock = Clock()
    store = opened(disk / "state", clock)
    store.register(("s",))
    before = filled(store, 10)
    store.close()
    remount(disk, "ro")
    store = opened(disk / "state", clock)
    store.register(("s",))
    during = filled(store, 10)
    state = store.state()
    assert state.problem is not None
    assert state.waiting == 10
    # What goes out now is under numbers that the disk will not give again, whatever happens.
    assert during[0].seq > 1_000_000_000
    assert drained(store) == during
    remount(disk, "rw")
    clock.now_s += 2
    after = filled(store, 1)
    assert store.state().problem is None
    found = drained(store)
    assert [entry for entry in found if entry.kind is Kind.SAMPLE] == [*before, *during, *after]
    assert {gap["why"] for gap in lost_in(found)} == {LossReason.SKIPPED}


def test_writes_that_are_refused_under_a_running_store(disk: Path) -> None:
    """Nobody can remount what is open for writing; only a disk error does, so SQLite itself is told to refuse here."""
    clock = Clock()
    directory = disk / "state"
    store = opened(directory, clock)
    store.register(("s",))
    before = filled(store, 10)
    connection = store._journal.connection
    assert connection is not None
    connection.execute("PRAGMA query_only=ON")
    during = filled(store, 10)
    assert store.state().waiting == 10
    assert drained(store) == [*before, *during]
    connection.execute("PRAGMA query_only=OFF")
    clock.now_s += 2
    after = filled(store, 1)
    assert store.state().waiting == 0
    assert drained(store) == after


def test_who_may_not_read_it_is_told_what_to_do(disk: Path) -> None:
    opened(disk / "state").close()
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-c", READ]
    ended = subprocess.run([*command, str(disk / "state")], capture_output=True, text=True, check=False, cwd=ROOT)
    assert "reading it is not permitted; run this as root, or as the user of the service" in ended.stdout


def test_a_foreign_reader_that_never_ends_does_not_fill_the_disk(disk: Path) -> None:
    import sqlite3  # noqa: PLC0415

    clock = Clock()
    store = opened(disk / "state", clock, most_bytes=8 << 20)
    reader = sqlite3.connect(f"file:{disk}/state/store.sqlite?mode=ro", uri=True, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM log").fetchall()
    while store.state().problem is None:
        clock.now_s += 1
        store.append(sample(size=8000))
        assert store.state().size_bytes < 12 << 20
    assert store.state().problem == "another program has been reading the database for too long"
    filled(store, 10)
    reader.close()
    clock.now_s += 20
    filled(store, 1)
    state = store.state()
    assert (state.problem, state.waiting) == (None, 0)
    assert state.size_bytes < 8 << 20
