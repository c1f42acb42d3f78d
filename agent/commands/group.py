"""The command `cloudpath` and its table of subcommands, each loaded only when it is asked for."""

# The overridden methods and their arguments are click's; typing.override came with Python 3.12.
# mypy: disable-error-code="explicit-override"
# ruff: noqa: ARG002, D102

import os
from collections.abc import Sequence
from importlib import import_module
from itertools import islice
from typing import Any, Final

import click

from agent.output import deliver
from agent.version import VERSION

# Every subcommand and its line in the help; it lives in `agent.commands.<name with underscores>`.
SUBCOMMANDS: Final = {
    "trace": "Trace the path to a target and say what is wrong with it.",
    "watch": "Watch the path to a target live, in the terminal.",
    "dns": "Ask every configured resolver about a name.",
    "web": "Ask for a web address, step by step.",
    "ping": "Send echo requests to a host.",
    "egress": "Ask service edges for this network's public address.",
    "run": "Sample every configured target, again and again, as a service.",
    "edge": "Serve agents as the far end: seen addresses, and traces back and on.",
    "errors": "Show the catalogue of errors, or one of them.",
    "explain": "Diagnose recorded samples again, offline, and say why.",
    "history": "Show the samples that the service took.",
    "report": "Show recorded samples as one HTML page, with Hop View.",
    "ui": "Show targets, history and samples in a browser on this host, live.",
    "zpa": "Show what private access says of its sessions.",
    "doctor": "Check what this host allows, and what would stop a trace.",
    "check-config": "Check a configuration file; report every mistake with its place.",
    "show-config": "Show the configuration in effect, defaults included.",
    "completion": "Print the completion script for a shell.",
}

_PROGRAM: Final = "cloudpath"
# click keeps two columns free of what it takes at least, `HelpFormatter`.
_NARROWEST_OF_CLICK: Final = 52
_NARROWEST_HELP: Final = 20
_COMPLETION_REQUEST: Final = "_CLOUDPATH_COMPLETE"


def cloudpath(arguments: Sequence[str]) -> int:
    """Return the exit code of the subcommand that the arguments name.

    Raises:
        click.ClickException: The arguments or the configuration are wrong.
        agent.output.OutputError: The output could not be written.
    """
    if _COMPLETION_REQUEST in os.environ:
        # The shell asks, not a person; click answers and ends the process.
        group.main(list(arguments), prog_name=_PROGRAM, complete_var=_COMPLETION_REQUEST)
    # Not group.main: it takes a closed pipe for a failure with exit code 1.
    with group.make_context(_PROGRAM, list(arguments)) as context:
        return int(group.invoke(context) or 0)


def _show_help(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click's way
    if wanted and not context.resilient_parsing:
        context.terminal_width = _narrow_width()
        deliver(f"{context.get_help()}\n")
        context.exit()


def _narrow_width() -> int | None:
    """Return how wide the help may be on a narrow terminal; None: click's own choice, which is never below 50."""
    from shutil import get_terminal_size  # noqa: PLC0415 - for the help only, and click imports it there anyway

    columns = get_terminal_size().columns
    return max(_NARROWEST_HELP, columns - 1) if columns < _NARROWEST_OF_CLICK else None


def _show_version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:  # noqa: FBT001
    if wanted and not context.resilient_parsing:
        deliver(f"{_PROGRAM} {VERSION}\n")
        context.exit()


def _delivered(option: click.Option | None) -> click.Option | None:
    if option is not None:
        option.callback = _show_help
    return option


class Subcommand(click.Command):
    """A command whose help goes the way of all output, so that a full disk or a closed pipe is noticed.

    Each option has a variable of its own, named by what a person types: CLOUDPATH_TRACE_MAX_TTL.
    """

    def __init__(self, name: str, *arguments: Any, **settings: Any) -> None:
        """Take what click takes."""
        super().__init__(name, *arguments, **settings)
        for option in self.params:
            if isinstance(option, click.Option):
                # Not click's own way, which goes by the name of the argument that the option becomes.
                named = "_".join((_PROGRAM, name, option.opts[-1].lstrip("-")))
                option.envvar = named.upper().replace("-", "_")

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        return _delivered(super().get_help_option(ctx))


class Sectioned(Subcommand):
    """A command with many options: its help shows them under headings, one line each."""

    def __init__(self, *arguments: Any, sections: Sequence[tuple[str, int]], **settings: Any) -> None:
        """Take the headings, each with the number of options below it, in the order of the options."""
        super().__init__(*arguments, **settings)
        self._sections = sections

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # Not click's second column: it repeats each range as a formula.
        rows = [
            (record[0], option.help or "")
            for option in self.get_params(ctx)
            if isinstance(option, click.Option) and (record := option.get_help_record(ctx))
        ]
        width = max(len(names) for names, _ in rows)
        rest = iter([(names.ljust(width), text) for names, text in rows])
        *firsts, (last, _) = self._sections
        for title, count in firsts:
            with formatter.section(title):
                formatter.write_dl(list(islice(rest, count)))
        with formatter.section(last):
            # And --help, which is click's own.
            formatter.write_dl(list(rest))


class _LazyGroup(click.Group):
    """A group that knows its subcommands by name, and imports only the one that is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in SUBCOMMANDS:
            return None
        command: click.Command = import_module(f"agent.commands.{cmd_name.replace('-', '_')}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(SUBCOMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name in SUBCOMMANDS or name.startswith("-"):
            return super().resolve_command(ctx, args)
        # Only for a mistake.
        from difflib import get_close_matches  # noqa: PLC0415

        near = get_close_matches(name, SUBCOMMANDS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(SUBCOMMANDS)}"
        raise click.UsageError(f"there is no command {name!r}; {hint}", ctx)

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        return _delivered(super().get_help_option(ctx))


@click.group(
    cls=_LazyGroup,
    name=_PROGRAM,
    epilog="Exit codes: 0 nothing above info; 1 at least one warning or critical error; 2 usage or configuration; "
    "3 the agent could not measure; 130 interrupted.",
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "CLOUDPATH"},
)
@click.option(
    "-V",
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
def group() -> None:
    """Trace the path to an application, and say with evidence what is wrong with it."""
