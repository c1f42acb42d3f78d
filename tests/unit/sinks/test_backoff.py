"""Unit tests of how long a failing sink is left alone."""

from agent.sinks.backoff import Backoff


def test_waits_grow_to_five_minutes_and_no_further() -> None:
    backoff = Backoff(lambda: 1.0)
    assert [backoff.failed() for _ in range(11)] == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def test_no_wait_is_shorter_than_a_second() -> None:
    backoff = Backoff(lambda: 0.0)
    assert {backoff.failed() for _ in range(50)} == {1.0}


def test_after_a_success_it_begins_again() -> None:
    backoff = Backoff(lambda: 1.0)
    for _ in range(9):
        backoff.failed()
    backoff.succeeded()
    assert backoff.failed() == 2.0


def test_who_asks_for_time_gets_it_and_all_come_back_apart() -> None:
    assert Backoff(lambda: 0.0).failed(120) == 120.0
    last = Backoff(lambda: 1.0)
    for _ in range(9):
        last.failed()
    assert last.failed(120) == 132.0


def test_nobody_gets_more_than_an_hour_or_less_than_a_second() -> None:
    assert Backoff(lambda: 1.0).failed(1e9) == 3600.0
    assert Backoff(lambda: 0.0).failed(0) == 1.0
    assert Backoff(lambda: 0.0).failed(-5) == 1.0
