"""The chain from facts to verdict as text for a terminal: coloured by what became of each error, and safe to show."""

from collections.abc import Sequence

from agent.views.escape import escape_text
from agent.views.prose import wrapped
from agent.views.style import Paint, Style
from probes.sample import Sample

# What `rules.explain` gives is long; a line deeper than this would leave no room for its words.
_DEEPEST = 12


def explain_view(sample: Sample, lines: Sequence[str], style: Style) -> str:
    """Return the lines of `rules.explain.explain` under a heading, ending in a line break.

    The lines quote facts, and facts hold names and texts from outside: every one is escaped. Lines without indentation
    are headings. On a terminal they wrap under themselves; in a pipe each stays one line.
    """
    shown: list[str] = []
    for line in (f"{sample.target.name}, {sample.started_at}", *lines):
        depth = min(len(line) - len(line.lstrip(" ")), _DEEPEST)
        paint = Paint.HEAD if line and not depth else Paint.PLAIN
        shown += [style.paint(part, paint) for part in _laid_out(escape_text(line.strip(" ")), depth, style)]
    return "\n".join(shown) + "\n"


def _laid_out(text: str, depth: int, style: Style) -> list[str]:
    if style.width is None or not text:
        return [(" " * depth + text).rstrip()]
    return wrapped(text, style, indent=depth, hanging=depth + 4)
