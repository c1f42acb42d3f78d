"""What several commands do with their results: choose a form, and deliver it."""

import contextlib
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import click

from agent.output import deliver

if TYPE_CHECKING:
    from agent.views.progress import Progress
    from agent.views.style import Style

# The terminals of old (DEC VT100).
_USUAL_SIZE: Final = (80, 24)

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


def progress_of_terminal() -> "Progress | None":
    """Return what draws progress on standard error, or None where no terminal shows it."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return None
    from agent.views.progress import Progress  # noqa: PLC0415 - for a person's eyes only
    from agent.views.style import style_for  # noqa: PLC0415
    from probes.clock import SystemClock  # noqa: PLC0415

    descriptor = sys.stderr.fileno()
    style = style_for(is_terminal=True, columns=0, encoding=sys.stderr.encoding, environment=os.environ)
    return Progress(_write_to_terminal, now=SystemClock().monotonic, size=lambda: _size_of(descriptor), style=style)


def _write_to_terminal(text: str) -> None:
    # A terminal that went away must not end the trace.
    with contextlib.suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()


def _size_of(descriptor: int) -> tuple[int, int]:
    """Return columns and lines of a terminal, 80 by 24 where it does not say."""
    try:
        size = os.get_terminal_size(descriptor)
    except OSError:
        return _USUAL_SIZE
    return size.columns or _USUAL_SIZE[0], size.lines or _USUAL_SIZE[1]


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
    import json  # noqa: PLC0415 - 2 ms that text need not pay

    deliver(json.dumps(value, indent=2, allow_nan=False) + "\n")
