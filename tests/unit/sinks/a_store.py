"""A store in memory for the tests of sinks: the interface, and nothing that a disk would do."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

from agent.record import uuid7
from agent.store.entry import Batch, Entry, Kind, SinkBacklog, StoreState

if TYPE_CHECKING:
    from collections.abc import Callable

STATUSES = ("ok", "warning", "critical")


def entry(seq: int, *, size: int = 0, kind: Kind = Kind.SAMPLE, status: str | None = "ok") -> Entry:
    """Return an entry whose document is `size` bytes larger than it has to be."""
    identity = uuid7(1_763_895_600_000_000_000 + seq * 1_000_000, seq.to_bytes(10, "big"))
    document = {"schema": f"cloudpath.{kind}/1", "id": identity, "seq": seq, "filling": "x" * size}
    return Entry(
        seq=seq,
        kind=kind,
        id=identity,
        at="2026-11-23T11:00:00.123Z",
        data=json.dumps(document, separators=(",", ":")).encode(),
        target="crm" if kind is Kind.SAMPLE else None,
        status=status if kind is Kind.SAMPLE else None,
        codes=("CP-12",) if status == "warning" else (),
    )


def a_batch(*entries: Entry, identity: str = "batch-1") -> Batch:
    return Batch(id=identity, sink="sink", entries=entries)


class MemoryStore:
    """One sink's entries."""

    def __init__(self, entries: list[Entry] | None = None) -> None:
        self.waiting = list(entries or [])
        self.outstanding: Batch | None = None
        self.taken: list[Entry] = []
        self.aside: list[tuple[Entry, str]] = []
        self._numbers = 0
        self._lock = threading.RLock()

    def append(self, make: Callable[[int], Entry]) -> Entry:
        with self._lock:
            made = make(len(self.taken) + len(self.aside) + len(self.waiting) + 1)
            self.waiting.append(made)
            return made

    def register(self, sinks: tuple[str, ...]) -> None:
        """All sinks are one."""

    def next_batch(self, sink: str, *, most_entries: int, most_bytes: int) -> Batch | None:
        with self._lock:
            if self.outstanding is None and self.waiting:
                self.outstanding = self._batch(sink, self._some(most_entries, most_bytes))
            return self.outstanding

    def _some(self, most_entries: int, most_bytes: int) -> tuple[Entry, ...]:
        some: list[Entry] = []
        for each in self.waiting[:most_entries]:
            most_bytes -= len(each.data)
            if some and most_bytes < 0:
                break
            some.append(each)
        return tuple(some)

    def _batch(self, sink: str, entries: tuple[Entry, ...]) -> Batch:
        self._numbers += 1
        return Batch(id=f"batch-{self._numbers}", sink=sink, entries=entries)

    def delivered(self, batch: Batch) -> None:
        self.park(batch, "", only=())

    def park(self, batch: Batch, why: str, only: tuple[int, ...] | None = None) -> None:
        with self._lock:
            assert self.outstanding == batch
            for each in batch.entries:
                if only is None or each.seq in only:
                    self.aside.append((each, why))
                else:
                    self.taken.append(each)
            del self.waiting[: len(batch.entries)]
            self.outstanding = None

    def shorten(self, batch: Batch) -> None:
        with self._lock:
            assert self.outstanding == batch
            half = max(1, len(batch.entries) // 2)
            self.outstanding = self._batch(batch.sink, batch.entries[:half])

    def state(self) -> StoreState:
        return StoreState(entries=0, size_bytes=0, sinks=(SinkBacklog(sink="sink", pending=len(self.waiting)),))

    def close(self) -> None:
        """Nothing is kept."""


class FakeClock:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now

    def realtime_ns(self) -> int:
        return int(self.now * 1e9)

    def boottime(self) -> float:
        return self.now
