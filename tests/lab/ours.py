"""Our command in the lab: how to run it, and its record as a hop list."""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from probes.facts import Family, LossClass
from tests.lab.builder import Lab, User
from tests.lab.network_map import Expectation, HopList, without_silent_tail

COMMAND: Final = (sys.executable, "-m", "agent")
FLAG: Final = {Family.IPV4: "-4", Family.IPV6: "-6"}

Record = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """One run of `cloudpath trace --json`."""

    record: Record
    exit_code: int
    took_s: float

    @property
    def leg(self) -> Record:
        """Return the first leg."""
        leg: Record = self.record["legs"][0]
        return leg

    @property
    def codes(self) -> dict[str, str | None]:
        """Return the errors' codes with their reasons."""
        return {error["code"]: error["reason"] for error in self.record["errors"]}


def trace(lab: Lab, arguments: Sequence[str], *, node: str = "client", user: User = User.ROOT) -> Traced:
    """Run our command on a node and return its record.

    Raises:
        AssertionError: It printed no record; the message holds what it said.
    """
    started = time.perf_counter()
    done = lab.run(node, (*COMMAND, "trace", "--json", "-n", *arguments), user=user)
    took_s = time.perf_counter() - started
    return read(done.stdout, done.stderr, done.returncode, took_s)


def read(output: str, complaints: str, exit_code: int, took_s: float) -> Traced:
    """Return what one run printed, parsed."""
    assert output, f"no record (exit {exit_code}): {complaints}"
    assert not complaints, complaints
    return Traced(record=json.loads(output), exit_code=exit_code, took_s=took_s)


def hop_list(leg: Record) -> HopList:
    """Return a leg's hops as the peers' are: one address for each probe TTL from 1 on, or None."""
    hops = leg["hops"]
    assert [hop["probe_ttl"] for hop in hops] == list(range(1, len(hops) + 1)), "every TTL is there, once, in order"
    return without_silent_tail([_only_address(hop) for hop in hops])


def _only_address(hop: Record) -> str | None:
    addresses = {responder["address"] for responder in hop["responders"]}
    assert len(addresses) <= 1, f"one path, one responder at each hop: {addresses}"
    return addresses.pop() if addresses else None


def loss_classes(leg: Record) -> tuple[str, ...]:
    """Return the loss class of each hop, up to the last one that answered."""
    return tuple(hop["loss_class"] for hop in leg["hops"][: len(hop_list(leg))])


def allowed_loss_classes(expected: Expectation) -> tuple[frozenset[str], ...]:
    """Return the loss classes that a map's behaviours allow each hop, up to the last one that answers: mostly one."""
    return tuple(_allowed(expected, probe_ttl) for probe_ttl in range(1, len(expected.hops) + 1))


def _allowed(expected: Expectation, probe_ttl: int) -> frozenset[str]:
    if probe_ttl in expected.silent:
        return frozenset({LossClass.SILENT})
    if probe_ttl in expected.refusing:
        # Its refusals empty the same bucket as its time-exceeded messages, and behind it nobody can tell loss apart.
        return frozenset({LossClass.NONE, LossClass.RATE_LIMITED, LossClass.UNKNOWN})
    return frozenset({LossClass.RATE_LIMITED if probe_ttl in expected.stingy else LossClass.NONE})
