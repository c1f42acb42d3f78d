"""The pool: real threads, bounded, in order, ended when idle; what hangs, fails or is cancelled hurts nobody else."""

import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from agent.daemon.workers import LIMIT_S, Done, Workers
from probes.clock import SystemClock
from tests.unit.daemon.clocks import SetClock

Stop = Callable[[], bool]


@contextmanager
def pool(concurrent: int, clock: SystemClock | None = None, idle_s: float = 10.0) -> Iterator[Workers[int]]:
    workers: Workers[int] = Workers(concurrent, clock or SystemClock(), idle_s=idle_s)
    try:
        yield workers
    finally:
        workers.stop(time.monotonic())


def collected(workers: Workers[int], count: int) -> list[Done[int]]:
    """Return so many results, waiting as the loop does; it has ten seconds, and needs none."""
    done: list[Done[int]] = []
    until = time.monotonic() + 10.0
    while len(done) < count and time.monotonic() < until:
        select.select([workers], [], [], 0.5)
        done += workers.collect()
    return done


def becomes(told: Callable[[], bool]) -> bool:
    until = time.monotonic() + 10.0
    while not told() and time.monotonic() < until:
        time.sleep(0.002)
    return told()


def test_a_result_wakes_the_loop_and_is_collected_once() -> None:
    with pool(2) as workers:
        assert select.select([workers], [], [], 0)[0] == []
        number = workers.submit("crm", lambda _: 7)
        (done,) = collected(workers, 1)
        assert (done.number, done.name, done.result, done.error) == (number, "crm", 7, None)
        assert done.submitted_s <= done.started_s <= done.finished_s
        assert workers.collect() == []
        assert select.select([workers], [], [], 0)[0] == []


def test_a_thousand_are_done_in_order_by_no_more_threads_than_may_be() -> None:
    at_work, most, lock = 0, 0, threading.Lock()

    def work(_: Stop) -> int:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        with lock:
            at_work -= 1
        return 0

    with pool(4) as workers:
        for n in range(1_000):
            workers.submit(f"target-{n}", work)
        done = collected(workers, 1_000)
        assert sorted(each.number for each in done) == list(range(1, 1_001))
        starts = [each.started_s for each in sorted(done, key=lambda each: each.number)]
        assert starts == sorted(starts)
        assert most <= 4
        assert workers.threads <= 4


def test_one_thread_does_them_one_after_the_other() -> None:
    with pool(1) as workers:
        for n in range(50):
            workers.submit("x", partial(number, n))
        assert [done.result for done in collected(workers, 50)] == list(range(50))


def number(n: int, _: Stop) -> int:
    return n


def leave(_: Stop) -> int:
    raise SystemExit(3)


def test_a_mistake_is_a_result_and_the_thread_goes_on() -> None:
    with pool(1) as workers:
        workers.submit("bad", lambda _: 1 // 0)
        workers.submit("worse", leave)
        workers.submit("good", lambda _: 3)
        bad, worse, good = collected(workers, 3)
        assert isinstance(bad.error, ZeroDivisionError)
        assert isinstance(worse.error, SystemExit)
        assert (good.result, good.error) == (3, None)
        assert workers.threads == 1


def test_idle_threads_end_and_are_made_again() -> None:
    with pool(8, idle_s=0.05) as workers:
        gate = threading.Event()
        for _ in range(8):
            workers.submit("x", lambda _: int(gate.wait(10)))
        assert workers.threads == 8
        gate.set()
        assert len(collected(workers, 8)) == 8
        assert becomes(lambda: workers.threads == 0)
        workers.submit("x", lambda _: 1)
        assert len(collected(workers, 1)) == 1


def test_the_newest_idle_thread_works_first_so_that_the_others_may_end() -> None:
    with pool(8, idle_s=0.2) as workers:
        gate = threading.Event()
        for _ in range(8):
            workers.submit("x", lambda _: int(gate.wait(10)))
        gate.set()
        collected(workers, 8)
        until = time.monotonic() + 10.0
        while workers.threads > 1 and time.monotonic() < until:
            workers.submit("x", lambda _: 1)
            collected(workers, 1)
        assert workers.threads == 1


def test_jobs_that_come_just_when_threads_go_are_all_done() -> None:
    with pool(4, idle_s=0.0005) as workers:
        for n in range(300):
            workers.submit("x", lambda _: 1)
            time.sleep(0.0005 * (n % 3))
        assert len(collected(workers, 300)) == 300


def test_what_hangs_gives_its_place_to_the_next_and_is_asked_to_end() -> None:
    clock = SetClock()
    with pool(1, clock) as workers:
        gate = threading.Event()
        asked: list[bool] = []

        def hang(stop: Stop) -> int:
            gate.wait(10)
            asked.append(stop())
            return 1

        workers.submit("hung", hang)
        workers.submit("next", lambda _: 2)
        assert workers.next_deadline() == clock.now + LIMIT_S
        clock.now += LIMIT_S - 0.001
        assert workers.turn(clock.now) == ()
        assert [workers.running, workers.waiting, workers.stuck] == [1, 1, 0]
        clock.now += 0.002
        assert workers.turn(clock.now) == ("hung",)
        assert workers.turn(clock.now) == ()
        (done,) = collected(workers, 1)
        assert (done.name, done.result) == ("next", 2)
        assert [workers.running, workers.stuck] == [1, 1]
        assert workers.next_deadline() is None
        gate.set()
        (late,) = collected(workers, 1)
        assert (late.name, late.result, asked) == ("hung", 1, [True])
        assert [workers.running, workers.stuck] == [0, 0]


def test_once_as_many_hang_as_may_run_only_a_new_process_helps() -> None:
    clock = SetClock()
    gate = threading.Event()
    with pool(2, clock) as workers:
        for name in ("a", "b"):
            workers.submit(name, lambda _: int(gate.wait(10)))
        clock.now += LIMIT_S
        exhausted = [workers.exhausted]
        assert workers.turn(clock.now) == ("a", "b")
        exhausted.append(workers.exhausted)
        # Who asks for more gets it all the same, while the manager's patience lasts.
        workers.submit("c", lambda _: 3)
        assert [done.name for done in collected(workers, 1)] == ["c"]
        gate.set()
        collected(workers, 2)
        assert [*exhausted, workers.exhausted] == [False, True, False]


def test_cancelling_ends_what_runs_and_answers_for_what_waits() -> None:
    with pool(1) as workers:
        began = threading.Event()

        def until_told(stop: Stop) -> int:
            began.set()
            return int(becomes(stop))

        first = workers.submit("crm", until_told)
        second = workers.submit("crm", lambda _: 2)
        workers.submit("mail", lambda _: 3)
        began.wait(10)
        workers.cancel("crm")
        done = {each.number: each.result for each in collected(workers, 3)}
        assert done == {first: 1, second: None, 3: 3}


def test_more_may_run_after_a_reload() -> None:
    with pool(1) as workers:
        both = threading.Barrier(2, timeout=10)
        for _ in range(2):
            workers.submit("x", lambda _: both.wait())
        workers.resize(2)
        assert {done.error for done in collected(workers, 2)} == {None}


def test_the_end_waits_for_what_ends_and_names_what_does_not() -> None:
    workers: Workers[int] = Workers(3, SystemClock())
    gate = threading.Event()
    workers.submit("polite", lambda stop: int(becomes(stop)))
    workers.submit("deaf", lambda _: int(gate.wait(10)))
    workers.submit("quick", lambda _: 1)
    collected_before = collected(workers, 1)
    began = time.monotonic()
    assert workers.stop(began + 0.3) == ("deaf",)
    assert 0.25 < time.monotonic() - began < 2.0
    assert [done.name for done in [*collected_before, *workers.collect()]] == ["quick", "polite"]
    gate.set()
    assert becomes(lambda: workers.threads == 0)


def test_the_end_does_not_wait_where_nothing_runs_and_drops_what_waits() -> None:
    workers: Workers[int] = Workers(1, SystemClock())
    workers.submit("polite", lambda stop: int(becomes(stop)))
    workers.submit("waiting", lambda _: pytest.fail("began after the end"))
    began = time.monotonic()
    assert workers.stop(began + 5.0) == ()
    assert time.monotonic() - began < 2.0
    assert [done.name for done in workers.collect()] == ["polite"]


def test_what_a_thread_cannot_begin_for_want_of_memory_is_done_without_a_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_memory(*_: object) -> None:
        raise MemoryError

    with pool(1) as workers:
        with monkeypatch.context() as patched:
            patched.setattr(Workers, "_next", no_memory)
            patched.setattr("sys.unraisablehook", lambda _: None)
            workers.submit("crm", lambda _: 1)
            (done,) = collected(workers, 1)
        assert isinstance(done.error, MemoryError)
        assert (workers.running, workers.threads) == (0, 0)
        workers.submit("crm", lambda _: 2)
        assert [done.result for done in collected(workers, 1)] == [2]


def test_where_the_host_gives_no_thread_the_next_turn_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_serve: object, _arguments: object) -> None:
        raise RuntimeError("can't start new thread")

    with pool(2) as workers:
        with monkeypatch.context() as patched:
            patched.setattr("agent.daemon.workers.start_new_thread", refuse)
            workers.submit("crm", lambda _: 1)
            assert (workers.waiting, workers.threads, workers.refused) == (1, 0, 1)
            workers.turn(time.monotonic())
            assert workers.refused == 2
        workers.turn(time.monotonic())
        assert [done.name for done in collected(workers, 1)] == ["crm"]
