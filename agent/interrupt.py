"""Ctrl-C: the first one asks for what there is so far, the second one ends the command at once."""

import signal
from types import FrameType
from typing import Self


class Interrupt:
    """Remembers a SIGINT, or the signal that it is given, while its context lasts; call it to ask whether one came.

    One that the parent process ignores (a job in the background) stays ignored.
    """

    def __init__(self, number: signal.Signals = signal.SIGINT) -> None:
        self._number = number
        self._seen = False
        self._before = signal.getsignal(number)

    def __call__(self) -> bool:
        """Return whether somebody asked for the end."""
        return self._seen

    def __enter__(self) -> Self:
        """Begin to listen."""
        if self._before is not signal.SIG_IGN:
            signal.signal(self._number, self._remember)
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the signal as it was."""
        signal.signal(self._number, self._before)

    def _remember(self, _number: int, _frame: FrameType | None) -> None:
        if self._seen:
            raise KeyboardInterrupt
        self._seen = True
