"""A process as the kernel sees it: what it and its children hold and use, read from /proc."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_PROC: Final = Path("/proc")
# proc_pid_stat(5), counted from the field behind the command's name: user and system time, own and of ended children.
_CPU_FIELDS: Final = slice(11, 15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One look at a service.

    Attributes:
        at_s: Seconds since it was started.
        rss_kb: Its resident memory; `anonymous_kb` is the part of it that no file is behind.
        children_kb: Resident memory of its children, those of children included.
        cpu_s: Processor time so far: its own, and that of its children, those that ended included.
        samples: How many samples it has delivered so far.
    """

    at_s: float
    rss_kb: int
    anonymous_kb: int
    children_kb: int
    cpu_s: float
    threads: int
    descriptors: int
    samples: int

    def plain(self) -> dict[str, Any]:
        """Return the point as JSON has it."""
        return asdict(self)


def look(pid: int, *, at_s: float, samples: int) -> Point:
    """Return how a process does now.

    Raises:
        FileNotFoundError: There is no such process any more.
    """
    status = _status(pid)
    children = _descendants(pid)
    return Point(
        at_s=round(at_s, 3),
        rss_kb=status["VmRSS"],
        anonymous_kb=status["RssAnon"],
        children_kb=sum(_rss_of_living(child) for child in children),
        cpu_s=round(_cpu_s(pid) + sum(_cpu_of_living(child) for child in children), 2),
        threads=status["Threads"],
        descriptors=sum(1 for _ in (_PROC / str(pid) / "fd").iterdir()),
        samples=samples,
    )


def _status(pid: int) -> dict[str, int]:
    wanted = ("VmRSS", "RssAnon", "Threads")
    lines = (line.partition(":") for line in (_PROC / str(pid) / "status").read_text().splitlines())
    found = {name: int(value.split()[0]) for name, _, value in lines if name in wanted}
    if len(found) < len(wanted):
        # A zombie has no memory left.
        raise FileNotFoundError(pid)
    return found


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    with suppress(FileNotFoundError, ProcessLookupError):
        for task in (_PROC / str(pid) / "task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found += [child, *_descendants(child)]
    return found


def _rss_of_living(pid: int) -> int:
    with suppress(FileNotFoundError, ProcessLookupError):
        return _status(pid)["VmRSS"]
    return 0


def _cpu_s(pid: int) -> float:
    fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[_CPU_FIELDS])) / _TICKS_PER_S


def _cpu_of_living(pid: int) -> float:
    with suppress(FileNotFoundError, ProcessLookupError):
        return _cpu_s(pid)
    return 0.0
