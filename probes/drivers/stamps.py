"""The kernel's receive stamps, told in the clock that durations come from."""

from __future__ import annotations

import _socket as socket

from probes.drivers.lateness import Lateness
from probes.drivers.linux import SO_TIMESTAMPNS
from probes.flow_facts import StampSource
from probes.seam import Stamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from probes.clock import Clock


_SECOND_NS: Final = 1_000_000_000
# Between two looks the wall clock may slew (500 ppm at most, adjtimex(2)), and the two readings are not one instant.
# What is more is a step, and no stamp from around it can be told in monotonic time.
# The same goes for a stamp from the future, or from before the socket was opened.
_TOLERANCE_NS: Final = 5_000_000


# The socket that keeps the kernel stamping, once there is one; it is the process's until its end.
_kept: list[int] = []


def keep_stamping() -> None:
    """Have the kernel stamp what arrives, from some milliseconds after this call to the end of the process [measured].

    It stamps while any socket asks for it. Without this the first one is a trace's own, and the answers of near hops
    come before it has begun. A kernel that refuses costs only that.
    """
    if _kept:
        return
    try:
        asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    except OSError:
        return
    asking.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    _kept.append(asking.detach())


class StampReader:
    """Turns CLOCK_REALTIME stamps into both clocks, and says when they cannot be trusted."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._opened_ns = self._batch_ns = clock.realtime_ns()
        self._offset_ns = self._opened_ns - _monotonic_ns(clock)
        self._steady = True
        self._lateness: Lateness | None = Lateness()
        self._late_s = 0.0

    def now(self) -> Stamp:
        """Return the present, as this process sees it."""
        return Stamp(self._clock.monotonic(), self._clock.realtime_ns(), StampSource.USER)

    def departure(self, asked: Stamp, kernel_ns: int | None) -> Stamp | None:
        """Return when a packet left that this process asked to send, by the kernel's stamp; None where it is another's.

        Args:
            asked: The present, as read right before the packet was given to the kernel, which has returned since.
            kernel_ns: The kernel's stamp, in nanoseconds of CLOCK_REALTIME.
        """
        if kernel_ns is None or not asked.realtime_ns <= kernel_ns <= self._clock.realtime_ns():
            return None
        return Stamp(asked.monotonic_s + (kernel_ns - asked.realtime_ns) / _SECOND_NS, kernel_ns, StampSource.KERNEL)

    def unstamped(self, asked: Stamp) -> Stamp:
        """Return when a packet left that the kernel did not stamp: after `asked`, and before now."""
        late_s = self._clock.monotonic() - asked.monotonic_s
        return Stamp(asked.monotonic_s, asked.realtime_ns, StampSource.USER, late_s)

    def read_late(self, late_s: float) -> Stamp:
        """Return the present, for something that may have come so much earlier."""
        present = self.now()
        return Stamp(present.monotonic_s, present.realtime_ns, StampSource.USER, late_s)

    def start_batch(self) -> None:
        """Look at the clocks once for what is about to be read."""
        self._batch_ns = self._clock.realtime_ns()
        offset_ns = self._batch_ns - _monotonic_ns(self._clock)
        step_ns = offset_ns - self._offset_ns
        self._steady = abs(step_ns) <= _TOLERANCE_NS
        if not self._steady:
            self._opened_ns += step_ns
        self._offset_ns = offset_ns
        if self._lateness is not None:
            self._late_s = self._lateness.since_last_s()

    def at(self, kernel_ns: int | None) -> Stamp:
        """Return the kernel's stamp in both clocks; the present where there is none or the wall clock stepped."""
        present = self.now()
        if kernel_ns is None or not self._steady:
            return present
        if not self._opened_ns - _TOLERANCE_NS <= kernel_ns <= present.realtime_ns + _TOLERANCE_NS:
            return present
        # The kernel starts stamping some milliseconds after the first socket that asks [measured]. Until then it reads
        # the clock when the datagram is read, which is no more than this process can do.
        if self._lateness is not None and kernel_ns >= self._batch_ns:
            return self.read_late(self._late_s)
        self._lateness = None
        return Stamp((kernel_ns - self._offset_ns) / _SECOND_NS, kernel_ns, StampSource.KERNEL)


def _monotonic_ns(clock: Clock) -> int:
    """Return the monotonic clock in nanoseconds."""
    return round(clock.monotonic() * _SECOND_NS)
