"""What several commands do with the service's store: find it, and take a target and times for what is in it."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from agent.commands.reading import read_configuration
from agent.config.place import default_configuration

if TYPE_CHECKING:
    from agent.config.model import Settings
    from agent.store.history import History

# Who may not read it is told what to do, not by click.
DIRECTORY: Final = click.Path(path_type=Path, readable=False)


def store_directory(config: Path | None, state_dir: Path | None) -> Path:
    """Return where the store is; raises what `service_store` does."""
    return service_store(config, state_dir)[0]


def service_store(config: Path | None, state_dir: Path | None) -> "tuple[Path, Settings | None]":
    """Return where the store is, and the configuration that says so, None where none was read.

    Raises:
        click.UsageError: Two places are named.
        MistakenFileError: The configuration cannot be read.
    """
    if config is not None and state_dir is not None:
        raise click.UsageError("--config and --state-dir exclude each other; give one")
    if state_dir is not None:
        return state_dir, None
    file = config or default_configuration()
    if file is None:
        from agent.path_memory import SYSTEM_DIRECTORY  # noqa: PLC0415 - only for a service without a configuration

        return SYSTEM_DIRECTORY, None
    settings = read_configuration(file).settings
    return settings.agent.state_dir, settings


def instant_given(option: str, text: str | None) -> str | None:
    """Return the instant (RFC 3339 UTC with milliseconds) that an option names, None for none.

    Raises:
        click.UsageError: It names no time.
    """
    if text is None:
        return None
    from datetime import datetime  # noqa: PLC0415 - only where a time is given

    from agent.history_time import instant_of  # noqa: PLC0415

    instant = instant_of(text, datetime.now().astimezone())
    if instant is None:
        raise click.UsageError(
            f"{option} takes 90s, 15m, 2h, 3d, 1w, or a date as in 2026-11-23T10:00; {text!r} is none"
        )
    return instant


def check_target(history: "History", target: str) -> None:
    """Complain of a target that there is no sample of.

    Raises:
        click.UsageError: There is none.
    """
    known = history.targets()
    if target in known:
        return
    from difflib import get_close_matches  # noqa: PLC0415 - only for a mistake

    near = get_close_matches(target, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are some of {', '.join(known)}" if known else "there is none"
    raise click.UsageError(f"the store has no sample of {target!r}; {hint}")
