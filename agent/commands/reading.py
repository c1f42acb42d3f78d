"""What several commands do with a person's files: read them, or say every mistake and stop."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import click

from agent.config.place import DEFAULT_FILE, FILE_VARIABLE
from agent.exit_codes import ExitCode

if TYPE_CHECKING:
    from agent.config.reading import Loaded
    from rules.ruleset import RuleSet

_Read = TypeVar("_Read")

# Whoever opens one says why that failed, and with which exit code.
FILE: Final = click.Path(path_type=Path, readable=False)
# The file of a command that reads the usual one unless another is named.
CONFIGURATION_ARGUMENT: Final = click.argument("file", type=FILE, envvar=FILE_VARIABLE, default=DEFAULT_FILE)


class MistakenFileError(click.ClickException):
    """A file with mistakes: lines for a person, each with its place."""

    exit_code = ExitCode.USAGE

    def __init__(self, lines: tuple[str, ...]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def read_configuration(file: Path) -> "Loaded":
    """Return the configuration in a file.

    Raises:
        MistakenFileError: It cannot be read, or is wrong.
    """
    if file == DEFAULT_FILE and not file.exists():
        # Nobody named it.
        command = click.get_current_context().command_path
        raise MistakenFileError((f"{file}: there is no such file; name yours, as in `{command} agent.yaml`",))
    # pydantic and yaml: 130 ms that only a configuration costs.
    from agent.config.reading import ConfigurationError, load_configuration  # noqa: PLC0415

    try:
        return load_configuration(file)
    except ConfigurationError as error:
        raise MistakenFileError(error.problems) from None


def read_rules(extra: Sequence[Path] = ()) -> "RuleSet":
    """Return the shipped rules, with an operator's files on top of them.

    Raises:
        MistakenFileError: A file cannot be read, or is wrong.
    """
    if not extra:
        from rules.shipped import shipped_rules  # noqa: PLC0415

        return shipped_rules()
    from rules.load import RuleFileError, load_rules  # noqa: PLC0415 - yaml

    try:
        return load_rules(extra)
    except RuleFileError as error:
        raise MistakenFileError(tuple(problem.text for problem in error.problems)) from None


def read_recorded(file: Path, reader: Callable[[bytes, str], list[_Read]]) -> list[_Read]:
    """Return what one of `agent.record_reader`'s functions makes of a file, or of standard input where that is `-`.

    Raises:
        MistakenFileError: It cannot be read, or holds something else.
    """
    from agent.record_reader import RecordError  # noqa: PLC0415 - pydantic, 100 ms

    name = "standard input" if str(file) == "-" else str(file)
    try:
        return reader(sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes(), name)
    except OSError as error:
        raise MistakenFileError((f"{name}: cannot read it: {(error.strerror or str(error)).lower()}",)) from None
    except RecordError as error:
        raise MistakenFileError(tuple(str(error).splitlines())) from None
