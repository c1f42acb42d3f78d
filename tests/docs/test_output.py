"""docs/output.md knows every key, every value, every exit code and every format; and nothing that is not there."""

import json
import re
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from agent.exit_codes import ExitCode
from agent.store import loss
from agent.views.path_signs import marks
from probes import (
    answer_facts,
    egress_facts,
    facts,
    failure,
    flow_facts,
    host_facts,
    name_facts,
    sample,
    session_facts,
    web_facts,
)
from probes.word import Word
from rules import diagnosis
from tests.unit.views.snapshots import EXPECTED

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/output.md").read_text(encoding="utf-8")

# Each kind of document, by the section that explains its keys.
TITLES = {"The record": "sample", "The record of a change": "change", "The record of a loss": "gap"}
SCHEMAS: dict[str, dict[str, Any]] = {
    title: json.loads((ROOT / f"docs/schema/cloudpath.{name}-1.schema.json").read_text(encoding="utf-8"))
    for title, name in TITLES.items()
}
SHAPES: dict[str, Any] = {name: shape for schema in SCHEMAS.values() for name, shape in schema["$defs"].items()}

OBJECTS = {name: list(shape["properties"]) for name, shape in SHAPES.items() if "properties" in shape}
VOCABULARY = (facts, flow_facts, answer_facts, host_facts, name_facts, web_facts, egress_facts, session_facts, failure)
FACTS = (*VOCABULARY, sample, diagnosis, loss)
ENUMS = {
    kind.__name__: [str(member.value) for member in kind]
    for module in FACTS
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, Enum | Word) and kind.__module__ == module.__name__
}
# What is being done when something fails is not written into records.
del ENUMS["Operation"]


def first_cells(section: str) -> list[str]:
    """Return what is in backticks in the first column of a section's table."""
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return [name for cell in rows for name in re.findall(r"`([^`]+)`", cell)]


def section(title: str) -> str:
    found = re.search(rf"^(##+) {re.escape(title)}\n(.*?)(?=^##|\Z)", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert found is not None, f"docs/output.md has no section {title}"
    return found.group(2)


@pytest.mark.parametrize("title", SCHEMAS)
def test_every_key_of_a_record_is_explained_in_its_order(title: str) -> None:
    assert first_cells(section(title)) == list(SCHEMAS[title]["properties"])


@pytest.mark.parametrize("name", OBJECTS)
def test_every_key_of_an_object_is_explained_and_no_other(name: str) -> None:
    assert sorted(first_cells(section(name))) == sorted(OBJECTS[name])


@pytest.mark.parametrize("name", ENUMS)
def test_every_value_of_a_closed_set_is_explained_and_no_other(name: str) -> None:
    assert sorted(first_cells(section(name))) == sorted(ENUMS[name])


def test_every_closed_set_of_the_schema_is_one_of_ours() -> None:
    assert {name for name, shape in SHAPES.items() if "enum" in shape} <= set(ENUMS)


def test_every_section_belongs_to_something() -> None:
    assert set(re.findall(r"^### (\w+)$", PAGE, flags=re.MULTILINE)) == {*OBJECTS, *ENUMS}


def test_every_link_in_the_page_leads_somewhere() -> None:
    titles = {title.lower() for title in re.findall(r"^##+ (.+)$", PAGE, flags=re.MULTILINE)}
    assert [link for link in re.findall(r"\]\(#([^)]+)\)", PAGE) if link not in titles] == []
    files = re.findall(r"\]\(([a-z0-9./-]+\.(?:md|json))", PAGE)
    assert [file for file in files if not (ROOT / "docs" / file).exists()] == []


def test_every_exit_code_is_explained() -> None:
    codes = re.findall(r"^\| ([0-9]+) \|", section("Formats of `cloudpath trace`"), flags=re.MULTILINE)
    assert [int(code) for code in codes] == [code.value for code in ExitCode]


def test_every_format_is_explained() -> None:
    from agent.commands.trace import command  # noqa: PLC0415 - a command's module, for its options only

    (option,) = [parameter for parameter in command.params if parameter.name == "form"]
    assert first_cells(section("Formats of `cloudpath trace`")) == list(option.type.choices)  # type: ignore[attr-defined]


def test_the_picture_is_a_drawing_that_is_held_to() -> None:
    picture = re.search(r"^```\n(.*?)^```$", section("The Command Line View"), flags=re.MULTILINE | re.DOTALL)
    assert picture is not None
    assert picture.group(1) in {file.read_text(encoding="utf-8") for file in EXPECTED.glob("*.txt")}


@pytest.mark.parametrize("kind", [kind for kind in facts.SignKind if kind is not facts.SignKind.LOAD_BALANCED])
def test_the_mark_of_every_sign_is_explained(kind: facts.SignKind) -> None:
    sign = facts.PathSign(kind=kind, probe_ttl=1, address=None, sent=1, seen=9, evidence="")
    hop = facts.Hop(probe_ttl=1, sent=1, received=0, loss_class=facts.LossClass.NONE)
    leg = facts.Leg(from_=facts.Node.CLIENT, to=facts.Node.DESTINATION, signs=(sign,))
    (mark,) = marks(leg, hop)
    explained = re.findall(r"`(\[[^`]+\])`", section("The Command Line View"))
    assert in_general(mark) in {in_general(one) for one in explained}


def in_general(mark: str) -> str:
    """Return a mark without what differs from case to case."""
    return re.sub(r"[\d.]+", "#", mark)
