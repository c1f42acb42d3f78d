"""Draws Command Line Views of golden cases on the terminal that it runs in, in the style that commands find there."""

import sys

from agent.commands.showing import style_of_output
from agent.output import deliver
from agent.views.command_line import command_line_view
from tests.cases.judged import judged

# Between two views; no view has such a line.
APART = "=" * 8


def main(codes: list[str]) -> None:
    """Draw the first case that shows each of these errors, one after the other."""
    style = style_of_output()
    for code in codes:
        deliver(f"{command_line_view(*judged(code), style)}{APART}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
