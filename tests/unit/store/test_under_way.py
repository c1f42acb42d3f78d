"""What is dropped while a sink is being given it: lost if the sink did not take it, and never told of if it did."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from agent.store.books import MOST_LOSSES, Books, with_losses
from agent.store.database import SqliteStore
from agent.store.entry import Batch, Entry, Kind
from agent.store.held import Held
from agent.store.journal import Journal
from agent.store.loss import Losses, LossReason, runs, together
from agent.store.parking import put_back
from tests.unit.store.stores import Clock, drained, filled, next_of, opened, seqs_of

SMALL: Final = 1 << 20
LARGE_ENTRY: Final = 90_000
SINKS: Final = ("a", "b")

Numbers = set[int]


class Dropping:
    """A store of two sinks, and how entries of it are dropped: by the ring, or by memory while the disk is full."""

    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch, reason: LossReason) -> None:
        self.place, self.clock, self.reason = place, Clock(), reason
        self.store = opened(place, self.clock, SMALL)
        self.store.register(SINKS)
        self._patch = monkeypatch
        if reason is LossReason.DISK:
            self.store._journal.held = Held(4 * LARGE_ENTRY)
            self._close_disk()

    def _close_disk(self) -> None:
        def full(*_: object) -> None:
            raise sqlite3.OperationalError("attempt to write a readonly database")

        self._patch.setattr(Journal, "_write", full)

    def open_disk(self) -> None:
        self._patch.undo()
        self.clock.now_s += 61

    def fill(self) -> None:
        """Append until some of the oldest are gone."""
        shed = self.store.state().shed
        while self.store.state().shed == shed:
            filled(self.store, 1, LARGE_ENTRY)

    def told(self) -> dict[str, Numbers]:
        """Return what each sink is told of as lost to it, once everything is told."""
        self.open_disk()
        filled(self.store, 2)
        entries = drained(self.store, "a") + drained(self.store, "b")
        return numbers_told(entries, self.reason)

    def gone(self, batch: Batch) -> Numbers:
        """Return the numbers of a batch that are dropped by now."""
        flight = self.store._journal.books.flights[batch.sink]
        return set(flight.gone)


def numbers_told(entries: list[Entry], reason: LossReason) -> dict[str, Numbers]:
    found: dict[str, Numbers] = {sink: set() for sink in SINKS}
    for gap in (json.loads(entry.data) for entry in entries if entry.kind is Kind.GAP):
        numbers = set(range(gap["first_seq"], gap["last_seq"] + 1))
        assert (gap["why"], gap["lost"]) == (reason, len(numbers))
        for sink in gap["sinks"]:
            found[sink] |= numbers
    return found


@pytest.fixture(params=[LossReason.SIZE, LossReason.DISK])
def dropping(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dropping:
    return Dropping(tmp_path, monkeypatch, request.param)


def taken(store: SqliteStore, sink: str, most: int = 500) -> Batch:
    batch = next_of(store, sink, most)
    assert batch is not None
    return batch


def test_what_was_dropped_and_delivered_all_the_same_is_not_told_to_that_sink(dropping: Dropping) -> None:
    filled(dropping.store, 2, LARGE_ENTRY)
    batch = taken(dropping.store, "a")
    dropping.fill()
    gone = dropping.gone(batch)
    assert gone
    dropping.store.delivered(batch)
    told = dropping.told()
    assert told["a"].isdisjoint(seqs_of(batch.entries))
    assert gone <= told["b"]


def test_both_have_got_what_was_dropped_so_nothing_is_told_of_it(dropping: Dropping) -> None:
    filled(dropping.store, 3, LARGE_ENTRY)
    batches = [taken(dropping.store, sink) for sink in SINKS]
    dropping.fill()
    gone = dropping.gone(batches[0])
    assert gone
    for batch in batches:
        dropping.store.delivered(batch)
    told = dropping.told()
    assert gone.isdisjoint(told["a"] | told["b"])


def refuse(store: SqliteStore, batch: Batch) -> None:
    store.park(batch, "no")


def fail(store: SqliteStore, batch: Batch) -> None:
    assert next_of(store, batch.sink) is not None


def shorten(store: SqliteStore, batch: Batch) -> None:
    store.shorten(batch)
    assert next_of(store, batch.sink) is not None


@pytest.mark.parametrize("end", [refuse, fail, shorten])
def test_what_was_dropped_and_not_taken_is_told(dropping: Dropping, end: Callable[[SqliteStore, Batch], None]) -> None:
    filled(dropping.store, 3, LARGE_ENTRY)
    batch = taken(dropping.store, "a")
    dropping.fill()
    gone = dropping.gone(batch)
    end(dropping.store, batch)
    told = dropping.told()
    assert gone
    assert gone <= told["a"]
    assert gone <= told["b"]


def test_of_a_batch_refused_in_part_the_refused_is_told_alone(dropping: Dropping) -> None:
    filled(dropping.store, 3, LARGE_ENTRY)
    batch = taken(dropping.store, "a")
    while not {1, 2} <= dropping.gone(batch):
        dropping.fill()
    dropping.store.park(batch, "no", only=(1,))
    told = dropping.told()
    assert 1 in told["a"]
    assert told["a"].isdisjoint({2, 3})


def test_what_lies_outside_of_the_batch_is_told_while_it_is_under_way(tmp_path: Path) -> None:
    clock = Clock()
    store = opened(tmp_path, clock, SMALL)
    store.register(("a",))
    filled(store, 3, LARGE_ENTRY)
    batch = taken(store, "a", 1)
    while store.state().shed < 3:
        filled(store, 1, LARGE_ENTRY)
    clock.now_s += 61
    filled(store, 1)
    # The batch is only number 1.
    assert [one.first_seq for one in store._journal.books.losses] == []
    store.delivered(batch)
    first, *_ = numbers_of_gaps(drained(store, "a"))
    assert first[0] == 2


def numbers_of_gaps(entries: list[Entry]) -> list[tuple[int, int]]:
    gaps: list[dict[str, Any]] = [json.loads(entry.data) for entry in entries if entry.kind is Kind.GAP]
    return [(gap["first_seq"], gap["last_seq"]) for gap in gaps]


def test_a_process_that_ends_meanwhile_tells_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dropping = Dropping(tmp_path, monkeypatch, LossReason.SIZE)
    filled(dropping.store, 3, LARGE_ENTRY)
    batch = taken(dropping.store, "a")
    dropping.fill()
    gone = dropping.gone(batch)
    dropping.store.close()
    dropping.store = opened(tmp_path, dropping.clock, SMALL)
    dropping.store.register(SINKS)
    assert gone <= dropping.told()["a"]


def test_a_process_that_is_killed_meanwhile_tells_of_it_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dropping = Dropping(tmp_path, monkeypatch, LossReason.SIZE)
    filled(dropping.store, 3, LARGE_ENTRY)
    batch = taken(dropping.store, "a")
    dropping.fill()
    gone = dropping.gone(batch)
    owner = dropping.store._journal._disk._owner
    assert owner is not None
    owner.close()
    dropping.store = opened(tmp_path, dropping.clock, SMALL)
    dropping.store.register(SINKS)
    assert gone <= dropping.told()["a"]


def test_a_batch_that_was_put_back_and_delivered_is_not_told_of(tmp_path: Path) -> None:
    clock = Clock()
    store = opened(tmp_path, clock, SMALL)
    store.register(("a",))
    filled(store, 3, LARGE_ENTRY)
    store.park(taken(store, "a"), "no", only=(1, 3))
    connection = store._journal.connection
    assert connection is not None
    put_back(connection, "a")
    again = taken(store, "a")
    assert seqs_of(again.entries) == [1, 3]
    while not store._journal.books.flights["a"].gone:
        filled(store, 1, LARGE_ENTRY)
    store.delivered(again)
    # Neither is what is left of it given once more.
    assert {1, 3}.isdisjoint(seqs_of(drained(store, "a")))
    clock.now_s += 61
    filled(store, 1)
    told = numbers_told(drained(store, "a"), LossReason.SIZE)["a"]
    assert told.isdisjoint({1, 2, 3})


def test_a_loss_whose_entry_is_dropped_is_told_of_again(tmp_path: Path) -> None:
    clock = Clock()
    store = opened(tmp_path, clock, SMALL)
    store.register(("a",))
    for _ in range(60):
        filled(store, 1, LARGE_ENTRY)
    first = store.state().first_seq
    clock.now_s += 61
    filled(store, 1)
    found = drained(store, "a")
    assert first is not None
    assert first > 20
    assert numbers_told(found, LossReason.SIZE)["a"] == set(range(1, found[0].seq))


# --- the losses by themselves -----------------------------------------------------------------------------------------


def loss(first: int, last: int, *sinks: str) -> Losses:
    return Losses(why=LossReason.SIZE, lost=last - first + 1, first_seq=first, last_seq=last, sinks=sinks)


def test_numbers_that_follow_each_other_are_one_loss() -> None:
    assert list(runs(LossReason.SIZE, "a", (1, 2, 4, 7, 8))) == [loss(1, 2, "a"), loss(4, 4, "a"), loss(7, 8, "a")]
    assert list(runs(LossReason.SIZE, "a", ())) == []


def test_what_two_sinks_lack_is_told_once() -> None:
    found = together((loss(1, 9, "a"), loss(4, 12, "b")))
    assert found == (loss(1, 3, "a"), loss(4, 9, "a", "b"), loss(10, 12, "b"))


def test_what_has_no_exact_numbers_is_told_as_it_is() -> None:
    some = Losses(why=LossReason.SIZE, lost=2, first_seq=1, last_seq=9, sinks=("a",))
    unknown = Losses(why=LossReason.DAMAGED, lost=None, first_seq=1, last_seq=9)
    assert together((some, unknown, loss(3, 4, "a"))) == (some, unknown, loss(3, 4, "a"))


def test_losses_apart_are_bounded_and_none_is_uncounted() -> None:
    books = Books()
    for number in range(3 * MOST_LOSSES):
        books = with_losses(books, loss(2 * number, 2 * number, "a"))
    assert len(books.losses) == MOST_LOSSES
    assert sum(one.lost or 0 for one in books.losses) == 3 * MOST_LOSSES
    assert books.losses[-1].last_seq == 2 * (3 * MOST_LOSSES - 1)
