"""How long the complete command takes: whole processes, start-up and verdict included, medians of interleaved runs.

The bars are seconds on an idle machine. The machines that run this are shared, and up to twice as slow from one minute
to the next; so a reference that has nothing of ours in it runs before each run of ours, and what takes processor time
may take longer by as much as the reference did, and by no more than that factor of two. Waiting for packets is never
stretched.
"""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import pytest

from probes.facts import Family
from tests.lab import ours
from tests.lab.builder import Lab, User

pytestmark = pytest.mark.lab

RUNS: Final = 5
NEAR_S: Final = 0.25
DEAD_TARGET_S: Final = 1.2
START_S: Final = 0.12

# The reference: an interpreter starts and imports a library that is not ours. In the lab's namespaces the fastest of 75
# runs took 48 ms on the machine for which the bars were set; its median there is a fifth to two fifths above that,
# which is what an ordinary run is granted.
REFERENCE: Final = (sys.executable, "-c", "import click")
REFERENCE_S: Final = 0.048
MOST_SLOWDOWN: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """What is timed: a command towards a node of a map, and the exit code that shows that it did its work."""

    title: str
    map_name: str
    destination: str
    arguments: tuple[str, ...] = ()
    user: User = User.NOBODY
    family: Family = Family.IPV4
    name: str | None = None
    exit_code: int = 0


NEAR: Final = (
    Race(title="adaptive", map_name="chain", destination="server"),
    Race(title="adaptive, root", map_name="chain", destination="server", user=User.ROOT),
    Race(title="adaptive, IPv6", map_name="chain", destination="server", family=Family.IPV6),
    Race(title="icmp", map_name="chain", destination="server", arguments=("-I",)),
    Race(title="udp", map_name="chain", destination="server", arguments=("-u",)),
    Race(title="tcp", map_name="chain", destination="server", arguments=("-T", "-P", "443")),
    Race(title="by name", map_name="office", destination="app", name="app.example.test"),
    Race(title="json", map_name="chain", destination="server", arguments=("--json",)),
)
SILENT: Final = (
    Race(title="adaptive", map_name="far_silent", destination="server"),
    Race(title="icmp", map_name="far_silent", destination="server", arguments=("-I",)),
    Race(title="udp", map_name="far_silent", destination="server", arguments=("-u",)),
    Race(title="tcp", map_name="far_silent", destination="server", arguments=("-T",)),
)
NEAR_SILENT: Final = (Race(title="adaptive", map_name="silent", destination="server"),)
DEAD: Final = (
    Race(title="icmp", map_name="dead_end", destination="mute", arguments=("-I",)),
    Race(title="udp", map_name="dead_end", destination="mute", arguments=("-u",)),
    Race(title="tcp", map_name="dead_end", destination="mute", arguments=("-T",)),
    Race(title="adaptive", map_name="dead_end", destination="mute"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Medians:
    """The median seconds of each run, by title, and how many times slower than idle the machine was meanwhile."""

    seconds: dict[str, float]
    slowdown: float

    def above(self, start_s: float, waiting_s: float = 0.0) -> dict[str, float]:
        """Return the medians above a bar, rounded for reading, and the slowdown that was granted beside them."""
        bar_s = start_s * self.slowdown + waiting_s
        found = {title: round(median_s, 3) for title, median_s in self.seconds.items() if median_s > bar_s}
        return {**found, "bar": round(bar_s, 3), "slowdown": round(self.slowdown, 2)} if found else {}


def medians(lab: Lab, runs: Sequence[tuple[str, Callable[[], None]]]) -> Medians:
    """Return the medians of all runs: one after the other, round by round, after a round that is not measured.

    Interleaving spreads whatever else the machine does over all of them alike.
    """
    times: dict[str, list[float]] = {title: [] for title, _ in runs}
    references: list[float] = []
    for _, run in runs:
        run()
    for _ in range(RUNS):
        for title, run in runs:
            references.append(_took_s(lambda: lab.run("client", REFERENCE, user=User.NOBODY)))
            times[title].append(_took_s(run))
    slowdown = min(MOST_SLOWDOWN, max(1.0, statistics.median(references) / REFERENCE_S))
    return Medians(seconds={title: statistics.median(each) for title, each in times.items()}, slowdown=slowdown)


def _took_s(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def race(network: Callable[[str], Lab], races: Sequence[Race]) -> Medians:
    """Return the median seconds of each race."""
    runs = [(each.title, _runner(network(each.map_name), each)) for each in races]
    return medians(network(races[0].map_name), runs)


def _runner(lab: Lab, race_: Race) -> Callable[[], None]:
    target = race_.name or lab.address(race_.destination, race_.family)

    def run() -> None:
        source = lab.fresh_source("client", race_.family)
        options = (ours.FLAG[race_.family], "--source", source, *race_.arguments)
        done = lab.run("client", (*ours.COMMAND, "trace", *options, target), user=race_.user)
        assert done.returncode == race_.exit_code, done.stderr or done.stdout

    return run


def test_a_near_path_takes_a_quarter_of_a_second(network: Callable[[str], Lab]) -> None:
    assert race(network, NEAR).above(NEAR_S) == {}


def test_three_silent_hops_cost_three_round_trips(network: Callable[[str], Lab]) -> None:
    slowest_s = network("far_silent").map.round_trip_ms("client", "server", Family.IPV4) / 1000
    assert race(network, SILENT).above(NEAR_S, 3 * slowest_s) == {}


def test_three_silent_hops_on_a_near_path_cost_no_more(network: Callable[[str], Lab]) -> None:
    assert race(network, NEAR_SILENT).above(NEAR_S) == {}


def test_a_dead_target_takes_little_more_than_a_second(network: Callable[[str], Lab]) -> None:
    assert race(network, DEAD).above(NEAR_S, DEAD_TARGET_S - NEAR_S) == {}


def test_version_and_help_come_at_once(network: Callable[[str], Lab]) -> None:
    lab = network("chain")

    def runner(arguments: tuple[str, ...]) -> Callable[[], None]:
        def run() -> None:
            done = lab.run("client", (*ours.COMMAND, *arguments), user=User.NOBODY)
            assert done.returncode == 0, done.stderr

        return run

    options = (("--version",), ("--help",), ("trace", "--help"))
    assert medians(lab, [(" ".join(each), runner(each)) for each in options]).above(START_S) == {}


def test_a_plain_trace_imports_nothing_heavy(network: Callable[[str], Lab]) -> None:
    lab = network("chain")
    command = (sys.executable, "-X", "importtime", "-m", "agent", "trace", lab.address("server", Family.IPV4))
    report = lab.run("client", command).stderr
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in report.splitlines() if "|" in line}
    assert "probes" in imported
    assert not imported & {"scapy", "pydantic", "rich", "httpx2"}
