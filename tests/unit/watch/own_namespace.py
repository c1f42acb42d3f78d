"""A network namespace of the test's own, and a thread that lives in it."""

import ctypes
import os
import subprocess
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Final, ParamSpec, Self, TypeVar

_CLONE_NEWNET: Final = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class OwnNamespace:
    """Made on entering, gone on leaving; `call` runs a function inside it, `ip` changes it."""

    def __init__(self) -> None:
        self.name = f"cpw-{uuid.uuid4().hex[:8]}"

    def __enter__(self) -> Self:
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        self._inside = ThreadPoolExecutor(max_workers=1, initializer=self._enter)
        self.ip("link set lo up")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._inside.shutdown()
        subprocess.run(["ip", "netns", "delete", self.name], check=True)

    def ip(self, commands: str) -> None:
        """Run one `ip` command a line; one process for each, as a person or a script would."""
        for command in commands.splitlines():
            if command.strip():
                subprocess.run(["ip", "-n", self.name, *command.split()], check=True, capture_output=True, text=True)

    def ip_batch(self, commands: str) -> None:
        """Run `ip` commands, one a line, in one process: as fast after one another as they can be."""
        subprocess.run(
            ["ip", "-n", self.name, "-batch", "-"], input=commands, check=True, capture_output=True, text=True
        )

    def shell(self, command: str) -> None:
        """Run a shell command inside."""
        subprocess.run(["ip", "netns", "exec", self.name, "sh", "-ec", command], check=True, capture_output=True)

    def call(self, function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        """Return what `function` returns, called on a thread that lives inside."""
        return self._inside.submit(function, *args, **kwargs).result(timeout=60)

    def _enter(self) -> None:
        namespace = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        try:
            if _libc.setns(namespace, _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"enter {self.name}")
        finally:
            os.close(namespace)
