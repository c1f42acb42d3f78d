"""Has a configuration read by a process of its own, within a deadline, and takes its plan: the service stays small."""

from __future__ import annotations

import os
import pickle
import resource
import subprocess
import sys
from typing import TYPE_CHECKING

from agent.daemon.plan import PlanProblems, ServicePlan

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import BinaryIO, Final

# A thousand targets take 1.5 s of a processor [measured], and a service may have a fifth of one.
DEADLINE_S: Final = 30.0
# A plan of a thousand targets has 300 kB [measured].
_LARGEST_PLAN: Final = 32 << 20
# Seven thousand targets take 80 MB [measured]; a child must not cost the service the memory that its unit may have.
_MOST_MEMORY: Final = 160 << 20
_LONGEST_WORDS: Final = 300
# The child finds modules where this process does, wherever that was started from.
_START: Final = "import sys; sys.path[:] = sys.argv[2:]; from agent.daemon.plan_child import main; main(sys.argv[1])"


def read_plan(file: Path, *, deadline_s: float = DEADLINE_S) -> ServicePlan | PlanProblems:
    """Return the plan of a configuration file, or what is wrong with it, in lines for a person; raises nothing.

    The file, its drop-ins, this process's environment and everything that the configuration names are read anew. It
    takes 0.4 s for a few targets; a process that takes longer than `deadline_s` is ended.
    """
    interpreter = [sys.executable, "-I" if sys.flags.isolated else "-P", "-c", _START]
    return plan_said_by((*interpreter, str(file), *sys.path), file, deadline_s=deadline_s)


def plan_said_by(command: Sequence[str], file: Path, *, deadline_s: float) -> ServicePlan | PlanProblems:
    """Return the plan that a command writes to its standard output, or why there is none."""
    try:
        # Not pipes: nobody has to read while it writes.
        with _memory("plan") as output, _memory("complaints") as complaints:
            code = _exit_code(command, output, complaints, deadline_s)
            if code is None:
                return _unread(
                    file, f"reading it takes longer than {deadline_s:g} s; is a file in it on a dead network?"
                )
            if code != 0:
                return _unread(file, f"{_end(code)}{_last_words(complaints)}")
            return _plan_in(output) or _unread(file, "the process that reads it said no plan")
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return _unread(file, f"the process that reads it cannot be started: {error}")


def _memory(name: str) -> BinaryIO:
    """Return a file that is nowhere on a disk and that goes with the last process that has it open."""
    return os.fdopen(os.memfd_create(name), "w+b", buffering=0)


def _exit_code(command: Sequence[str], output: BinaryIO, complaints: BinaryIO, deadline_s: float) -> int | None:
    """Return a command's exit code, None if it was ended at the deadline."""
    with subprocess.Popen(  # noqa: S603 - our own program, by our own interpreter
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=complaints,
        # A signal for the service is none for it.
        process_group=0,
    ) as process:
        try:
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (_LARGEST_PLAN, _LARGEST_PLAN))
            resource.prlimit(process.pid, resource.RLIMIT_DATA, (_MOST_MEMORY, _MOST_MEMORY))
            return process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            # Does nothing where it has ended.
            process.kill()


def _plan_in(output: BinaryIO) -> ServicePlan | PlanProblems | None:
    output.seek(0)
    try:
        said = pickle.load(output)  # noqa: S301 - what our own program wrote where nobody else can
    except Exception:  # noqa: BLE001 - what is no pickle may raise anything
        return None
    return said if isinstance(said, (ServicePlan, PlanProblems)) else None


def _end(code: int) -> str:
    how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
    return f"the process that reads it ended {how}"


def _last_words(complaints: BinaryIO) -> str:
    """Return the last line of what a process complained of, behind a colon; nothing where it said nothing."""
    size = complaints.seek(0, os.SEEK_END)
    complaints.seek(max(0, size - _LONGEST_WORDS))
    lines = complaints.read().decode(errors="replace").splitlines()
    return f": {lines[-1].strip()}" if lines else ""


def _unread(file: Path, why: str) -> PlanProblems:
    return PlanProblems(lines=(f"{file}: {why}",))
