"""The README: its two commands are there, its links lead somewhere, and its examples are what the command accepts."""

import os
import re
import shlex
from pathlib import Path

import pytest

from agent.commands.group import SUBCOMMANDS
from agent.commands.trace import command as trace

_ROOT = Path(__file__).parents[2]
_README = (_ROOT / "README.md").read_text(encoding="utf-8")
_PAGES = [_ROOT / "README.md", *_ROOT.glob("docs/**/*.md")]


@pytest.mark.parametrize("command", ["scripts/cloudpath", "scripts/test"])
def test_the_two_commands_are_there(command: str) -> None:
    assert f"\n{command} " in _README
    assert os.access(_ROOT / command, os.X_OK)


def test_every_subcommand_is_shown_and_no_other() -> None:
    shown = set(re.findall(r"`cloudpath ([a-z-]+)", _README))
    assert shown == set(SUBCOMMANDS)


_EXAMPLES = re.findall(r"(?:`|\$ |/)cloudpath trace ([^`\n#]+)", _README)


@pytest.mark.parametrize("example", _EXAMPLES)
def test_every_example_of_a_trace_is_one_that_the_command_takes(example: str) -> None:
    assert trace.make_context("trace", shlex.split(example)).params["target"]


def test_the_examples_were_found() -> None:
    assert len(_EXAMPLES) == _README.count("cloudpath trace ")


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: str(page.relative_to(_ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if not (page.parent / link).exists()]
    assert missing == []


def test_every_decision_is_in_the_index_by_its_title() -> None:
    index = (_ROOT / "docs/adr/README.md").read_text(encoding="utf-8")
    decisions = sorted((_ROOT / "docs/adr").glob("0*.md"))
    headings = [(page, page.read_text(encoding="utf-8").partition("\n")[0]) for page in decisions]
    rows = [f"| [{page.name[:4]}]({page.name}) | {heading.partition('. ')[2]} |" for page, heading in headings]
    assert re.findall(r"^\| \[.*$", index, re.MULTILINE) == rows
