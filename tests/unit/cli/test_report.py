"""`cloudpath report` and `trace --html`: a page from a record, or one line that says why there is none."""

import json
import os
import pty
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from agent.record import document
from agent.report import MOST_MOMENTS
from tests.unit.cli.command import COMMAND, ROOT, cloudpath, environment_of
from tests.unit.store.year import UNTIL, YEAR_TARGET, fill
from tests.unit.views import far_samples as far
from tests.unit.views import samples
from tests.unit.views.html_tree import Element, tree_of

RECORD = json.dumps(document(far.TUNNELLED, far.TUNNELLED_DIAGNOSIS, samples.HEADER))


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    file = tmp_path / "sample.json"
    file.write_text(RECORD)
    return file


def test_a_page_goes_to_standard_output(recorded: Path) -> None:
    ended = cloudpath("report", str(recorded))
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("<!DOCTYPE html>\n")
    assert ended.out.endswith("</html>\n")


def test_a_page_goes_to_a_file(recorded: Path, tmp_path: Path) -> None:
    page = tmp_path / "sample.html"
    ended = cloudpath("report", str(recorded), "-o", str(page))
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert page.read_text(encoding="utf-8") == cloudpath("report", str(recorded)).out


def test_several_records_make_one_page(tmp_path: Path) -> None:
    file = tmp_path / "samples.ndjson"
    file.write_text(f"{RECORD}\n" * 3)
    ended = cloudpath("report", str(file))
    assert ended.code == 0
    assert ended.out.count("<article ") == 3


def test_more_records_than_a_page_holds_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "samples.ndjson"
    file.write_text(f"{RECORD}\n" * 201)
    page = tmp_path / "sample.html"
    ended = cloudpath("report", str(file), "-o", str(page))
    assert (ended.code, page.exists()) == (2, False)
    (line,) = ended.lines
    assert "holds 201 records, and a page holds 200" in line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty, expected a record"),
        ("{", "not JSON"),
        ('{"schema": "cloudpath.sample/2"}', 'schema: is "cloudpath.sample/2"'),
        (RECORD.replace('"status": "warning"', '"status": "splendid"'), "status"),
        (RECORD.replace('"rejected": ', '"dropped": '), "dropped: is not a key of this schema"),
    ],
)
def test_what_is_no_record_is_said_with_its_place(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "sample.json"
    file.write_text(text)
    page = tmp_path / "sample.html"
    page.write_text("what was there before")
    ended = cloudpath("report", str(file), "-o", str(page))
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert page.read_text() == "what was there before"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    ended = cloudpath("report", str(tmp_path / "none.json"))
    assert ended.code == 2
    assert ended.lines == [f"{tmp_path / 'none.json'}: cannot read it: no such file or directory"]


def test_a_directory_takes_no_page(recorded: Path, tmp_path: Path) -> None:
    ended = cloudpath("report", str(recorded), "-o", str(tmp_path))
    assert ended.code == 2
    (line,) = ended.lines
    assert line.startswith(f"cloudpath report: cannot write {tmp_path}: it is a directory; give another file with -o ")


def test_a_terminal_gets_no_page(recorded: Path) -> None:
    ours, theirs = pty.openpty()
    try:
        ended = subprocess.run(
            [*COMMAND, "report", str(recorded)],
            stdout=theirs,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            cwd=ROOT,
            env=environment_of({}),
            timeout=30,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert ended.returncode == 2
    assert b"a page of HTML is not for a terminal" in ended.stderr


# --- over time --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of a store with three days of samples."""
    directory = tmp_path_factory.mktemp("store")
    fill(directory, days=3)
    return directory


def sheets_of(root: Element) -> list[Element]:
    """Return the sheets of one sample each; behind them lie those of two."""
    return [article for article in root.all("article") if "comparison" not in article.classes]


def test_a_target_of_the_store_is_shown_over_time(stored: Path, tmp_path: Path) -> None:
    page = tmp_path / "crm.html"
    ended = cloudpath("report", "--target", YEAR_TARGET, "--state-dir", str(stored), "-o", str(page))
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    root = tree_of(page.read_text(encoding="utf-8"))
    assert root.one("section", "timeline").one("h2").text == f"{YEAR_TARGET} over time"
    assert len(sheets_of(root)) == MOST_MOMENTS
    newest = cloudpath("history", YEAR_TARGET, "--state-dir", str(stored), "-n", "1", "--format", "ndjson")
    assert json.loads(newest.out)["id"] in sheets_of(root)[0].text


def test_no_link_of_a_report_leads_to_nothing(stored: Path) -> None:
    root = tree_of(cloudpath("report", "--target", YEAR_TARGET, "--state-dir", str(stored)).out)
    identities = [element["id"] for element in root.all() if "id" in element.attributes]
    assert len(set(identities)) == len(identities)
    links = [element["href"] for element in root.all("a") if "href" in element.attributes]
    assert len(links) > MOST_MOMENTS
    assert {link[1:] for link in links} <= set(identities)
    assert {link[0] for link in links} == {"#"}


def test_times_narrow_it(stored: Path) -> None:
    until = UNTIL.isoformat()
    since = (UNTIL - timedelta(hours=1)).isoformat()
    narrow = ("--target", YEAR_TARGET, "--state-dir", str(stored), "--since", since, "--until", until)
    root = tree_of(cloudpath("report", *narrow).out)
    assert len(list(root.one("section", "timeline").one("tbody").all("tr"))) == 12
    assert len(sheets_of(root)) == 12


def test_records_of_one_target_in_a_file_are_shown_over_time(stored: Path, tmp_path: Path) -> None:
    file = tmp_path / "samples.ndjson"
    told = cloudpath("history", YEAR_TARGET, "--state-dir", str(stored), "-n", "5", "--format", "ndjson")
    file.write_text(told.out)
    root = tree_of(cloudpath("report", str(file)).out)
    assert [link["href"] for link in root.one("section", "timeline").one("tbody").all("a")] == [
        "#s5",
        "#s4",
        "#s3",
        "#s2",
        "#s1",
    ]
    newest = json.loads(told.out.splitlines()[-1])
    assert newest["id"] in sheets_of(root)[0].text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "nothing to show; give a FILE of records, or --target NAME for what the store holds"),
        (("a.json", "--target", YEAR_TARGET), "FILE and --target exclude each other; give one"),
        (("a.json", "--since", "2h"), "--since is for the store; say with --target what to show of it"),
        (("--state-dir", "x"), "--state-dir is for the store; say with --target what to show of it"),
        (("--target", "crm", "--since", "yesterday"), "--since takes 90s, 15m, 2h"),
        (("--target", "crm.exampel.com"), f"did you mean {YEAR_TARGET}?"),
        (("--target", YEAR_TARGET, "--until", "2001-01-01"), "in that time; take a longer one"),
        (("--target", "crm", "-c", "agent.yaml"), "--config and --state-dir exclude each other"),
        (("--target", "crm", "--state-dir", "/nowhere"), "/nowhere: there is no store"),
    ],
)
def test_what_cannot_be_shown_is_said_in_a_line(arguments: tuple[str, ...], said: str, stored: Path) -> None:
    if "--target" in arguments and arguments[0] == "--target" and "--state-dir" not in arguments:
        arguments = (*arguments, "--state-dir", str(stored))
    ended = cloudpath("report", *arguments)
    assert (ended.code, ended.out) == (2, "")
    (line,) = ended.lines
    assert said in line


# --- trace --html -----------------------------------------------------------------------------------------------------


def test_a_trace_writes_its_page_beside_its_output(tmp_path: Path) -> None:
    page, sample = tmp_path / "sample.html", tmp_path / "sample.json"
    ended = cloudpath("trace", "127.0.0.1", "-q", "1", "--json", "-o", str(sample), "--html", str(page))
    assert (ended.out, ended.err) == ("", "")
    assert page.read_text(encoding="utf-8") == cloudpath("report", str(sample)).out


@pytest.mark.parametrize("option", ["-o", "--pcap"])
def test_two_outputs_in_one_file_are_refused(option: str, tmp_path: Path) -> None:
    file = tmp_path / "out"
    ended = cloudpath("trace", "127.0.0.1", option, str(file), "--html", str(file))
    assert (ended.code, file.exists()) == (2, False)
    assert f"{option} and --html both name {file}" in ended.err


@pytest.mark.parametrize(("file", "said"), [("-", "--html needs a file"), ("/nowhere/page.html", "cannot write")])
def test_a_place_that_takes_no_page_is_refused_before_anything_is_sent(file: str, said: str) -> None:
    ended = cloudpath("trace", "127.0.0.1", "--html", file)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
