"""Stores with targets in different states, their last days and what happened meanwhile, for tests of the live pages."""

import os
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from agent.change_record import change_entry
from agent.formats.json_text import ndjson_line
from agent.measures import measures_of
from agent.record import RecordHeader, document, uuid7
from agent.store.entry import Entry, Kind
from agent.ui.places import utc
from probes.clock import Clock
from probes.frozen import replace
from probes.host_facts import ChangeKind
from probes.network_burst import HostChange
from probes.sample import Sample
from rules.diagnosis import Diagnosis
from tests.cases.judged import judged
from tests.unit.store.stores import AGENT, opened
from tests.unit.views import far_samples as far
from tests.unit.views import samples

NOW: Final = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOSTILE: Final = '"><script>alert(1)</script>\u202eevil\x1b[31m/../%2e%2e?a=b&c#d'
LONG: Final = "x" * 10_000


class SetClock:
    """The time that a test sets; what lasts is measured by the system's clock."""

    def __init__(self, now: datetime, real: Clock) -> None:
        self.now = now
        self._real = real

    def monotonic(self) -> float:
        return self._real.monotonic()

    def realtime_ns(self) -> int:
        return int(self.now.timestamp() * 1e9)

    def boottime(self) -> float:
        return self._real.boottime()


def sample_entry(
    name: str, judged_sample: tuple[Sample, Diagnosis], at: datetime, factor: float = 1.0
) -> Callable[[int], Entry]:
    """Return what makes the entry of a sample of a target; its delay is multiplied for the time line."""
    sample, diagnosis = judged_sample
    sample = replace(sample, target=replace(sample.target, name=name), started_at=utc(at))
    measures = measures_of(sample)

    def make(seq: int) -> Entry:
        header = RecordHeader(id=uuid7(int(at.timestamp() * 1e9), os.urandom(10)), seq=seq, agent=AGENT)
        line = ndjson_line(document(sample, diagnosis, header))
        return Entry(
            seq=seq,
            kind=Kind.SAMPLE,
            id=header.id,
            at=sample.started_at,
            target=name,
            status=diagnosis.status,
            codes=tuple(error.code for error in diagnosis.errors),
            latency_us=None if measures.latency_us is None else int(measures.latency_us * factor),
            loss_ratio=measures.loss_ratio,
            path=measures.path,
            data=line.rstrip("\n").encode(),
        )

    return make


def change(at: datetime, before: str = "192.0.2.1", after: str = "198.51.100.1") -> Callable[[int], Entry]:
    """Return what makes the entry of a change of the default gateway."""
    happened = HostChange(
        at=utc(at),
        kind=ChangeKind.ROUTE,
        subject="default route",
        what="changed",
        before=before,
        after=after,
        matters=True,
        times=1,
        epoch_before="e1",
        epoch_after="e2",
    )
    return lambda seq: change_entry(seq, happened, AGENT, uuid7(int(at.timestamp() * 1e9), os.urandom(10)))


def fill(directory: Path, makers: Iterable[Callable[[int], Entry]]) -> list[int]:
    """Append entries to the store of a directory; return their numbers."""
    with closing(opened(directory)) as store:
        return [store.append(make).seq for make in makers]


def days(now: datetime = NOW, hours: int = 26, every_min: int = 30) -> list[Callable[[int], Entry]]:
    """Return what makes the entries of four targets over some hours, with a change of the network, until just now."""
    healthy, edge = (samples.HEALTHY, samples.FINE), (far.THROUGH_EDGE, samples.FINE)
    made: list[tuple[datetime, Callable[[int], Entry]]] = []
    steps = hours * 60 // every_min
    for step in range(steps):
        at = now - timedelta(minutes=every_min * (steps - 1 - step) + 2)
        wave = 1.0 + 0.25 * ((step * 7) % 5) / 5 + (1.5 if step % 17 == 0 else 0.0)
        made.append((at, sample_entry("crm.example.com", healthy, at, wave)))
        late = at + timedelta(seconds=5)
        bad = judged("CP-17") if step > steps - 5 else edge
        made.append((late, sample_entry("web shop", bad, late, wave * 1.4)))
        third = at + timedelta(seconds=9)
        odd = judged("CP-05") if step % 9 == 4 or step == steps - 1 else healthy
        made.append((third, sample_entry("intranet", odd, third, wave * 0.6)))
        fourth = at + timedelta(seconds=12)
        made.append((fourth, sample_entry(HOSTILE, edge, fourth, wave)))
    for ago in (3, 8.3):
        at = now - timedelta(hours=ago)
        made.append((at, change(at)))
    return [make for _, make in sorted(made, key=lambda each: each[0])]
