"""What the command's exit code says; docs/cli.md promises it."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of the one-shot commands."""

    CLEAN = 0
    FOUND = 1
    USAGE = 2
    NOT_MEASURED = 3
    # 128 + the signal's number, as a shell reports a program that the signal ended.
    INTERRUPTED = 130
    OUTPUT_CLOSED = 141


def exit_code_of(status: str) -> ExitCode:
    """Return the exit code for the status of a sample (a `rules.diagnosis.Status`; text, to import nothing).

    A discarded sample carries an info message only (CP-06), so nothing is above info.
    """
    return {
        "ok": ExitCode.CLEAN,
        "discarded": ExitCode.CLEAN,
        "warning": ExitCode.FOUND,
        "critical": ExitCode.FOUND,
        "failed": ExitCode.NOT_MEASURED,
    }[status]


class ServiceExit(IntEnum):
    """The exit codes of what runs until it is stopped, as systemd knows them (sysexits.h)."""

    # Something else has to end first; it is worth another try.
    TEMPORARY_FAILURE = 75
    MISSING_RIGHTS = 77
    BAD_CONFIGURATION = 78
