"""How late this process may be: what the scheduler says of its waiting, so that its own clock can be judged."""

from __future__ import annotations

import posix  # what `os` is made of, which takes 1 ms more to load [measured]
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

# Nanoseconds on the processor, nanoseconds waiting for one, time slices (kernel, Documentation/scheduler/sched-stats).
_SCHEDULER: Final = "/proc/thread-self/schedstat"
_WAITED: Final = 1
_NANOSECOND_S: Final = 1e-9


class Lateness:
    """Tells how long something may have lain here unread, since this was last asked.

    A process that sleeps is woken by what it waits for; what it then reads from its clock is late by the time that it
    was ready to run and had no processor. What comes while it works waits until the work is done. More it cannot be.
    """

    def __init__(self) -> None:
        self._waited_s = _waited_s()
        self._worked_s = time.thread_time()

    def since_last_s(self) -> float:
        """Return the bound in seconds; 0 where the kernel does not count (CONFIG_SCHED_INFO) or hides it."""
        waited_s, worked_s = _waited_s(), time.thread_time()
        late_s = waited_s - self._waited_s + worked_s - self._worked_s if waited_s else 0.0
        self._waited_s, self._worked_s = waited_s, worked_s
        return late_s


def _waited_s() -> float:
    """Return how long this thread has waited for a processor since it began; 0 where the kernel does not say."""
    try:
        reading = posix.open(_SCHEDULER, posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return 0.0
    try:
        return int(posix.read(reading, 128).split()[_WAITED]) * _NANOSECOND_S
    finally:
        posix.close(reading)
