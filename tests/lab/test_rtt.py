"""Round-trip times are right while every processor is busy.

Held against the wire (the kernel's stamps at the client's interface): the map's delays are not exact on processors that
are busy. `python -m bench rtt` tells both, and how far the lab itself is off. What the map can hold is that nothing is
faster than light.
"""

import os
from collections.abc import Callable, Iterator

import pytest

from bench.rtt import CONTESTANTS, MOST_OFF_US, OURS, Contestant, burning, measure, share
from probes.facts import Family, Method, Protocol, StampSource
from tests.lab import ours
from tests.lab.builder import Lab, User
from tests.lab.test_trace import METHODS

pytestmark = pytest.mark.lab

RUNS, QUERIES = 6, 5
HOPS = 10
P90_US = 200
# Where the kernel stamps nothing (a connection's SYN), a doubtful time is no sample; most are not doubtful.
LEAST_SAMPLES = 0.6
OWN = tuple(contestant for contestant in CONTESTANTS if contestant.name.startswith(OURS))


@pytest.fixture(scope="module", autouse=True)
def _busy() -> Iterator[None]:
    with burning(os.cpu_count() or 1):
        yield


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("contestant", OWN, ids=lambda contestant: contestant.name)
def test_samples_are_what_the_wire_saw(network: Callable[[str], Lab], contestant: Contestant, family: Family) -> None:
    errors = measure(network("far"), contestant, family, RUNS, QUERIES)
    off_us = sorted(map(abs, errors.against_wire))
    assert share(off_us, 0.9) <= P90_US
    assert off_us[-1] <= MOST_OFF_US
    answers = RUNS * QUERIES * HOPS
    connected = METHODS[contestant.user, contestant.protocol] is Method.CONNECT
    assert len(off_us) >= answers * LEAST_SAMPLES if connected else len(off_us) == answers
    assert min(errors.against_map) >= -MOST_OFF_US


@pytest.mark.parametrize("user", User)
@pytest.mark.parametrize("protocol", Protocol)
def test_the_record_says_who_stamped(network: Callable[[str], Lab], protocol: Protocol, user: User) -> None:
    lab, family = network("far"), Family.IPV4
    source = lab.fresh_source("client", family)
    leg = ours.trace(lab, ("-p", protocol, "--source", source, lab.address("server", family)), user=user).leg
    connected = METHODS[user, protocol] is Method.CONNECT
    assert leg["clocks"] == {
        "sent": StampSource.USER if connected else StampSource.KERNEL,
        "received": StampSource.KERNEL,
    }
