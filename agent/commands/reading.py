"""What several commands do with a person's files: read them, or say every mistake and stop."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from agent.exit_codes import ExitCode

if TYPE_CHECKING:
    from agent.config import Loaded
    from rules.ruleset import RuleSet

FILE: Final = click.Path(path_type=Path)
DEFAULT_FILE: Final = Path("/etc/cloudpath-agent/agent.yaml")


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
    # pydantic and yaml: 130 ms that only a configuration costs.
    from agent.config import ConfigurationError, load_configuration  # noqa: PLC0415

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
