"""`cloudpath report`: recorded samples as one HTML file with Hop View and Command Line View."""

import sys
from pathlib import Path
from typing import Final

import click

from agent.commands.group import Subcommand
from agent.commands.reading import FILE, read_recorded
from agent.exit_codes import ExitCode
from agent.output import deliver, deliver_to_file, why_not_writable

# A browser lays out a page of 20 MB, and no person reads more.
_MOST_RECORDS: Final = 200


@click.command("report", cls=Subcommand)
@click.argument("file", type=FILE)
@click.option("-o", "--output", type=FILE, metavar="FILE", help="Write to this file, not standard output.")
def command(file: Path, output: Path | None) -> int:
    """Show the records in FILE (JSON or NDJSON, - for standard input) as one HTML page that needs nothing else.

    The page shows each record as it was judged when it was made; `explain` judges anew.
    """
    output = None if output == Path("-") else output
    _check(output)
    from agent.record_reader import read_records  # noqa: PLC0415 - pydantic, 100 ms that --help need not pay

    records = read_recorded(file, read_records)
    if len(records) > _MOST_RECORDS:
        raise click.UsageError(
            f"{file} holds {len(records)} records, and a page holds {_MOST_RECORDS}; split it: split -l {_MOST_RECORDS}"
        )
    from agent.views.hop_html.page import hop_page  # noqa: PLC0415 - jinja2 and every view, for this one only

    page = hop_page(records)
    if output is None:
        deliver(page)
    else:
        deliver_to_file(output, page)
    return ExitCode.CLEAN


def _check(output: Path | None) -> None:
    """Complain of a place that a page cannot go to, before anything is read.

    Raises:
        click.UsageError: It cannot be written, or is a terminal.
    """
    if output is None and sys.stdout.isatty():
        raise click.UsageError("a page of HTML is not for a terminal; give it a file with -o")
    if output is not None and (problem := why_not_writable(output)):
        raise click.UsageError(f"cannot write {output}: {problem}; give another file with -o")
