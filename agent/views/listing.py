"""A small table for lists: every column as wide as it needs, and the last one wrapped at words."""

from collections.abc import Sequence
from typing import Final

from agent.views.prose import wrapped
from agent.views.style import Paint, Style

_GAP: Final = 2
# With less room than this beside the other columns, the last one goes below them.
_NARROWEST_LAST: Final = 20


def listing(
    headers: Sequence[str], rows: Sequence[Sequence[str]], style: Style, *, right: frozenset[int] = frozenset()
) -> list[str]:
    """Return header and rows as lines; `right` holds the columns of figures, which end at one edge.

    On a narrow terminal the last column moves below the others, and what is still too wide is cut.
    """
    widths = [max(len(row[index]) for row in (headers, *rows)) for index in range(len(headers) - 1)]
    front = sum(widths) + _GAP * len(widths)
    beside = style.width is None or style.width - front >= _NARROWEST_LAST
    lines = [style.paint(line, Paint.HEAD) for line in _row(headers, widths, right, style, beside=beside)]
    for row in rows:
        lines += _row(row, widths, right, style, beside=beside)
    return lines


def _row(row: Sequence[str], widths: Sequence[int], right: frozenset[int], style: Style, *, beside: bool) -> list[str]:
    cells = [
        text.rjust(width) if index in right else text.ljust(width)
        for index, (text, width) in enumerate(zip(row[:-1], widths, strict=True))
    ]
    first = (" " * _GAP).join(cells)
    if not beside:
        cut = first.rstrip()[: style.width]
        return [cut, *wrapped(row[-1], style, indent=4)] if row[-1] else [cut]
    if style.width is None:
        return [f"{first}{' ' * _GAP}{row[-1]}".rstrip()]
    indent = len(first) + _GAP
    rest = wrapped(row[-1], style, indent=indent) if indent + _NARROWEST_LAST <= style.prose_width else []
    if not rest:
        return [f"{first}{' ' * _GAP}{row[-1]}".rstrip()[: style.width]]
    return [first + rest[0][len(first) :], *rest[1:]]
