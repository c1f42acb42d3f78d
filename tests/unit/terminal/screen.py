"""What a terminal shows of the bytes it got: pyte's screen, with what scrolled away and with the alternate screen."""

from collections.abc import Sequence
from typing import Any, Final

import pyte
from pyte.screens import Char

# xterm's control sequences, "Private mode": the alternate screen, with the cursor saved.
_ALTERNATE: Final = 1049


class Screen(pyte.Screen):
    """A screen that keeps the lines which left it at the top, as a person can scroll back to them.

    `alternate` tells whether the alternate screen shows, which full-screen programs draw on and take away again.
    """

    def __init__(self, columns: int, lines: int) -> None:
        self.gone: list[str] = []
        self.alternate = False
        self._behind: tuple[dict[int, dict[int, Char]], int, int] = ({}, 0, 0)
        super().__init__(columns, lines)

    @property
    def shown(self) -> list[str]:
        """Return the lines on the screen, without the spaces at their ends and the empty lines below them."""
        return _without_empty_end([line.rstrip() for line in self.display])

    @property
    def everything(self) -> list[str]:
        """Return what scrolled away and what is shown."""
        return _without_empty_end([*self.gone, *(line.rstrip() for line in self.display)])

    def cells(self, line: int) -> list[Char]:
        """Return the cells of a line on the screen: `data`, `fg`, `bg`, `bold` and so on."""
        return [self.buffer[line][column] for column in range(self.columns)]

    def index(self) -> None:  # type: ignore[explicit-override] # typing.override is Python 3.12's
        if self.cursor.y == self.lines - 1 and not self.margins and not self.alternate:
            self.gone.append(self.display[0].rstrip())
        super().index()

    def set_mode(self, *modes: int, **kwargs: Any) -> None:  # type: ignore[explicit-override] # typing.override is Python 3.12's
        if kwargs.get("private") and _ALTERNATE in modes and not self.alternate:
            self._behind = ({at: dict(line) for at, line in self.buffer.items()}, self.cursor.x, self.cursor.y)
            self.alternate = True
            self.erase_in_display(2)
            self.cursor_position()
        super().set_mode(*modes, **kwargs)

    def reset_mode(self, *modes: int, **kwargs: Any) -> None:  # type: ignore[explicit-override] # typing.override is Python 3.12's
        super().reset_mode(*modes, **kwargs)
        if kwargs.get("private") and _ALTERNATE in modes and self.alternate:
            self.alternate = False
            self.erase_in_display(2)
            lines, self.cursor.x, self.cursor.y = self._behind
            for at, line in lines.items():
                self.buffer[at].update(line)


def _without_empty_end(lines: Sequence[str]) -> list[str]:
    end = max((at for at, line in enumerate(lines, 1) if line), default=0)
    return list(lines[:end])
