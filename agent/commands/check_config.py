"""`cloudpath check-config`: every mistake of a configuration file at once, and nothing else."""

from pathlib import Path

import click

from agent.commands.group import Subcommand
from agent.commands.reading import DEFAULT_FILE, FILE, read_configuration, read_rules
from agent.output import deliver


@click.command("check-config", cls=Subcommand)
@click.argument("file", type=FILE, default=DEFAULT_FILE)
def command(file: Path) -> int:
    """Check the configuration in FILE (default: /etc/cloudpath-agent/agent.yaml), its secrets and its rule files.

    Nothing is started and nothing is sent. Each mistake is one line: FILE:LINE:COLUMN: path: what.
    """
    read_rules(read_configuration(file).settings.rules)
    deliver(f"{file}: no mistakes\n")
    return 0
