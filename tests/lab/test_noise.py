"""Other people's ICMP changes nothing: not the path, not the loss, and not the processor's load.

Neither does somebody else who measures at the same time: two of our processes and an mtr.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import pytest

from probes.facts import Family, LossClass, Protocol
from tests.lab import ours
from tests.lab.attack import Attack
from tests.lab.builder import Lab, User

pytestmark = pytest.mark.lab

NOISE_PER_S: Final = 20_000
NOISE_S: Final = 8.0
# Of one processor, while noise comes in; what the command takes for itself is measured in silence and taken off.
MOST_CPU: Final = 0.10
MOST_BY_CHANCE: Final = 0.01
QUERIES: Final = "10"


@pytest.fixture(scope="module")
def lab(network: Callable[[str], Lab]) -> Lab:
    return network("attacked")


@pytest.fixture(scope="module")
def mallory(lab: Lab) -> Iterator[Attack]:
    with Attack(lab, "mallory", "r2") as attack:
        yield attack


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One trace, what the processor did for it, and how long it took."""

    leg: ours.Record
    cpu_s: float
    took_s: float


def measured(lab: Lab, arguments: tuple[str, ...]) -> Run:
    """Return one run of our command as root."""
    started = time.monotonic()
    with lab.start("client", (*ours.COMMAND, "trace", "--json", "-n", *arguments)) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        output, complaints = process.stdout.read(), process.stderr.read()
        # Only this call tells what one child used; every program on the way there became the next.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    took_s = time.monotonic() - started
    traced = ours.read(output, complaints, process.returncode, took_s)
    return Run(leg=traced.leg, cpu_s=usage.ru_utime + usage.ru_stime, took_s=took_s)


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("protocol", Protocol)
def test_foreign_icmp_costs_nothing_and_changes_nothing(
    lab: Lab, mallory: Attack, protocol: Protocol, family: Family
) -> None:
    source, target = lab.fresh_source("client", family), lab.address("server", family)
    arguments = ("-p", protocol, "-q", QUERIES, "--source", source, target)
    quiet = measured(lab, arguments)
    mallory.begin(f"noise {source} {NOISE_PER_S} {NOISE_S}")
    noisy = measured(lab, arguments)
    assert not mallory.done(), "the noise must outlast the trace"
    assert mallory.result() >= NOISE_PER_S * NOISE_S * 0.98
    expected = lab.map.expected("client", "server", family)
    for run in (quiet, noisy):
        assert ours.hop_list(run.leg) == expected.hops
        assert run.leg["loss_ratio"] == 0
        assert LossClass.LOSS not in ours.loss_classes(run.leg)
    assert [(hop["sent"], hop["received"]) for hop in noisy.leg["hops"]] == [
        (hop["sent"], hop["received"]) for hop in quiet.leg["hops"]
    ]
    # Some have a port or identifier of ours by chance: they are read, and rejected.
    assert sum(noisy.leg["rejected_replies"].values()) <= NOISE_PER_S * noisy.took_s * MOST_BY_CHANCE
    assert (noisy.cpu_s - quiet.cpu_s) / noisy.took_s <= MOST_CPU


# --- several at once --------------------------------------------------------------------------------------------------


def started(
    lab: Lab, sources: list[str], protocols: tuple[str, str], family: Family, user: User
) -> list[subprocess.Popen[str]]:
    """Start two of ours and an mtr towards the server at once; mtr is root's, it is not what is tried here."""
    target = lab.address("server", family)
    tracing = [
        lab.start(
            "client",
            (*ours.COMMAND, "trace", "--json", "-n", "-p", protocol, "--source", source, target),
            user=user,
        )
        for protocol, source in zip(protocols, sources, strict=False)
    ]
    mtr = ("mtr", "--json", "-n", "-c", "4", "-i", "0.1", "-G", "0.5", "-Z", "1", "-a", sources[-1], target)
    return [*tracing, lab.start("client", mtr)]


def finished(process: subprocess.Popen[str]) -> ours.Record:
    """Return the leg that one of ours printed."""
    output, complaints = process.communicate()
    return ours.read(output, complaints, process.returncode, 0.0).leg


PAIRS: Final = (("adaptive", "adaptive"), ("icmp", "icmp"), ("adaptive", "udp"), ("tcp", "tcp"))


@pytest.mark.parametrize("user", User)
@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("protocols", PAIRS, ids="-".join)
def test_three_at_once_from_three_addresses_do_not_meet(
    network: Callable[[str], Lab], protocols: tuple[str, str], family: Family, user: User
) -> None:
    lab = network("chain")
    sources = [lab.fresh_source("client", family) for _ in range(3)]
    *tracing, mtr = started(lab, sources, protocols, family, user)
    for process in tracing:
        leg = finished(process)
        assert ours.hop_list(leg) == lab.map.expected("client", "server", family).hops
        assert set(ours.loss_classes(leg)) == {LossClass.NONE}
        assert leg["loss_ratio"] in {0, None}
        assert leg["reached_by"]["probe_ttl"] == len(leg["hops"])
    assert mtr.communicate()[0]


@pytest.mark.parametrize("user", User)
@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("protocols", PAIRS, ids="-".join)
def test_three_at_once_from_one_address_believe_nobody_elses_answers(
    network: Callable[[str], Lab], protocols: tuple[str, str], family: Family, user: User
) -> None:
    """They share the routers' buckets (six answers, then one a second): hops may be missing, and that is no loss."""
    lab = network("chain")
    source = lab.fresh_source("client", family)
    *tracing, mtr = started(lab, [source] * 3, protocols, family, user)
    expected = lab.map.expected("client", "server", family).hops
    for process in tracing:
        leg = finished(process)
        assert all(here in {None, there} for here, there in zip(ours.hop_list(leg), expected, strict=True)), leg["hops"]
        assert LossClass.LOSS not in {hop["loss_class"] for hop in leg["hops"]}, leg["hops"]
        assert leg["loss_ratio"] in {0, None}
        assert leg["reached_by"]["address"] == lab.address("server", family)
        assert leg["reached_by"]["probe_ttl"] == len(expected)
    assert mtr.communicate()[0]
