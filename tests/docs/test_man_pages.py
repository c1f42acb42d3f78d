"""The man pages: one for each command, with everything that its help has, in words that roff shows as they are."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

from agent.commands.group import SUBCOMMANDS, group
from agent.version import VERSION

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/make_man_pages.py"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    directory = tmp_path_factory.mktemp("man")
    subprocess.run((sys.executable, str(SCRIPT), str(directory), "2026-11-23"), check=True, timeout=60)
    return {path.name: path.read_text() for path in directory.iterdir()}


def test_each_command_has_a_page(pages: dict[str, str]) -> None:
    assert set(pages) == {"cloudpath.1", *(f"cloudpath-{name}.1" for name in SUBCOMMANDS)}
    for text in pages.values():
        assert text.startswith('.TH "CLOUDPATH')
        assert f'"2026-11-23" "cloudpath-agent {VERSION}"' in text.splitlines()[0]


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_a_page_has_every_option_and_its_variable(pages: dict[str, str], name: str) -> None:
    command = group.get_command(click.Context(group), name)
    assert command is not None
    lines = pages[f"cloudpath-{name}.1"].splitlines()
    for option in command.params:
        if isinstance(option, click.Option):
            shown = ", ".join(option.opts).replace("-", "\\-")
            (at,) = (
                number for number, line in enumerate(lines) if line.startswith((f"\\fB{shown} ", f"\\fB{shown}\\fR"))
            )
            assert str(option.envvar) in lines[at + 1]


def test_only_requests_begin_with_a_dot(pages: dict[str, str]) -> None:
    known = {".TH", ".SH", ".TP", ".PP", ".nf", ".fi", ".nh", ".ad"}
    for text in pages.values():
        assert {line.split()[0] for line in text.splitlines() if line.startswith((".", "'"))} <= known
