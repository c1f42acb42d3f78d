"""`--html FILE` of `cloudpath trace`: what has to be right before anything is sent, and the page afterwards."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.output import deliver_to_file, why_not_writable

if TYPE_CHECKING:
    from agent.record import Record


def check_page(path: Path, others: Mapping[str, Path | None]) -> None:
    """Complain of a file that a page cannot go to; `others` are the files that options name beside it.

    Raises:
        click.UsageError: It cannot be written, or another option names it too.
    """
    if path == Path("-"):
        raise click.UsageError("--html needs a file; for standard output use: trace --json ... | cloudpath report -")
    for option, other in others.items():
        if other is not None and other.resolve() == path.resolve():
            raise click.UsageError(f"{option} and --html both name {path}; give each a file of its own")
    if problem := why_not_writable(path):
        raise click.UsageError(f"cannot write {path}: {problem}; give another file with --html")


def save_page(path: Path, record: "Record") -> None:
    """Write the page of one record.

    Raises:
        agent.output.OutputError: The file cannot be written.
    """
    # jinja2 and every view, which few traces need.
    from agent.views.hop_html.page import hop_page  # noqa: PLC0415

    deliver_to_file(path, hop_page([record]))
