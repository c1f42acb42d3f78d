"""How long an answer is worth waiting for."""

from math import inf

import pytest

from probes.trace.settings import TraceSettings
from probes.trace.waits import Waits


def test_nothing_heard_waits_for_the_first_sign_of_life() -> None:
    assert Waits(TraceSettings()).wait_s(1) == 0.5


@pytest.mark.parametrize(("ttl", "expected_s"), [(1, 0.06), (3, 0.06), (4, 0.15), (5, 0.15)])
def test_the_nearest_hop_at_or_behind_bounds_the_wait(ttl: int, expected_s: float) -> None:
    waits = Waits(TraceSettings())
    waits.heard(3, 20_000, ends=False)
    waits.heard(5, 50_000, ends=False)
    assert waits.wait_s(ttl) == pytest.approx(expected_s)


def test_a_near_hop_still_gets_a_router_s_time_to_think() -> None:
    waits = Waits(TraceSettings())
    waits.heard(3, 100, ends=False)
    assert waits.wait_s(3) == pytest.approx(0.05)


def test_nothing_behind_waits_by_the_largest() -> None:
    waits = Waits(TraceSettings())
    waits.heard(3, 200_000, ends=False)
    assert waits.wait_s(4) == pytest.approx(0.8)
    waits.heard(3, 100_000, ends=False)
    assert waits.wait_s(4) == pytest.approx(0.8), "a hop's largest counts"


def test_the_end_speaks_for_everything_behind() -> None:
    waits = Waits(TraceSettings())
    waits.heard(10, 60_000, ends=True)
    assert waits.wait_s(20) == waits.wait_s(inf) == pytest.approx(0.18)


def test_no_wait_is_longer_than_the_timeout() -> None:
    waits = Waits(TraceSettings(timeout_s=0.3))
    assert waits.wait_s(1) == 0.3
    waits.heard(2, 250_000, ends=False)
    assert waits.wait_s(1) == 0.3
