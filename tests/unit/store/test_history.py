"""What another process reads of a store: by target, time, status and code, beside the one that writes."""

import json
import os
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from agent.history_time import instant_of
from agent.store.database import SqliteStore
from agent.store.entry import Entry, Kind
from agent.store.history import History, HistoryError, Wanted, unpark
from agent.store.schema import FILE
from agent.views.history_view import history_view, sinks_view
from agent.views.style import Style
from tests.unit.store.stores import filled, next_of, opened, sample, seqs_of

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=timezone(timedelta(hours=1)))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """A store with five samples, and a change between them."""
    store = opened(tmp_path)
    store.register(("s",))
    store.append(sample("crm", at="2026-11-23T10:00:00.000Z", status="ok", codes=()))
    store.append(sample("mail", at="2026-11-23T10:05:00.000Z", status="critical", codes=("CP-05", "CP-11")))
    store.append(change)
    store.append(sample("crm", at="2026-11-23T10:10:00.000Z", status="warning", codes=("CP-12",)))
    store.append(sample("crm", at="2026-11-23T09:00:00.000Z", status="ok", codes=()))
    store.append(sample("mail", at="2026-11-23T10:15:00.000Z", status="failed", codes=("CP-01",)))
    yield store
    store.close()


def change(seq: int) -> Entry:
    document = {
        "schema": "cloudpath.change/1",
        "seq": seq,
        "subject": "eth0\x1b[31m",
        "what": "carrier",
        "before": "up",
        "after": "down",
        "aborted": ["crm"],
    }
    data = json.dumps(document).encode()
    return Entry(seq=seq, kind=Kind.CHANGE, id=f"c{seq}", at="2026-11-23T10:07:00.000Z", data=data)


@pytest.mark.parametrize(
    ("wanted", "seqs"),
    [
        (Wanted(), [1, 2, 3, 4, 5, 6]),
        (Wanted(kinds=(Kind.SAMPLE,)), [1, 2, 4, 5, 6]),
        (Wanted(kinds=(Kind.SAMPLE,), target="crm"), [1, 4, 5]),
        (Wanted(target="crm"), [1, 3, 4, 5]),
        (Wanted(since="2026-11-23T10:05:00.000Z"), [2, 3, 4, 6]),
        (Wanted(until="2026-11-23T10:05:00.000Z"), [1, 5]),
        (Wanted(kinds=(Kind.SAMPLE,), statuses=("critical", "failed")), [2, 6]),
        (Wanted(kinds=(Kind.SAMPLE,), codes=("CP-11",)), [2]),
        (Wanted(kinds=(Kind.SAMPLE,), codes=("CP-1",)), []),
        (Wanted(last=2), [5, 6]),
        (Wanted(kinds=(Kind.SAMPLE,), target="mail", last=1), [6]),
        (Wanted(last=100), [1, 2, 3, 4, 5, 6]),
    ],
)
def test_only_what_is_wanted_is_read(tmp_path: Path, store: SqliteStore, wanted: Wanted, seqs: list[int]) -> None:
    assert store.state().entries == 6
    with History(tmp_path) as history:
        assert seqs_of(list(history.entries(wanted))) == seqs


def test_a_reader_who_takes_long_holds_nobody_up(tmp_path: Path) -> None:
    store = opened(tmp_path)
    filled(store, 300, size=4000)
    with History(tmp_path) as history:
        reading = history.entries(Wanted())
        assert next(reading).seq == 1
        filled(store, 1500, size=4000)
        assert (tmp_path / f"{FILE}-wal").stat().st_size < 4 << 20
        assert len(list(reading)) == 1799


def test_damaged_entries_are_left_out_and_counted(tmp_path: Path, store: SqliteStore) -> None:
    store.close()
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("UPDATE document SET packed=x'00' WHERE seq=2")
    connection.close()
    with History(tmp_path) as history:
        assert seqs_of(list(history.entries(Wanted()))) == [1, 3, 4, 5, 6]
        assert history.unreadable == 1


def test_no_store_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match=r"there is no store; `cloudpath run` makes one"):
        History(tmp_path)


def test_what_is_no_store_of_ours_is_said(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"garbage" * 1000)
    with pytest.raises(HistoryError, match="file is not a database"):
        History(tmp_path)
    (tmp_path / FILE).unlink()
    os.mkfifo(tmp_path / FILE)
    with pytest.raises(HistoryError, match="it is no file"):
        History(tmp_path)
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).touch()
    with pytest.raises(HistoryError, match="nothing was written to it yet"):
        History(tmp_path)


def test_what_was_refused_is_listed_and_can_be_tried_again(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.register(("s",))
    entries = filled(store, 3)
    batch = next_of(store)
    assert batch is not None
    store.park(batch, "422: not like this")
    with History(tmp_path) as history:
        (parked,) = history.parked()
        (backlog,) = history.backlogs()
    assert (parked.why, parked.entries, parked.again) == ("422: not like this", 3, False)
    assert (backlog.pending, backlog.parked) == (0, 3)
    assert next_of(store) is None
    assert unpark(tmp_path, "s") == 1
    again = next_of(store)
    assert again is not None
    assert list(again.entries) == entries
    assert again.id != batch.id
    store.delivered(again)
    assert next_of(store) is None
    with History(tmp_path) as history:
        assert history.parked() == ()


def test_a_batch_that_was_put_back_can_be_shortened_and_refused_anew(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.register(("s",))
    filled(store, 4)
    whole = next_of(store)
    assert whole is not None
    store.park(whole, "no")
    unpark(tmp_path, "s")
    again = next_of(store)
    assert again is not None
    store.shorten(again)
    half = next_of(store)
    assert half is not None
    assert seqs_of(half.entries) == [1, 2]
    store.park(half, "no", only=(2,))
    rest = next_of(store)
    assert rest is not None
    assert seqs_of(rest.entries) == [3, 4]
    store.delivered(rest)
    assert [one.parked for one in store.state().sinks] == [1]


def test_the_table_has_what_happened_between_and_escapes_it(tmp_path: Path, store: SqliteStore) -> None:
    assert store.state().problem is None
    with History(tmp_path) as history:
        text = history_view(history.entries(Wanted()), Style(unicode=False))
    lines = text.splitlines()
    assert lines[0].split() == ["Time", "(UTC)", "Target", "Status", "RTT", "(ms)", "Loss", "Took", "Errors"]
    assert lines[2] == "2026-11-23 10:05:00  mail    x critical         -     -  1.5 s  CP-05 CP-11"
    assert lines[3] == (
        "2026-11-23 10:07:00  i network: eth0\\u001b[31m carrier: up -> down; it ended the sample of crm"
    )
    assert "\x1b" not in text


def test_a_narrow_table_wraps_errors_below_themselves(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.append(sample("crm", codes=tuple(f"CP-{number:02}" for number in range(1, 9))))
    with History(tmp_path) as history:
        lines = history_view(history.entries(Wanted()), Style(width=80)).splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert lines[1].endswith("CP-01 CP-02 CP-03")
    assert lines[2].strip().startswith("CP-04")


def test_the_view_of_sinks_says_what_waits_and_what_was_refused(tmp_path: Path, store: SqliteStore) -> None:
    batch = next_of(store, most=2)
    assert batch is not None
    store.park(batch, "no\x07way")
    with History(tmp_path) as history:
        text = sinks_view(history.backlogs(), history.parked(), Style(width=80))
    assert "s           4  2026-11-23 10:07:00        2  2" in text
    assert "no\\u0007way" in text
    assert "--unpark" in text


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2h", "2026-11-23T09:00:00.000Z"),
        ("90s", "2026-11-23T10:58:30.000Z"),
        ("1w", "2026-11-16T11:00:00.000Z"),
        ("2026-11-23", "2026-11-22T23:00:00.000Z"),
        ("2026-11-23T10:00", "2026-11-23T09:00:00.000Z"),
        ("2026-11-23T10:00:00Z", "2026-11-23T10:00:00.000Z"),
        ("2026-11-23T10:00:00+02:00", "2026-11-23T08:00:00.000Z"),
        ("yesterday", None),
        ("999999w", None),
        ("", None),
    ],
)
def test_times_are_what_a_person_means(text: str, instant: str | None) -> None:
    assert instant_of(text, NOON) == instant
    assert NOON.astimezone(UTC).hour == 11
