"""The bars: what the engine must reach beside its peers on the same lab, as data, and whether it did."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import Final

from bench.contestants import COMMAND, ENGINE, FAST, REFERENCE
from bench.figures import SITUATIONS, Sample, Situation, pairs
from probes.facts import Protocol

_NOT_TCP: Final = (Protocol.ICMP, Protocol.UDP)
_TCP: Final = (Protocol.TCP,)
_ALL: Final = (Protocol.ICMP, Protocol.UDP, Protocol.TCP)


class Measure(StrEnum):
    """What is compared: ratios of two runs that were beside each other, or a run with the network's own delay."""

    WALL = "x"
    CPU = "x CPU"
    MEMORY = "x memory"
    IN_PROCESS = "x the slowest RTT, in process"
    MORE_MS = "ms more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar: `contestant` against another on a network, at most `limit` in every situation."""

    contestant: str
    against: str
    network: str
    limit: float
    measure: Measure = Measure.WALL
    protocols: tuple[Protocol, ...] = _ALL


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a bar was met.

    Attributes:
        bar: Which.
        measured: The median of the pairs of each situation.
        wrong: The situations in which not every run told the right path.
    """

    bar: Bar
    measured: dict[Situation, float]
    wrong: tuple[Situation, ...]

    @property
    def missed(self) -> tuple[Situation, ...]:
        """Return the situations in which the bar was not met: too slow, or not the right path."""
        slow = {situation for situation, value in self.measured.items() if value > self.bar.limit}
        return tuple(each for each in self.situations if each in slow or each in self.wrong)

    @property
    def situations(self) -> tuple[Situation, ...]:
        """Return all situations that were judged."""
        judged = self.measured.keys() | set(self.wrong)
        return tuple(each for each in SITUATIONS if each in judged)

    @property
    def middle(self) -> float | None:
        """Return the median of the situations."""
        return median(self.measured.values()) if self.measured else None

    @property
    def worst(self) -> float | None:
        """Return the worst situation's figure."""
        return max(self.measured.values(), default=None)


BARS: Final = (
    Bar(contestant=ENGINE, against=REFERENCE, network="ten", limit=1.00, protocols=_NOT_TCP),
    Bar(contestant=ENGINE, against=REFERENCE, network="ten", limit=1.10, protocols=_TCP),
    Bar(contestant=ENGINE, against="traceroute -N 30", network="ten", limit=1.45),
    Bar(contestant=ENGINE, against=REFERENCE, network="twenty", limit=0.75),
    Bar(contestant=ENGINE, against="", network="ten", limit=1.15, measure=Measure.IN_PROCESS),
    Bar(contestant=FAST, against="", network="twenty", limit=1.20, measure=Measure.IN_PROCESS),
    Bar(contestant=ENGINE, against=REFERENCE, network="three_silent", limit=0.45),
    Bar(contestant=ENGINE, against=REFERENCE, network="dead", limit=0.06),
    Bar(contestant=ENGINE, against="traceroute -N 90 -w 1", network="dead", limit=1.00),
    Bar(contestant=ENGINE, against="mtr -c 3 -i .1 -G 1", network="ten", limit=0.12),
    Bar(contestant=ENGINE, against="mtr -c 3 -i .1 -G 1", network="dead", limit=0.70),
    Bar(contestant=ENGINE, against="scamper -p 1000 -q 3 -Q -w 1", network="ten", limit=0.12),
    Bar(contestant=ENGINE, against="icmplib count=1", network="ten", limit=0.10),
    Bar(contestant=ENGINE, against="scapy sr()", network="ten", limit=0.17),
    Bar(contestant=ENGINE, against="icmplib count=1", network="ten", limit=0.30, measure=Measure.CPU),
    Bar(contestant=ENGINE, against="icmplib count=1", network="ten", limit=0.60, measure=Measure.MEMORY),
    Bar(contestant=COMMAND, against=ENGINE, network="ten", limit=120.0, measure=Measure.MORE_MS),
    Bar(contestant=COMMAND, against=ENGINE, network="twenty", limit=120.0, measure=Measure.MORE_MS),
    Bar(contestant=COMMAND, against=ENGINE, network="three_silent", limit=120.0, measure=Measure.MORE_MS),
    Bar(contestant=COMMAND, against=ENGINE, network="dead", limit=120.0, measure=Measure.MORE_MS),
)

# Whom the bars of a network name: there, every situation counts for them.
NAMED: Final = {
    network: frozenset(name for bar in BARS if bar.network == network for name in (bar.contestant, bar.against))
    for network in dict.fromkeys(bar.network for bar in BARS)
}

_COMPARE: Final[dict[Measure, Callable[[Sample, Sample], float]]] = {
    Measure.WALL: lambda one, other: one.wall_ms / other.wall_ms,
    Measure.CPU: lambda one, other: one.cpu_ms / other.cpu_ms,
    Measure.MEMORY: lambda one, other: one.peak_mb / other.peak_mb,
    Measure.MORE_MS: lambda one, other: one.wall_ms - other.wall_ms,
}


def verdicts(samples: Sequence[Sample], round_trip_ms: dict[str, float]) -> tuple[Verdict, ...]:
    """Return the verdict on each bar for which there are samples."""
    found = (_verdict(bar, samples, round_trip_ms) for bar in BARS)
    return tuple(each for each in found if each.measured or each.wrong)


def _verdict(bar: Bar, samples: Sequence[Sample], round_trip_ms: dict[str, float]) -> Verdict:
    here = [each for each in samples if each.network == bar.network]
    mine = [each for each in here if each.contestant == bar.contestant and each.situation.protocol in bar.protocols]
    theirs = [each for each in here if each.contestant == bar.against and each.right]
    measured, wrong = {}, []
    there = {each.situation for each in mine}
    for situation in (each for each in SITUATIONS if each in there):
        right = [each for each in mine if each.situation == situation and each.right]
        values = list(_values(bar, right, theirs, round_trip_ms))
        if values:
            measured[situation] = median(values)
        if len(right) < sum(each.situation == situation for each in mine):
            wrong.append(situation)
    compared = bar.measure is Measure.IN_PROCESS or theirs
    return Verdict(bar=bar, measured=measured, wrong=tuple(wrong) if compared else ())


def _values(
    bar: Bar, mine: Sequence[Sample], theirs: Sequence[Sample], round_trip_ms: dict[str, float]
) -> Iterator[float]:
    if bar.measure is Measure.IN_PROCESS:
        slowest_ms = round_trip_ms[bar.network]
        yield from (each.in_process_ms / slowest_ms for each in mine if each.in_process_ms is not None)
        return
    compare = _COMPARE[bar.measure]
    yield from (compare(one, other) for one, other in pairs(mine, theirs))
