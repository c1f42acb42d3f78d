"""Runs the real command in a process of its own, as a person would."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[3]
# -P: the installed package where one is tested, and never just the directory that we stand in.
COMMAND = (sys.executable, "-P", "-m", "agent")


@dataclass(frozen=True, slots=True)
class Finished:
    """How a run ended; `lines` are those of standard error."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.err.splitlines()


def environment_of(extra: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a run: ours, without what would change how the command behaves."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("CLOUDPATH", "_CLOUDPATH"))}
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONWARNINGS": "error", **extra}


def cloudpath(
    *arguments: str, stdout: int | IO[bytes] = subprocess.PIPE, directory: Path = ROOT, **extra: str
) -> Finished:
    """Run `cloudpath` with these arguments to its end."""
    ended = subprocess.run(
        [*COMMAND, *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        cwd=directory,
        env=environment_of(extra),
        timeout=30,
        check=False,
    )
    return Finished(ended.returncode, (ended.stdout or b"").decode(), ended.stderr.decode())
