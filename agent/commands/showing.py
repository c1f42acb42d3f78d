"""What several commands do with their results: choose a form, and deliver it."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import click

from agent.output import deliver

if TYPE_CHECKING:
    from agent.views.style import Style

JSON_OPTION = click.option("-j", "--json", "as_json", is_flag=True, help="Print JSON instead of text.")


def style_of_output() -> "Style":
    """Return how text on standard output may be drawn."""
    from agent.views.style import style_for  # noqa: PLC0415 - the vocabulary takes 40 ms that --help need not pay

    return style_for(
        is_terminal=sys.stdout.isatty(),
        columns=columns_of(sys.stdout.fileno()),
        encoding=sys.stdout.encoding,
        environment=os.environ,
    )


def columns_of(descriptor: int, environment: Mapping[str, str] = os.environ) -> int:
    """Return the width of a terminal (COLUMNS first, as POSIX has it), 0 where there is none."""
    if environment.get("COLUMNS", "").isdecimal():
        return int(environment["COLUMNS"])
    try:
        return os.get_terminal_size(descriptor).columns
    except OSError:
        return 0


def deliver_json(value: object) -> None:
    """Write a value as JSON, indented, with a final line break."""
    deliver(json.dumps(value, indent=2, allow_nan=False) + "\n")


def deliver_either(*, as_json: bool, document: Callable[[], object], text: Callable[[], str]) -> None:
    """Write the JSON or the text, whichever was asked for."""
    if as_json:
        deliver_json(document())
    else:
        deliver(text())
