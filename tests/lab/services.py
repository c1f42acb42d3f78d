"""What listens on the lab's nodes: real servers, started in their namespaces and ready when started."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.lab.network_map import Services

LISTENER: Final = Path(__file__).parent / "listener.py"
EXTENDER: Final = Path(__file__).parent / "extender.py"
READY_WITHIN_S: Final = 5.0
DNS_PORT: Final = 53
# What a program that listens to no port binds to say that it is ready.
READY_PORT: Final = 47808
# /proc/net/tcp: the state of a listening socket; /proc/net/udp: of a bound one.
_LISTENING: Final = {"tcp": "0A", "udp": "07"}

_PROXY_CONFIGURATION: Final = """\
Port {port}
Timeout 5
MaxClients 20
StartServers 1
DisableViaHeader Yes
LogFile "{directory}/tinyproxy.log"
LogLevel Warning
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One server: its command, and the transport and port by which it is known to be ready."""

    command: tuple[str, ...]
    transport: str
    port: int


def programs(services: Services, directory: Path) -> Iterator[Program]:
    """Yield the servers of one node; their files go to `directory`."""
    if services.tcp or services.udp_echo:
        ports = [f"tcp:{port}" for port in services.tcp] + [f"udp:{port}" for port in services.udp_echo]
        transport, _, last = ports[-1].partition(":")
        command = (sys.executable, "-I", "-S", str(LISTENER), *ports)
        yield Program(command=command, transport=transport, port=int(last))
    if services.extended_icmp is not None:
        command = (sys.executable, "-I", "-S", str(EXTENDER), str(READY_PORT), json.dumps(services.extended_icmp))
        yield Program(command=command, transport="udp", port=READY_PORT)
    if services.names is not None:
        yield Program(command=_dnsmasq(services.names), transport="udp", port=DNS_PORT)
    if services.proxy is not None:
        configuration = directory / "tinyproxy.conf"
        configuration.write_text(_PROXY_CONFIGURATION.format(port=services.proxy, directory=directory))
        yield Program(command=("tinyproxy", "-d", "-c", str(configuration)), transport="tcp", port=services.proxy)


def _dnsmasq(names: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return a resolver that knows these names, and says NXDOMAIN for every other one."""
    records = (f"--host-record={name},{','.join(addresses)}" for name, addresses in names.items())
    options = (
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--no-resolv",
        "--no-hosts",
        "--user=root",
        "--pid-file",
    )
    return ("dnsmasq", *options, "--log-facility=-", "--local=/#/", *records)


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
        RuntimeError: It ended, or has none after five seconds; the message holds what it said.
    """
    deadline = time.monotonic() + READY_WITHIN_S
    while not _has_socket(process.pid, program):
        if process.poll() is not None or time.monotonic() >= deadline:
            raise RuntimeError(f"{program.command} is not ready: {log.read_text(errors='replace')}")
        time.sleep(0.002)


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
