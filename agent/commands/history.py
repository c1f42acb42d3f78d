"""`cloudpath history`: what the service's store holds, for a person or for another command."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from agent.commands.group import Subcommand
from agent.commands.reading import FILE, MistakenFileError
from agent.commands.showing import style_of_output
from agent.commands.stored import DIRECTORY, check_target, instant_given, store_directory
from agent.exit_codes import ExitCode
from agent.output import complain, deliver

if TYPE_CHECKING:
    from agent.store.entry import Entry
    from agent.store.history import History, Wanted

_STATUSES: Final = ("ok", "warning", "critical", "discarded", "failed")
_FORMATS: Final = ("text", "json", "ndjson")
_LAST: Final = 20
_ENOUGH_TO_WRITE: Final = 64 << 10


@click.command("history", cls=Subcommand)
@click.argument("target", required=False)
@click.option("-c", "--config", type=FILE, help="Configuration of the service, for its state_dir.")
@click.option("--state-dir", type=DIRECTORY, metavar="DIRECTORY", help="Where the store is.")
@click.option("--since", metavar="TIME", help="From then on: 2h, 3d, 2026-11-23, 2026-11-23T10:00.")
@click.option("--until", metavar="TIME", help="Before then; as --since.")
@click.option("--status", type=click.Choice(_STATUSES), multiple=True, help="Samples of this status; may be repeated.")
@click.option("--code", multiple=True, help="Samples with this error; may be repeated.")
@click.option("--changes", is_flag=True, help="Show changes of the network and losses of the store, too.")
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(0, 1_000_000),
    help="The newest so many, 0 for all; 20, unless --since or --until is given.",
)
@click.option("--format", "form", type=click.Choice(_FORMATS), help="text, json or ndjson.")
@click.option("-j", "--json", "as_json", is_flag=True, help="As --format json.")
@click.option("--sinks", is_flag=True, help="Show what each sink has still to get, and what it refused.")
@click.option("--unpark", metavar="SINK", help="Let a sink try again what it refused.")
def command(
    target: str | None,
    config: Path | None,
    state_dir: Path | None,
    since: str | None,
    until: str | None,
    status: tuple[str, ...],
    code: tuple[str, ...],
    limit: int | None,
    form: str | None,
    unpark: str | None,
    *,
    changes: bool,
    as_json: bool,
    sinks: bool,
) -> int:
    """Show the samples that the service took, of TARGET or of all, the newest last.

    json and ndjson are the documents as they were recorded: `cloudpath history -j crm | cloudpath report -`.
    """
    if as_json and form not in {None, "json"}:
        raise click.UsageError(f"--json and --format {form} exclude each other; give one")
    directory = store_directory(config, state_dir)
    if unpark is not None:
        return _unpark(directory, unpark)
    from agent.store.history import History, HistoryError  # noqa: PLC0415 - sqlite, which --help need not load

    try:
        with History(directory) as history:
            if sinks:
                _show_sinks(history, as_json=as_json or form in {"json", "ndjson"})
            else:
                if target is not None:
                    check_target(history, target)
                wanted = _wanted(target, since, until, status, code, limit, changes=changes)
                _show(history, wanted, "json" if as_json else form or "text")
    except HistoryError as error:
        raise MistakenFileError((f"cloudpath history: {error}",)) from None
    return ExitCode.CLEAN


def _wanted(
    target: str | None,
    since: str | None,
    until: str | None,
    status: tuple[str, ...],
    code: tuple[str, ...],
    limit: int | None,
    *,
    changes: bool,
) -> "Wanted":
    from agent.store.entry import Kind  # noqa: PLC0415
    from agent.store.history import Wanted  # noqa: PLC0415

    newest = (_LAST if since is None and until is None else None) if limit is None else (limit or None)
    return Wanted(
        kinds=tuple(Kind) if changes else (Kind.SAMPLE,),
        target=target,
        since=instant_given("--since", since),
        until=instant_given("--until", until),
        statuses=status,
        codes=tuple(each.upper() for each in code),
        last=newest,
    )


def _show(history: "History", wanted: "Wanted", form: str) -> None:
    if form == "text":
        from agent.views.history_view import history_view  # noqa: PLC0415

        found = list(history.entries(wanted))
        if found:
            deliver(history_view(found, style_of_output()))
        else:
            complain("the store is empty" if history.is_empty() else "no entry in the store is like that")
    else:
        _stream(history.entries(wanted), form)
    if history.unreadable:
        complain(f"{history.unreadable} entries are damaged and were left out")


def _stream(entries: "Iterable[Entry]", form: str) -> None:
    """Write documents as they are read, many at once."""
    waiting: list[str] = []
    size = 0
    for text in _texts(entries, form):
        waiting.append(text)
        size += len(text)
        if size >= _ENOUGH_TO_WRITE:
            deliver("".join(waiting))
            waiting.clear()
            size = 0
    deliver("".join(waiting))


def _texts(entries: "Iterable[Entry]", form: str) -> Iterator[str]:
    import json  # noqa: PLC0415 - 2 ms that text need not pay

    from agent.formats.json_text import json_text  # noqa: PLC0415

    for entry in entries:
        yield json_text(json.loads(entry.data)) if form == "json" else f"{entry.data.decode()}\n"


def _show_sinks(history: "History", *, as_json: bool) -> None:
    backlogs, parked = history.backlogs(), history.parked()
    if as_json:
        from agent.commands.showing import deliver_json  # noqa: PLC0415
        from agent.record import plain  # noqa: PLC0415

        deliver_json({"sinks": plain(backlogs), "parked": plain(parked)})
        return
    from agent.views.history_view import sinks_view  # noqa: PLC0415

    deliver(sinks_view(backlogs, parked, style_of_output()))


def _unpark(directory: Path, sink: str) -> int:
    """Put back what a sink refused, and say how much that is.

    Raises:
        click.UsageError: There is no such sink.
        MistakenFileError: There is no store, or it cannot be changed.
    """
    from agent.store.history import History, HistoryError, unpark  # noqa: PLC0415 - sqlite

    try:
        with History(directory) as history:
            known = [backlog.sink for backlog in history.backlogs()]
        if sink not in known:
            there = f"there are {', '.join(known)}" if known else "there is none"
            raise click.UsageError(f"the store has no sink {sink!r}; {there}")
        count = unpark(directory, sink)
    except HistoryError as error:
        raise MistakenFileError((f"cloudpath history: {error}",)) from None
    again = "goes" if count == 1 else "go"
    complain(
        f"{count} refused {'batch' if count == 1 else 'batches'} {again} to {sink} once more"
        if count
        else f"{sink} refused nothing"
    )
    return ExitCode.CLEAN
