"""The service as a process of its own on a node of the lab: started, watched from outside, asked to end."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Self

import yaml

from tests.lab.builder import User
from tests.lab.own_place import Place

_READY_S: Final = 20.0
_END_S: Final = 10.0
_LOOK_AGAIN_S: Final = 0.02


class Service:
    """One `cloudpath run`; what it logs and tells systemd is collected, what it samples goes to a file."""

    def __init__(
        self,
        lab: Place,
        node: str,
        settings: Mapping[str, Any],
        *,
        user: User = User.ROOT,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Take the configuration but the file sink and, where it names none, `agent.state_dir`: they are added.

        `variables`: of its environment, beside its own.
        """
        self._lab = lab
        self._node = node
        self._user = user
        self._variables = dict(variables or {})
        self._settings = dict(settings)
        self._place = tempfile.TemporaryDirectory(dir="/run", prefix="cloudpath-service-")
        self.directory = Path(self._place.name)
        self.directory.chmod(0o777)
        self.config = self.directory / "agent.yaml"
        self.samples_file = self.directory / "samples.ndjson"
        self.told: list[tuple[float, str]] = []
        self.log: list[str] = []
        self.process: subprocess.Popen[str] | None = None
        self._threads: list[threading.Thread] = []
        self._over = False
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(0.2)
        self._socket.bind(str(self.directory / "notify"))
        (self.directory / "notify").chmod(0o777)
        self.configure(settings)

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Write the configuration; a running service hears of it by SIGHUP only."""
        agent = {"state_dir": str(self.directory / "state"), **settings.get("agent", {})}
        emit = [{"type": "file", "path": str(self.samples_file)}, *settings.get("emit", [])]
        whole = {"proxy": {"mode": "none"}, **settings, "agent": agent, "emit": emit}
        beside = self.config.with_suffix(".new")
        beside.write_text(yaml.safe_dump(whole))
        beside.replace(self.config)

    def start(self, *, watchdog_s: float | None = None) -> Self:
        """Start it, without waiting."""
        own = {"NOTIFY_SOCKET": self.directory / "notify", "HOME": self.directory}
        variables = [f"{name}={value}" for name, value in {**own, **self._variables}.items()]
        if watchdog_s is not None:
            variables.append(f"WATCHDOG_USEC={int(watchdog_s * 1e6)}")
        command = ["env", *variables, sys.executable, "-m", "agent", "run", "-c", str(self.config)]
        self.process = self._lab.start(self._node, command, user=self._user)
        self._threads = [threading.Thread(target=read, daemon=True) for read in (self._read_log, self._read_told)]
        for thread in self._threads:
            thread.start()
        return self

    def __enter__(self) -> Self:
        """Start nothing yet."""
        return self

    def ready(self) -> Self:
        """Start it, and wait until it says that it is ready."""
        self.start()
        self.wait(lambda: self.has_told("READY=1"), "ready", _READY_S)
        return self

    def __exit__(self, *_: object) -> None:
        """Kill what is left of it."""
        if self.process is not None:
            with self.process as process:
                process.send_signal(signal.SIGCONT)
                process.kill()
        self._over = True
        for thread in self._threads:
            thread.join()
        self._socket.close()
        self._place.cleanup()

    @property
    def _running(self) -> subprocess.Popen[str]:
        assert self.process is not None
        return self.process

    # -- from outside

    @property
    def pid(self) -> int:
        """Return the id of its process."""
        return self._running.pid

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def end(self) -> tuple[int, float]:
        """Ask it to end; return the exit code, and how long it took."""
        began = time.monotonic()
        self.tell(signal.SIGTERM)
        code = self._running.wait(_END_S)
        return code, time.monotonic() - began

    def ended(self) -> int:
        """Return the exit code of one that ends by itself."""
        return self._running.wait(_READY_S)

    def records(self) -> list[dict[str, Any]]:
        """Return what the file sink has got so far; whole lines only."""
        if not self.samples_file.exists():
            return []
        return [
            json.loads(line) for line in self.samples_file.read_text().splitlines(keepends=True) if line.endswith("\n")
        ]

    def samples(self, target: str | None = None) -> list[dict[str, Any]]:
        """Return the samples among them, of one target or of all."""
        found = [record for record in self.records() if record["schema"] == "cloudpath.sample/1"]
        return [one for one in found if target is None or one["target"]["name"] == target]

    def has_told(self, line: str) -> bool:
        """Return whether systemd was told this."""
        return any(line in message.split("\n") for _, message in self.told)

    def has_logged(self, text: str) -> bool:
        """Return whether a line of the log has this in it."""
        return any(text in line for line in tuple(self.log))

    def wait(self, condition: Callable[[], bool], what: str, longest_s: float) -> float:
        """Wait until something holds; return how long that took."""
        began = time.monotonic()
        while not condition():
            if self._running.poll() is not None:
                raise AssertionError(f"it ended with {self._running.returncode} before it was {what}: {self.log[-10:]}")
            if time.monotonic() - began > longest_s:
                raise AssertionError(f"not {what} after {longest_s} s: {self.log[-10:]}")
            time.sleep(_LOOK_AGAIN_S)
        return time.monotonic() - began

    def _read_log(self) -> None:
        assert self._running.stderr is not None
        for line in self._running.stderr:
            self.log.append(line.rstrip("\n"))

    def _read_told(self) -> None:
        while not self._over:
            try:
                data = self._socket.recv(4096)
            except TimeoutError:
                continue
            self.told.append((time.monotonic(), data.decode()))
