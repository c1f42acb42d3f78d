"""The service over time: memory, processor time, threads and descriptors, and whether its samples come on time.

    python -m bench daemon [idle|thousand|day|hour] [--targets N] [--seconds N] [--leak BYTES] [--output FILE] [--json]

As root. The network is a line of namespaces: the agent, stock routers, and 10 ms behind them a host that is every
target; a resolver, web servers and a collector are real programs. The real `cloudpath run` watches all of it, and the
kernel says what that costs: the process and its children are looked at from outside, every second.

idle      10 targets every 5 minutes, for 10 minutes
thousand  1,000 targets every 5 minutes, for two rounds and a bit
day       more samples than the 2,880 that 10 targets every 5 minutes make in a day: 100 targets every 10 seconds, in
          spells of a minute, and what the process holds at rest after each
hour      10 targets every 5 minutes, for an hour
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from bench.course import ENVIRONMENT
from bench.daemon_figures import figures, punctuality
from bench.daemon_network import AGENT, COLLECTOR_PORT, FAR, MOST_TARGETS, configuration, line_map
from bench.daemon_rests import REST_S, Rest, kept, rest_of
from bench.daemon_watch import Point, look
from bench.race import compile_ours
from bench.table import markdown
from probes.facts import Family
from tests.lab.builder import Lab

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

_EVERY_S: Final = 1.0
_BEGUN_AT_S: Final = 10.0
_END_WITHIN_S: Final = 20.0
# An idle process's memory comes and goes by so much as samples do [measured: a sample's facts, before they are freed].
_NOISE_KB: Final = 512
# An interval in which nothing happens as long as anybody watches.
_NEVER_S: Final = 86_400


class ServiceError(RuntimeError):
    """The service ended although nobody asked it to, or did not start; the message holds what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """One way to measure: how many targets, how often, for how long, and the bars by the name of the figure.

    `settled_after_s` is when each target has been sampled at least once. With `spells` the time at work is in so many
    parts, with a rest behind each.
    """

    targets: int
    interval_s: int
    seconds: int
    settled_after_s: float
    bars: dict[str, float]
    spells: int = 0


_IDLE_BARS: Final = {"rss_most_mb": 45.0, "cpu_share": 0.003}
_GROWTH: Final = {"growth_kb": float(_NOISE_KB)}
MODES: Final = {
    "idle": Mode(targets=10, interval_s=300, seconds=600, settled_after_s=315, bars=_IDLE_BARS),
    "thousand": Mode(
        targets=1_000,
        interval_s=300,
        seconds=640,
        settled_after_s=315,
        bars={"rss_most_mb": 120.0, "cpu_share": 0.15, "late": 0.0},
    ),
    "day": Mode(
        targets=100, interval_s=10, seconds=360, settled_after_s=60, bars={"kept_bytes_a_sample": 50.0}, spells=6
    ),
    "hour": Mode(targets=10, interval_s=300, seconds=3_600, settled_after_s=315, bars=_IDLE_BARS | _GROWTH),
}


def main(argv: Sequence[str]) -> int:
    """Measure and print; return 0 where every bar was met."""
    options = parser().parse_args(argv)
    if os.geteuid() != 0:
        sys.stderr.write("bench daemon builds network namespaces: run it as root\n")
        return 2
    try:
        result = {"mode": options.mode, **measure(MODES[options.mode], options)}
    except ServiceError as error:
        _note(options.output, {"error": str(error)})
        sys.stderr.write(f"bench daemon: {error}\n")
        return 3
    sys.stdout.write(json.dumps(result) + "\n" if options.json else report(result))
    return 0 if all(bar["met"] for bar in result["bars"]) else 1


_LEAK_HELP: Final = "day: let the service keep so much of each sample: does the measure see it?"


def parser() -> argparse.ArgumentParser:
    """Return what the command line may say."""
    said = argparse.ArgumentParser(prog="python -m bench daemon", description=(__doc__ or "").splitlines()[0])
    said.add_argument("mode", nargs="?", choices=list(MODES), default="idle", help="what is measured (idle)")
    said.add_argument("--targets", type=_between(1, MOST_TARGETS), metavar="N", help="other than the mode's own number")
    said.add_argument(
        "--interval", type=_between(10, 86_400), metavar="SECONDS", help="between two samples of a target"
    )
    said.add_argument("--seconds", type=_between(30, 86_400), metavar="N", help="how long, other than the mode's own")
    said.add_argument("--leak", type=_between(1, 1_000_000), default=0, metavar="BYTES", help=_LEAK_HELP)
    said.add_argument("--routers", type=_between(1, 20), default=7, metavar="N", help="on the way (7)")
    said.add_argument("--output", type=Path, metavar="FILE", help="a line of JSON for each look, as it is made")
    said.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    return said


def _between(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{least} to {most}")
        return int(text)

    return number


def report(result: dict[str, Any]) -> str:
    """Return a result as tables for a person."""
    figure_rows = [(name.replace("_", " "), str(value)) for name, value in result["figures"].items()]
    bars = [
        (bar["name"], f"≤ {bar['most']:g}", str(bar["is"]), "met" if bar["met"] else "missed") for bar in result["bars"]
    ]
    head = (
        f"{result['targets']} targets every {result['interval_s']} s, looked at {result['looks']} times; "
        f"load average {result['load'][0]} before, {result['load'][1]} after\n"
    )
    tables = markdown(("figure", "is"), figure_rows), markdown(("bar", "at most", "is", "verdict"), bars)
    return "\n".join((head, *tables))


def measure(mode: Mode, options: argparse.Namespace) -> dict[str, Any]:
    """Return everything that came of one measurement."""
    targets, interval_s = options.targets or mode.targets, options.interval or mode.interval_s
    seconds = options.seconds or mode.seconds
    compile_ours()
    load_before = os.getloadavg()[0]
    with Service(
        targets=targets,
        interval_s=interval_s,
        routers=options.routers,
        weighed=mode.spells > 0,
        leak=options.leak,
    ) as service:
        points, rests = _watch_spells(service, seconds, mode.spells, options.output)
        more = kept(rests) if rests else _timing(service, interval_s)
        more |= service.stop()
    figure = figures(
        points, begun_at_s=min(_BEGUN_AT_S, seconds / 3), settled_at_s=min(mode.settled_after_s, seconds / 2)
    )
    figure |= more
    result = {
        "targets": targets,
        "interval_s": interval_s,
        "looks": len(points),
        "load": [round(load_before, 2), round(os.getloadavg()[0], 2)],
        "figures": figure,
        "bars": [
            {"name": name, "most": most, "is": figure[name], "met": figure[name] <= most}
            for name, most in mode.bars.items()
        ],
    }
    _note(options.output, {"result": result})
    return result


def _timing(service: Service, interval_s: int) -> dict[str, Any]:
    """Return how punctual samples were: in the first round every way is new, and routers let few be asked at once."""
    starts_s, begun_s, until_s = service.starts_s(), service.ready_at_s(), time.time()
    every, later = (
        punctuality(starts_s, service.agent_id, interval_s, begun_s=begun_s + skipped_s, until_s=until_s)
        for skipped_s in (0, interval_s)
    )
    return {
        **asdict(every),
        "late": every.slots - every.on_time,
        "late_after_first_round": later.slots - later.on_time,
    }


def _watch_spells(service: Service, seconds: float, spells: int, output: Path | None) -> tuple[list[Point], list[Rest]]:
    """Return all looks, and where there are spells what each of the rests between them came to."""
    points, rests = _watch(service, seconds / max(1, spells), output), list[Rest]()
    while len(rests) < spells:
        service.rest()
        in_use_bytes: list[int] = []
        at_rest = _watch(service, REST_S, output, in_use_bytes)
        rests.append(rest_of(at_rest, in_use_bytes))
        points += at_rest
        if len(rests) < spells:
            service.work()
            points += _watch(service, seconds / spells, output)
    return points, rests


def _watch(service: Service, seconds: float, output: Path | None, in_use_bytes: list[int] | None = None) -> list[Point]:
    """Return a look for each second, and add what was in use at each to `in_use_bytes`."""
    points: list[Point] = []
    until_s = service.age_s() + seconds
    while (at_s := service.age_s()) < until_s:
        points.append(service.look())
        if in_use_bytes is not None:
            in_use_bytes.append(service.in_use_bytes())
        _note(output, points[-1].plain())
        time.sleep(_EVERY_S - (service.age_s() - at_s) % _EVERY_S)
    return points


def _note(output: Path | None, line: dict[str, Any]) -> None:
    if output is not None:
        with output.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


class Service:
    """The real service in a network of its own. Use it as a context manager."""

    def __init__(
        self, *, targets: int, interval_s: int, routers: int = 7, weighed: bool = False, leak: int = 0
    ) -> None:
        self.agent_id = ""
        self._targets = targets
        self._interval_s = interval_s
        self._weighed = weighed
        self._leak = leak
        self._lab = Lab(line_map(routers, targets))
        self._cleanup = ExitStack()
        self._files = Path()
        self._started_s = 0.0
        self._starts_s: dict[str, list[float]] = {f"t{number}": [] for number in range(targets)}
        self._read_bytes = 0
        self._process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        """Return the service's process id."""
        return self._process.pid

    def __enter__(self) -> Self:

        with ExitStack() as undo:
            undo.enter_context(self._lab)
            self._files = self._lab.directory / "service"
            self._files.mkdir()
            self._configure(self._interval_s)
            log = undo.enter_context((self._files / "log").open("wb"))
            self._process = subprocess.Popen(
                self._lab.command(AGENT, self._command()), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
            self._started_s = time.monotonic()
            undo.callback(self._end)
            self._cleanup = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the service, and take the network down."""
        self._cleanup.close()

    def age_s(self) -> float:
        """Return how long ago the service was started."""
        return time.monotonic() - self._started_s

    def look(self) -> Point:
        """Return how it does now.

        Raises:
            ServiceError: It has ended.
        """
        self._read_samples()
        try:
            return look(self._process.pid, at_s=self.age_s(), samples=sum(map(len, self._starts_s.values())))
        except (FileNotFoundError, ProcessLookupError):
            raise ServiceError(f"it ended with {self._process.poll()}: {self.log()}") from None

    def ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another command of ours beside the service, with its configuration."""
        command = (*ENVIRONMENT, sys.executable, "-m", "agent", *arguments, "-c", str(self._files / "agent.yaml"))
        return self._lab.run(AGENT, command)

    def log(self) -> str:
        """Return what it has said so far."""
        return (self._files / "log").read_text(errors="replace")

    def starts_s(self) -> dict[str, list[float]]:
        """Return when the samples of each target began, in seconds of the wall clock, as they were delivered."""
        self._read_samples()
        return self._starts_s

    def ready_at_s(self) -> float:
        """Return when it was ready, by the wall clock and its own log.

        Raises:
            ServiceError: It is not.
        """
        lines = (line for line in self.log().splitlines() if " ready: " in line)
        if (line := next(lines, None)) is None:
            raise ServiceError(f"it was not ready: {self.log()}")
        return datetime.fromisoformat(line.split()[0]).timestamp()

    def in_use_bytes(self) -> int:
        """Return what of its memory is in use, by its own C library; for one that is weighed."""
        return int(self._weight.read_text())

    def rest(self) -> None:
        """Let nothing be due any more; what is under way is cut short."""
        self._configure(_NEVER_S)
        self._process.send_signal(signal.SIGHUP)

    def work(self) -> None:
        """Let everything be due again as at the start, spread over an interval from now on."""
        self._configure(self._interval_s)
        self._process.send_signal(signal.SIGHUP)

    def stop(self) -> dict[str, Any]:
        """Ask it to end; return how long that took and its exit code."""
        begun = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(_END_WITHIN_S)
        return {"stop_s": round(time.monotonic() - begun, 2), "exit_code": code}

    @property
    def _weight(self) -> Path:
        return self._files / "weight"

    def _command(self) -> tuple[str, ...]:
        environment = (*ENVIRONMENT, f"STATE_DIRECTORY={self._files / 'state'}")
        arguments = ("run", "-c", str(self._files / "agent.yaml"))
        if not self._weighed:
            return (*environment, sys.executable, "-m", "agent", *arguments)
        # Python's own allocator would take what it needs by the megabyte, and not say what of it is in use.
        everything = (*environment, "PYTHONMALLOC=malloc", sys.executable, "-m", "bench.weighed")
        return (*everything, str(self._weight), str(self._leak), *arguments)

    def _configure(self, interval_s: int) -> None:
        text = configuration(
            targets=self._targets,
            interval_s=interval_s,
            directory=self._files,
            authority=self._lab.authority.own.certificate,
            collector=f"http://{self._lab.address(FAR, Family.IPV4)}:{COLLECTOR_PORT}/",
        )
        (self._files / "agent.yaml").write_text(text, encoding="utf-8")

    def _read_samples(self) -> None:
        """Read what the file sink has got since the last time."""
        try:
            with (self._files / "samples.ndjson").open("rb") as file:
                file.seek(self._read_bytes)
                whole, _, _ = file.read().rpartition(b"\n")
        except FileNotFoundError:
            # Nothing was delivered yet.
            return
        self._read_bytes += len(whole) + bool(whole)
        for line in whole.splitlines():
            document = json.loads(line)
            self.agent_id = document["agent"]["id"]
            if document["schema"].startswith("cloudpath.sample/"):
                begun = datetime.fromisoformat(document["started_at"]).timestamp()
                self._starts_s[document["target"]["name"]].append(begun)

    def _end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
