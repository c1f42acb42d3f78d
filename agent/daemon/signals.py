"""Signals as wishes that the loop reads: end, read the configuration again, say how it is going."""

from __future__ import annotations

import os
import signal
import socket
from typing import TYPE_CHECKING, Final

from probes.frozen import frozen

if TYPE_CHECKING:
    from types import FrameType, TracebackType
    from typing import Self

_END: Final = (signal.SIGTERM, signal.SIGINT)
_HEARD: Final = (*_END, signal.SIGHUP, signal.SIGUSR1)


@frozen
class Wishes:
    """What was asked for since the last look: the signal that wants the end, None for none."""

    stop: signal.Signals | None = None
    reload: bool = False
    report: bool = False


class SignalInbox:
    """Takes signals in while its context lasts; used in the main thread, the only one that Python tells of any.

    The first SIGTERM or SIGINT is a wish; the second one ends the process at once, as if nobody had listened. A closed
    pipe is an error of whoever writes to it (SIGPIPE is ignored).
    """

    def __init__(self) -> None:
        """Hear nothing yet."""
        self._reader, self._writer = socket.socketpair()
        self._before: dict[signal.Signals, object] = {}
        self._wakeup_before = -1
        self._stop: signal.Signals | None = None
        self._reload = False
        self._report = False

    def fileno(self) -> int:
        """Return the descriptor that is readable once a signal came."""
        return self._reader.fileno()

    def take(self) -> Wishes:
        """Return what was asked for, and forget it; the wish to end stays."""
        self._drain()
        wishes = Wishes(stop=self._stop, reload=self._reload, report=self._report)
        self._reload = self._report = False
        return wishes

    def __enter__(self) -> Self:
        for end in (self._reader, self._writer):
            end.setblocking(False)
        # One byte for each signal, written by Python itself: what sleeps on the descriptor wakes without a race.
        self._wakeup_before = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in _HEARD:
            self._before[number] = signal.signal(number, self._note)
        self._before[signal.SIGPIPE] = signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        signal.set_wakeup_fd(self._wakeup_before)
        self._reader.close()
        self._writer.close()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if number in _END:
            if self._stop is not None:
                _end_by(number)
            self._stop = signal.Signals(number)
        elif number == signal.SIGHUP:
            self._reload = True
        else:
            self._report = True

    def _drain(self) -> None:
        try:
            while self._reader.recv(512):
                pass
        except BlockingIOError:
            return


def _end_by(number: int) -> None:
    """End this process by a signal's own default, so that whoever started it sees which one it was."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
