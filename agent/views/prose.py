"""Sentences laid out: wrapped at words, indented, with a label before them."""

import textwrap
from collections.abc import Sequence
from typing import Final

from agent.views.style import PAINT_OF, Paint, Style
from rules.diagnosis import Severity

LABEL_WIDTH: Final = 10


def wrapped(text: str, style: Style, *, indent: int = 0, hanging: int | None = None) -> list[str]:
    """Return the text as lines no wider than the style's prose, the first behind `indent` spaces, others `hanging`."""
    return textwrap.wrap(
        text,
        width=style.prose_width,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent if hanging is None else hanging),
        break_on_hyphens=False,
    )


def labelled(label: str, text: str, style: Style, *, indent: int = 0, label_width: int = LABEL_WIDTH) -> list[str]:
    """Return `Label     text` with the text wrapped beside its label, the label faint."""
    lines = wrapped(text, style, indent=indent + label_width)
    if not lines:
        return []
    first = lines[0][indent + label_width :]
    return [" " * indent + style.paint(label, Paint.FAINT) + " " * max(1, label_width - len(label)) + first, *lines[1:]]


def marked(severity: Severity | None, text: str, style: Style) -> list[str]:
    """Return the text wrapped beside the mark of a severity (None: of health); the mark alone has its colour."""
    mark = style.symbols.mark(severity)
    first, *rest = wrapped(f"{mark} {text}", style, hanging=len(mark) + 1)
    paint = Paint.GOOD if severity is None else PAINT_OF[severity]
    return [style.paint(mark, paint) + first[len(mark) :], *rest]


def headline(severity: Severity, code: str, text: str, style: Style) -> list[str]:
    """Return `✘ CP-02  What is wrong.`, wrapped.

    Mark and code have the severity's colour, and the words the terminal's own: yellow sentences are hard to read on a
    white ground.
    """
    front = f"{style.symbols.mark(severity)} {code}"
    first, *rest = wrapped(f"{front}  {text}", style, hanging=2)
    painted = style.paint(first[: len(front)], PAINT_OF[severity]) + style.paint(first[len(front) :], Paint.HEAD)
    return [painted, *(style.paint(line, Paint.HEAD) for line in rest)]


def with_coloured_marks(lines: Sequence[str], style: Style) -> list[str]:
    """Return the lines with each severity's mark that stands behind a word in its colour."""
    coloured = list(lines)
    for severity in Severity:
        mark = style.symbols.mark(severity)
        coloured = [line.replace(f" {mark}", f" {style.paint(mark, PAINT_OF[severity])}") for line in coloured]
    return coloured
