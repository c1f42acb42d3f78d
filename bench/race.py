"""The race: who runs where in which order, beside whom, and what is written at the end."""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench import report
from bench.bars import NAMED
from bench.contestants import CONTESTANTS, Contestant
from bench.course import CLIENT, TARGET, Course, network_names, network_title, read_network
from bench.figures import SITUATIONS, Sample, Situation
from bench.report import Network, Results
from probes.facts import Family
from tests.lab.builder import User, remove_leftovers
from tests.lab.open_way import REPOSITORY

RUNS: Final = 5
QUICK_RUNS: Final = 3
NETWORKS: Final = (
    "ten",
    "twenty",
    "three_silent",
    "dead",
    "near",
    "narrow",
    "limited_in_a_row",
    "limited_at_once",
)
QUICK_NETWORKS: Final = ("ten", "twenty", "three_silent", "dead")
# Here everybody runs in every situation, elsewhere those whom a bar of the network names; the others run in one.
THOROUGH: Final = "ten"
# Of 1-minute load average; a quiet machine has next to none.
BUSY: Final = 0.5
# Without these no network can be built.
TOOLS: Final = ("ip", "nft", "tc", "sysctl", "setpriv", "nsenter")
# So many traces from one address in a row, or at once.
CROWD: Final = 4
OUTPUT: Final = REPOSITORY / "docs" / "performance"
# An interpreter that starts as our engine's does, and ends.
NOTHING: Final = (sys.executable, "-I", "-S", "-c", "pass")
# Runs that sleep go side by side, started so long apart: a stock Linux router answers fifty probes at once, and then a
# thousand a second, whoever sent them (net.ipv4.icmp_msgs_burst, icmp_msgs_per_sec).
STAGGER_S: Final = 0.1

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to run: networks, who, in which situations, how often."""

    networks: tuple[str, ...]
    contestants: tuple[Contestant, ...]
    situations: tuple[Situation, ...]
    runs: int

    def heat(self, network: str) -> Iterator[tuple[Contestant, Situation]]:
        """Yield one round of a network: the contestants of each situation beside each other."""
        for situation in self.situations:
            for contestant in self.contestants:
                if self._takes_part(contestant, situation, network):
                    yield contestant, situation

    def patient(self, network: str) -> tuple[tuple[Contestant, Situation], ...]:
        """Return those of a round that sleep nearly all of their time."""
        return tuple(pair for pair in self.heat(network) if network in pair[0].patient)

    def quick(self, network: str) -> tuple[tuple[Contestant, Situation], ...]:
        """Return the others."""
        return tuple(pair for pair in self.heat(network) if network not in pair[0].patient)

    def _takes_part(self, contestant: Contestant, situation: Situation, network: str) -> bool:
        if network in contestant.absent or not contestant.takes_part(situation):
            return False
        first = next(each for each in self.situations if contestant.takes_part(each))
        everywhere = network == THOROUGH or contestant.name in NAMED.get(network, ())
        return everywhere or situation == first


def race(plan: Plan, say: Say, starts_ms: list[float] | None = None) -> tuple[Sample, ...]:
    """Run everything and return the samples; `starts_ms` gets what Python's own start took beside each round."""
    samples: list[Sample] = []
    starts_ms = [] if starts_ms is None else starts_ms
    for name in plan.networks:
        say(f"{name}: building the network")
        with Course(read_network(name), clients=len(plan.patient(name))) as course:
            found = run_rounds(course, plan, say, starts_ms)
            samples += with_sent(found, course.sent())
    return tuple(samples)


def run_rounds(course: Course, plan: Plan, say: Say, starts_ms: list[float]) -> list[Sample]:
    """Run a network's rounds: in each those that sleep side by side, then the others one by one.

    A first round that is not counted warms the caches: one situation of those that are quick.
    """
    network = course.map.name
    patient, quick = plan.patient(network), plan.quick(network)
    crowd = _CROWDS.get(network, _alone)
    for contestant, situation in quick:
        if situation == quick[0][1]:
            course.run(contestant, situation, 0)
    samples: list[Sample] = []
    workers = max(len(patient), CROWD)
    with ThreadPoolExecutor(max_workers=workers) as pool, course.stopped_on_error():
        for round_ in range(plan.runs):
            say(f"{network}: round {round_ + 1} of {plan.runs}: {len(patient)} side by side, {len(quick)} one by one")
            samples += _side_by_side(pool, course, patient, round_)
            starts_ms.append(course.starter(User.ROOT).run(NOTHING)["wall_us"] / 1000)
            for pair in quick:
                samples += crowd(pool, course, *pair, round_)
    return samples


def _side_by_side(
    pool: Executor, course: Course, patient: Sequence[tuple[Contestant, Situation]], round_: int
) -> Iterator[Sample]:
    """Run all at once, each from a client of its own, started one after the other."""

    def run(number: int) -> Sample:
        time.sleep(number * STAGGER_S)
        return course.run(*patient[number], round_, course.clients[number])

    return pool.map(run, range(len(patient)))


def _alone(
    _pool: Executor, course: Course, contestant: Contestant, situation: Situation, round_: int
) -> Iterable[Sample]:
    return (course.run(contestant, situation, round_),)


def _in_a_row(
    _pool: Executor, course: Course, contestant: Contestant, situation: Situation, round_: int
) -> Iterable[Sample]:
    with course.source(situation.family) as source:
        return [course.run_from(source, contestant, situation, round_) for _ in range(CROWD)]


def _at_once(
    pool: Executor, course: Course, contestant: Contestant, situation: Situation, round_: int
) -> Iterable[Sample]:
    with course.source(situation.family) as source:
        return list(pool.map(lambda _: course.run_from(source, contestant, situation, round_), range(CROWD)))


_CROWDS: Final = {"limited_in_a_row": _in_a_row, "limited_at_once": _at_once}


def with_sent(samples: Sequence[Sample], sent: Counter[str]) -> list[Sample]:
    """Return a network's samples with the packets that left from their addresses: shared ones share them alike."""
    users = Counter(each.source for each in samples)
    return [replace(each, sent=sent[each.source] / users[each.source]) for each in samples]


def compile_ours() -> None:
    """Compile our packages to where a clean interpreter looks: what is measured is no first start."""
    packages = ("agent", "probes", "rules", "bench")
    subprocess.run(
        (sys.executable, "-I", "-m", "compileall", "-q", *packages),
        cwd=REPOSITORY,
        env={"PATH": "/usr/bin"},
        check=True,
    )
    program = "import sys; sys.path.insert(0, '.'); from rules.shipped import compile_rules; compile_rules()"
    subprocess.run((sys.executable, "-I", "-c", program), cwd=REPOSITORY, env={"PATH": "/usr/bin"}, check=True)


def parser() -> argparse.ArgumentParser:
    """Return what the command line may say."""
    said = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    said.add_argument("--quick", action="store_true", help="few runs, the main rows: less than two minutes")
    said.add_argument("--network", action="append", choices=network_names(), help="only this network (repeatable)")
    said.add_argument(
        "--contestant", action="append", choices=[each.name for each in CONTESTANTS], help="only this one (repeatable)"
    )
    said.add_argument("--runs", type=_runs, help=f"counted runs of each (default {RUNS}; --quick {QUICK_RUNS})")
    said.add_argument("--output", type=Path, metavar="DIR", help=f"where results go (a full run: {_shown(OUTPUT)})")
    said.add_argument("--render", action="store_true", help="only write tables and plot again, from the last figures")
    said.add_argument("--list", action="store_true", help="name networks and contestants, and run nothing")
    return said


def _runs(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def plan_of(arguments: argparse.Namespace) -> Plan:
    """Return the plan that the arguments ask for."""
    named = arguments.contestant
    quick = arguments.quick
    return Plan(
        networks=tuple(arguments.network or (QUICK_NETWORKS if quick else NETWORKS)),
        contestants=tuple(
            each for each in CONTESTANTS if each.available and (each.name in named if named else each.main or not quick)
        ),
        situations=SITUATIONS[:1] if quick else SITUATIONS,
        runs=arguments.runs or (QUICK_RUNS if quick else RUNS),
    )


def main(argv: Sequence[str]) -> int:
    """Run the race and return the exit code."""
    arguments = parser().parse_args(argv)
    if arguments.list:
        sys.stdout.write(listing())
        return 0
    if arguments.render:
        return render(arguments.output or OUTPUT)
    plan = plan_of(arguments)
    if problem := what_is_in_the_way(plan):
        say(problem)
        return 2
    for each in missing(arguments.contestant):
        say(f"left out: {each}")
    try:
        results = measure(plan, arguments, argv)
    except KeyboardInterrupt:
        say("interrupted; nothing is written")
        return 130
    publish(results, arguments)
    return 0


def what_is_in_the_way(plan: Plan) -> str:
    """Return why the race cannot be run here, with what to do; empty if it can."""
    if os.geteuid() != 0:
        return "The bench builds networks out of namespaces and needs root: sudo .venv/dev/bin/python -m bench"
    if lacking := [tool for tool in TOOLS if shutil.which(tool) is None]:
        return f"The bench needs {', '.join(lacking)}: as root on Debian, scripts/test lab installs them."
    if not any(True for network in plan.networks for _ in plan.heat(network)):
        return "None of these contestants runs on these networks; without --quick there are more situations."
    return ""


def measure(plan: Plan, arguments: argparse.Namespace, argv: Sequence[str]) -> Results:
    """Run the race and return its results."""
    remove_leftovers()
    compile_ours()
    if (load_before := os.getloadavg()[0]) > BUSY:
        say(f"this machine is busy (load average {load_before:.1f}): what takes processor time will be stretched")
    started = time.monotonic()
    starts_ms: list[float] = []
    samples = race(plan, say, starts_ms)
    return Results(
        date=datetime.now(UTC).date().isoformat(),
        command=" ".join(("python -m bench", *argv)),
        machine=report.machine(),
        runs=plan.runs,
        took_s=round(time.monotonic() - started, 1),
        load_before=load_before,
        load_after=os.getloadavg()[0],
        networks={name: network_facts(name) for name in plan.networks},
        missing=missing(arguments.contestant),
        samples=samples,
        starts_ms=tuple(starts_ms),
    )


def publish(results: Results, arguments: argparse.Namespace) -> None:
    """Write the results where they belong, and print the tables."""
    full = not (arguments.quick or arguments.network or arguments.contestant) and results.runs >= RUNS
    if directory := arguments.output or (OUTPUT if full else None):
        report.write(directory, results)
        say(f"written to {_shown(directory)}")
    try:
        sys.stdout.write(report.markdown(results))
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads only the beginning (`| head`) has what they want, and leaving must not try again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def render(directory: Path) -> int:
    """Write what a race found once more, and return the exit code."""
    if not (directory / "race.json").exists():
        say(f"there are no figures in {_shown(directory)}: no race.json")
        return 2
    report.again(directory)
    return 0


def missing(named: Sequence[str] | None) -> tuple[str, ...]:
    """Return the contestants that cannot run here, and what they need, in words."""
    return tuple(
        f"{each.name} ({each.needs.rpartition(':')[2]} is not installed)"
        for each in CONTESTANTS
        if not each.available and (not named or each.name in named)
    )


def network_facts(name: str) -> Network:
    """Return what the report says of a network."""
    map_ = read_network(name)
    return Network(title=network_title(name), round_trip_ms=map_.round_trip_ms(CLIENT, TARGET, Family.IPV4))


def listing() -> str:
    """Return the networks and contestants, in words."""
    networks = "".join(f"  {name:14} {network_title(name)}\n" for name in NETWORKS)
    contestants = "".join(f"  {each.name}\n" for each in CONTESTANTS)
    return f"Networks:\n{networks}Contestants:\n{contestants}"


def _shown(path: Path) -> Path:
    return path.relative_to(REPOSITORY) if path.is_relative_to(REPOSITORY) else path


def say(text: str) -> None:
    """Tell how far it is."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
