"""What tests of the store share: an agent, entries, and a clock that a test moves."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from agent.record import AgentIdentity, uuid7
from agent.store.database import SqliteStore, open_store
from agent.store.entry import Batch, Entry, Kind
from probes.clock import Clock as AnyClock

AGENT: Final = AgentIdentity(id="a1", version="1.0", hostname="host", boot_id=None)
LARGE: Final = 64 << 20


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.realtime_s = 1_795_432_000.0

    def monotonic(self) -> float:
        return self.now_s

    def realtime_ns(self) -> int:
        return int(self.realtime_s * 1e9)

    def boottime(self) -> float:
        return self.now_s


def opened(directory: Path, clock: AnyClock | None = None, most_bytes: int = LARGE) -> SqliteStore:
    clock = clock or Clock()
    store = open_store(directory, most_bytes=most_bytes, clock=clock, random_bytes=os.urandom, identity=AGENT)
    assert isinstance(store, SqliteStore)
    return store


def sample(
    target: str = "crm",
    size: int = 200,
    at: str = "2026-11-23T11:00:00.000Z",
    status: str = "warning",
    codes: tuple[str, ...] = ("CP-05",),
) -> Callable[[int], Entry]:
    """Return what makes an entry of about `size` bytes that hardly shrinks."""

    def make(seq: int) -> Entry:
        identity = uuid7(1_795_432_000_000_000_000, os.urandom(10))
        document = {
            "schema": "cloudpath.sample/1",
            "id": identity,
            "seq": seq,
            "started_at": at,
            "duration_us": 1_500_000,
            "target": {"name": target},
            "status": status,
            "errors": [{"code": code} for code in codes],
            "noise": os.urandom(size // 2).hex(),
        }
        data = json.dumps(document).encode()
        return Entry(
            seq=seq, kind=Kind.SAMPLE, id=identity, at=at, target=target, status=status, codes=codes, data=data
        )

    return make


def filled(store: SqliteStore, count: int, size: int = 200) -> list[Entry]:
    return [store.append(sample(size=size)) for _ in range(count)]


def next_of(store: SqliteStore, sink: str = "s", most: int = 500) -> Batch | None:
    return store.next_batch(sink, most_entries=most, most_bytes=1 << 20)


def drained(store: SqliteStore, sink: str = "s", most: int = 500) -> list[Entry]:
    """Return everything that the sink gets from now on, in the order it gets it."""
    entries: list[Entry] = []
    while (batch := next_of(store, sink, most)) is not None:
        entries += batch.entries
        store.delivered(batch)
    return entries


def seqs_of(entries: list[Entry] | tuple[Entry, ...]) -> list[int]:
    return [entry.seq for entry in entries]
