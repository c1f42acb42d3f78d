"""The command: what a person types goes in, output and an exit code come out, and never a traceback."""

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import click

_LONGEST_MISTAKE: Final = 300


def main() -> None:
    """Run `cloudpath` with the arguments of this process, and end the process with its exit code.

    A command that lives for a second has more memory than garbage, and nothing to tidy up that the kernel does not: no
    collection and no teardown of the interpreter save 35 ms of its 200 [measured].
    """
    gc.disable()
    if sys.stdin is None or sys.stdout is None or sys.stderr is None:
        # Few callers close a stream, and agent.output is loaded only when there is something to print.
        from agent.output import open_closed_streams  # noqa: PLC0415

        open_closed_streams()
    try:
        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        # A second Ctrl-C, or one before anything was measured: there is nothing to print.
        code = 130
    for stream in filter(None, (sys.stdout, sys.stderr)):
        # Whatever could not be written has been complained of already (agent.output).
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def run(arguments: Sequence[str]) -> int:
    """Return the exit code of `cloudpath` with these arguments, after printing what is to be printed.

    The imports are in here so that Ctrl-C while they load ends the command as quietly as any other.
    """
    # threading is click's own need already.
    import threading  # noqa: PLC0415

    import click  # noqa: PLC0415

    from agent.commands.group import cloudpath  # noqa: PLC0415
    from agent.exit_codes import ExitCode  # noqa: PLC0415
    from agent.output import OutputClosedError, OutputError, abandon_output, complain  # noqa: PLC0415

    threading.excepthook = lambda failed: complain(_own_mistake(failed.exc_value))
    try:
        return cloudpath(arguments)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        complain(_line_of(error))
        return error.exit_code
    except OutputClosedError:
        abandon_output()
        return ExitCode.OUTPUT_CLOSED
    except OutputError as error:
        abandon_output()
        complain(f"cloudpath: {error}")
    except Exception as error:  # noqa: BLE001 - the last boundary: a person sees one line, never a traceback
        complain(_own_mistake(error))
    return ExitCode.NOT_MEASURED


def _line_of(error: "click.ClickException") -> str:
    """Return a mistake of the person's as one line that says where to read on."""
    # Help in place of arguments, and files with several mistakes, are lines of their own.
    if type(error).__name__ in {"NoArgsIsHelpError", "MistakenFileError"}:
        return error.format_message()
    message = " ".join(error.format_message().split())
    context = getattr(error, "ctx", None)
    if context is None:
        return f"cloudpath: {message}"
    return f"{context.command_path}: {message} (see {context.command_path} --help)"


def _own_mistake(error: BaseException | None) -> str:
    """Return a mistake of ours as one line, or with everything when CLOUDPATH_DEBUG asks for it."""
    if error is not None and os.environ.get("CLOUDPATH_DEBUG"):
        # Only for those who look for the mistake.
        import traceback  # noqa: PLC0415

        return "".join(traceback.format_exception(error)).rstrip()
    what = " ".join(f"{type(error).__name__}: {error}".split())[:_LONGEST_MISTAKE]
    return f"cloudpath: CP-01 internal error ({what}); nothing was measured. CLOUDPATH_DEBUG=1 shows where"
