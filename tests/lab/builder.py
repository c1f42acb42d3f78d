"""Builds a map out of network namespaces, runs commands in it, and takes it down again, whatever happens."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from enum import StrEnum
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from probes.facts import Family
from tests.lab import commands, open_way, program, services
from tests.lab.certificates import Authority
from tests.lab.network_map import NetworkMap, Node

DELAY_LINE: Final = Path(__file__).parent / "delay_line.py"
NETNS_FILES: Final = Path("/etc/netns")
RUN: Final = Path("/run")
NAMESPACES: Final = RUN / "netns"
# One namespace's name starts so: the maker's process id makes leftovers of a killed run recognisable.
PREFIX: Final = "cplab"
COMMAND_TIMEOUT_S: Final = 60.0
_NUMBERS: Final = count()


def _is_alone() -> bool:
    """Return whether there is one user only, as in a user namespace that somebody without root has made."""
    return sum(int(line.split()[2]) for line in Path("/proc/self/uid_map").read_text().splitlines()) == 1


_ALONE: Final = _is_alone()
_CHANGE_OF_USER: Final = () if _ALONE else ("--reuid=65534", "--regid=65534", "--clear-groups")


class User(StrEnum):
    """Who runs a command: root with everything, or nobody with nothing at all."""

    ROOT = "root"
    NOBODY = "nobody"


_AS_USER: Final[dict[User, tuple[str, ...]]] = {
    User.ROOT: (),
    User.NOBODY: (
        "setpriv",
        *_CHANGE_OF_USER,
        "--inh-caps=-all",
        "--ambient-caps=-all",
        "--bounding-set=-all",
        "--no-new-privs",
    ),
}


class LabError(RuntimeError):
    """The lab could not do what it was asked; the message holds what the tool said."""


class Lab:
    """One map, built. Use it as a context manager."""

    def __init__(self, map_: NetworkMap) -> None:
        self.map = map_
        # Devices are made outside their namespaces: no two networks of this machine may give them one name.
        self._tag = f"{os.getpid():x}{next(_NUMBERS) % 0x100:02x}"
        self._prefix = f"{PREFIX}{os.getpid()}x{secrets.token_hex(2)}-{map_.name}-"
        self._cleanup = ExitStack()
        self._shells: dict[str, int] = {}
        self._servers: dict[tuple[str, str], subprocess.Popen[bytes]] = {}
        self._next_spare = 0
        self._directory = Path()
        self.authority = Authority(self._directory)

    def __enter__(self) -> Self:
        """Build everything; on failure take down what was built."""
        with ExitStack() as undo:
            undo.callback(self._cleanup.close)
            self._build()
            undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Take everything down."""
        self._cleanup.close()

    # --- what a test asks ---------------------------------------------------------------------------------------------

    def address(self, node: str, family: Family) -> str:
        """Return the address of a node."""
        return self.map.address(node, family)

    def fresh_source(self, node: str, family: Family) -> str:
        """Return an address of `node` that nobody has probed from yet.

        A Linux router counts the ICMP errors that it sends for each prober's address (a burst of six, then one a
        second), so measurements from one address starve each other.
        """
        self._next_spare += 1
        count = self.map.nodes[node].spare_addresses
        if self._next_spare > count:
            raise LabError(f"{self.map.name}: all {count} spare addresses of {node} are used; give it more")
        link = next(link for link in self.map.links_of(node) if link.prefix(family) is not None)
        return link.spare_addresses(count, family)[self._next_spare - 1]

    def run(
        self, node: str, command: Sequence[str], *, user: User = User.ROOT, timeout_s: float = COMMAND_TIMEOUT_S
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on a node and return what it printed; its exit status is the caller's to judge."""
        return subprocess.run(
            self.command(node, command, user=user),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def start(
        self, node: str, command: Sequence[str], *, user: User = User.ROOT, stdin: int = subprocess.DEVNULL
    ) -> subprocess.Popen[str]:
        """Start a command on a node; the caller waits for it."""
        return subprocess.Popen(
            self.command(node, command, user=user),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def tell(self, node: str, *lines: str) -> None:
        """Run shell lines on a node, as root: faults are made so. They must succeed."""
        if not lines:
            return
        _must(("ip", "netns", "exec", self.namespace(node), "sh", "-ec", "\n".join(lines)))

    def stop(self, node: str, service: str) -> None:
        """End a server of a node, as a crash would: what listened there refuses from now on."""
        _end(self._servers.pop((node, service)))

    @property
    def directory(self) -> Path:
        """Return the directory of this network's files; it goes with the network."""
        return self._directory

    def command(self, node: str, command: Sequence[str], *, user: User = User.ROOT) -> tuple[str, ...]:
        """Return the command line that runs `command` on a node."""
        enter = ("nsenter", f"--mount=/proc/{self.shell(node)}/ns/mnt", f"--net={NAMESPACES / self.namespace(node)}")
        return (*enter, "env", f"--chdir={open_way.REPOSITORY}", *_AS_USER[user], *command)

    def shell(self, node: str) -> int:
        """Return the id of a process that stays on a node, with the node's view of files and network."""
        return self._shells.get(node) or self._open_shell(node)

    def namespace(self, node: str) -> str:
        """Return the name of a node's namespace."""
        return f"{self._prefix}{self.map.nodes[node].name}"

    # --- building -----------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        nodes = self.map.nodes.values()
        # The open ways and the servers' files are in it, so it goes last. Not in TMPDIR: that may be closed itself.
        self._directory = Path(self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix=PREFIX, dir=RUN)))
        # Others pass through to what is theirs; nothing else in here is open to them.
        self._directory.chmod(0o711)
        self.authority = Authority(self._directory / "authority")
        self._cleanup.callback(
            _attempt, ("ip", "-force", "-batch", "-"), commands.no_namespaces(self.map, self._prefix)
        )
        _must(("ip", "-batch", "-"), commands.namespaces(self.map, self._prefix))
        self._start_delay_line()
        with ThreadPoolExecutor(max_workers=4) as pool:
            list(pool.map(self._set_up_kernel, nodes))
            _must(("ip", "-batch", "-"), commands.wires(self.map, self._prefix, self._tag))
            list(pool.map(self._set_up_addresses, nodes))
        for node in nodes:
            self.tell(node.name, *node.lines)
        self._write_name_files()
        self._start_services()

    def _set_up_kernel(self, node: Node) -> None:
        inside = ("ip", "netns", "exec", self.namespace(node.name))
        _must((*inside, "sysctl", "-q", "-w", *commands.settings(self.map, node, one_group=_ALONE)))
        if ruleset := commands.ruleset(node):
            _must((*inside, "nft", "-f", "-"), ruleset)

    def _set_up_addresses(self, node: Node) -> None:
        text = commands.addresses_and_routes(self.map, node, self._tag)
        _must(("ip", "-n", self.namespace(node.name), "-batch", "-"), text)

    def _start_delay_line(self) -> None:
        lines = [
            dict(
                zip(("left", "right"), commands.tap_names(number, self._tag), strict=True),
                delay_ms=link.delay_ms,
                loss=link.loss,
                reorder=link.reorder,
                duplicate=link.duplicate,
            )
            for number, link in enumerate(self.map.links)
            if link.delayed
        ]
        if lines:
            command = (sys.executable, "-I", "-S", str(DELAY_LINE), json.dumps(lines), "1")
            self._start_ready(("setpriv", "--pdeathsig", "KILL", *command))

    def _start_services(self) -> None:
        started = []
        for node in self.map.nodes.values():
            place = services.Place(directory=self._directory / f"{node.name}.files", authority=self.authority)
            for each in services.programs(node, place):
                log = self._directory / f"{node.name}.log"
                process = program.start(self.namespace(node.name), each, log)
                self._cleanup.callback(_end, process)
                self._servers[node.name, each.kind] = process
                started.append((process, each, log))
        for process, each, log in started:
            program.await_ready(process, each, log)

    def _write_name_files(self) -> None:
        """Give each node its resolvers and its hosts file, for whoever enters it through `ip netns exec`."""
        for node in self.map.nodes.values():
            files = NETNS_FILES / self.namespace(node.name)
            files.mkdir(parents=True)
            self._cleanup.callback(shutil.rmtree, files)
            (files / "resolv.conf").write_text("".join(f"nameserver {address}\n" for address in node.resolver))
            (files / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")

    def _open_shell(self, node: str) -> int:
        """Return the process that holds a node's own view of the files: its resolvers, and a readable checkout."""
        script = "\n".join((open_way.script(self._directory / node), "echo ready", "exec sleep infinity"))
        command = ("setpriv", "--pdeathsig", "KILL", "sh", "-ec", script)
        process = self._start_ready(("ip", "netns", "exec", self.namespace(node), *command))
        self._shells[node] = process.pid
        return process.pid

    def _start_ready(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a process of the lab's own, and return once it says `ready`."""
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self._cleanup.callback(_end, process)
        if process.stdout is None or process.stdout.readline() != b"ready\n":
            raise LabError(f"{command[0]} did not get ready: {command}")
        return process


def remove_leftovers() -> tuple[str, ...]:
    """Remove the namespaces of runs that were killed before they could, and return their names."""
    names = tuple(path.name for path in NAMESPACES.glob(f"{PREFIX}*") if not _maker_lives(path.name))
    _attempt(("ip", "-force", "-batch", "-"), "".join(f"netns del {name}\n" for name in names))
    for name in names:
        shutil.rmtree(NETNS_FILES / name, ignore_errors=True)
    return names


def find_namespace(map_name: str, node: str) -> str | None:
    """Return the namespace of a node in a network that somebody has up right now, if there is one."""
    names = sorted(path.name for path in NAMESPACES.glob(f"{PREFIX}*-{map_name}-{node}"))
    return next((name for name in names if _maker_lives(name)), None)


def _maker_lives(namespace: str) -> bool:
    return Path("/proc", namespace.removeprefix(PREFIX).partition("x")[0]).exists()


def _must(command: Sequence[str], text: str = "") -> None:
    """Run a command of the lab's own; raise LabError with its words if it fails."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, check=False)
    if done.returncode:
        raise LabError(f"{' '.join(command)}\n{text}\n{done.stderr}")


def _attempt(command: Sequence[str], text: str) -> None:
    """Run a command of the lab's own that may find its work done already."""
    subprocess.run(command, input=text, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, check=False)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()
