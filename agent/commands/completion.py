"""`cloudpath completion`: the script that teaches a shell to complete our commands and options."""

import click

from agent.commands.group import Subcommand
from agent.output import deliver

_SHELLS = ("bash", "zsh", "fish")


@click.command("completion", cls=Subcommand)
@click.argument("shell", type=click.Choice(_SHELLS))
def command(shell: str) -> int:
    """Print the completion script for SHELL.

    For this session: eval "$(cloudpath completion bash)". For good: put that line into ~/.bashrc.
    """
    from click.shell_completion import ShellComplete, get_completion_class  # noqa: PLC0415 - shlex, for this one only

    from agent.commands.group import group  # noqa: PLC0415 - nobody else needs it

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}; there are {', '.join(_SHELLS)}")
    # Not kind.source: bash's runs bash to learn its version.
    script = ShellComplete.source(kind(group, {}, "cloudpath", "_CLOUDPATH_COMPLETE"))
    deliver(f"{script}\n")
    return 0
