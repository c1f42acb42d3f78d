"""Keeps the memory of a process of many threads small: how the C library gives and takes it."""

from __future__ import annotations

import gc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

# malloc.h; mallopt(3).
_M_ARENA_MAX: Final = -8
_M_MMAP_THRESHOLD: Final = -3
_M_TRIM_THRESHOLD: Final = -1
# What glibc begins with; setting it keeps it from growing with whatever was freed last, up to 32 MB.
_LARGE_BYTES: Final = 128 << 10
_SETTINGS: Final = ((_M_ARENA_MAX, 1), (_M_MMAP_THRESHOLD, _LARGE_BYTES), (_M_TRIM_THRESHOLD, _LARGE_BYTES))
_EVERY_S: Final = 30.0


class Thrift:
    """Keeps what the C library holds to what is in use; has to be made before the first thread.

    By itself glibc makes an arena for each thread, up to eight for each core, and none of them shrinks: of 51 MB after
    3,000 samples, 8 were arenas. Python's own lock leaves nothing to be gained by several, so all threads share one.
    What is free in the middle of it is given back now and then: of 12 MB that were taken, 8 were in use [measured].
    Python's cycles go first: those of a few samples an hour would wait for a thousand others, and each pins a page.

    A C library that is not glibc goes its own way.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Take the clock, and let all threads share one arena."""
        # 0.4 MB; only here.
        import ctypes  # noqa: PLC0415

        self._monotonic = monotonic
        self._trimmed_at = monotonic()
        self._trim: Callable[[int], int] | None = None
        try:
            library = ctypes.CDLL(None)
            mallopt, self._trim = library.mallopt, library.malloc_trim
        except (OSError, AttributeError):
            return
        for name, value in _SETTINGS:
            mallopt(name, value)

    def turn(self) -> None:
        """Give back what is free, once in a while: 3 ms, where what lives for ever is frozen (`gc.freeze`)."""
        now = self._monotonic()
        if now < self._trimmed_at + _EVERY_S:
            return
        self._trimmed_at = now
        gc.collect()
        if self._trim is not None:
            self._trim(0)
