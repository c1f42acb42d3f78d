"""Where a service runs: a node of a lab, or nothing but a loopback of its own beside the disks of this machine."""

import subprocess
from collections.abc import Sequence
from typing import Protocol

from tests.lab.builder import User
from tests.lab.open_way import REPOSITORY
from tests.unit.watch.own_namespace import OwnNamespace


class Place(Protocol):
    """What can start a command somewhere."""

    def start(self, node: str, command: Sequence[str], *, user: User = User.ROOT) -> subprocess.Popen[str]:
        """Start a command; the caller waits for it."""


class OwnPlace:
    """A namespace with a loopback alone; a disk that is mounted later is seen there, too."""

    def __init__(self, namespace: OwnNamespace) -> None:
        self._namespace = namespace

    def start(self, node: str, command: Sequence[str], *, user: User = User.ROOT) -> subprocess.Popen[str]:
        """Start a command as root; there is one node, whatever it is called."""
        assert user is User.ROOT, node
        return subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{self._namespace.name}", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
        )
