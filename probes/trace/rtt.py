"""Round-trip times: from two stamps to microseconds, from samples to a summary."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt

from probes.facts import RttSummary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from probes.seam import Stamp


# Two clocks are read one after the other, and user and kernel stamps of one instant differ by less.
_READING_US: Final = 1000.0


def round_trip_us(sent: Stamp, received: Stamp, tolerance_s: float) -> int:
    """Return the round-trip time in microseconds, never negative.

    The wall clock's difference is the better one, because the kernel stamps arrival on it while the monotonic stamp
    waits for the program. It can only be shorter, by the time the reply lay in the buffer; where it is longer, or
    shorter by more than `tolerance_s`, the wall clock was set meanwhile, and the monotonic difference counts.
    """
    monotonic_us = (received.monotonic_s - sent.monotonic_s) * 1e6
    wall_us = (received.realtime_ns - sent.realtime_ns) / 1000
    lay_us = monotonic_us - wall_us
    trusted = wall_us >= 0 and -_READING_US <= lay_us <= tolerance_s * 1e6
    return max(0, round(wall_us if trusted else monotonic_us))


def summarise(samples_us: Sequence[int]) -> RttSummary | None:
    """Return the summary of samples in sending order, None of none.

    `stddev` is the population's; `jitter` is the mean absolute difference of neighbours (RFC 3393's delay variation,
    averaged).
    """
    if not samples_us:
        return None
    count = len(samples_us)
    mean = sum(samples_us) / count
    variance = sum((sample - mean) ** 2 for sample in samples_us) / count
    steps = [abs(after - before) for before, after in pairwise(samples_us)]
    return RttSummary(
        min=min(samples_us),
        avg=round(mean),
        max=max(samples_us),
        stddev=round(sqrt(variance)),
        jitter=round(sum(steps) / len(steps)) if steps else None,
    )


def in_ms(rtt_us: int) -> str:
    """Return `0.012 ms`, `0.41 ms`, `12.3 ms` or `123 ms`: three figures at most, and never 0.0."""
    for below_us, decimals in ((100, 3), (9_995, 2), (99_950, 1)):
        if rtt_us < below_us:
            return f"{rtt_us / 1000:.{decimals}f} ms"
    return f"{rtt_us / 1000:.0f} ms"
