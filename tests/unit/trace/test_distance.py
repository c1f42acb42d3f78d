"""How far back an answer started: guesses that never make two ways differ by themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.trace.distance import distance_back, initial_ttl


@pytest.mark.parametrize(
    ("reply_ttl", "start", "back"),
    [(64, 64, 1), (60, 64, 5), (255, 255, 1), (250, 255, 6), (128, 128, 1), (117, 128, 12), (30, 32, 3), (1, 32, 32)],
)
def test_the_next_start_above_is_the_likely_one(reply_ttl: int, start: int, back: int) -> None:
    assert (initial_ttl(reply_ttl), distance_back(reply_ttl)) == (start, back)


def test_of_two_starts_the_one_that_fits_the_way_there_is_taken() -> None:
    # 30 is three hops from 32, or 35 hops from 64.
    assert distance_back(30, near=3) == 3
    assert distance_back(30, near=33) == 35


@given(st.integers(1, 255), st.integers(1, 64))
def test_knowing_the_way_there_only_ever_brings_both_closer(reply_ttl: int, there: int) -> None:
    assert abs(distance_back(reply_ttl, near=there) - there) <= abs(distance_back(reply_ttl) - there)
    assert 1 <= distance_back(reply_ttl, near=there) <= 255
