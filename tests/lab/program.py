"""A server as the lab starts it: a command, and the socket by which it is known to be ready."""

import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

READY_WITHIN_S: Final = 15.0
# /proc/net/tcp: the state of a listening socket; /proc/net/udp: of a bound one.
_LISTENING: Final = {"tcp": "0A", "udp": "07"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One server: its command, and the transport and port by which it is known to be ready.

    `kind` is the service's name on the map.
    """

    kind: str
    command: tuple[str, ...]
    transport: str
    port: int


def start(namespace: str, program: Program, log: Path) -> subprocess.Popen[bytes]:
    """Start a server in a namespace. It dies with us, however we end."""
    with log.open("ab") as output:
        return subprocess.Popen(
            ("ip", "netns", "exec", namespace, "setpriv", "--pdeathsig", "KILL", *program.command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )


def await_ready(process: subprocess.Popen[bytes], program: Program, log: Path) -> None:
    """Return once the server has its socket.

    Raises:
        RuntimeError: It ended, or has none in time; the message holds what it said.
    """
    deadline = time.monotonic() + READY_WITHIN_S
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(FileNotFoundError):  # It ended just now.
            if _has_socket(process.pid, program):
                return
        time.sleep(0.002)
    raise RuntimeError(f"{program.command} is not ready: {log.read_text(errors='replace')}")


def _has_socket(pid: int, program: Program) -> bool:
    """Read the sockets of the process's own network namespace."""
    if Path(f"/proc/{pid}/ns/net").readlink() == Path("/proc/self/ns/net").readlink():
        return False
    wanted = (f"{program.port:04X}", _LISTENING[program.transport])
    for version in ("", "6"):
        for line in Path(f"/proc/{pid}/net/{program.transport}{version}").read_text().splitlines()[1:]:
            fields = line.split()
            if (fields[1].rpartition(":")[2], fields[3]) == wanted:
                return True
    return False
