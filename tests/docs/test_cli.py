"""docs/cli.md names every command, option, value and exit code that there is, and no other."""

import re
from importlib import import_module
from pathlib import Path

import click
import pytest

from agent.commands.group import SUBCOMMANDS, group
from agent.exit_codes import ExitCode

DOCUMENT = (Path(__file__).parents[2] / "docs/cli.md").read_text(encoding="utf-8")
OPTION = re.compile(r"`(--?[A-Za-z0-9][a-z0-9-]*)`")


def command_of(name: str) -> click.Command:
    command: click.Command = import_module(f"agent.commands.{name.replace('-', '_')}").command
    return command


def section_of(name: str) -> str:
    """Return what stands below the heading of a command."""
    match = re.search(rf"^## `cloudpath {name}(?: [^`]*)?`$(.*?)(?=^## |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert match, f"docs/cli.md has no section for {name}"
    return match.group(1)


def rows_of(section: str) -> dict[str, str]:
    """Return each row of an option table by the option's first name."""
    rows = [line for line in section.splitlines() if line.startswith("| `-")]
    return {OPTION.findall(row.split("|")[1])[0]: row for row in rows}


def options_of(command: click.Command) -> list[click.Option]:
    return [parameter for parameter in command.params if isinstance(parameter, click.Option)]


def test_every_command_has_a_section_and_every_section_a_command() -> None:
    assert re.findall(r"^## `cloudpath ([a-z-]+)", DOCUMENT, re.MULTILINE) == list(SUBCOMMANDS)


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_the_documented_options_are_those_that_there_are(name: str) -> None:
    documented = [OPTION.findall(row.split("|")[1]) for row in rows_of(section_of(name)).values()]
    assert documented == [option.opts for option in options_of(command_of(name))]


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_values_and_ranges_are_documented(name: str) -> None:
    rows = rows_of(section_of(name))
    for option in options_of(command_of(name)):
        row = rows[option.opts[0]]
        if isinstance(option.type, click.Choice):
            assert all(choice in row for choice in option.type.choices), row
        if isinstance(option.type, (click.IntRange, click.FloatRange)):
            assert f"{option.type.min} to {option.type.max}" in row, row


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_documented_defaults_are_those_in_the_help(name: str) -> None:
    rows = rows_of(section_of(name))
    for option in options_of(command_of(name)):
        said = re.search(r"\[default: (.*?)\]", option.help or "")
        if said:
            assert rows[option.opts[0]].split("|")[2].strip() == said.group(1), option.opts


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_arguments_stand_in_the_heading(name: str) -> None:
    heading = re.search(rf"^## `cloudpath ({name}.*?)`$", DOCUMENT, re.MULTILINE)
    assert heading
    context = click.Context(command_of(name), info_name=name)
    arguments = [p.make_metavar(context) for p in command_of(name).params if isinstance(p, click.Argument)]
    shown = heading.group(1).split()[1:]
    assert [word.strip("[]") for word in shown] == [_word(argument) for argument in arguments]


def _word(metavar: str) -> str:
    """Return an argument's name; a choice has its values there instead."""
    return "SHELL" if metavar.startswith("{") else metavar.strip("[]")


def test_options_of_the_command_itself_are_documented() -> None:
    named = {name for option in options_of(group) for name in option.opts}
    assert named | {"-h", "--help"} == set(OPTION.findall(DOCUMENT.partition("## Exit codes")[0])) - {"-m"}


def test_the_exit_codes_are_those_that_there_are() -> None:
    table = DOCUMENT.partition("## Exit codes")[2].partition("\n## ")[0]
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)] == [int(code) for code in ExitCode]


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_the_list_of_commands_and_the_help_of_each_say_the_same(name: str) -> None:
    assert command_of(name).name == name
    assert command_of(name).help
