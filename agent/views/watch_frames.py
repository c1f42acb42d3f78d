"""Lines of text as what a terminal is sent: rich knows which colours it has, and which a person does not want."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence


class Frames:
    """Draws for the terminal on standard output, by its TERM, COLORTERM and NO_COLOR."""

    def __init__(self) -> None:
        # Whether it is a terminal was decided by whoever asks for frames; FORCE_COLOR and the like change nothing.
        self._console = Console(force_terminal=True, highlight=False, markup=False, emoji=False, legacy_windows=False)

    def ansi(self, lines: Sequence[Text], width: int) -> list[str]:
        """Return each line with its control sequences, cut at `width` columns."""
        self._console.width = width
        whole = Text("\n").join(lines)
        with self._console.capture() as captured:
            self._console.print(whole, no_wrap=True, overflow="crop", crop=True, end="")
        return captured.get().split("\n")
