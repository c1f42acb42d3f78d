"""Sentences laid out: wrapped at words, indented, with a label before them."""

import textwrap
from typing import Final

from agent.views.style import Paint, Style

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
