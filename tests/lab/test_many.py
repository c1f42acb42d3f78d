"""The wide engine over real sockets: every path right, nothing lost, and what it costs."""

import json
import sys
from collections.abc import Callable, Iterator

import pytest

from bench.many import line_map
from probes.facts import Family, Method
from tests.lab import ours
from tests.lab.builder import Lab, User

pytestmark = pytest.mark.lab

TRACES = 500
BYTES_PER_TRACE = 9 * 1024
# CPU of a probe, all told, against the barest loop of sendto and recvmsg in the same process: 2.1 to 2.3 [measured].
MOST_TIMES_BARE = 3.0
# Three routers and the target.
HOP_COUNT = 4
HOPS = {
    Family.IPV4: ("10.1.1.2", "10.1.2.2", "10.1.3.2"),
    Family.IPV6: ("2001:db8:1:1::2", "2001:db8:1:2::2", "2001:db8:1:3::2"),
}


@pytest.fixture(scope="module")
def line() -> Iterator[Lab]:
    with Lab(line_map(3)) as lab:
        yield lab


@pytest.mark.parametrize("family", list(Family))
@pytest.mark.parametrize("memory", ["remembered", "cold"])
def test_every_path_is_right_and_nothing_is_lost(line: Lab, family: Family, memory: str) -> None:
    flags = ["--cold"] if memory == "cold" else []
    result = measure(line, family, "--traces", str(TRACES), "--rate", "10000", *flags)
    assert result["traces"] == TRACES
    assert (result["wrong"], result["lost"]) == (0, 0)
    assert result["bytes_per_trace"] <= BYTES_PER_TRACE
    # First round, later rounds for three hops and the target, the series. Without a remembered distance the first
    # round's window moves on with every hop that answers.
    first_round = HOP_COUNT + 1 if memory == "remembered" else 16 + HOP_COUNT
    most = first_round + 2 * HOP_COUNT + 10
    assert result["probes"] <= TRACES * most


@pytest.mark.parametrize("family", list(Family))
def test_a_probe_costs_few_times_the_barest_loop(line: Lab, family: Family) -> None:
    result = measure(line, family, "--traces", "3000", "--rate", "0")
    assert result["cpu_us"] <= MOST_TIMES_BARE * result["bare_us"], result


# Of each map, the nodes to trace at once: routers, too, are targets.
PLACES = {
    "chain": ("server", "r3"),
    "silent": ("server",),
    "limited": ("server",),
    "dead_end": ("mute",),
    "rejected": ("server",),
}


@pytest.mark.parametrize("user", User)
@pytest.mark.parametrize("family", list(Family))
@pytest.mark.parametrize("place", PLACES)
def test_the_paths_are_the_maps(network: Callable[[str], Lab], place: str, family: Family, user: User) -> None:
    """Both engines' laws hold for the wide one: hops, loss classes and ends, with rights and without."""
    lab = network(place)
    targets = {lab.address(node, family): lab.map.expected("client", node, family) for node in PLACES[place]}
    source = lab.fresh_source("client", family)
    done = lab.run("client", (sys.executable, "-m", "tests.lab.many_run", source, *targets), user=user)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["method"] == (Method.RAW if user is User.ROOT else Method.PING_SOCKET)
    for address, expected in targets.items():
        leg = told["legs"][address]
        assert ours.hop_list(leg) == expected.hops
        assert leg["reached"] is expected.reached
        for seen, allowed in zip(ours.loss_classes(leg), ours.allowed_loss_classes(expected), strict=True):
            assert seen in allowed
        assert leg["loss_ratio"] == (0.0 if expected.reached else 1.0)


def measure(lab: Lab, family: Family, *options: str) -> dict[str, float]:
    hops = ",".join(HOPS[family])
    flag = "-4" if family is Family.IPV4 else "-6"
    command = (sys.executable, "-m", "bench.many", flag, "--inside", "inside", "--hops", hops, *options)
    done = lab.run("client", command)
    assert done.returncode == 0, done.stderr
    result: dict[str, float] = json.loads(done.stdout)
    return result
