"""The attacker at work on a node, as a test tells it."""

import select
import subprocess
import sys
from types import TracebackType
from typing import Final, Self

from tests.lab.builder import Lab
from tests.lab.network_map import interface

PROGRAM: Final = (sys.executable, "-m", "tests.lab.attacker")


class Attack:
    """An attacker on a node, looking at the interface towards a neighbour."""

    def __init__(self, lab: Lab, node: str, neighbour: str) -> None:
        command = lab.command(node, (*PROGRAM, interface(neighbour)))
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        """Return once it is set up."""
        assert self._line() == "ready"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End it."""
        alive = self._process.poll() is None
        self._process.kill()
        self._process.communicate()
        assert alive, "the attacker ended before it was told to: it says why above"

    def begin(self, order: str) -> None:
        """Give an order that takes its time; `result` waits for its end."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{order}\n")
        self._process.stdin.flush()

    def result(self) -> int:
        """Return the number of packets that the order before made."""
        return int(self._line())

    def done(self) -> bool:
        """Return whether the order before is carried out."""
        assert self._process.stdout is not None
        return bool(select.select([self._process.stdout], [], [], 0)[0])

    def order(self, order: str) -> int:
        """Give an order and wait until it is carried out."""
        self.begin(order)
        return self.result()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()
