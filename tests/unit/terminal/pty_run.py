"""Runs a command in a real pseudo-terminal, types into it, and keeps what a person would see."""

import contextlib
import errno
import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Self

import pyte

from tests.unit.cli.command import COMMAND, ROOT, environment_of
from tests.unit.terminal.screen import Screen

WITHIN_S: Final = 30.0
_PIECE: Final = 65_536
# What a shell, a test runner or CI may have set, and what would change how a command draws.
_DRAWING: Final = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "PYTHONIOENCODING", "PYTHONUTF8")


class Terminal:
    """One command on a terminal of its own; use it as a context, which leaves no process behind.

    Args:
        command: The program and its arguments.
        columns: The terminal's width.
        lines: Its height.
        directory: Where the command runs.
        extra: Environment variables beside the plain ones (UTF-8, xterm-256color, no NO_COLOR and the like).
        stdout: Where standard output goes instead of the terminal (a file descriptor), if not there.

    `raw` is every byte that came, `screen` what they show. Whatever does not happen in time raises AssertionError with
    the screen as it stands.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        columns: int = 80,
        lines: int = 24,
        directory: Path = ROOT,
        extra: Mapping[str, str] | None = None,
        stdout: int | None = None,
    ) -> None:
        self.screen = Screen(columns, lines)
        self.raw = b""
        self._stream = pyte.ByteStream(self.screen)
        self._ours, theirs = os.openpty()
        _set_size(theirs, columns, lines)
        try:
            self.process = subprocess.Popen(
                command,
                stdin=theirs,
                stdout=theirs if stdout is None else stdout,
                stderr=theirs,
                cwd=directory,
                env=plain_environment(extra or {}),
                start_new_session=True,
                preexec_fn=_own_terminal,  # noqa: PLW1509 - nothing but one ioctl, and no thread runs here
            )
        finally:
            os.close(theirs)

    def __enter__(self) -> Self:
        """Return itself, running."""
        return self

    def __exit__(self, *_: object) -> None:
        """End whatever still runs on the terminal, and close it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._ours)

    @property
    def shown(self) -> list[str]:
        """Return the lines on the screen now."""
        return self.screen.shown

    @property
    def everything(self) -> list[str]:
        """Return the lines on the screen and those that scrolled away."""
        return self.screen.everything

    def wait_for(self, text: str, within_s: float = WITHIN_S) -> None:
        """Read until the screen shows a text."""
        self.wait_until(lambda: any(text in line for line in self.shown), f"{text!r} is not shown", within_s)

    def wait_until(self, done: Callable[[], bool], otherwise: str, within_s: float = WITHIN_S) -> None:
        """Read until something holds; `otherwise` says what is wrong if it never does."""
        deadline = time.monotonic() + within_s
        while not done():
            if not self._read(deadline):
                assert done(), self._complaint(otherwise)
                return

    def send(self, keys: str) -> None:
        """Type keys: text, or control characters as the keyboard sends them (Ctrl-C is `\\x03`)."""
        os.write(self._ours, keys.encode())

    def resize(self, columns: int, lines: int) -> None:
        """Give the terminal another size; the command gets SIGWINCH from the kernel."""
        self.screen.resize(lines, columns)
        _set_size(self._ours, columns, lines)

    def end(self, within_s: float = WITHIN_S) -> int:
        """Read until the command has ended, and return its exit code (negative: the signal that ended it)."""
        deadline = time.monotonic() + within_s
        while self._read(deadline):
            pass
        try:
            return self.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise AssertionError(self._complaint(f"the command has not ended within {within_s} s")) from None

    def _read(self, deadline: float) -> bool:
        """Take in what came; return whether more may come before the deadline."""
        ready, _, _ = select.select([self._ours], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return False
        try:
            piece = os.read(self._ours, _PIECE)
        except OSError as error:
            # How Linux says that nobody has the other end open any more.
            if error.errno != errno.EIO:
                raise
            return False
        self.raw += piece
        self._stream.feed(piece)
        return bool(piece)

    def _complaint(self, what: str) -> str:
        return "\n".join([f"{what}; the screen:", *(f"  | {line}" for line in self.everything)])


def run(
    *arguments: str,
    columns: int = 80,
    lines: int = 24,
    directory: Path = ROOT,
    within_s: float = WITHIN_S,
    **extra: str,
) -> tuple[Terminal, int]:
    """Run `cloudpath` with these arguments to its end; return the terminal as it was left, and the exit code."""
    with Terminal([*COMMAND, *arguments], columns=columns, lines=lines, directory=directory, extra=extra) as terminal:
        return terminal, terminal.end(within_s)


def plain_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a person at a plain terminal."""
    kept = {key: value for key, value in environment_of({}).items() if key not in _DRAWING}
    return {**kept, "TERM": "xterm-256color", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "COLORTERM": "", **extra}


def _own_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _set_size(terminal: int, columns: int, lines: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
