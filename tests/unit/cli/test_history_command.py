"""`cloudpath history` as a person meets it: wrong options, no store, a pipe, another command behind it."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.command import cloudpath
from tests.unit.store.stores import filled, next_of, opened, sample


@pytest.fixture
def place(tmp_path: Path) -> Path:
    store = opened(tmp_path)
    store.register(("collector",))
    filled(store, 30)
    store.append(sample("mail", status="ok", codes=()))
    batch = next_of(store, "collector", 5)
    assert batch is not None
    store.park(batch, "413: too large")
    store.close()
    return tmp_path


def test_the_newest_twenty_are_shown(place: Path) -> None:
    ended = cloudpath("history", "--state-dir", str(place))
    assert ended.code == 0
    assert len(ended.out.splitlines()) == 1 + 20
    assert ended.out.splitlines()[-1].split()[2] == "mail"


def test_all_are_shown_where_a_time_is_given(place: Path) -> None:
    ended = cloudpath("history", "--state-dir", str(place), "crm", "--since", "2026-01-01", "--format", "ndjson")
    assert [json.loads(line)["seq"] for line in ended.out.splitlines()] == list(range(1, 31))


def test_json_is_the_documents_one_after_the_other(place: Path) -> None:
    ended = cloudpath("history", "--state-dir", str(place), "-j", "-n", "2")
    decoder, at, seqs = json.JSONDecoder(), 0, []
    while at < len(ended.out):
        document, end = decoder.raw_decode(ended.out, at)
        seqs.append(document["seq"])
        at = end + 1
    assert seqs == [30, 31]


def test_sinks_and_what_they_refused(place: Path) -> None:
    ended = cloudpath("history", "--state-dir", str(place), "--sinks")
    assert "413: too large" in ended.out
    told = json.loads(cloudpath("history", "--state-dir", str(place), "--sinks", "-j").out)
    assert told["sinks"][0]["pending"] == 26
    assert told["parked"][0]["entries"] == 5
    again = cloudpath("history", "--state-dir", str(place), "--unpark", "collector")
    assert again.lines == ["1 refused batch goes to collector once more"]
    assert "(will be tried again)" in cloudpath("history", "--state-dir", str(place), "--sinks").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("crn",), "the store has no sample of 'crn'; did you mean crm?"),
        (("--since", "soon"), "--since takes 90s, 15m, 2h, 3d, 1w"),
        (("-j", "--format", "text"), "--json and --format text exclude each other"),
        (("-c", "agent.yaml"), "--config and --state-dir exclude each other"),
        (("--unpark", "nobody"), "the store has no sink 'nobody'; there are collector"),
        (("-n", "-1"), "-1 is not in the range"),
    ],
)
def test_a_mistake_is_said_with_what_to_do(place: Path, arguments: tuple[str, ...], said: str) -> None:
    ended = cloudpath("history", "--state-dir", str(place), *arguments)
    assert ended.code == 2
    assert said in ended.err
    assert ended.out == ""


def test_without_a_store_it_says_so(tmp_path: Path) -> None:
    ended = cloudpath("history", "--state-dir", str(tmp_path))
    assert ended.code == 2
    assert "there is no store" in ended.err


def test_nothing_that_is_wanted_is_no_error(place: Path) -> None:
    ended = cloudpath("history", "--state-dir", str(place), "--code", "ZPA-01")
    assert (ended.code, ended.out, ended.lines) == (0, "", ["no entry in the store is like that"])
