"""Time as the store has it: a target's samples in buckets, what happened between them, and how targets are now."""

import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent.record_reader import read_records
from agent.store.entry import Entry, Kind
from agent.store.gap_record import gap_entry
from agent.store.history import History, Wanted
from agent.store.loss import Losses, LossReason
from agent.store.schema import FILE
from agent.timeline import MOST_HAPPENINGS
from probes.clock import utc_text
from tests.unit.store.stores import AGENT, opened, sample
from tests.unit.store.test_history import change
from tests.unit.store.year import MONTH_TARGET, STEP, UNTIL, YEAR_TARGET, fill

DAYS = 3


@pytest.fixture(scope="module")
def filled_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("days")
    fill(directory, days=DAYS)
    return directory


def test_days_of_samples_are_as_many_buckets_as_there_is_room_for(filled_store: Path) -> None:
    with History(filled_store) as history:
        all_of_them = history.timeline(YEAR_TARGET)
        thinned = history.timeline(YEAR_TARGET, most_buckets=100)
    count = timedelta(days=DAYS) // STEP + 1
    assert (all_of_them.samples, all_of_them.bucket_s, thinned.samples) == (count, 600, count)
    assert thinned.bucket_s == 3600
    assert len(thinned.buckets) == DAYS * 24 + 1
    assert [each.kind for each in all_of_them.happenings] == ["gap"]
    assert all_of_them.happenings[0].title == "12 entries lost for collector"


def test_a_part_of_the_time_is_all_that_is_read(filled_store: Path) -> None:
    since, until = "2026-11-23T09:00:00.000Z", "2026-11-23T10:00:00.000Z"
    with History(filled_store) as history:
        timeline = history.timeline(YEAR_TARGET, since=since, until=until)
    assert (timeline.since, timeline.until, timeline.samples, timeline.bucket_s) == (since, until, 12, 0)
    assert timeline.buckets[0].since == since
    assert timeline.happenings == ()


def test_each_moment_leads_to_its_document(filled_store: Path) -> None:
    with History(filled_store) as history:
        shown = [bucket.shown for bucket in history.timeline(MONTH_TARGET, most_buckets=20).buckets]
        entries = [history.entry(each.seq) for each in shown]
    for moment, entry in zip(shown, entries, strict=True):
        assert entry is not None
        (record,) = read_records(entry.data, "entry")
        assert (record.seq, record.started_at, record.status) == (moment.seq, moment.at, moment.status)
        assert (entry.latency_us, entry.loss_ratio) == (moment.latency_us, moment.loss_ratio)


def test_targets_are_listed_as_they_are_now(filled_store: Path) -> None:
    with History(filled_store) as history:
        first, second, third = history.overview()
        newest = history.newest_seq()
    assert (first.name, second.name) == (YEAR_TARGET, MONTH_TARGET)
    assert first.last_at == first.newest.at == f"{UNTIL:%Y-%m-%dT%H:%M:%S}.000Z"
    assert first.samples == second.samples == timedelta(days=DAYS) // STEP + 1
    assert newest == third.newest.seq


def test_nothing_there_is_an_empty_timeline(tmp_path: Path) -> None:
    opened(tmp_path)
    with History(tmp_path) as history:
        timeline = history.timeline("nobody", since="2026-11-23T09:00:00.000Z")
        assert (timeline.samples, timeline.buckets, timeline.happenings) == (0, (), ())
        assert timeline.since == timeline.until == "2026-11-23T09:00:00.000Z"
        assert history.timeline("nobody").samples == 0
        assert (history.overview(), history.newest_seq(), history.entry(1)) == ((), 0, None)


def test_a_clock_that_was_set_back_puts_samples_where_it_said(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for at in ("2026-11-23T10:00:00.000Z", "2026-11-23T10:05:00.000Z", "2026-11-23T09:58:00.000Z"):
        store.append(sample(at=at))
    with History(tmp_path) as history:
        timeline = history.timeline("crm")
        (now,) = history.overview()
    assert [bucket.shown.seq for bucket in timeline.buckets] == [3, 1, 2]
    assert (now.newest.seq, now.first_at, now.last_at) == (3, "2026-11-23T09:58:00.000Z", "2026-11-23T10:05:00.000Z")


def test_what_happened_is_told_in_plain_words_and_not_escaped_here(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.append(sample(at="2026-11-23T10:00:00.000Z"))
    store.append(change)
    with History(tmp_path) as history:
        (told,) = history.timeline("crm").happenings
    assert (told.seq, told.kind, told.at) == (2, "change", "2026-11-23T10:07:00.000Z")
    assert told.title == "eth0\x1b[31m carrier"
    assert told.text == "up -> down; it ended the sample of crm"


def test_more_changes_than_a_picture_holds_are_counted(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.append(sample(at="2026-11-23T10:00:00.000Z"))
    for _ in range(MOST_HAPPENINGS + 30):
        store.append(change)
    store.append(lost)
    with History(tmp_path) as history:
        timeline = history.timeline("crm")
    assert len(timeline.happenings) == MOST_HAPPENINGS
    assert timeline.left_out == 31
    assert timeline.happenings[-1].kind == "gap"
    assert timeline.happenings[-1].text == "numbers 4 to 9: they were damaged on the disk"


def lost(seq: int) -> Entry:
    losses = Losses(why=LossReason.DAMAGED, lost=None, first_seq=4, last_seq=9)
    return gap_entry(seq, losses, AGENT, 1_795_430_000_000_000_000, bytes(10))


def test_damaged_rows_are_left_out_of_the_picture_and_counted(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for minute in range(5):
        made = sample(at=utc_text(1_795_430_000_000_000_000 + minute * 60_000_000_000))
        store.append(lambda seq, made=made: replace(made(seq), latency_us=12_000, loss_ratio=0.0))  # type: ignore[misc]
    store.close()
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("UPDATE log SET latency_us = 9999999 WHERE seq=2")
        connection.execute("UPDATE log SET latency_us = NULL, loss_ppm = NULL WHERE seq=3")
        connection.execute("UPDATE log SET status = CAST(x'ff41' AS TEXT) WHERE seq=4")
    connection.close()
    with History(tmp_path) as history:
        timeline = history.timeline("crm")
        assert [bucket.shown.seq for bucket in timeline.buckets] == [1, 5]
        assert history.unreadable == 3


def test_a_year_is_made_of_documents_that_are_all_sound(filled_store: Path) -> None:
    with History(filled_store) as history:
        entries = list(history.entries(Wanted(kinds=(Kind.SAMPLE,), last=200)))
        assert len(entries) == 200
        assert history.unreadable == 0
