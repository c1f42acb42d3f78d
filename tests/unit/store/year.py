"""Fills a store with a year of samples, for whoever looks at time: `python -m tests.unit.store.year DIRECTORY`.

One target every five minutes for a year, one through an edge for a month, one for a day: quiet days and slow evenings,
an outage, a slow night, a way that changes for good and another for an afternoon, changes of the network, a loss of
entries. Documents are those of the views' samples, and each opens as a page; what is the same in all is packed once.
"""

import json
import math
import random
import struct
import sys
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from agent.change_record import change_entry
from agent.measures import Measures, measures_of
from agent.record import RecordHeader, document, plain, uuid7
from agent.store.disk import Transaction
from agent.store.entry import Entry, Kind
from agent.store.gap_record import gap_entry
from agent.store.ledger import insert
from agent.store.loss import Losses, LossReason
from agent.store.rows import Row, columns_of, row_of
from agent.store.schema import FILE, connect
from probes.clock import utc_text
from probes.facts import Hop, Leg, RttSummary
from probes.host_facts import ChangeKind, Network
from probes.network_burst import HostChange
from probes.sample import Sample
from rules.diagnosis import Diagnosis
from rules.engine import diagnose
from rules.shipped import shipped_rules
from tests.cases.judged import judged
from tests.unit.store.stores import AGENT
from tests.unit.views.far_samples import NOT_FOUND, THROUGH_EDGE
from tests.unit.views.samples import (
    CHANGED,
    CORE,
    END,
    GATEWAY,
    HEALTHY,
    ISP,
    LEG,
    LOSSY,
    PEER,
    nobody,
    router,
)

UNTIL: Final = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
STEP: Final = timedelta(minutes=5)
DAYS: Final = 365
YEAR_TARGET: Final = "crm.example.com"
MONTH_TARGET: Final = "mail.example.com"
DAY_TARGET: Final = "wiki.example.com"

# Delays come in steps, so that few documents are enough.
_STEP_OF_DELAY: Final = 1.04
_SPLIT: Final = ',"duration_us":'
_LOSS_RATE: Final = 0.004
_SILENT_EGRESS_RATE: Final = 0.001
_SILENT_RATE: Final = 0.1
# A window of 32 KiB, of the default level (RFC 1950 section 2.2).
_ZLIB_HEADER: Final = b"\x78\x9c"
# A block that is not packed, and not the last: its length, and the same the other way round (RFC 1951 section 3.2.4).
_STORED: Final = struct.Struct("<BHH")
_MOST_STORED: Final = 0xFFFF
# What a sample needs to open as a page, and no more: a hundred thousand of them lie in a temporary directory.
_SHORT: Final = replace(HEALTHY, network=Network(epoch="4d2c"), dns=())


def _short(*hops: Hop, **changes: object) -> Sample:
    """Return a short sample over these hops."""
    leg = replace(LEG, hops=hops, refused=(), protocol_reason=None, **changes)  # type: ignore[arg-type]
    return replace(_SHORT, legs=(leg,))


def _beside_a_silent_egress() -> Sample:
    """Return a sample whose egress answers another protocol only."""
    case, _ = judged("CP-09")
    return replace(case, legs=(case.legs[0], *_short(GATEWAY, ISP, nobody(3), PEER, END).legs))


_OTHER_CORE: Final = router(3, "198.51.100.90", "be-2.core9.ams.isp.example.net", 11_900, 12_000, 12_100)
_MOBILE: Final = router(2, "203.0.113.200", "lte.example.net", 11_000, 12_000, 10_900)


_LOST: Final = Losses(why=LossReason.SIZE, lost=12, first_seq=1, last_seq=12, sinks=("collector",))


class Hour(NamedTuple):
    """When something happens, counted back from the end: from so many days before it, for so many hours."""

    days_before: float
    hours: float


OUTAGE: Final = Hour(96.2, 3.5)
SLOW_NIGHT: Final = Hour(40.6, 9)
MISSING_PAGE: Final = Hour(9.1, 2)
NEW_WAY_DAYS: Final = 150
DETOUR_TIME: Final = Hour(21.9, 5)


def fill(directory: Path, *, until: datetime = UNTIL, days: int = DAYS) -> int:
    """Make a store in a directory that has none, and return the number of its newest entry.

    Args:
        directory: Is made if it is not there.
        until: When the last sample was taken; not before 1970.
        days: How many the longest target has.
    """
    directory.mkdir(parents=True, exist_ok=True)
    connection = connect(directory / FILE)
    connection.execute("PRAGMA synchronous=OFF")
    try:
        with Transaction(connection):
            insert(connection, _Year(until, days).rows())
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        ((newest,),) = connection.execute("SELECT max(seq) FROM log")
    finally:
        connection.close()
    return int(newest)


class _Kind(NamedTuple):
    """What many samples have in common: the end of their document, packed (RFC 1951), and what the log says."""

    status: str
    codes: tuple[str, ...]
    measures: Measures
    rest: bytes
    packed: bytes


class _Year:
    def __init__(self, until: datetime, days: int) -> None:
        self._until = until
        self._days = days
        self._chance = random.Random(2026)  # noqa: S311 - the same year each time
        self._kinds: dict[tuple[str, str, int], _Kind] = {}

    def rows(self) -> Iterator[Row]:
        """Yield every row, in the order of time."""
        for seq, (at, what) in enumerate(self._told(), 1):
            if isinstance(what, HostChange):
                yield row_of(change_entry(seq, what, AGENT, self._id(at)))
            elif isinstance(what, Losses):
                yield row_of(gap_entry(seq, what, AGENT, _ns(at), self._chance.randbytes(10)))
            else:
                yield self._row(seq, at, *what)

    def _told(self) -> Iterator[tuple[datetime, "HostChange | Losses | tuple[str, str, int]"]]:
        happenings = self._happenings()
        at = self._until - timedelta(days=self._days)
        while at <= self._until:
            while happenings and happenings[0][0] <= at:
                yield happenings.pop(0)
            for number, (target, days) in enumerate(((YEAR_TARGET, self._days), (MONTH_TARGET, 30), (DAY_TARGET, 1))):
                if at >= self._until - timedelta(days=days) and not self._sleeps(at):
                    began = at + timedelta(seconds=7 * number)
                    yield began, (target, *self._sample(target, at))
            at += STEP

    def _sleeps(self, at: datetime) -> bool:
        """Return whether the machine is off: for a week of summer."""
        return self._is(at, Hour(130, 7 * 24))

    def _is(self, at: datetime, hour: Hour) -> bool:
        since = self._until - timedelta(days=hour.days_before)
        return since <= at < since + timedelta(hours=hour.hours)

    def _sample(self, target: str, at: datetime) -> tuple[str, int]:
        """Return which sample there is at a time, and how many steps slower than the fastest."""
        evening = max(0.0, math.sin((at.hour + at.minute / 60 - 13) / 11 * math.pi)) if at.hour >= 13 else 0.0
        step = round(7 * evening + self._chance.expovariate(0.8))
        if target == MONTH_TARGET:
            return "edge", step
        if self._is(at, OUTAGE):
            return ("changed" if self._is(at, Hour(OUTAGE.days_before, 0.08)) else "dead"), 0
        if self._is(at, MISSING_PAGE):
            return "missing", step
        if self._is(at, DETOUR_TIME):
            return "detour", step + 30
        rare = self._chance.random()
        if rare < _LOSS_RATE + _SILENT_EGRESS_RATE:
            return ("lossy", step + 8) if rare < _LOSS_RATE else ("silent egress", step)
        return self._usual(at), step + (45 if self._is(at, SLOW_NIGHT) else 0)

    def _usual(self, at: datetime) -> str:
        if at >= self._until - timedelta(days=NEW_WAY_DAYS):
            return "other"
        return "silent" if self._chance.random() < _SILENT_RATE else "healthy"

    def _happenings(self) -> list[tuple[datetime, "HostChange | Losses"]]:
        """Return what happens between samples, in the order of time, as far as it is in the year."""
        link = ("eth0", ChangeKind.LINK, "carrier")
        resolver = ("/etc/resolv.conf", ChangeKind.RESOLVER, "servers changed")
        found: list[tuple[datetime, HostChange | Losses]] = [
            *self._changes(Hour(OUTAGE.days_before, OUTAGE.hours), link, "up", "down"),
            *self._changes(DETOUR_TIME, ("eth0", ChangeKind.ROUTE, "default route"), "10.0.0.1", "203.0.113.200"),
            *(
                one
                for days in range(7, self._days, 14)
                for one in self._changes(Hour(days + 0.3, 1), resolver, "10.0.0.1", "192.0.2.53")
            ),
        ]
        found.append((self._until - timedelta(days=2), _LOST))
        first = self._until - timedelta(days=self._days)
        return sorted((each for each in found if each[0] >= first), key=lambda each: each[0])

    def _changes(
        self, hour: Hour, what: tuple[str, ChangeKind, str], before: str, after: str
    ) -> Iterator[tuple[datetime, HostChange]]:
        """Yield a change at the start of a time, and that back at its end."""
        subject, kind, words = what
        start = self._until - timedelta(days=hour.days_before)
        for at, values in ((start, (before, after)), (start + timedelta(hours=hour.hours), (after, before))):
            yield (
                at,
                HostChange(
                    at=utc_text(_ns(at)),
                    kind=kind,
                    subject=subject,
                    what=words,
                    before=values[0],
                    after=values[1],
                    matters=True,
                    times=1,
                    epoch_before="4d2c",
                    epoch_after="91aa",
                ),
            )

    # --- rows ---------------------------------------------------------------------------------------------------------

    def _row(self, seq: int, at: datetime, target: str, which: str, step: int) -> Row:
        kind = self._kind(target, which, step)
        identity, began = self._id(at), utc_text(_ns(at))
        head = _head(seq, identity, began)
        entry = Entry(
            seq=seq,
            kind=Kind.SAMPLE,
            id=identity,
            at=began,
            target=target,
            status=kind.status,
            codes=kind.codes,
            latency_us=kind.measures.latency_us,
            loss_ratio=kind.measures.loss_ratio,
            path=kind.measures.path,
            data=head + kind.rest,
        )
        return (*columns_of(entry), _packed(head, kind))

    def _kind(self, target: str, which: str, step: int) -> _Kind:
        key = (target, which, step)
        if key not in self._kinds:
            self._kinds[key] = _kind(*_judged_as_shipped(which), target, _STEP_OF_DELAY**step)
        return self._kinds[key]

    def _id(self, at: datetime) -> str:
        return uuid7(_ns(at), self._chance.randbytes(10))


# --- documents --------------------------------------------------------------------------------------------------------

_SAMPLES: Final[dict[str, Sample]] = {
    "healthy": _short(GATEWAY, ISP, CORE, PEER, END),
    "silent": _short(GATEWAY, ISP, nobody(3), PEER, END),
    "other": _short(GATEWAY, ISP, _OTHER_CORE, PEER, END),
    "detour": _short(GATEWAY, _MOBILE, nobody(3), nobody(4), END),
    # Both ways of the year lead there: what a hop in their middle says would make another one of it.
    "lossy": replace(LOSSY, legs=(replace(LOSSY.legs[0], hops=(GATEWAY, ISP, nobody(3), *LOSSY.legs[0].hops[3:])),)),
    "silent egress": _beside_a_silent_egress(),
    "dead": judged("CP-02")[0],
    "changed": CHANGED,
    "missing": NOT_FOUND,
    "edge": THROUGH_EDGE,
}


@cache
def _judged_as_shipped(which: str) -> tuple[Sample, Diagnosis]:
    """Return a sample with what the service makes of it, and as little else as it can."""
    return _SAMPLES[which], replace(diagnose(_SAMPLES[which], shipped_rules()), not_evaluated=())


def _kind(sample: Sample, diagnosis: Diagnosis, target: str, factor: float) -> _Kind:
    named = replace(_slowed(sample, factor), target=replace(sample.target, name=target))
    whole = document(named, diagnosis, RecordHeader(id="", seq=0, agent=AGENT))
    rest = (_SPLIT + json.dumps(whole, separators=(",", ":")).partition(_SPLIT)[2]).encode()
    return _Kind(
        status=diagnosis.status.value,
        codes=tuple(error.code for error in diagnosis.errors),
        measures=measures_of(named),
        rest=rest,
        packed=_deflated(rest),
    )


def _head(seq: int, identity: str, at: str) -> bytes:
    """Return the start of a document, with what each sample has of its own; without the closing brace."""
    own = {"schema": "cloudpath.sample/1", "id": identity, "seq": seq, "agent": plain(AGENT), "started_at": at}
    return json.dumps(own, separators=(",", ":")).removesuffix("}").encode()


def _packed(head: bytes, kind: _Kind) -> bytes:
    """Return a document as zlib has it (RFC 1950): its start as it is, then the end that many have."""
    checksum = zlib.adler32(kind.rest, zlib.adler32(head))
    return b"".join(
        (_ZLIB_HEADER, _STORED.pack(0, len(head), len(head) ^ _MOST_STORED), head, kind.packed, checksum.to_bytes(4))
    )


def _deflated(data: bytes) -> bytes:
    packing = zlib.compressobj(zlib.Z_BEST_COMPRESSION, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packing.compress(data) + packing.flush()


def _slowed(sample: Sample, factor: float) -> Sample:
    """Return a sample whose delays are so many times as long."""
    return replace(sample, legs=tuple(_slowed_leg(leg, factor) for leg in sample.legs))


def _slowed_leg(leg: Leg, factor: float) -> Leg:
    series = leg.end_to_end and replace(leg.end_to_end, rtt_us=_slowed_rtt(leg.end_to_end.rtt_us, factor))
    return replace(leg, end_to_end=series, hops=tuple(_slowed_hop(hop, factor) for hop in leg.hops))


def _slowed_hop(hop: Hop, factor: float) -> Hop:
    answers = tuple(
        replace(each, rtt_us=tuple(round(rtt_us * factor) for rtt_us in each.rtt_us)) for each in hop.responders
    )
    return replace(hop, responders=answers, rtt_us=_slowed_rtt(hop.rtt_us, factor))


def _slowed_rtt(rtt: RttSummary | None, factor: float) -> RttSummary | None:
    if rtt is None:
        return None
    return RttSummary(
        min=round(rtt.min * factor),
        avg=round(rtt.avg * factor),
        max=round(rtt.max * factor),
        stddev=round(rtt.stddev * factor),
        jitter=None if rtt.jitter is None else round(rtt.jitter * factor),
    )


def _ns(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000_000


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m tests.unit.store.year DIRECTORY")
    print(f"{fill(Path(sys.argv[1]))} entries")  # noqa: T201 - a program's answer
