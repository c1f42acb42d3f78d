"""Debian 12 machines for tests of the packages: real systems in namespaces, thrown away afterwards.

The system is made by debootstrap, once, and kept below the temporary directory; each machine is a layer of its own on
top of it.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

SUITE: Final = "bookworm"
# What Debian installs on its smallest machine, and the Python that the package asks for.
_BARE: Final = ("python3",)
# systemd runs there; man and the shells for a look at what is shipped.
_BOOTED: Final = ("systemd", "systemd-sysv", "man-db", "bash-completion", "zsh", "fish", "procps")
_MAKING_S: Final = 420.0
_BOOT_S: Final = 60.0
_COMMAND_S: Final = 60.0


class MachineError(Exception):
    """A machine could not be made or started."""


class Machine:
    """A machine that runs for as long as its context lasts, with a network of its own that has a loopback only."""

    def __init__(self, directory: Path, *, boot: bool) -> None:
        """Take an empty directory for its layer; with `boot` it runs systemd, else nothing at all."""
        self._boot = boot
        self.root = directory / "root"
        self._layers = tuple(directory / name for name in ("upper", "work"))
        self._log = directory / "console"
        self._container: subprocess.Popen[bytes] | None = None
        self._first = 0

    def __enter__(self) -> Self:
        """Start it."""
        for path in (self.root, *self._layers):
            path.mkdir(mode=0o755)
        options = ",".join(
            f"{name}={path}"
            for name, path in zip(("lowerdir", "upperdir", "workdir"), (system(self._boot), *self._layers), strict=True)
        )
        _must("mount", "-t", "overlay", "overlay", "-o", options, str(self.root))
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End it at once and take its layer away."""
        if self._container is not None:
            self._end()
        _must("umount", "--recursive", str(self.root))
        for layer in self._layers:
            shutil.rmtree(layer)

    def run(self, *command: str, check: bool = True, timeout_s: float = _COMMAND_S) -> subprocess.CompletedProcess[str]:
        """Return what a command did as root of the machine; it must succeed unless `check` is false."""
        done = subprocess.run(
            self.command(*command),
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
            cwd="/",
        )
        if check and done.returncode:
            raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def shell(self, lines: str, *, check: bool = True) -> str:
        """Return what shell lines print."""
        return self.run("sh", "-ec", lines, check=check).stdout

    def command(self, *command: str) -> tuple[str, ...]:
        """Return the command line that runs `command` inside."""
        clean = ("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8")
        enter = ("nsenter", f"--target={self._first}", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup")
        return (*enter, f"--root=/proc/{self._first}/root", "--wd=/", *clean, *command)

    def files(self) -> frozenset[str]:
        """Return every file and directory of its disk."""
        return frozenset(self.shell("find / -xdev -not -path '/proc/*' -not -path '/tmp/*'").splitlines())

    def _start(self) -> None:
        command = [
            # It ends with the tests, however these end; and with it everything inside.
            *("setpriv", "--pdeathsig", "KILL", "systemd-nspawn"),
            "--quiet",
            "--register=no",
            "--keep-unit",
            "--private-network",
            "--link-journal=no",
            "--resolv-conf=off",
            "--console=pipe",
            f"--machine=cloudpath-{os.getpid()}",
            f"--directory={self.root}",
            *(("--boot",) if self._boot else ("--as-pid2", "sleep", "infinity")),
        ]
        with self._log.open("wb") as log:
            self._container = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._await_first()
        if self._boot:
            self._await_services()

    def _await_first(self) -> None:
        """Find the first process inside: the one child of ours that lives in another process namespace."""
        container = self._running()
        ours = Path("/proc/self/ns/pid").readlink()
        deadline = time.monotonic() + _BOOT_S
        while not self._first:
            self._still(deadline)
            for child in Path(f"/proc/{container.pid}/task/{container.pid}/children").read_text().split():
                with suppress(OSError):
                    if Path(f"/proc/{child}/ns/pid").readlink() != ours and Path(f"/proc/{child}/root/proc/1").exists():
                        self._first = int(child)
            time.sleep(0.02)

    def _await_services(self) -> None:
        deadline = time.monotonic() + _BOOT_S
        while self.run("systemctl", "is-active", "multi-user.target", check=False).stdout.strip() != "active":
            self._still(deadline)
            time.sleep(0.2)

    def _still(self, deadline: float) -> None:
        """Raise MachineError if it has ended, or takes longer than till the deadline."""
        if self._running().poll() is not None or time.monotonic() > deadline:
            raise MachineError(f"the machine does not start:\n{self._log.read_text(errors='replace')}")

    def _running(self) -> subprocess.Popen[bytes]:
        if self._container is None:
            raise MachineError("the machine has not been started")
        return self._container

    def _end(self) -> None:
        """Kill the first process inside: with it everything ends that lives in its process namespace."""
        container = self._running()
        if self._first:
            with suppress(ProcessLookupError):
                os.kill(self._first, signal.SIGKILL)
        else:
            container.kill()
        container.wait(20)


def system(booted: bool) -> Path:  # noqa: FBT001 - two systems, one of which the other is made from
    """Return the directory of a system that was made once: a bare one, or one with systemd on top.

    A machine in CI makes both, in about a minute and a half; nothing ever writes to them afterwards.
    """
    place = Path(tempfile.gettempdir()) / f"cloudpath-{SUITE}-{'-'.join((*_BARE, *_BOOTED)) if booted else 'bare'}"
    if not place.exists():
        draft = Path(tempfile.mkdtemp(prefix="cloudpath-making-"))
        try:
            draft.chmod(0o755)
            _make(draft / "root", booted=booted)
            # Who was quicker has made the same.
            with suppress(OSError):
                (draft / "root").rename(place)
        finally:
            shutil.rmtree(draft)
    return place


def _make(root: Path, *, booted: bool) -> None:
    if not booted:
        _must("debootstrap", "--variant=minbase", f"--include={','.join(_BARE)}", SUITE, str(root), _mirror())
        return
    _must("cp", "-a", str(system(False)), str(root))
    (root / "etc/resolv.conf").write_bytes(Path("/etc/resolv.conf").read_bytes())
    install = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-qq", "--no-install-recommends")
    _must("chroot", str(root), "apt-get", "update", "-qq")
    _must("chroot", str(root), *install, *_BOOTED)


def _mirror() -> str:
    """Return where this machine gets Debian's packages from."""
    asked = ("apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages", "Origin: Debian")
    sites = _must(*asked).split()
    if not sites:
        raise MachineError("apt knows no source of Debian's packages yet: run apt-get update")
    return sites[0]


def _must(*command: str) -> str:
    environment = {**os.environ, "LC_ALL": "C", "PATH": f"/usr/sbin:/sbin:{os.environ['PATH']}"}
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=_MAKING_S,
        env=environment,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        raise MachineError(f"{' '.join(command)}\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return done.stdout
