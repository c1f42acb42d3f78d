"""A row by hand: its network up, broken, and a person in it; without root too, where user namespaces are allowed."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from tests.lab.builder import User
from tests.lab.scenario import Row, ScenarioError, Step
from tests.lab.stage import Stage, shell_lines

Say = Callable[[str], None]

# Set for the process that is root of a user namespace of its own.
_INSIDE: Final = "CLOUDPATH_LAB_INSIDE"

# Its own /run for the names of namespaces, and an /etc in which it may make `netns`: what it changes is its own view.
# No overlay: where /etc has mounts of somebody else's in it, as in containers, the kernel refuses one.
_OWN_VIEW: Final = """\
mount -t tmpfs -o mode=755 lab /run
mkdir /run/netns /run/etc
mount --rbind /etc /run/etc
mount -t tmpfs -o mode=755 lab /etc
for each in /run/etc/* /run/etc/.[!.]*; do
    [ "$each" = /run/etc/netns ] || [ ! -e "$each" ] || ln -s "$each" /etc/
done
mkdir /etc/netns
exec "$@"
"""


def become_root_of_a_namespace() -> None:
    """Start this command again, as root of a user, a mount and a network namespace of its own."""
    if _INSIDE in os.environ:
        raise ScenarioError("the lab needs root, and this user namespace does not give it")
    unshare = ("unshare", "--user", "--map-root-user", "--net", "--mount", "sh", "-ec", _OWN_VIEW, "sh")
    os.environ[_INSIDE] = "1"
    # Whoever asked waits for this very process.
    os.execvp("unshare", (*unshare, sys.executable, "-m", "tests.lab", *sys.argv[1:]))  # noqa: S606


def watch(row: Row, say: Say) -> int:
    """Show what the row's command shows a person, once it is broken; return its exit code."""
    with _broken(row, say) as stage:
        say(f"\n$ cloudpath {shlex.join(row.asked.command)}\n")
        if row.during or row.send or row.asked.stdin is not None:
            run = stage.ask(row.asked, row.during, row.send, as_data=False)
            say(run.output + run.complaints)
            return run.exit_code
        command = stage.command_line(row.asked, as_data=False)
        return subprocess.call(stage.lab.command(row.client, command, user=stage.user))


def enter(row: Row, node: str | None, say: Say) -> int:
    """Open a shell on a node, the client if none is named; the network lasts as long as it."""
    where = node or row.client
    with _broken(row, say) as stage:
        if where not in stage.lab.map.nodes:
            raise ScenarioError(f"{row.network} has no node {where}; there are {', '.join(stage.lab.map.nodes)}")
        say(f"\nOn {where}, in {stage.files}. The row's command there:")
        say(f"  {shlex.join(stage.command_line(row.asked, as_data=False))}")
        user = stage.user if where == row.client else User.ROOT
        return subprocess.call(stage.lab.command(where, ("env", f"--chdir={stage.files}", "bash"), user=user))


@contextmanager
def _broken(row: Row, say: Say) -> Iterator[Stage]:
    """Give the row's stage with its faults made, and say what they are."""
    say(f"{row.id}, on the network `{row.network}`")
    with Stage(row, row.users[0]) as stage:
        for step in (*row.faults, *row.during):
            say(f"  {told(step)}")
        stage.break_(row.faults)
        yield stage


def told(step: Step) -> str:
    """Return what a step does, in words and shell lines."""
    what = step.fault or (f"{step.stop} ends" if step.stop else " ; ".join(shell_lines(step).splitlines()))
    when = "" if step.after_packets is None else f" (after {step.after_packets} packets)"
    return f"{step.node}: {what}{when}"
