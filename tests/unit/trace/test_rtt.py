"""Round-trip times and their summary."""

import pytest

from probes.facts import RttSummary, StampSource
from probes.seam import Stamp
from probes.trace.rtt import in_ms, round_trip_us, summarise

_SENT = Stamp(100.0, 1_000_000_000, StampSource.USER)


@pytest.mark.parametrize(
    ("monotonic_s", "wall_us", "expected_us", "why"),
    [
        (0.040, 40_000, 40_000, "both clocks agree"),
        (0.055, 40_000, 40_000, "the reply lay in the buffer for 15 ms: the kernel's stamp is the truth"),
        (0.0399, 40_000, 40_000, "two readings are not one instant"),
        (0.040, 3_600_040_000, 40_000, "the wall clock was set forward"),
        (0.040, -3_599_960_000, 40_000, "the wall clock was set back"),
        (0.010, -10_000, 10_000, "the wall clock was set back a little"),
        (0.200, 40_000, 200_000, "further apart than the tolerance"),
        (0.0, -10, 0, "never negative"),
        (-0.00001, -10, 0, "never negative, by any clock"),
    ],
)
def test_the_better_clock_counts(monotonic_s: float, wall_us: int, expected_us: int, why: str) -> None:
    received = Stamp(_SENT.monotonic_s + monotonic_s, _SENT.realtime_ns + wall_us * 1000, StampSource.KERNEL)
    assert round_trip_us(_SENT, received, 0.05) == expected_us, why


def test_no_samples_have_no_summary() -> None:
    assert summarise(()) is None


def test_one_sample_has_no_jitter() -> None:
    assert summarise((400,)) == RttSummary(min=400, avg=400, max=400, stddev=0, jitter=None)


def test_the_contracts_example() -> None:
    # Deviations of 411, 380, 402 from 397.67 are 13.3, -17.7, 4.3; the steps are 31 and 22.
    assert summarise((411, 380, 402)) == RttSummary(min=380, avg=398, max=411, stddev=13, jitter=26)


@pytest.mark.parametrize(
    ("us", "words"),
    [
        (2, "0.002 ms"),
        (99, "0.099 ms"),
        (411, "0.41 ms"),
        (9_994, "9.99 ms"),
        (9_995, "10.0 ms"),
        (12_340, "12.3 ms"),
        (99_950, "100 ms"),
        (1_234_567, "1235 ms"),
    ],
)
def test_a_round_trip_is_said_in_milliseconds_and_never_as_nothing(us: int, words: str) -> None:
    assert in_ms(us) == words
