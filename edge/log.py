"""What the edge says on stderr, line by line: one that nobody takes is counted and said later, and costs no more."""

import os
import select
import sys

from probes.clock import SystemClock, utc_text

# A pipe that poll() calls writable takes so much at once (pipe(7)): a longer line could wait for its reader.
_LONGEST_LINE = select.PIPE_BUF


class Log:
    """Writes lines to a descriptor, but never waits for it: who traces for others must not hang on who reads of it.

    Attributes:
        unsaid: How many lines the descriptor has not taken since it last took one.
    """

    def __init__(self, descriptor: int | None) -> None:
        """Write to a descriptor; None where there is none."""
        self.unsaid = 0
        self._descriptor = descriptor

    def tell(self, text: str) -> None:
        """Write one line with the time, and before it how many were lost; or count it."""
        if self.unsaid and self._put(f"{self.unsaid} lines of the log were lost: stderr did not take them"):
            self.unsaid = 0
        if not self._put(text):
            self.unsaid += 1

    def _put(self, text: str) -> bool:
        """Return whether the descriptor took a line."""
        line = f"{utc_text(SystemClock().realtime_ns())} {text}".encode("utf-8", "backslashreplace")
        try:
            if self._descriptor is None or not _takes(self._descriptor):
                return False
            os.write(self._descriptor, line[: _LONGEST_LINE - 1] + b"\n")
        except OSError:
            return False
        return True


def _takes(descriptor: int) -> bool:
    """Return whether a write does not wait."""
    waiting = select.poll()
    waiting.register(descriptor, select.POLLOUT)
    return any(event & select.POLLOUT for _, event in waiting.poll(0))


def stderr_log() -> Log:
    """Return the log of this process; where it was started without stderr, its number is some other file's by now."""
    return Log(None if sys.stderr is None else sys.stderr.fileno())
