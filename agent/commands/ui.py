"""`cloudpath ui`: the service's store as live pages for a browser on this host."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from agent.commands.group import Subcommand
from agent.commands.reading import FILE, MistakenFileError, read_configuration
from agent.config.place import default_configuration
from agent.output import complain, deliver

if TYPE_CHECKING:
    from agent.config.model import Settings

# Who may not read it is told what to do, not by click.
_DIRECTORY: Final = click.Path(path_type=Path, readable=False)
_LISTEN: Final = "127.0.0.1:0"


@click.command("ui", cls=Subcommand)
@click.option("-c", "--config", type=FILE, help="Configuration of the service, for its state_dir and targets.")
@click.option("--state-dir", type=_DIRECTORY, metavar="DIRECTORY", help="Where the store is.")
@click.option(
    "--listen", metavar="ADDRESS:PORT", default=_LISTEN, help=f"Where to listen, on loopback.  [default: {_LISTEN}]"
)
@click.option("--open", "opens", is_flag=True, help="Open the pages in this desktop's browser.")
def command(config: Path | None, state_dir: Path | None, listen: str, *, opens: bool) -> int:
    """Show all targets, their history and every sample in a browser on this host, live, until Ctrl-C.

    It prints the address of the pages. Whoever has that address, and is on this host, can see what is in the store;
    nobody can change anything. It reads beside the service, or without it.
    """
    if config is not None and state_dir is not None:
        raise click.UsageError("--config and --state-dir exclude each other; give one")
    directory, intervals = _store_of(config, state_dir)
    # sqlite, h11, jinja2 and pydantic, which --help need not load.
    from agent.pages.listening import ListenError  # noqa: PLC0415
    from agent.store.history import History, HistoryError  # noqa: PLC0415
    from agent.ui.serving import NotLoopbackError, serve  # noqa: PLC0415

    try:
        with History(directory):
            pass
    except HistoryError as error:
        raise MistakenFileError((f"cloudpath ui: {error}",)) from None
    try:
        return serve(directory, listen, intervals, lambda line: _say(line, opens=opens))
    except (ListenError, NotLoopbackError) as error:
        raise click.UsageError(f"--listen: {error}") from None


def _store_of(config: Path | None, state_dir: Path | None) -> tuple[Path, dict[str, float]]:
    """Return where the store is, and how often each target is measured, where a configuration says so.

    Raises:
        MistakenFileError: The configuration cannot be read.
    """
    if state_dir is not None:
        return state_dir, {}
    file = config or default_configuration()
    if file is None:
        from agent.path_memory import SYSTEM_DIRECTORY  # noqa: PLC0415

        return SYSTEM_DIRECTORY, {}
    settings = read_configuration(file).settings
    return settings.agent.state_dir, _intervals(settings)


def _intervals(settings: "Settings") -> dict[str, float]:
    usual_s = settings.agent.interval_s
    return {target.name: float(target.interval_s or usual_s) for target in settings.targets}


def _say(line: str, *, opens: bool) -> None:
    deliver(line)
    if not opens:
        return
    import webbrowser  # noqa: PLC0415 - only where there is one

    if not webbrowser.open(line.strip()):
        complain("cloudpath ui: no browser could be opened here; open the address yourself")
