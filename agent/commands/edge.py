"""`cloudpath edge`: the far end, until it is stopped."""

from pathlib import Path

import click

from agent.commands.group import Subcommand
from agent.commands.reading import FILE
from agent.output import deliver

_DEFAULT_FILE = Path("/etc/cloudpath-agent/edge.yaml")


@click.command("edge", cls=Subcommand)
@click.option(
    "-c", "--config", type=FILE, default=_DEFAULT_FILE, help=f"Configuration file.  [default: {_DEFAULT_FILE}]"
)
@click.option("--check", is_flag=True, help="Check the configuration, its tokens and certificate, and end.")
def command(config: Path, *, check: bool) -> int:
    """Serve agents as the far end: what they look like from here, and the traces that only this end can make.

    It runs until SIGTERM; SIGHUP reads configuration and tokens again. The exit code is 78 if the configuration cannot
    be used, 77 if a right is missing.
    """
    # asyncio, ssl and pydantic: for the edge alone.
    from edge import service  # noqa: PLC0415

    if not check:
        return service.serve(config)
    code = service.check(config)
    if not code:
        deliver(f"{config}: no mistakes\n")
    return code
