"""So much in a minute and so much at once, for each caller; and no caller makes the edge remember without end."""

from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.limits import Allowance, Limiter, Sprinkler, owner_of

TWO = Allowance(per_minute=2, concurrent=9)


def test_a_minute_has_so_many_and_says_when_the_next_may_begin() -> None:
    limiter = Limiter()
    for now in (0.0, 10.0):
        assert limiter.wait_s("a", TWO, now) == 0
        limiter.begin("a", now)
        limiter.end("a")
    assert limiter.wait_s("a", TWO, 10.0) == 50
    assert limiter.wait_s("a", TWO, 59.5) == 1
    assert limiter.wait_s("a", TWO, 60.0) == 0
    assert limiter.wait_s("b", TWO, 10.0) == 0


def test_so_many_run_at_once() -> None:
    limiter, one = Limiter(), Allowance(per_minute=100, concurrent=1)
    limiter.begin("a", 0.0)
    assert limiter.wait_s("a", one, 30.0) == 1
    limiter.end("a")
    assert limiter.wait_s("a", one, 30.0) == 0


def test_an_allowance_that_was_cut_counts_what_was_begun_before() -> None:
    limiter = Limiter()
    for now in (0.0, 1.0, 2.0):
        limiter.begin("a", now)
    assert limiter.wait_s("a", Allowance(per_minute=1, concurrent=9), 3.0) == 59


# Quarters of a second are exact in binary.
@given(st.lists(st.tuples(st.integers(0, 120), st.sampled_from("abc")), max_size=60), st.integers(1, 5))
def test_no_minute_ever_has_more_and_nobody_waits_in_vain(steps: list[tuple[int, str]], per_minute: int) -> None:
    limiter, allowance, now = Limiter(), Allowance(per_minute=per_minute, concurrent=99), 0.0
    begun: dict[str, list[float]] = {}
    for pause, caller in steps:
        now += pause / 4
        wait_s = limiter.wait_s(caller, allowance, now)
        if not wait_s:
            limiter.begin(caller, now)
            limiter.end(caller)
            begun.setdefault(caller, []).append(now)
        else:
            assert deepcopy(limiter).wait_s(caller, allowance, now + wait_s) == 0
            assert deepcopy(limiter).wait_s(caller, allowance, now + wait_s - 1) > 0
    for times in begun.values():
        assert all(later - first >= 60 for first, later in zip(times, times[per_minute:], strict=False))


def test_who_asked_longest_ago_is_forgotten_but_never_who_has_something_running() -> None:
    limiter = Limiter(most_callers=10)
    limiter.begin("busy", 0.0)
    for number in range(100):
        limiter.begin(number, 1.0)
        limiter.end(number)
    assert len(limiter) == 10
    assert limiter.wait_s("busy", Allowance(per_minute=1, concurrent=9), 2.0) > 0
    assert limiter.wait_s(0, Allowance(per_minute=1, concurrent=9), 2.0) == 0


def test_a_source_gets_a_burst_and_then_so_many_a_second() -> None:
    sprinkler = Sprinkler(per_s=2.0, burst=3, total_per_s=100.0)
    assert [sprinkler.take("a", 10.0) for _ in range(4)] == [True, True, True, False]
    assert sprinkler.take("b", 10.0)
    assert [sprinkler.take("a", 10.5) for _ in range(2)] == [True, False]


def test_forged_sources_get_no_more_than_the_total() -> None:
    sprinkler = Sprinkler(per_s=10.0, burst=10, total_per_s=50.0, most_sources=100)
    answered = sum(sprinkler.take(number, 1.0 + number / 1_000) for number in range(5_000))
    # Five seconds of fifty, and the fifty that were there at first.
    assert 290 <= answered <= 301
    assert len(sprinkler) == 100


@pytest.mark.parametrize(
    ("address", "owner"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_an_ipv6_caller_is_its_network(address: str, owner: str) -> None:
    assert owner_of(address) == owner
