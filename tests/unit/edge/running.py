"""A real edge on loopback, in a process of its own, for the tests of its API."""

import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

TOKEN: Final = "a-token-for-loopback-alone"  # noqa: S105 - of nobody
_READY_WITHIN_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One response: status, headers by names as they came, and its document."""

    status: int
    headers: Mapping[str, str]
    json: Any


@dataclass(frozen=True, slots=True)
class Running:
    """An edge that serves on a port."""

    port: int
    process: subprocess.Popen[str]
    log: Path

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = TOKEN,
        media_type: str = "application/json",
    ) -> Answer:
        """Return what a request gets; a text is sent as it is, anything else as JSON."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
            text = body if body is None or isinstance(body, str) else json.dumps(body)
            connection.request(method, path, text, {**headers, "Content-Type": media_type})
            response = connection.getresponse()
            data = response.read()
            return Answer(response.status, dict(response.headers), json.loads(data) if data else None)


def free_port() -> int:
    """Return a port that nobody uses."""
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


def configure(directory: Path, port: int, **changes: object) -> Path:
    """Write a configuration for loopback and return its path."""
    (directory / "tokens").write_text(f"{TOKEN}\n")
    edge = {
        "name": "loop",
        "listen": f"127.0.0.1:{port}",
        "insecure": True,
        "tokens_file": "tokens",
        "allow_destinations": ["127.0.0.2", "::1/128"],
        **changes,
    }
    (directory / "edge.yaml").write_text(yaml.safe_dump({"edge": {k: v for k, v in edge.items() if v is not None}}))
    return directory / "edge.yaml"


@contextmanager
def running(directory: Path, **changes: object) -> Iterator[Running]:
    """Give an edge that serves."""
    port = free_port()
    file, log = configure(directory, port, **changes), directory / "log"
    with log.open("w") as output:
        command = (sys.executable, "-m", "agent", "edge", "-c", str(file))
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, text=True)
    try:
        deadline = time.monotonic() + _READY_WITHIN_S
        while " serves " not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        yield Running(port, process, log)
    finally:
        process.terminate()
        process.wait(10)
