"""A store of version 1 goes on: nothing is lost or told as lost, and its samples are measured like new ones."""

import json
import sqlite3
import zlib
from dataclasses import replace
from pathlib import Path

from agent.formats.json_text import ndjson_line
from agent.measures import measures_of
from agent.record import RecordHeader, document
from agent.store.entry import Entry, Kind
from agent.store.history import History, Wanted
from agent.store.schema import APPLICATION_ID, FILE, VERSION
from probes.sample import Sample
from tests.unit.store.stores import AGENT, drained, next_of, opened, seqs_of
from tests.unit.store.test_damage import asides
from tests.unit.views.samples import FINE, HEALTHY, LOSSY

# As version 1 made them.
TABLES = """
CREATE TABLE log (
  seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, at TEXT NOT NULL, target TEXT, status TEXT,
  codes TEXT NOT NULL, size INTEGER NOT NULL, checksum INTEGER NOT NULL
);
CREATE TABLE document (seq INTEGER PRIMARY KEY, packed BLOB NOT NULL);
CREATE TABLE cursor (
  sink TEXT PRIMARY KEY, seq INTEGER NOT NULL, batch_id TEXT, batch_last_seq INTEGER, batch_count INTEGER
) WITHOUT ROWID;
CREATE TABLE parked (
  id TEXT PRIMARY KEY, sink TEXT NOT NULL, at TEXT NOT NULL, why TEXT NOT NULL, first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL, entries INTEGER NOT NULL, seqs TEXT NOT NULL, again INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE note (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
AT = "2026-11-23T11:00:00.000Z"


def entry_of(seq: int, sample: Sample, *, measured: bool) -> Entry:
    named = replace(sample, started_at=AT, target=replace(sample.target, name="crm"))
    header = RecordHeader(id=f"id-{seq}", seq=seq, agent=AGENT)
    measures = measures_of(sample)
    entry = Entry(
        seq=seq,
        kind=Kind.SAMPLE,
        id=header.id,
        at=AT,
        target="crm",
        status="ok",
        data=ndjson_line(document(named, FINE, header)).rstrip("\n").encode(),
    )
    if not measured:
        return entry
    return replace(entry, latency_us=measures.latency_us, loss_ratio=measures.loss_ratio, path=measures.path)


def a_first_version(directory: Path, entries: list[Entry]) -> None:
    """Write a store as version 1 did, with a sink that has got the first entry."""
    connection = sqlite3.connect(directory / FILE)
    connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.executescript(f"{TABLES}PRAGMA application_id={APPLICATION_ID};PRAGMA user_version=1;")
    for entry in entries:
        facts = (entry.seq, entry.kind.value, entry.id, entry.at, entry.target, entry.status, "", len(entry.data))
        row = (*facts, zlib.crc32(repr(facts).encode()))
        connection.execute("INSERT INTO log VALUES (?,?,?,?,?,?,?,?,?)", row)
        connection.execute("INSERT INTO document VALUES (?,?)", (entry.seq, zlib.compress(entry.data)))
    connection.execute("INSERT INTO cursor VALUES ('s',1,NULL,NULL,NULL)")
    connection.commit()
    connection.close()


OLD = [entry_of(1, HEALTHY, measured=False), entry_of(2, LOSSY, measured=False), entry_of(3, HEALTHY, measured=False)]


def test_a_store_of_version_1_goes_on_as_it_is(tmp_path: Path) -> None:
    a_first_version(tmp_path, OLD)
    store = opened(tmp_path)
    store.register(("s",))
    new = store.append(lambda seq: entry_of(seq, LOSSY, measured=True))
    assert new.seq == 4
    assert drained(store) == [*OLD[1:], new]
    assert store.state().unreadable == 0
    assert not list(tmp_path.glob("*.damaged-*"))
    with sqlite3.connect(tmp_path / FILE) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def test_samples_of_version_1_are_on_the_same_curve(tmp_path: Path) -> None:
    a_first_version(tmp_path, OLD)
    store = opened(tmp_path)
    store.append(lambda seq: entry_of(seq, LOSSY, measured=True))
    with History(tmp_path) as history:
        moments = [bucket.shown for bucket in history.timeline("crm").buckets]
        (now,) = history.overview()
    assert [(each.seq, each.latency_us, each.loss_ratio) for each in moments] == [
        (1, 12_323, 0.0),
        (2, 12_323, 0.3),
        (3, 12_323, 0.0),
        (4, 12_323, 0.3),
    ]
    assert len({each.path for each in moments}) == 1
    assert (now.newest.seq, now.newest.loss_ratio, now.samples) == (4, 0.3, 4)


def test_what_is_saved_of_a_damaged_version_1_is_measured_anew(tmp_path: Path) -> None:
    a_first_version(tmp_path, OLD)
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("DROP TABLE parked")
    connection.close()
    store = opened(tmp_path)
    store.register(("s",))
    found = [entry for entry in drained(store) if entry.kind is Kind.SAMPLE]
    assert found == [entry_of(2, LOSSY, measured=True), entry_of(3, HEALTHY, measured=True)]
    assert len(asides(tmp_path)) == 1


def test_it_is_upgraded_once(tmp_path: Path) -> None:
    a_first_version(tmp_path, OLD)
    for _ in range(2):
        store = opened(tmp_path)
        store.register(("s",))
        batch = next_of(store)
        assert batch is not None
        assert seqs_of(batch.entries) == [2, 3]
        store.close()
    with History(tmp_path) as history:
        assert [json.loads(entry.data)["seq"] for entry in history.entries(Wanted())] == [1, 2, 3]
