"""What the command's exit code says; docs/cli.md promises it."""

from collections.abc import Iterable
from enum import IntEnum
from typing import Final


class ExitCode(IntEnum):
    """The exit codes of the one-shot commands."""

    CLEAN = 0
    FOUND = 1
    USAGE = 2
    NOT_MEASURED = 3
    # 128 + the signal's number, as a shell reports a program that the signal ended.
    INTERRUPTED = 130
    OUTPUT_CLOSED = 141


# The catalogue's code for "the agent itself failed".
AGENT_ERROR: Final = "CP-01"


def exit_code_of(errors: Iterable[tuple[str, str]]) -> ExitCode:
    """Return the exit code for the errors of a diagnosis.

    Args:
        errors: Code and severity (`info`, `warning`, `critical`) of each.

    Returns:
        NOT_MEASURED if the agent itself failed, else FOUND if any is above info, else CLEAN.
    """
    found = tuple(errors)
    if any(code == AGENT_ERROR for code, _ in found):
        return ExitCode.NOT_MEASURED
    return ExitCode.FOUND if any(severity != "info" for _, severity in found) else ExitCode.CLEAN
