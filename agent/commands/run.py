"""`cloudpath run`: the agent as a service, or one round over all targets."""

from pathlib import Path

import click

from agent.commands.group import Subcommand
from agent.commands.reading import FILE
from agent.config_place import DEFAULT_FILE, default_configuration

_LEVELS = ("debug", "info", "warning", "error")
_FORMS = ("auto", "text", "json", "journal")


@click.command("run", cls=Subcommand)
@click.option(
    "-c", "--config", type=FILE, help=f"Configuration file.  [default: $CLOUDPATH_CONFIG, else {DEFAULT_FILE}]"
)
@click.option("--log-level", type=click.Choice(_LEVELS), default="info", help="From which level on events are told.")
@click.option(
    "--log-format",
    type=click.Choice(_FORMS),
    default="auto",
    help="How log lines look: text, json, or as the journal takes them (auto, where stderr is the journal).",
)
def command(config: Path | None, log_level: str, log_format: str) -> int:
    """Sample every configured target on its interval, keep what was seen, and deliver it to the sinks.

    It runs until SIGTERM; SIGHUP reads the configuration again and keeps the one in force where the new one is wrong.
    The exit code is 78 if the configuration cannot be used, 77 if a right is missing, 75 if another process uses the
    same store.
    """
    # Everything that only a service needs.
    from agent.daemon.log import LogForm, LogLevel  # noqa: PLC0415
    from agent.daemon.start import serve  # noqa: PLC0415

    return serve(config or default_configuration() or DEFAULT_FILE, LogLevel(log_level), LogForm(log_format))
