"""The store stays within its size: what everybody has goes first, then the oldest, counted and told."""

import json
import resource
from multiprocessing import get_context
from pathlib import Path

from agent.store.entry import Kind
from agent.store.loss import LossReason
from tests.unit.store.stores import Clock, drained, filled, next_of, opened, sample, seqs_of

SMALL = 8 << 20


def test_what_every_sink_has_goes_without_a_word(tmp_path: Path) -> None:
    store = opened(tmp_path, most_bytes=SMALL)
    store.register(("s",))
    for _ in range(40):
        filled(store, 20, size=20_000)
        assert store.state().size_bytes <= SMALL
        assert all(entry.kind is Kind.SAMPLE for entry in drained(store))
    assert store.state().shed > 0
    assert store.state().last_seq == 800


def test_what_a_sink_had_not_got_is_told_to_it(tmp_path: Path) -> None:
    clock = Clock()
    store = opened(tmp_path, clock, most_bytes=SMALL)
    store.register(("fast", "slow"))
    for _ in range(40):
        clock.now_s += 10
        filled(store, 20, size=20_000)
        assert store.state().size_bytes <= SMALL
        drained(store, "fast")
    clock.now_s += 61
    filled(store, 1)
    found = drained(store, "slow")
    gaps = [json.loads(entry.data) for entry in found if entry.kind is Kind.GAP]
    assert {gap["why"] for gap in gaps} == {LossReason.SIZE}
    assert {tuple(gap["sinks"]) for gap in gaps} == {("slow",)}
    assert sum(gap["lost"] for gap in gaps) == store.state().shed == found[0].seq - 1
    # At once, and then once a minute at most.
    assert len(gaps) <= 2 + 400 // 60
    assert seqs_of(found) == list(range(found[0].seq, found[-1].seq + 1))


def test_a_batch_that_loses_entries_to_the_ring_gets_another_id(tmp_path: Path) -> None:
    store = opened(tmp_path, most_bytes=SMALL)
    store.register(("s",))
    filled(store, 20, size=20_000)
    before = next_of(store, most=10)
    while store.state().shed < 5:
        filled(store, 5, size=20_000)
    after = next_of(store, most=10)
    assert before is not None
    assert after is not None
    assert after.id != before.id
    assert after.entries[0].seq == store.state().first_seq
    # The one before arrived after all: nothing of it is handed out again.
    store.delivered(before)
    again = next_of(store, most=10)
    assert again is not None
    assert again.entries[0].seq > before.entries[-1].seq


def test_what_was_refused_goes_with_the_oldest_and_is_told(tmp_path: Path) -> None:
    clock = Clock()
    store = opened(tmp_path, clock, most_bytes=SMALL)
    store.register(("s",))
    filled(store, 10)
    refused = next_of(store)
    assert refused is not None
    store.park(refused, "no")
    found = []
    for _ in range(40):
        filled(store, 20, size=20_000)
        found += drained(store)
    assert [one.parked for one in store.state().sinks] == [0]
    clock.now_s += 61
    filled(store, 1)
    found += drained(store)
    gaps = [json.loads(entry.data) for entry in found if entry.kind is Kind.GAP]
    assert [(gap["why"], gap["lost"], gap["first_seq"]) for gap in gaps] == [(LossReason.REFUSED, 10, 1)]


def test_a_lower_limit_makes_the_file_smaller(tmp_path: Path) -> None:
    store = opened(tmp_path, most_bytes=8 * SMALL)
    filled(store, 800, size=40_000)
    assert store.state().size_bytes > 2 * SMALL
    store.close()
    again = opened(tmp_path, most_bytes=SMALL)
    filled(again, 2)
    assert again.state().size_bytes <= SMALL
    assert again.state().last_seq == 802


def test_a_limit_of_the_process_is_survived_as_a_full_disk_is(tmp_path: Path) -> None:
    child = get_context("spawn").Process(target=within_a_limit, args=(tmp_path,))
    child.start()
    child.join()
    assert child.exitcode == 0
    assert opened(tmp_path).append(sample()).seq > 600


def within_a_limit(directory: Path) -> None:
    """Append more than files may hold (RLIMIT_FSIZE; Python ignores the signal)."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20))
    clock = Clock()
    store = opened(directory, clock)
    store.register(("s",))
    entries = []
    for _ in range(600):
        clock.now_s += 1
        entries.append(store.append(sample(size=20_000)))
    found = drained(store)
    assert found[-1].seq >= entries[-1].seq
    assert len(found) + store.state().shed == store._journal.books.next_seq - 1
    store.close()
