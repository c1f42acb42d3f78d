"""Keeps the memory of a process of many threads small: how the C library gives and takes it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

# malloc.h; mallopt(3).
_M_ARENA_MAX: Final = -8
_M_MMAP_THRESHOLD: Final = -3
_M_TRIM_THRESHOLD: Final = -1
# What glibc begins with; setting it keeps it from growing with whatever was freed last, up to 32 MB.
_LARGE_BYTES: Final = 128 << 10


def keep_memory_small() -> bool:
    """Let all threads share one arena, and give memory back as soon as it is free; return whether that was possible.

    By itself glibc makes an arena for each thread, up to eight for each core, and none of them shrinks: of 51 MB after
    3,000 samples, 8 were arenas. Python's own lock leaves nothing to be gained by several. Has to come before the first
    thread. A C library that is not glibc goes its own way.
    """
    # 0.4 MB; only here.
    import ctypes  # noqa: PLC0415

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    settings = ((_M_ARENA_MAX, 1), (_M_MMAP_THRESHOLD, _LARGE_BYTES), (_M_TRIM_THRESHOLD, _LARGE_BYTES))
    return all(mallopt(name, value) == 1 for name, value in settings)
