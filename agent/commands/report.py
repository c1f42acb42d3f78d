"""`cloudpath report`: recorded samples as one HTML file with Hop View, Command Line View and a picture over time."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from agent.commands.group import Subcommand
from agent.commands.reading import FILE, MistakenFileError, read_recorded
from agent.commands.stored import DIRECTORY, check_target, instant_given, store_directory
from agent.exit_codes import ExitCode
from agent.output import complain, deliver, deliver_to_file, why_not_writable

if TYPE_CHECKING:
    from agent.record import Record
    from agent.store.history import History
    from agent.timeline import Timeline

# A browser lays out a page of 20 MB, and no person reads more.
_MOST_RECORDS: Final = 200
# A year in days: what is finer is for `cloudpath ui`, which can be asked for more.
_MOST_BUCKETS: Final = 400


@click.command("report", cls=Subcommand)
@click.argument("file", type=FILE, required=False)
@click.option("--target", metavar="NAME", help="Show this target over time, from the service's store.")
@click.option("-c", "--config", type=FILE, help="Configuration of the service, for its state_dir.")
@click.option("--state-dir", type=DIRECTORY, metavar="DIRECTORY", help="Where the store is.")
@click.option("--since", metavar="TIME", help="From then on: 2h, 3d, 2026-11-23, 2026-11-23T10:00.")
@click.option("--until", metavar="TIME", help="Before then; as --since.")
@click.option("-o", "--output", type=FILE, metavar="FILE", help="Write to this file, not standard output.")
def command(
    file: Path | None,
    target: str | None,
    config: Path | None,
    state_dir: Path | None,
    since: str | None,
    until: str | None,
    output: Path | None,
) -> int:
    """Show the records in FILE (JSON or NDJSON, - for standard input) as one HTML page that needs nothing else.

    With --target, show what the service's store holds of it, over time. The page shows each record as it was judged
    when it was made; `explain` judges anew.
    """
    output = None if output == Path("-") else output
    given = {"--config": config, "--state-dir": state_dir, "--since": since, "--until": until}
    _check_output(output)
    _check_source(file, target, [option for option, value in given.items() if value is not None])
    if file is not None:
        records, timelines = _from_file(file)
    elif target is not None:
        times = instant_given("--since", since), instant_given("--until", until)
        records, timelines = _from_store(store_directory(config, state_dir), target, *times)
    else:
        raise click.UsageError("nothing to show; give a FILE of records, or --target NAME for what the store holds")
    from agent.views.hop_html.page import hop_page  # noqa: PLC0415 - jinja2 and every view, for this one only

    page = hop_page(records, timelines)
    if output is None:
        deliver(page)
    else:
        deliver_to_file(output, page)
    return ExitCode.CLEAN


def _check_source(file: Path | None, target: str | None, of_the_store: list[str]) -> None:
    """Complain of two sources, and of options that the source does not have; raises click.UsageError."""
    if file is not None and target is not None:
        raise click.UsageError("FILE and --target exclude each other; give one")
    if target is None and of_the_store:
        raise click.UsageError(f"{of_the_store[0]} is for the store; say with --target what to show of it")


def _from_file(file: Path) -> "tuple[list[Record], tuple[Timeline, ...]]":
    """Return what a file holds, the newest first where there is a picture over time."""
    from agent.record_reader import read_records  # noqa: PLC0415 - pydantic, 100 ms that --help need not pay
    from agent.report import timelines_of  # noqa: PLC0415

    records = read_recorded(file, read_records)
    if len(records) > _MOST_RECORDS:
        raise click.UsageError(
            f"{file} holds {len(records)} records, and a page holds {_MOST_RECORDS}; split it: split -l {_MOST_RECORDS}"
        )
    timelines = timelines_of(records)
    if timelines:
        records.sort(key=lambda record: record.started_at, reverse=True)
    return records, timelines


def _from_store(
    directory: Path, target: str, since: str | None, until: str | None
) -> "tuple[list[Record], tuple[Timeline, ...]]":
    """Return a target over time, its newest record, and those of the moments that tell most.

    Raises:
        click.UsageError: There is nothing of it in that time.
        MistakenFileError: The store cannot be read.
    """
    from agent.report import MOST_MOMENTS, telling_moments  # noqa: PLC0415
    from agent.store.entry import Kind  # noqa: PLC0415
    from agent.store.history import History, HistoryError, Wanted  # noqa: PLC0415 - sqlite, which --help need not load

    try:
        with History(directory) as history:
            check_target(history, target)
            timeline = history.timeline(target, since=since, until=until, most_buckets=_MOST_BUCKETS)
            if not timeline.buckets:
                raise click.UsageError(f"the store has no sample of {target!r} in that time; take a longer one")
            wanted = Wanted(kinds=(Kind.SAMPLE,), target=target, since=since, until=until, last=1)
            newest = [entry.seq for entry in history.entries(wanted)]
            # The page opens with the newest; its stretch of time may have a graver one to show.
            shown = {bucket.shown.seq for bucket in timeline.buckets}
            room = MOST_MOMENTS - len(set(newest) - shown)
            telling = [moment.seq for moment in telling_moments(timeline, room)]
            records = _records(history, list(dict.fromkeys(newest + telling)))
    except HistoryError as error:
        raise MistakenFileError((f"cloudpath report: {error}",)) from None
    if not records:
        raise MistakenFileError((f"cloudpath report: {directory}: every sample of {target!r} there is damaged",))
    return records, (timeline,)


def _records(history: "History", numbers: list[int]) -> "list[Record]":
    """Return the samples with these numbers as they were recorded; damaged ones are counted aloud, and left out."""
    from agent.record_reader import RecordError, read_records  # noqa: PLC0415 - pydantic, 100 ms

    records: list[Record] = []
    for number in numbers:
        entry = history.entry(number)
        try:
            records += read_records(entry.data, f"entry {number}") if entry else []
        except RecordError as error:
            complain(str(error))
    if missing := len(numbers) - len(records):
        complain(f"{missing} of {len(numbers)} samples could not be read, and were left out")
    return records


def _check_output(output: Path | None) -> None:
    """Complain of a place that a page cannot go to, before anything is read.

    Raises:
        click.UsageError: It cannot be written, or is a terminal.
    """
    if output is None and sys.stdout.isatty():
        raise click.UsageError("a page of HTML is not for a terminal; give it a file with -o")
    if output is not None and (problem := why_not_writable(output)):
        raise click.UsageError(f"cannot write {output}: {problem}; give another file with -o")
