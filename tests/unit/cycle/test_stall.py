"""A sample in which the agent stood still."""

import pytest

from agent.stall import LONGEST_S, Stall
from probes.failure import Failure


class Told:
    """A clock that says what it is told."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def realtime_ns(self) -> int:
        return 0

    def boottime(self) -> float:
        return self.now


def test_a_sample_that_goes_on_did_not_stand_still() -> None:
    clock = Told()
    stall = Stall(clock)
    for _ in range(100):
        clock.now += LONGEST_S
        assert not stall.found()
    assert stall.failure() is None


@pytest.mark.parametrize("asked_again", [0, 5])
def test_one_long_absence_is_remembered(asked_again: int) -> None:
    clock = Told()
    stall = Stall(clock)
    clock.now += 9.75
    for _ in range(asked_again):
        assert stall.found()
        clock.now += 0.05
    failure = stall.failure()
    assert failure is not None
    assert failure.failure is Failure.DEADLINE_OVERRUN
    assert failure.detail.startswith("the agent did not run for 9.8 s")
