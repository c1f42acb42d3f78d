"""One row's network, up and under control: break it, disturb it, and run the command there as a person would."""

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import yaml

from tests.lab import open_way, services
from tests.lab.builder import Lab, User
from tests.lab.scenario import Asked, Row, Step, Stream, named_faults

COMMAND: Final = (sys.executable, "-m", "agent")
CONFIGURATION: Final = "agent.yaml"
LONGEST_S: Final = 30.0
_SENDER: Final = Path(__file__).parent / "line_sender.py"
# What programs on the client have sent: the kernel's own packets, of neighbours and groups, have no owner.
_COUNTER: Final = """\
table inet lab_stage {
    counter sent { }
    chain sends { type filter hook postrouting priority 300; meta skuid >= 0 counter name sent; }
}
"""
_LOOK_EVERY_S: Final = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one command printed, how it ended, and how long it took, the start of Python included."""

    output: str
    complaints: str
    exit_code: int
    took_s: float


class Stage:
    """One row's network. Use it as a context manager."""

    def __init__(self, row: Row, user: User) -> None:
        self.row = row
        self.user = user
        self.lab = Lab(row.map())
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Build the network, and give the client its files."""
        with ExitStack() as undo:
            undo.enter_context(self.lab)
            self._write_files()
            self._stack = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Take everything down."""
        self._stack.close()

    @property
    def files(self) -> Path:
        """Return the directory that the command runs in: its configuration, the row's files, the lab's authority."""
        return self.lab.directory / "home"

    def _write_files(self) -> None:
        # The state directory is the command's own to write, whoever runs it.
        for directory in (self.files, self.files / "state"):
            directory.mkdir()
            directory.chmod(0o777)
        shutil.copy(self.lab.authority.own.certificate, self.files / "ca.pem")
        (self.files / "ca.pem").chmod(0o644)
        for name, text in {"edge.token": f"{services.TOKEN}\n", **self.row.files}.items():
            (self.files / name).write_text(text)

    # --- what is done to it -------------------------------------------------------------------------------------------

    def break_(self, steps: Sequence[Step]) -> None:
        """Do these steps, in order."""
        for step in steps:
            if step.stop is not None:
                self.lab.stop(step.node, step.stop)
            else:
                self.lab.tell(step.node, f"cd {shlex.quote(str(self.files))}", shell_lines(step))

    # --- what is asked ------------------------------------------------------------------------------------------------

    def command_line(self, asked: Asked, *, as_data: bool = True) -> tuple[str, ...]:
        """Return what runs a row's command on the client: with nothing of the caller's environment, in its own files.

        `as_data`: it prints JSON.
        """
        words = asked.command
        if asked.configuration is not None:
            (self.files / CONFIGURATION).write_text(yaml.safe_dump(asked.configuration, sort_keys=False))
            words = (words[0], "-c", CONFIGURATION, *words[1:])
        if as_data:
            words = (words[0], "--json", *words[1:])
        settings = tuple(f"{name}={value}" for name, value in self.environment(asked).items())
        return ("env", "-i", f"--chdir={self.files}", *settings, *through(asked), *COMMAND, *words)

    def environment(self, asked: Asked) -> Mapping[str, str]:
        """Return the variables that a row's command sees."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.files),
            "XDG_STATE_HOME": str(self.files / "state"),
            "PYTHONPATH": str(open_way.REPOSITORY),
            "LC_ALL": "C.UTF-8",
            "SSL_CERT_FILE": str(self.files / "ca.pem"),
            **asked.environment,
        }

    def ask(
        self, asked: Asked, during: Sequence[Step] = (), send: Sequence[Stream] = (), *, as_data: bool = True
    ) -> Run:
        """Run a command on the client; meanwhile disturb it, and send it what it listens for."""
        command = self.command_line(asked, as_data=as_data)
        if during:
            self.lab.tell(self.row.client, ruleset(_COUNTER))
        started = time.perf_counter()
        running = self.lab.start(self.row.client, command, user=self.user, stdin=subprocess.PIPE)
        with ExitStack() as senders:
            for stream in send:
                senders.enter_context(self._sender(stream))
            for step in during:
                self._await_packets(running, step.after_packets or 0)
                self.break_((step,))
            output, complaints = running.communicate(asked.stdin or "", timeout=LONGEST_S)
        took_s = time.perf_counter() - started
        return Run(output=output, complaints=complaints, exit_code=running.returncode, took_s=took_s)

    def packets_sent(self) -> int:
        """Return how many packets programs on the client have sent since they are counted."""
        done = self.lab.run(self.row.client, ("nft", "list", "counter", "inet", "lab_stage", "sent"))
        return int(done.stdout.partition("packets")[2].split()[0])

    def _await_packets(self, running: subprocess.Popen[str], wanted: int) -> None:
        while self.packets_sent() < wanted:
            if running.poll() is not None:
                raise AssertionError(f"it ended before it could be disturbed: {running.communicate()}")
            time.sleep(_LOOK_EVERY_S)

    def _sender(self, stream: Stream) -> subprocess.Popen[str]:
        """Start what sends lines from a node, as soon as somebody listens."""
        command = (sys.executable, "-I", "-S", str(_SENDER), stream.to, stream.lines)
        return self.lab.start(stream.node, command)


def through(asked: Asked) -> tuple[str, ...]:
    """Return the words of what runs the command; a program of the lab's own is named by its file."""
    words = asked.through
    if words and words[0].endswith(".py"):
        return (sys.executable, "-I", "-S", str(Path(__file__).parent / words[0]), *words[1:])
    return words


def ruleset(text: str) -> str:
    """Return the shell lines that give a ruleset to nftables."""
    return f"nft -f - <<'END'\n{text}\nEND"


def shell_lines(step: Step) -> str:
    """Return a step as lines for `sh`."""
    fault = named_faults()[step.fault] if step.fault else {"run": step.run, "nft": step.nft}
    if (rules := fault.get("nft")) is not None:
        return ruleset(rules)
    return fault["run"] or ""
