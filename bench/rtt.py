"""How wrong round-trip times are while every processor is busy: ours beside the peers', against two truths.

    python -m bench rtt [--runs N] [--queries N] [--burners N] [--network NAME] [--json]

As root. Each sample is held against what the map says (`map`: the links' delays, twice) and against what the wire says
(`wire`: the kernel's stamps at the client's interface). The difference between the two is the lab's own (`lab`): its
delay line and its routers run on the same busy processors, and a packet that they keep is late for everybody. What a
program makes wrong by itself is the error against the wire.

Programs that burn processor time run at normal priority, one for each processor unless `--burners` says otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from bench.table import markdown
from probes.facts import Family, Protocol
from tests.lab import ours
from tests.lab.builder import Lab, User
from tests.lab.network_map import read_map
from tests.lab.wire import Trip, WireWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tests.lab.network_map import NetworkMap

NETWORK: Final = "far"
# The lab's maps on which every hop answers, so that each has samples; the way to the server is with and without delay.
NETWORKS: Final = ("attacked", "chain", "far")
MOST_OFF_US: Final = 1000
# The TTL of the separate series to the target: its samples are not hops'.
SERIES_TTL: Final = 64
BURNER: Final = (sys.executable, "-I", "-S", "-c", "while True: pass")
_ICMPLIB: Final = (
    "import json,sys\nfrom icmplib import traceroute\n"
    "hops = traceroute(sys.argv[1], source=sys.argv[2], count=int(sys.argv[3]), interval=0.05, timeout=1, fast=True)\n"
    "print(json.dumps([[hop.distance, [1000 * rtt for rtt in hop.rtts]] for hop in hops]))\n"
)
_TRACEROUTE_LINE: Final = re.compile(r"^\s*(\d+)\s+(.*)$", re.MULTILINE)
_MILLISECONDS: Final = re.compile(r"(\d+\.\d+) ms")
_MTR_SAMPLE: Final = re.compile(r"^p (\d+) (\d+) ", re.MULTILINE)

# Microseconds of each sample, in the order of sending, by probe TTL.
Samples = dict[int, list[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """One way to measure: its command line from (source, destination, queries), and how its samples are read."""

    name: str
    protocol: Protocol
    user: User
    command: Callable[[str, str, int], tuple[str, ...]]
    read: Callable[[str], Samples]


@dataclass(slots=True, kw_only=True)
class Errors:
    """The errors of one contestant in one family, in microseconds; `expected` are the answers that the wire saw."""

    against_map: list[float] = field(default_factory=list)
    against_wire: list[float] = field(default_factory=list)
    of_the_lab: list[float] = field(default_factory=list)
    expected: int = 0


def main(argv: Sequence[str]) -> int:
    """Measure and print a table; return 0 where no sample of ours is off by more than a millisecond."""
    options = _parser().parse_args(argv)
    if os.geteuid() != 0:
        sys.stderr.write("bench rtt builds network namespaces: run it as root\n")
        return 2
    results: dict[str, dict[Family, Errors]] = defaultdict(dict)
    with ExitStack() as stack:
        lab = stack.enter_context(Lab(read_map(options.network)))
        stack.enter_context(burning(options.burners))
        for contestant in CONTESTANTS:
            for family in Family:
                results[contestant.name][family] = measure(lab, contestant, family, options.runs, options.queries)
    sys.stdout.write(as_json(results) if options.json else report(results, options.burners))
    own = [errors for name, by in results.items() if name.startswith(OURS) for errors in by.values()]
    return 0 if all(abs(error) <= MOST_OFF_US for errors in own for error in errors.against_wire) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench rtt", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=_count, default=6, metavar="N", help="traces by each contestant (6)")
    parser.add_argument("--queries", type=_count, default=5, metavar="N", help="samples of each hop in each trace (5)")
    parser.add_argument("--burners", type=int, default=os.cpu_count() or 1, metavar="N", help="busy processors (all)")
    parser.add_argument("--network", default=NETWORK, choices=NETWORKS, help=f"a map of the lab ({NETWORK})")
    parser.add_argument("--json", action="store_true", help="every error, in microseconds, instead of a table")
    return parser


def _count(text: str) -> int:
    """Return a number of at least one, for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of at least 1")
    return int(text)


@contextmanager
def burning(count: int) -> Iterator[None]:
    """Keep so many processors busy."""
    burners = [subprocess.Popen(BURNER) for _ in range(count)]
    try:
        yield
    finally:
        for each in burners:
            each.kill()
            each.wait()


# --- measuring --------------------------------------------------------------------------------------------------------


def measure(lab: Lab, contestant: Contestant, family: Family, runs: int, queries: int) -> Errors:
    """Return the errors of so many traces, each from an address that no router has heard of."""
    destination = lab.address("server", family)
    sampled: dict[str, Samples] = {}
    with WireWatch(lab) as watch:
        for _ in range(runs):
            source = lab.fresh_source("client", family)
            done = lab.run("client", contestant.command(source, destination, queries), user=contestant.user)
            sampled[source] = contestant.read(done.stdout)
    return compare(sampled, watch.trips, known_us(lab.map, family))


def known_us(map_: NetworkMap, family: Family) -> tuple[float, ...]:
    """Return the round trip that the map gives each hop."""
    way, known = 0.0, []
    for link in map_.path("client", "server", family):
        way += 2000 * link.delay_ms
        known.append(way)
    return tuple(known)


def compare(sampled: dict[str, Samples], trips: Iterable[Trip], known: tuple[float, ...]) -> Errors:
    """Return the errors of samples, by the address that they were sent from."""
    errors, wire = Errors(), defaultdict[tuple[str, int], list[float]](list)
    for trip in trips:
        if trip.probe_ttl != SERIES_TTL:
            ttl = min(trip.probe_ttl, len(known))
            wire[trip.source, ttl].append(trip.rtt_us)
            errors.of_the_lab.append(trip.rtt_us - known[ttl - 1])
    for source, samples in sampled.items():
        for distance, rtts in samples.items():
            ttl = min(distance, len(known))
            seen = wire[source, ttl]
            errors.against_map += [rtt - known[ttl - 1] for rtt in rtts]
            errors.against_wire += paired(rtts, seen)
            # What answers from beyond the end may be left out: of the last hop there are no more than were asked for.
            errors.expected += len(seen) if ttl < len(known) else len(rtts)
    return errors


def paired(rtts: Sequence[float], seen: Sequence[float]) -> list[float]:
    """Return how far samples are from what the wire saw of them.

    In the order of sending, where there are as many; else (a sample was withheld, or the target answered more probes
    than were counted) each from the one that it is nearest to.
    """
    if len(rtts) == len(seen):
        return [rtt - truth for rtt, truth in zip(rtts, seen, strict=True)]
    return [min((rtt - truth for truth in seen), key=abs) for rtt in rtts if seen]


# --- contestants ------------------------------------------------------------------------------------------------------

OURS: Final = "cloudpath"


def _ours(protocol: Protocol, user: User) -> Contestant:
    rights = "root" if user is User.ROOT else "nobody"
    return Contestant(
        name=f"{OURS} {protocol} {rights}",
        protocol=protocol,
        user=user,
        command=lambda source, destination, queries: (
            *ours.COMMAND,
            *("trace", "--json", "-n", "-p", protocol, "-q", str(queries), "--source", source, destination),
        ),
        read=read_ours,
    )


def read_ours(output: str) -> Samples:
    """Return the samples of a record."""
    hops = json.loads(output)["legs"][0]["hops"]
    return {
        hop["probe_ttl"]: [rtt_us for responder in hop["responders"] for rtt_us in responder["rtt_us"]] for hop in hops
    }


def read_traceroute(output: str) -> Samples:
    """Return the samples that traceroute prints, in milliseconds of three places."""
    lines = _TRACEROUTE_LINE.findall(output)
    return {int(ttl): [1000 * float(ms) for ms in _MILLISECONDS.findall(answers)] for ttl, answers in lines}


def read_mtr(output: str) -> Samples:
    """Return the samples of `mtr --raw`: places from 0 on, microseconds."""
    samples: Samples = defaultdict(list)
    for place, rtt_us in _MTR_SAMPLE.findall(output):
        samples[int(place) + 1].append(float(rtt_us))
    return dict(samples)


def read_icmplib(output: str) -> Samples:
    """Return the samples of icmplib's hops."""
    return {int(distance): rtts for distance, rtts in json.loads(output)}


CONTESTANTS: Final = (
    *(_ours(protocol, user) for user in User for protocol in Protocol),
    Contestant(
        name="traceroute -I",
        protocol=Protocol.ICMP,
        user=User.ROOT,
        command=lambda source, destination, queries: (
            *("traceroute", "-n", "-I", "-q", str(queries), "-s", source, destination),
        ),
        read=read_traceroute,
    ),
    Contestant(
        name="mtr",
        protocol=Protocol.ICMP,
        user=User.ROOT,
        command=lambda source, destination, queries: (
            *("mtr", "--raw", "-n", "-c", str(queries), "-i", "0.1", "-G", "0.5", "-a", source, destination),
        ),
        read=read_mtr,
    ),
    Contestant(
        name="icmplib",
        protocol=Protocol.ICMP,
        user=User.ROOT,
        command=lambda source, destination, queries: (
            *(sys.executable, "-c", _ICMPLIB, destination, source, str(queries)),
        ),
        read=read_icmplib,
    ),
)


# --- reporting --------------------------------------------------------------------------------------------------------

_HEAD: Final = (
    "contestant",
    "family",
    "samples",
    "of answers",
    *("wire p50 µs", "wire p90", "wire most", "> 1 ms"),
    *("map p50 µs", "map p90", "map most", "> 1 ms"),
    *("lab p90 µs", "lab most"),
)


def report(results: dict[str, dict[Family, Errors]], burners: int) -> str:
    """Return a Markdown table of absolute errors."""
    rows = [_row(name, family, errors) for name, by in results.items() for family, errors in by.items()]
    return f"{burners} burners\n\n{markdown(_HEAD, rows)}"


def _row(name: str, family: Family, errors: Errors) -> tuple[str, ...]:
    wire, map_, lab = (sorted(map(abs, each)) for each in (errors.against_wire, errors.against_map, errors.of_the_lab))
    return (
        name,
        str(family),
        str(len(map_)),
        str(errors.expected),
        *(*_spread(wire), *_spread(map_)),
        *(f"{share(lab, 0.9):.0f}", f"{lab[-1] if lab else 0:.0f}"),
    )


def _spread(ordered: Sequence[float]) -> tuple[str, ...]:
    off = sum(error > MOST_OFF_US for error in ordered)
    return (
        *(f"{share(ordered, ratio):.0f}" for ratio in (0.5, 0.9, 1)),
        f"{off} ({off / len(ordered):.1%})" if off else "0",
    )


def share(ordered: Sequence[float], ratio: float) -> float:
    """Return the value below or at which so many of ascending values lie; 0 of none."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * ratio))] if ordered else 0.0


def as_json(results: dict[str, dict[Family, Errors]]) -> str:
    """Return every error of every contestant."""
    plain = {
        name: {
            str(family): {
                "against_map_us": errors.against_map,
                "against_wire_us": errors.against_wire,
                "of_the_lab_us": errors.of_the_lab,
            }
            for family, errors in by.items()
        }
        for name, by in results.items()
    }
    return json.dumps(plain) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
