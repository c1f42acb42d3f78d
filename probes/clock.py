"""The clock: what time it is, told to everything that needs to know."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol as Interface
else:
    Interface = object


class Clock(Interface):
    """Two readings of time; durations come from the first only."""

    def monotonic(self) -> float:
        """Return seconds that never step, from an arbitrary start."""

    def realtime_ns(self) -> int:
        """Return nanoseconds since the Unix epoch, as the host believes them."""

    def boottime(self) -> float:
        """Return seconds that go on while the host is suspended."""


class SystemClock:
    """The host's own clocks."""

    def monotonic(self) -> float:
        """Return CLOCK_MONOTONIC in seconds."""
        return time.monotonic()

    def realtime_ns(self) -> int:
        """Return CLOCK_REALTIME in nanoseconds, the clock of the kernel's receive stamps."""
        return time.time_ns()

    def boottime(self) -> float:
        """Return CLOCK_BOOTTIME in seconds."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)


def utc_text(realtime_ns: int) -> str:
    """Return an instant as RFC 3339 UTC with milliseconds."""
    seconds, nanoseconds = divmod(realtime_ns, 1_000_000_000)
    base = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{base}.{nanoseconds // 1_000_000:03d}Z"
