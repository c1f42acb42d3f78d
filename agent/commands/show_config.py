"""`cloudpath show-config`: the configuration in effect, defaults included and secrets left out."""

from pathlib import Path

import click

from agent.commands.group import Subcommand
from agent.commands.reading import CONFIGURATION_ARGUMENT, read_configuration
from agent.commands.showing import JSON_OPTION, deliver_json
from agent.output import deliver


@click.command("show-config", cls=Subcommand)
@CONFIGURATION_ARGUMENT
@JSON_OPTION
def command(file: Path, *, as_json: bool) -> int:
    """Show what the configuration in FILE (default: /etc/cloudpath-agent/agent.yaml) amounts to, as YAML.

    Comments say which files were read, and what comes from a drop-in or a variable. Secrets are masked; values that
    come from the environment or a file are shown as they are written.
    """
    loaded = read_configuration(file)
    from agent.config.show import origins, shown  # noqa: PLC0415 - pydantic

    effective = shown(loaded)
    if as_json:
        deliver_json(effective)
    else:
        # 20 ms, after all mistakes are out of the way.
        import yaml  # noqa: PLC0415

        text = yaml.safe_dump(effective, sort_keys=False, allow_unicode=True)
        deliver("".join(f"# {line}\n" for line in origins(loaded)) + text)
    return 0
