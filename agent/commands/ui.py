"""`cloudpath ui`: the service's store as live pages for a browser on this host."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from agent.commands.group import Subcommand
from agent.commands.reading import FILE, MistakenFileError
from agent.commands.stored import DIRECTORY, service_store
from agent.output import complain, deliver

if TYPE_CHECKING:
    from agent.config.model import Settings

_LISTEN: Final = "127.0.0.1:0"


@click.command("ui", cls=Subcommand)
@click.option("-c", "--config", type=FILE, help="Configuration of the service, for its state_dir and targets.")
@click.option("--state-dir", type=DIRECTORY, metavar="DIRECTORY", help="Where the store is.")
@click.option(
    "--listen", metavar="ADDRESS:PORT", default=_LISTEN, help=f"Where to listen, on loopback.  [default: {_LISTEN}]"
)
@click.option("--open", "opens", is_flag=True, help="Open the pages in this desktop's browser.")
def command(config: Path | None, state_dir: Path | None, listen: str, *, opens: bool) -> int:
    """Show all targets, their history and every sample in a browser on this host, live, until Ctrl-C.

    It prints the address of the pages. Whoever has that address, and is on this host, can see what is in the store;
    nobody can change anything. It reads beside the service, or without it.
    """
    directory, settings = service_store(config, state_dir)
    intervals = {} if settings is None else _intervals(settings)
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
