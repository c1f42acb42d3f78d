"""Unit tests of delivery: what is sent when, what becomes of refusals, and what the log hears."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from agent.daemon.plan import SinkPlan
from agent.sinks.delivery import Delivery
from agent.sinks.sink import DELIVERED, Fate, Outcome, RefusedEntry, refused, unavailable
from probes.clock import SystemClock
from tests.unit.sinks.a_store import FakeClock, MemoryStore, entry

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.store.entry import Batch


class ScriptedSink:
    """Answers as it is told."""

    def __init__(self, answer: Callable[[Batch], Outcome]) -> None:
        self.answer = answer
        self.batches: list[Batch] = []
        self.closed = False

    def send(self, batch: Batch, stop: Callable[[], bool]) -> Outcome:  # noqa: ARG002 - the interface
        self.batches.append(batch)
        return self.answer(batch)

    def close(self) -> None:
        self.closed = True


class Desk:
    """A delivery with everything that it needs, turned by hand."""

    def __init__(self, answer: Callable[[Batch], Outcome], count: int = 10) -> None:
        self.store = MemoryStore([entry(seq) for seq in range(1, count + 1)])
        self.clock = FakeClock()
        self.lines: list[tuple[str, str]] = []
        self.sink = ScriptedSink(answer)
        plan = SinkPlan(name="centre", type="http", options={"batch": 4})
        self.delivery = Delivery(
            self.store, plan, self.sink, self.clock, lambda: 0.5, lambda level, line: self.lines.append((level, line))
        )

    def turns(self, most: int = 1_000) -> list[float]:
        """Turn until nothing is left; return the waits, and let them pass."""
        waits: list[float] = []
        for _ in range(most):
            wait_s = self.delivery.turn()
            if wait_s is None:
                return waits
            self.clock.now += wait_s
            waits.append(wait_s)
        raise AssertionError("it never ends")


def test_everything_goes_in_order_without_a_pause() -> None:
    desk = Desk(lambda _: DELIVERED)
    assert desk.turns() == [0, 0, 0]
    assert [each.seq for each in desk.store.taken] == list(range(1, 11))
    assert [len(batch.entries) for batch in desk.sink.batches] == [4, 4, 2]
    assert desk.delivery.status().delivered == 10
    assert desk.lines == []


def test_a_sink_that_is_down_gets_the_same_batch_again_and_the_log_two_lines() -> None:
    answers = iter([unavailable("connection refused")] * 5)
    desk = Desk(lambda _: next(answers, DELIVERED))
    waits = desk.turns()
    assert waits == [1.5, 2.5, 4.5, 8.5, 16.5, 0, 0, 0]
    assert [batch.id for batch in desk.sink.batches[:6]] == ["batch-1"] * 6
    assert desk.lines == [
        ("warning", "sink centre takes nothing, what is for it is kept: connection refused"),
        ("info", "sink centre takes entries again, after 34 s"),
    ]
    status = desk.delivery.status()
    assert (status.attempts, status.failures, status.failing_since_s, status.last_failure) == (8, 5, None, None)


def test_another_reason_is_said_after_a_minute() -> None:
    reasons = iter(["refused", "refused", "403", "403", "403", "403", "403"])
    desk = Desk(lambda _: unavailable(next(reasons), 30))
    for _ in range(7):
        desk.clock.now += desk.delivery.turn() or 0
    assert [line for _, line in desk.lines] == [
        "sink centre takes nothing, what is for it is kept: refused",
        "sink centre still takes nothing, what is for it is kept: 403",
    ]
    assert desk.delivery.status().failing_since_s == 1_000.0


def test_one_bad_entry_alone_is_parked() -> None:
    desk = Desk(lambda batch: refused("no JSON") if any(each.seq == 6 for each in batch.entries) else DELIVERED)
    assert set(desk.turns()) == {0}
    assert [(each.seq, why) for each, why in desk.store.aside] == [(6, "no JSON")]
    assert [each.seq for each in desk.store.taken] == [1, 2, 3, 4, 5, 7, 8, 9, 10]
    assert desk.lines == [("error", "sink centre refuses entries, kept aside: 1, no JSON")]
    assert desk.delivery.status().parked == 1


def test_a_batch_that_is_halved_goes_out_under_another_id() -> None:
    desk = Desk(lambda batch: refused("too large") if len(batch.entries) > 1 else DELIVERED, count=4)
    desk.turns()
    contents = {batch.id: tuple(each.seq for each in batch.entries) for batch in desk.sink.batches}
    assert contents["batch-1"] == (1, 2, 3, 4)
    assert len(contents) == len(desk.sink.batches)


def test_a_sink_that_refuses_everything_finds_nearly_everything_there_once_it_is_mended() -> None:
    mended_at = 1_000.0 + 3_600
    desk = Desk(lambda _: DELIVERED if desk.clock.now >= mended_at else refused("bad format"), count=1_000)
    desk.turns()
    assert len(desk.store.aside) < 40
    assert len(desk.store.taken) + len(desk.store.aside) == 1_000


def chokes_on(seq: int) -> Callable[[Batch], Outcome]:
    bad = Outcome(fate=Fate.UNAVAILABLE, why="500", suspect=True)
    return lambda batch: bad if any(each.seq == seq for each in batch.entries) else DELIVERED


def test_an_entry_that_a_collector_chokes_on_does_not_stop_the_others_for_ever() -> None:
    desk = Desk(chokes_on(333), count=600)
    desk.delivery._most = desk.delivery._limit = 500
    desk.turns()
    assert [each.seq for each, _ in desk.store.aside] == [333]
    assert len(desk.store.taken) == 599
    assert desk.clock.now - 1_000 < 5 * 3_600


def test_a_collector_that_is_broken_for_a_day_costs_few_entries() -> None:
    desk = Desk(lambda _: Outcome(fate=Fate.UNAVAILABLE, why="500", suspect=True), count=5_000)
    desk.delivery._most = desk.delivery._limit = 500
    while desk.clock.now < 1_000 + 86_400:
        desk.clock.now += desk.delivery.turn() or 0
    assert len(desk.store.aside) <= 90


def test_a_collector_that_is_broken_for_ten_minutes_costs_none() -> None:
    desk = Desk(lambda _: Outcome(fate=Fate.UNAVAILABLE, why="500", suspect=True), count=5_000)
    while desk.clock.now < 1_000 + 600:
        desk.clock.now += desk.delivery.turn() or 0
    assert {batch.id for batch in desk.sink.batches} == {"batch-1"}


def test_entries_that_a_sink_names_are_put_aside_and_the_rest_counts() -> None:
    outcome = Outcome(fate=Fate.DELIVERED, refused=(RefusedEntry(2, "mapping"),))
    desk = Desk(lambda _: outcome, count=4)
    desk.turns()
    assert [each.seq for each, _ in desk.store.aside] == [2]
    assert [each.seq for each in desk.store.taken] == [1, 3, 4]
    assert (desk.delivery.status().delivered, desk.delivery.status().parked) == (3, 1)


def test_what_a_sink_dropped_unnamed_is_counted_and_said() -> None:
    desk = Desk(lambda _: Outcome(fate=Fate.DELIVERED, rejected=1, why="too old"), count=4)
    desk.turns()
    assert (desk.delivery.status().delivered, desk.delivery.status().rejected) == (3, 1)
    assert desk.lines == [("error", "sink centre dropped entries of a batch that it took: 1, too old")]


def test_a_steady_trickle_of_refusals_is_said_once_an_hour() -> None:
    desk = Desk(lambda batch: Outcome(fate=Fate.DELIVERED, refused=(RefusedEntry(batch.entries[0].seq, "no"),)), 800)
    while desk.delivery.turn() is not None:
        desk.clock.now += 36
    assert [line.rpartition(": ")[2] for _, line in desk.lines] == ["1, no", "100, no"]


def test_a_mistake_in_a_sink_keeps_its_entries_and_its_thread() -> None:
    def broken(_: Batch) -> Outcome:
        raise ZeroDivisionError("secret-token")

    desk = Desk(broken)
    assert (desk.delivery.turn() or 0) >= 1
    assert not desk.store.taken
    ((level, line),) = desk.lines
    assert level == "warning"
    assert "ZeroDivisionError (test_delivery.py:" in line
    assert "secret-token" not in line


# --- with its thread --------------------------------------------------------------------------------------------------


def running(store: MemoryStore, answer: Callable[[Batch], Outcome]) -> tuple[Delivery, ScriptedSink]:
    sink = ScriptedSink(answer)
    plan = SinkPlan(name="centre", type="http")
    delivery = Delivery(store, plan, sink, SystemClock(), lambda: 0.0, lambda *_: None)
    delivery.start()
    return delivery, sink


def eventually(what: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not what():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_what_is_new_is_delivered_when_it_is_woken() -> None:
    store = MemoryStore()
    delivery, sink = running(store, lambda _: DELIVERED)
    for seq in range(1, 4):
        store.append(entry)
        delivery.wake()
        eventually(lambda: len(store.taken) == seq)  # noqa: B023 - called at once
    assert delivery.finish(time.monotonic() + 5)
    assert sink.closed


def test_at_the_end_what_is_there_is_delivered() -> None:
    store = MemoryStore()
    delivery, _ = running(store, lambda _: DELIVERED)
    for _ in range(1_200):
        store.append(entry)
    delivery.wake()
    assert delivery.finish(time.monotonic() + 5)
    assert len(store.taken) == 1_200


def test_a_sink_that_is_down_holds_up_no_end() -> None:
    delivery, sink = running(MemoryStore([entry(1)]), lambda _: unavailable("down", 3_600))
    eventually(lambda: len(sink.batches) == 1)
    began = time.monotonic()
    assert delivery.finish(began + 5)
    assert time.monotonic() - began < 1
    assert len(sink.batches) == 1


def test_waking_a_failing_sink_does_not_try_it_again_but_a_change_of_the_network_does() -> None:
    delivery, sink = running(MemoryStore([entry(1)]), lambda _: unavailable("down"))
    eventually(lambda: len(sink.batches) == 3)
    for _ in range(50):
        delivery.wake()
    time.sleep(0.2)
    assert len(sink.batches) == 3
    delivery.retry_soon()
    eventually(lambda: len(sink.batches) == 4)
    assert delivery.finish(time.monotonic() + 5)


def test_a_delivery_that_never_began_ends_too() -> None:
    delivery = Delivery(
        MemoryStore(), SinkPlan(name="a", type="stdout"), ScriptedSink(lambda _: DELIVERED), SystemClock(), lambda: 0.0,
        lambda *_: None,
    )  # fmt: skip
    assert delivery.finish(time.monotonic())
