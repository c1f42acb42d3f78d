"""`cloudpath run`: the agent as a service, or one round over all targets."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.commands.group import Subcommand
from agent.commands.reading import FILE
from agent.commands.showing import style_of_output
from agent.config.place import DEFAULT_FILE, default_configuration
from agent.output import deliver

if TYPE_CHECKING:
    from agent.daemon.log import LogLevel

_LEVELS = ("debug", "info", "warning", "error")
_FORMS = ("auto", "text", "json", "journal")


@click.command("run", cls=Subcommand)
@click.option(
    "-c", "--config", type=FILE, help=f"Configuration file.  [default: $CLOUDPATH_CONFIG, else {DEFAULT_FILE}]"
)
@click.option("--once", is_flag=True, help="Take one sample of each target, file and deliver them, and end.")
@click.option("-j", "--json", "as_json", is_flag=True, help="With --once: print the records, one on each line.")
@click.option("--log-level", type=click.Choice(_LEVELS), default="info", help="From which level on events are told.")
@click.option(
    "--log-format",
    type=click.Choice(_FORMS),
    default="auto",
    help="How log lines look: text, json, or as the journal takes them (auto, where stderr is the journal).",
)
def command(config: Path | None, log_level: str, log_format: str, *, once: bool, as_json: bool) -> int:
    """Sample every configured target on its interval, keep what was seen, and deliver it to the sinks.

    It runs until SIGTERM; SIGHUP reads the configuration again and keeps the one in force where the new one is wrong.
    The exit code is 78 if the configuration cannot be used, 77 if a right is missing, 75 if another process uses the
    same store. With --once it is that of the gravest sample, as of `cloudpath trace`.
    """
    # Everything that only a service needs.
    from agent.daemon.log import LogForm, LogLevel  # noqa: PLC0415
    from agent.daemon.start import serve  # noqa: PLC0415

    file = config or default_configuration() or DEFAULT_FILE
    if once:
        return _once(file, LogLevel(log_level), as_json=as_json)
    if as_json:
        raise click.UsageError("--json goes with --once; a service tells its sinks (`emit` in the configuration)")
    return serve(file, LogLevel(log_level), LogForm(log_format))


def _once(file: Path, level: "LogLevel", *, as_json: bool) -> int:
    """Take one round, show it unless a sink has done so, and return the exit code."""
    from agent.daemon.once import one_round  # noqa: PLC0415
    from agent.views.round_view import round_view  # noqa: PLC0415

    done = one_round(file, level)
    if as_json and not done.shown:
        deliver("".join(f"{one.entry.data.decode()}\n" for one in done.taken if one.entry is not None))
    elif done.taken and not done.shown:
        deliver(round_view(done.taken, style_of_output()))
    return done.code
