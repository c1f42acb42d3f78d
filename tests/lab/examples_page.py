"""docs/examples.md: what a person sees of some rows of the matrix, drawn anew by `python -m tests.lab examples`."""

import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Final

from tests.lab.scenario import Row, find_row
from tests.lab.stage import Stage

PAGE: Final = Path(__file__).parents[2] / "docs/examples.md"

# All columns fit, however long the times are: the drawing does not depend on them.
_COLUMNS: Final = 100
_EXAMPLE: Final = re.compile(r"^(`python -m tests\.lab watch (\S+)`\n\n```\n)(.*?)(^```$)", re.MULTILINE | re.DOTALL)
_TIME: Final = re.compile(r"(?<![\d.])\d+\.\d+(?![\d.])|\b\d+(?= ms\b| →)")
_LINE: Final = re.compile("[\u2500\u2504]+")


def examples() -> dict[str, str]:
    """Return each row that the page shows, by its id, with its drawing there."""
    return {row: drawing for _, row, drawing, _ in _EXAMPLE.findall(PAGE.read_text(encoding="utf-8"))}


def draw_all() -> None:
    """Draw every example of the page anew, and write it; one in which nothing but times differs stays as it is."""
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(_EXAMPLE.sub(_redrawn, text), encoding="utf-8")


def _redrawn(found: re.Match[str]) -> str:
    before, now = found[3], drawn(find_row(found[2]))
    return found[1] + (before if without_times(before) == without_times(now) else now) + found[4]


def drawn(row: Row) -> str:
    """Return the command and what it draws on a terminal of 100 columns, without colours."""
    asked = replace(row.asked, environment={**row.asked.environment, "COLUMNS": str(_COLUMNS), "TERM": "dumb"})
    with Stage(row, row.users[0]) as stage:
        stage.break_(row.faults)
        # Progress goes to standard error, and would come and go with the machine's speed.
        command = f"{shlex.join(stage.command_line(asked, as_data=False))} 2>/dev/null"
        done = stage.lab.run(row.client, ("script", "--quiet", "--command", command, "/dev/null"), user=stage.user)
    return f"$ cloudpath {shlex.join(row.asked.command)}\n{done.stdout.replace(chr(13), '')}"


def without_times(drawing: str) -> list[str]:
    """Return the words of a drawing without its times; where a sentence wraps or a line ends depends on those."""
    return _TIME.sub("#", _LINE.sub("", drawing)).split()
