"""The service with a thread more, which writes down what of its memory is in use; and with a leak, if one is asked for.

PYTHONMALLOC=malloc python -m bench.weighed FILE LEAK_BYTES run -c FILE

Resident memory goes by pages and by Python's megabytes, of which one object holds each: a day's leak is less than that
swings by itself. The C library counts what was taken and not given back by the byte, whoever took it, as long as
Python takes everything there.
"""

from __future__ import annotations

import ctypes
import math
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import agent.daemon.sampling
from agent.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable

_EVERY_S: Final = 1.0
# What CPython takes for a bytes object beside its content, and for its place in a list.
_OBJECT_BYTES: Final = sys.getsizeof(b"") + 8
_KEPT: Final[list[bytes]] = []
# Everything a service needs is loaded by then, and the first rest of `bench daemon day` has not begun.
_LOADED_AFTER_S: Final = 30.0
# More than a table of 65,536 places takes before it is made anew.
_SHORT_LIVED: Final = 50_000
# mallinfo(3): struct mallinfo2, glibc 2.33 and later.
_COUNTS: Final = (
    "arena",
    "ordblks",
    "smblks",
    "hblks",
    "hblkhd",
    "usmblks",
    "fsmblks",
    "uordblks",
    "fordblks",
    "keepcost",
)


class _MallInfo2(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_size_t) for name in _COUNTS)


def in_use_bytes() -> int:
    """Return what this process has taken from the C library and not given back, in bytes."""
    library = ctypes.CDLL(None)
    library.mallinfo2.restype = _MallInfo2
    found = library.mallinfo2()
    return int(found.uordblks) + int(found.hblkhd)


def leaking(take: Callable[..., Any], each: int) -> Callable[..., Any]:
    """Return the same function, which keeps so many bytes for ever each time that it is called."""

    def taken(*arguments: Any) -> Any:
        _KEPT.append(bytes(max(0, each - _OBJECT_BYTES)))
        return take(*arguments)

    return taken


def fill_interned() -> None:
    """Bring CPython's table of interned strings to the size that it keeps for good.

    A string that was interned and is gone leaves its place taken; a table without places is made anew, three times as
    large as what lives in it. That of a service doubles so once, after some thousand strings: 0.5 MB that come by the
    number of samples and belong to none of them.

    Source: CPython 3.11, Objects/unicodeobject.c (PyUnicode_InternInPlace), Objects/dictobject.c (GROWTH_RATE).
    """
    for number in range(_SHORT_LIVED):
        sys.intern(f"short-lived {number}")


def _weigh(file: Path) -> None:
    """Write it down for ever, in place and equally long: whoever reads finds a number at any moment."""
    descriptor = os.open(file, os.O_CREAT | os.O_WRONLY, 0o644)
    fill_at_s = time.monotonic() + _LOADED_AFTER_S
    while True:
        if time.monotonic() >= fill_at_s:
            fill_interned()
            fill_at_s = math.inf
        os.pwrite(descriptor, b"%20d\n" % in_use_bytes(), 0)
        time.sleep(_EVERY_S)


if __name__ == "__main__":
    _, weight, leak, *arguments = sys.argv
    sys.argv[1:] = arguments
    if int(leak):
        # Before whoever calls it is imported.
        agent.daemon.sampling.take_sample = leaking(agent.daemon.sampling.take_sample, int(leak))
    threading.Thread(target=_weigh, args=(Path(weight),), daemon=True).start()
    main()
