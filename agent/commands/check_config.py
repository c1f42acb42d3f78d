"""`cloudpath check-config`: every mistake of a configuration file at once, and nothing else."""

from pathlib import Path

import click

from agent.commands.group import Subcommand
from agent.commands.reading import CONFIGURATION_ARGUMENT, MistakenFileError, read_configuration
from agent.output import deliver


@click.command("check-config", cls=Subcommand)
@CONFIGURATION_ARGUMENT
def command(file: Path) -> int:
    """Check the configuration in FILE (default: /etc/cloudpath-agent/agent.yaml) and in conf.d beside it.

    Looked at are also its variables, its secrets, and the files that it names. Nothing is started and nothing is sent.
    Each mistake is one line: FILE:LINE:COLUMN: path: what.
    """
    loaded = read_configuration(file)
    from agent.config.reading import ConfigurationError  # noqa: PLC0415 - pydantic
    from agent.daemon.plan_making import service_plan  # noqa: PLC0415 - likewise

    try:
        plan = service_plan(loaded)
    except ConfigurationError as error:
        raise MistakenFileError(error.problems) from None
    more = len(loaded.sources) - 1
    drop_ins = "" if not more else f" and {more} file{'s' if more > 1 else ''} in conf.d"
    nothing_to_do = "" if plan.targets else "; no targets, which `cloudpath run` needs"
    deliver(f"{file}{drop_ins}: no mistakes{nothing_to_do}\n")
    return 0
