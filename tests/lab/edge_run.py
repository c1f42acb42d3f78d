"""An edge on a node of the lab, with a configuration of its own, and callers on other nodes."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from tests.lab.builder import Lab, User
from tests.lab.edge_caller import PORT, TOKEN

OTHER_TOKEN: Final = "the-second-token-of-the-lab"  # noqa: S105 - as `edge_caller.TOKEN`
TCP_PORT: Final = 3478
UDP_PORT: Final = 33500
_READY_WITHIN_S: Final = 15.0
_CALLER: Final = Path(__file__).parent / "edge_caller.py"


class Edge:
    """One edge that runs."""

    def __init__(self, lab: Lab, node: str, directory: Path, user: User) -> None:
        """Start it by `edge.yaml` in a directory."""
        self.directory = directory
        self._log = directory / "log"
        command = lab.command(
            node, [sys.executable, "-m", "agent", "edge", "-c", str(directory / "edge.yaml")], user=user
        )
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    @property
    def log(self) -> str:
        """Return what it has said."""
        return self._log.read_text()

    def await_line(self, text: str, within_s: float = _READY_WITHIN_S) -> None:
        """Return once it has said something."""
        deadline = time.monotonic() + within_s
        while text not in self.log:
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.01)

    def memory_kb(self) -> int:
        """Return the resident memory of the process."""
        (line,) = (line for line in self._status() if line.startswith("VmRSS"))
        return int(line.split()[1])

    def _status(self) -> list[str]:
        return Path(f"/proc/{self.process.pid}/status").read_text().splitlines()


def write_configuration(directory: Path, **changes: object) -> Path:
    """Write `edge.yaml` and its tokens; return its path."""
    directory.chmod(0o755)
    (directory / "tokens").write_text(f"# the lab's\n{TOKEN}\n{OTHER_TOKEN}\n")
    edge: dict[str, object] = {
        "name": "edge-1",
        "listen": f"[::]:{PORT}",
        "insecure": True,
        "tokens_file": "tokens",
        "tcp_port": TCP_PORT,
        "udp_port": UDP_PORT,
        "allow_destinations": ["app.example.test", "rebound.example.test", "198.51.100.0/24", "2001:db8:5::/64"],
        "limits": {"traces_per_minute": 1000, "concurrent": 64},
    }
    edge = {key: value for key, value in {**edge, **changes}.items() if value is not None}
    (directory / "edge.yaml").write_text(yaml.safe_dump({"edge": edge}))
    return directory / "edge.yaml"


@contextmanager
def running_edge(
    lab: Lab, directory: Path, *, node: str = "edge", user: User = User.ROOT, **changes: object
) -> Iterator[Edge]:
    """Give an edge that serves, and stop it in the end."""
    write_configuration(directory, **changes)
    edge = Edge(lab, node, directory, user)
    try:
        edge.await_line(" serves ")
        yield edge
    finally:
        edge.process.terminate()
        edge.process.wait(10)


def ask(lab: Lab, node: str, address: str, *calls: Mapping[str, object]) -> list[dict[str, Any]]:
    """Make calls from a node, one after the other, and return what came of each: see `edge_caller.py`."""
    done = lab.run(node, [sys.executable, "-I", "-S", str(_CALLER), address, json.dumps(calls)])
    assert done.returncode == 0, done.stderr
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers
