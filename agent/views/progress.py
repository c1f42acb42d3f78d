"""Live progress on a terminal: the leg as it grows, drawn over itself, and gone when the trace is done."""

from collections.abc import Callable, Sequence
from typing import Final

from agent.views.escape import escape
from agent.views.hop_rows import leg_rows
from agent.views.path_mtu import mtu_progress
from agent.views.style import Style
from agent.views.table import render
from agent.views.words import NODES, PROTOCOLS, counted
from probes.facts import Leg

# A trace that is over sooner shows its result at once: a block that only flickers helps nobody.
FIRST_AFTER_S: Final = 0.2
BETWEEN_S: Final = 0.1

# ECMA-48: cursor up n lines (CUU), erase from the cursor to the end of the screen (ED).
_UP: Final = "\x1b[{}A"
_ERASE_BELOW: Final = "\x1b[J"


def progress_lines(leg: Leg, style: Style, height: int) -> list[str]:
    """Return what is known of a growing leg in at most `height` lines: a heading, then the latest hops."""
    # The last row is the end of the leg, which is not known yet.
    rows = leg_rows(leg, {}, style)[:-1] if leg.hops else []
    table = render(rows, style, wide=False)[0] if rows else []
    room = max(0, height - 1)
    shown = table if len(table) <= room else [*table[:1], *table[len(table) - room + 1 :]] if room > 1 else []
    return [_heading(leg)[: style.width], *shown]


def _heading(leg: Leg) -> str:
    heard = sum(1 for hop in leg.hops if hop.responders)
    so_far = f"{heard} of {len(leg.hops)} hops answered" if leg.hops else "no answer so far"
    if leg.mtu is not None:
        so_far = f"{mtu_progress(leg.mtu)}, {counted(leg.mtu.sent, 'packet')} sent"
        return f"Tracing {escape(leg.address or NODES[leg.to])}: {so_far}"
    protocol = f" by {PROTOCOLS[leg.protocol]}" if leg.protocol else ""
    return f"Tracing {escape(leg.address or NODES[leg.to])}{protocol}: {so_far}"


class Progress:
    """Draws a block of lines over itself; told the time, the terminal's size, and how to write.

    `now` gives monotonic seconds, `size` columns and lines, `write` never raises.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        *,
        now: Callable[[], float],
        size: Callable[[], tuple[int, int]],
        style: Style,
    ) -> None:
        self._write = write
        self._now = now
        self._size = size
        self._style = style
        self._due = now() + FIRST_AFTER_S
        self._lengths: list[int] = []

    def __call__(self, leg: Leg) -> None:
        """Draw the leg, unless it was drawn a moment ago."""
        now = self._now()
        if now < self._due:
            return
        self._due = now + BETWEEN_S
        columns, lines = self._size()
        # One column and one line are left free: a full one makes some terminals wrap or scroll.
        style = Style(width=max(1, columns - 1), colour=False, unicode=self._style.unicode)
        self._draw(progress_lines(leg, style, max(1, lines - 1)), columns)

    def clear(self) -> None:
        """Remove the block; what is written next starts where it stood."""
        if self._lengths:
            self._write(self._back(self._size()[0]))
            self._lengths = []

    def _draw(self, block: Sequence[str], columns: int) -> None:
        text = self._back(columns) + "".join(f"{line}\n" for line in block)
        self._lengths = [len(line) for line in block]
        self._write(text)

    def _back(self, columns: int) -> str:
        """Return what takes the cursor to the block's start and erases it, as wide as the terminal is now.

        A terminal that became narrower has wrapped the lines of the block: each fills as many rows as it needs.
        """
        if not self._lengths:
            return ""
        rows = sum(max(1, -(-length // max(1, columns))) for length in self._lengths)
        return "\r" + _UP.format(rows) + _ERASE_BELOW
