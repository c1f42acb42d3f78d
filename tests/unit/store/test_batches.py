"""What goes in comes out: in order, in batches that stay the same until they are settled, whatever happens between."""

from pathlib import Path

import pytest

from agent.store.owner import StoreInUse
from tests.unit.store.stores import drained, filled, next_of, opened, sample, seqs_of


def test_every_entry_comes_out_as_it_went_in(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.register(("s",))
    entries = filled(store, 5)
    assert seqs_of(entries) == [1, 2, 3, 4, 5]
    assert drained(store) == entries
    assert next_of(store) is None


def test_a_new_sink_begins_with_what_comes_next(tmp_path: Path) -> None:
    store = opened(tmp_path)
    filled(store, 3)
    store.register(("s",))
    assert next_of(store) is None
    filled(store, 1)
    assert seqs_of(drained(store)) == [4]


def test_each_sink_has_a_cursor_of_its_own(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.register(("fast", "slow"))
    entries = filled(store, 4)
    assert drained(store, "fast") == entries
    assert [one.pending for one in store.state().sinks] == [0, 4]
    assert drained(store, "slow", 3) == entries


def test_a_sink_that_is_registered_no_more_is_forgotten(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.register(("a", "b"))
    filled(store, 2)
    store.register(("b",))
    assert next_of(store, "a") is None
    store.register(("a", "b"))
    assert next_of(store, "a") is None
    assert len(drained(store, "b")) == 2


def test_a_batch_is_handed_out_again_until_it_is_settled(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.register(("s",))
    filled(store, 3)
    first = next_of(store, most=2)
    assert first is not None
    filled(store, 3)
    again = next_of(store, most=500)
    assert again is not None
    assert (again.id, again.entries) == (first.id, first.entries)
    assert (first.attempt, again.attempt) == (1, 2)


def test_a_batch_is_the_same_after_the_process_was_killed(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.register(("s",))
    filled(store, 3)
    before = next_of(store)
    # Nothing but the lock ends with a process that is killed.
    store._journal._disk._owner.close()  # type: ignore[union-attr]
    after = opened(tmp_path)
    filled(after, 1)
    again = next_of(after)
    assert before is not None
    assert again is not None
    assert (again.id, again.entries, again.attempt) == (before.id, before.entries, 1)
    after.delivered(again)
    assert seqs_of(drained(after)) == [4]


def test_batches_are_bounded_by_entries_and_by_bytes(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.register(("s",))
    filled(store, 10, size=1000)
    batch = store.next_batch("s", most_entries=100, most_bytes=4500)
    assert batch is not None
    assert len(batch.entries) == 3
    store.delivered(batch)
    alone = store.next_batch("s", most_entries=100, most_bytes=1)
    assert alone is not None
    assert len(alone.entries) == 1


def test_a_shortened_batch_has_another_id(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.register(("s",))
    filled(store, 5)
    whole = next_of(store)
    assert whole is not None
    store.shorten(whole)
    half = next_of(store)
    assert half is not None
    assert (seqs_of(half.entries), half.id != whole.id) == ([1, 2], True)
    store.delivered(half)
    assert seqs_of(drained(store)) == [3, 4, 5]


def test_one_entry_cannot_be_shortened(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.register(("s",))
    filled(store, 1)
    one = next_of(store)
    assert one is not None
    store.shorten(one)
    again = next_of(store)
    assert again is not None
    assert again.id == one.id


def test_two_processes_cannot_have_one_store(tmp_path: Path) -> None:
    store = opened(tmp_path)
    with pytest.raises(StoreInUse, match=r"process \d+ uses this store"):
        opened(tmp_path)
    store.close()
    opened(tmp_path).close()


def test_a_maker_that_fails_costs_no_number(tmp_path: Path) -> None:
    store = opened(tmp_path)

    def fail(_: int) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.append(fail)  # type: ignore[arg-type]
    assert store.append(sample()).seq == 1


def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    store = opened(tmp_path)
    filled(store, 3)
    store.close()
    again = opened(tmp_path)
    assert again.append(sample()).seq == 4
