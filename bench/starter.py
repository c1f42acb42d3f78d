"""Runs commands where the bench sends it, one after the other, and says what each took.

A program of its own, started once for each node and user: a line of JSON in (`argv`, `timeout_s`), a line of JSON out.
So no command is timed with the way into its namespace, and each has a small parent: `ru_maxrss` begins with what the
forking process had [measured: 9 MB below Python, 1 MB below a shell], so a shell forks the command and leaves, and the
orphan comes to this process to be counted (prctl(2), PR_SET_CHILD_SUBREAPER).
"""

import ctypes
import json
import os
import signal
import sys
import time
from contextlib import suppress
from typing import Any

# linux/prctl.h
PR_SET_CHILD_SUBREAPER = 36
# The shell waits for its cue, so that its own start is not timed.
SHELL = ("/bin/sh", "-c", 'read -r cue; "$@" &', "sh")
SHELL_STARTS_S = 0.004


def main() -> None:
    """Answer until the input ends."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for line in sys.stdin:
        ask = json.loads(line)
        sys.stdout.write(json.dumps(run(ask["argv"], ask["timeout_s"])) + "\n")
        sys.stdout.flush()


def run(argv: list[str], timeout_s: float) -> dict[str, Any]:
    """Run one command to its end and return what it took and said."""
    output, complaints = os.memfd_create("output"), os.memfd_create("complaints")
    cue_read, cue_write = os.pipe()
    shell = _fork_shell(argv, (cue_read, output, complaints))
    os.close(cue_read)
    ended: list[str] = []
    _on_signals(shell, ended)
    time.sleep(SHELL_STARTS_S)
    signal.setitimer(signal.ITIMER_REAL, timeout_s)
    started_ns = time.monotonic_ns()
    os.write(cue_write, b"\n")
    figures = _reap(shell, started_ns)
    signal.setitimer(signal.ITIMER_REAL, 0)
    os.close(cue_write)
    return {**figures, "timed_out": bool(ended), "output": _text(output), "complaints": _text(complaints)}


def _fork_shell(argv: list[str], standard: tuple[int, int, int]) -> int:
    child = os.fork()
    if not child:
        os.setpgid(0, 0)
        for number, fileno in enumerate(standard):
            os.dup2(fileno, number)
        os.execv(SHELL[0], (*SHELL, *argv))  # noqa: S606 - running commands is this program's purpose
    return child


def _on_signals(group: int, ended: list[str]) -> None:
    """End the whole command when its time is over, and with this process."""

    def time_over(_number: int, _frame: object) -> None:
        ended.append("timeout")
        _kill(group)

    def leave(_number: int, _frame: object) -> None:
        _kill(group)
        os._exit(1)

    signal.signal(signal.SIGALRM, time_over)
    signal.signal(signal.SIGTERM, leave)


def _kill(group: int) -> None:
    # It may have ended by itself just now.
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _reap(shell: int, started_ns: int) -> dict[str, Any]:
    """Wait for all that was started; the first that is not the shell is the command, the rest its children."""
    figures: dict[str, Any] = {"wall_us": None, "exit_code": None, "cpu_us": 0, "peak_kb": 0}
    while True:
        try:
            pid, status, usage = os.wait4(-1, 0)
        except ChildProcessError:
            return figures
        if pid == shell:
            continue
        if figures["wall_us"] is None:
            figures["wall_us"] = (time.monotonic_ns() - started_ns) // 1000
            figures["exit_code"] = os.waitstatus_to_exitcode(status)
        figures["cpu_us"] += round((usage.ru_utime + usage.ru_stime) * 1e6)
        figures["peak_kb"] = max(figures["peak_kb"], usage.ru_maxrss)


def _text(fileno: int) -> str:
    os.lseek(fileno, 0, os.SEEK_SET)
    with os.fdopen(fileno, encoding="utf-8", errors="replace") as file:
        return file.read()


if __name__ == "__main__":
    main()
