"""The sinks' page: its examples are good configurations, and its table of answers is what the code does."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
import trustme

from agent.config.reading import Loaded, parse_configuration
from agent.sinks.answers import MENDING_S, Answer, outcome_of
from agent.sinks.encoding import template_values
from agent.sinks.journald import fields
from agent.sinks.sink import Fate
from tests.unit.sinks.a_store import a_batch, entry

PAGE: Final = (Path(__file__).parents[2] / "docs/sinks.md").read_text(encoding="utf-8")
EXAMPLES: Final = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
ROW: Final = re.compile(r"^\| (.*?) \| (.*?) \|$", re.MULTILINE)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text("a-token\n", encoding="utf-8")
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "company-ca.pem"))
    return tmp_path


def read(text: str, directory: Path) -> Loaded:
    return parse_configuration(text, "agent.yaml", directory, {})


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_a_good_configuration(example: str, directory: Path) -> None:
    assert read(example, directory).settings.emit


def test_there_is_an_example_of_every_type(directory: Path) -> None:
    sinks: list[Any] = [sink for example in EXAMPLES for sink in read(example, directory).settings.emit]
    assert {sink.type for sink in sinks} == {"stdout", "file", "http", "otlp", "syslog", "journald"}
    assert {sink.format for sink in sinks if sink.type == "http"} == {"ndjson", "es_bulk", "splunk_raw"}


def meaning(row: str) -> tuple[Fate, bool]:
    """Return what a row says becomes of a batch, and whether it waits for somebody to mend something."""
    if row.startswith("delivered"):
        return Fate.DELIVERED, False
    if row.startswith("about the batch"):
        return Fate.REFUSED, False
    return Fate.UNAVAILABLE, "once a minute" in row


def test_the_table_of_answers_says_what_is_done() -> None:
    table = PAGE.partition("| answer | means |")[2].partition("\n\n")[0]
    said = {
        int(status): meaning(row) for answers, row in ROW.findall(table) for status in re.findall(r"\b\d{3}\b", answers)
    }
    said |= dict.fromkeys((200, 204), (Fate.DELIVERED, False))
    others = [row for answers, row in ROW.findall(table) if "other 3xx" in answers]
    assert len(others) == 1
    for status in range(200, 600):
        outcome = outcome_of(Answer(status=status, headers={}, body=b""), 0.0)
        found = outcome.fate, outcome.retry_after_s == MENDING_S
        if status in said:
            assert said[status] == found, status
        elif 300 <= status < 500:
            assert found == meaning(others[0]), status
        elif status >= 500:
            assert found == (Fate.UNAVAILABLE, False), status


def test_the_templates_are_those_that_are_filled() -> None:
    named = set(re.findall(r"\{[a-z]+_[a-z]+\}", PAGE))
    filled = template_values(a_batch(entry(1)), "agent")
    assert {name for name in named if filled(name) != name} == named == {
        "{batch_id}", "{agent_id}", "{first_seq}", "{last_seq}",
    }  # fmt: skip


def test_the_fields_of_the_journal_are_those_that_are_sent() -> None:
    section = PAGE.partition("## `journald`")[2]
    sent = {line.partition(b"=")[0].decode() for line in fields(entry(1, status="warning")).splitlines()}
    assert set(re.findall(r"`(CLOUDPATH_[A-Z]+)`", section)) == {name for name in sent if name.startswith("CLOUDPATH_")}
