"""Waits for answers, for a time, and for anybody else who wants attention."""

from __future__ import annotations

import select

from probes.clock import SystemClock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Final

    from probes.clock import Clock
    from probes.many_seam import Readable


# Drivers that must give something up in time get their turn at least this often.
_LONGEST_S: Final = 0.05
# select() takes descriptors below this number only (FD_SETSIZE).
_SELECTABLE: Final = 1024


def _never() -> None:
    """Return None: nothing is ever due."""


class PollWaiter:
    """Waits on one epoll set, which holds any number of descriptors.

    epoll itself counts whole milliseconds, and a plan paces its probes by less: so select() waits for the set, to the
    microsecond [measured].
    """

    def __init__(
        self, extra: Sequence[int] = (), *, clock: Clock | None = None, due: Callable[[], float | None] = _never
    ) -> None:
        """Watch `extra` besides the drivers; their owner reads them, or every wait returns at once.

        `due` says when that owner has something to do of its own accord, in monotonic seconds; None for never.
        """
        self._clock = clock or SystemClock()
        self._epoll = select.epoll()
        self._extra = tuple(extra)
        self._due = due

    def wait(self, drivers: Sequence[Readable], until: float) -> None:
        """Return when something is readable or monotonic time reaches `until`, and after 50 ms in any case."""
        watched = {*self._extra, *(fileno for driver in drivers for fileno in driver.filenos())}
        for fileno in watched:
            self._epoll.register(fileno, select.EPOLLIN)
        due = self._due()
        until = until if due is None else min(until, due)
        try:
            self._sleep(max(0.0, min(until - self._clock.monotonic(), _LONGEST_S)))
        finally:
            for fileno in watched:
                self._epoll.unregister(fileno)

    def close(self) -> None:
        """Give the set back."""
        self._epoll.close()

    def _sleep(self, seconds: float) -> None:
        """Return when the set has something ready or time is up."""
        if self._epoll.fileno() < _SELECTABLE:
            select.select([self._epoll], [], [], seconds)
        else:
            self._epoll.poll(seconds)
