"""Draws Command Line Views on the terminal that it runs in, in the style that commands find there."""

import sys
from collections.abc import Iterator

from agent.commands.showing import style_of_output
from agent.output import deliver
from agent.views.command_line import command_line_view
from agent.views.style import Style
from tests.cases.judged import judged
from tests.unit.terminal.hostile import HOSTILE, with_every_text
from tests.unit.views.snapshots import DRAWINGS

# Between two views; no view has such a line.
APART = "=" * 8
# Between them they have every line that a view can have.
HOSTILE_SITUATIONS = ("telling", "tunnelled", "session_refused")


def hostile_views(style: Style) -> Iterator[str]:
    """Yield views in which every text from outside is a hostile one."""
    for situation in HOSTILE_SITUATIONS:
        drawing = DRAWINGS[situation]
        for text in HOSTILE.values():
            sample, diagnosis = with_every_text(drawing.sample, text), with_every_text(drawing.diagnosis, text)
            yield command_line_view(sample, diagnosis, style)


def main(what: list[str]) -> None:
    """Draw `hostile` views, or the first case that shows each of these errors, one after the other."""
    style = style_of_output()
    views = hostile_views(style) if what == ["hostile"] else (command_line_view(*judged(code), style) for code in what)
    for view in views:
        deliver(f"{view}{APART}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
