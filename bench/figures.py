"""What the bench records of each run, and what it reads out of the runs: medians, and ratios pair by pair. Pure."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from probes.facts import Family, Protocol
from tests.lab.builder import User

FAMILY_WORD: Final = {Family.IPV4: "IPv4", Family.IPV6: "IPv6"}
USER_WORD: Final = {User.ROOT: "root", User.NOBODY: "nobody"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """By which protocol, over which family, as whom."""

    protocol: Protocol
    family: Family
    user: User

    @property
    def title(self) -> str:
        """Return it in words, for tables."""
        return f"{self.protocol.value.upper()} {FAMILY_WORD[self.family]} {USER_WORD[self.user]}"


# All of them, in the order of the tables.
SITUATIONS: Final = tuple(
    Situation(protocol=protocol, family=family, user=user)
    for user in (User.ROOT, User.NOBODY)
    for family in (Family.IPV4, Family.IPV6)
    for protocol in (Protocol.ICMP, Protocol.UDP, Protocol.TCP)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One run of one contestant.

    Attributes:
        network: The map's name.
        contestant: Who ran.
        situation: How.
        round: In which round, from 0 on: runs of one round were beside each other.
        source: The address that it probed from.
        wall_ms: From the fork to the end of the process.
        cpu_ms: Processor time of the process and its children.
        peak_mb: Their largest resident set.
        in_process_ms: How long the trace took by its own account, where it says so.
        target_rtt_ms: The target's round trip as it told it (the median, or the mean where it tells only that).
        hops_found: Answering hops in the path that it told.
        hops_there: Answering hops in the path that there is.
        right: Whether it told the path that there is, hop by hop.
        complaint: What it told instead, or complained of.
        sent: Packets that left the host; the mean of all runs where the contestant takes no address of its own.
    """

    network: str
    contestant: str
    situation: Situation
    round: int
    source: str
    wall_ms: float
    cpu_ms: float
    peak_mb: float
    in_process_ms: float | None
    target_rtt_ms: float | None
    hops_found: int
    hops_there: int
    right: bool
    complaint: str
    sent: float | None = None

    def row(self) -> list[Any]:
        """Return it as plain values, in the order of `COLUMNS`."""
        how = self.situation
        return [how.protocol.value, how.family.value, how.user.value, *(getattr(self, name) for name in _PLAIN)]


_PLAIN: Final = tuple(each.name for each in fields(Sample) if each.name != "situation")
COLUMNS: Final = ("protocol", "family", "user", *_PLAIN)


def sample_from_row(row: Sequence[Any]) -> Sample:
    """Return the sample that `Sample.row` wrote."""
    protocol, family, user, *plain = row
    situation = Situation(protocol=Protocol(protocol), family=Family(family), user=User(user))
    return Sample(situation=situation, **dict(zip(_PLAIN, plain, strict=True)))


def choose(
    samples: Iterable[Sample], *, network: str, contestant: str, situation: Situation | None = None
) -> tuple[Sample, ...]:
    """Return the samples of a contestant on a network, in one situation or in all."""
    return tuple(
        each
        for each in samples
        if each.network == network and each.contestant == contestant and situation in {None, each.situation}
    )


def median(samples: Sequence[Sample], figure: Callable[[Sample], float | None]) -> float | None:
    """Return the median of a figure over the samples that have it, None where none has."""
    values = [value for each in samples if (value := figure(each)) is not None]
    return statistics.median(values) if values else None


def wall_ms(sample: Sample) -> float:
    """Return a run's duration."""
    return sample.wall_ms


def pairs(ours: Sequence[Sample], theirs: Sequence[Sample]) -> tuple[tuple[Sample, Sample], ...]:
    """Return the runs of two contestants that were beside each other: of the same round, protocol, family and user.

    Where the other one did not run by this protocol or as this user, its nearest run stands in (`_nearest`).
    """
    found = ((each, _nearest(each, theirs)) for each in ours)
    return tuple((each, other) for each, other in found if other is not None)


def _nearest(sample: Sample, others: Sequence[Sample]) -> Sample | None:
    """Return the run of the same round and family that shares the protocol, then the user, before others."""
    here = sample.situation
    beside = [each for each in others if each.round == sample.round and each.situation.family is here.family]
    return min(
        beside,
        key=lambda other: (other.situation.protocol is not here.protocol, other.situation.user is not here.user),
        default=None,
    )


def ratio(
    ours: Sequence[Sample], theirs: Sequence[Sample], figure: Callable[[Sample], float] = wall_ms
) -> float | None:
    """Return the median of the ratios of all pairs, None without any."""
    ratios = [figure(each) / figure(other) for each, other in pairs(ours, theirs) if figure(other)]
    return statistics.median(ratios) if ratios else None
