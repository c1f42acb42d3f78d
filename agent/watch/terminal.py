"""The terminal while a watched path is on it: taken over, drawn on, listened to, and given back whatever happens."""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import termios
import tty
from contextlib import suppress
from typing import TYPE_CHECKING

from agent.output import OutputClosedError
from agent.watch.keys import keys_in
from probes.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType, TracebackType
    from typing import Any, Final, Self

# xterm's control sequences: the alternate screen (1049), the cursor (25), wrapping at the last column (7).
_ENTER: Final = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"
_LEAVE: Final = "\x1b[?7h\x1b[?25h\x1b[?1049l"
_CLEAR: Final = "\x1b[2J"
# ECMA-48: cursor position (CUP), erase to the end of the line (EL), no rendition (SGR 0).
_LINE: Final = "\x1b[{};1H{}\x1b[0m\x1b[K"

_ENDS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP)
_HEARD: Final = (*_ENDS, signal.SIGTSTP, signal.SIGCONT, signal.SIGWINCH)
_PIECE: Final = 4096
_USUAL_SIZE: Final = (80, 24)


@frozen
class Heard:
    """What came in while it was waited: keys, and the signal that wants the end, None for none.

    `redraw`: the terminal is another one now, resized or back from a suspension.
    """

    keys: tuple[str, ...] = ()
    end: signal.Signals | None = None
    redraw: bool = False


class Terminal:
    """Standard output as a screen and standard input as a keyboard, while the context lasts; for the main thread.

    Ctrl-C and Ctrl-Z stay what they are, signals: they work even where nobody reads the keyboard. A second Ctrl-C
    raises KeyboardInterrupt at once.
    """

    def __init__(self) -> None:
        self._out = sys.stdout.fileno()
        self._in = sys.stdin.fileno() if sys.stdin.isatty() else None
        self._encoding = sys.stdout.encoding or "ascii"
        self._reader, self._writer = socket.socketpair()
        self._before: dict[signal.Signals, Any] = {}
        self._wakeup_before = -1
        self._modes: list[Any] | None = None
        self._drawn: list[str] = []
        self._end: signal.Signals | None = None
        self._redraw = False
        self._suspend = False
        self._taken = False

    def __enter__(self) -> Self:
        for end in (self._reader, self._writer):
            end.setblocking(False)
        self._wakeup_before = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in _HEARD:
            # What the parent ignores (nohup) stays ignored.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._note)
        self._take()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._give_back()
        signal.set_wakeup_fd(self._wakeup_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._reader.close()
        self._writer.close()

    @property
    def size(self) -> tuple[int, int]:
        """Return columns and lines, 80 by 24 where the terminal does not say."""
        try:
            size = os.get_terminal_size(self._out)
        except OSError:
            return _USUAL_SIZE
        return size.columns or _USUAL_SIZE[0], size.lines or _USUAL_SIZE[1]

    def wake(self) -> None:
        """Let `wait` return; for other threads."""
        # Full: it will wake anyway.
        with suppress(BlockingIOError, OSError):
            self._writer.send(b"\0")

    def draw(self, lines: Sequence[str]) -> None:
        """Show these lines; only those that changed are written.

        Raises:
            OutputClosedError: The terminal has gone.
        """
        pieces = [
            _LINE.format(at, line)
            for at, line in enumerate(lines, 1)
            if at > len(self._drawn) or self._drawn[at - 1] != line
        ]
        self._drawn = list(lines)
        if pieces:
            self._write("".join(pieces))

    def wait(self, seconds: float) -> Heard:
        """Return what came in, at once if there is something, else after so long or when somebody calls `wake`."""
        watched = [self._reader.fileno(), *([] if self._in is None else [self._in])]
        ready, _, _ = select.select(watched, [], [], max(0.0, seconds))
        if self._reader.fileno() in ready:
            with suppress(BlockingIOError):
                while self._reader.recv(_PIECE):
                    pass
        keys = tuple(keys_in(self._typed())) if self._in in ready else ()
        if self._suspend:
            self._stop_for_a_while()
        redraw, self._redraw = self._redraw, False
        if redraw:
            self._clear()
        return Heard(keys=keys, end=self._end, redraw=redraw)

    # --- taken over and given back ------------------------------------------------------------------------------------

    def _take(self) -> None:
        self._taken = True
        if self._in is not None:
            self._modes = termios.tcgetattr(self._in)
            tty.setcbreak(self._in, termios.TCSADRAIN)
        self._drawn = []
        self._write(_ENTER)

    def _give_back(self) -> None:
        """Make the terminal what it was; one that has gone needs nothing."""
        if not self._taken:
            return
        self._taken = False
        with suppress(OutputClosedError):
            self._write(_LEAVE)
        if self._in is not None and self._modes is not None:
            with suppress(termios.error):
                # What was typed and not read is not the shell's.
                termios.tcsetattr(self._in, termios.TCSAFLUSH, self._modes)

    def _clear(self) -> None:
        self._drawn = []
        self._write(_CLEAR)

    def _stop_for_a_while(self) -> None:
        """Stop as Ctrl-Z wants it, with the terminal given back, and take it again afterwards."""
        self._suspend = False
        self._give_back()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        # Here it goes on after SIGCONT.
        signal.signal(signal.SIGTSTP, self._note)
        self._take()
        self._redraw = True

    def _typed(self) -> bytes:
        if self._in is None:
            return b""
        try:
            data = os.read(self._in, _PIECE)
        except OSError:
            data = b""
        if not data:
            # The keyboard has gone; a descriptor that is always readable would keep us busy.
            self._in = None
        return data

    def _write(self, text: str) -> None:
        data = text.encode(self._encoding, errors="replace")
        try:
            while data:
                data = data[os.write(self._out, data) :]
        except OSError as error:
            raise OutputClosedError from error

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if number in _ENDS:
            if self._end is signal.SIGINT and number == signal.SIGINT:
                raise KeyboardInterrupt
            self._end = signal.Signals(number)
        elif number == signal.SIGTSTP:
            self._suspend = True
        else:
            self._redraw = True
