"""The wide engine in its thread, on loopback: real sockets; and nobody waits for it in vain."""

import os
from collections.abc import Iterator
from concurrent.futures import wait

import pytest

from edge.wide import Wide
from probes.clock import SystemClock
from probes.drivers.many_ladder import open_carrier
from probes.drivers.waiter import PollWaiter
from probes.facts import Family, Node, Prober, Protocol, ProtocolChoice, Role
from probes.trace.line import Stretch
from tests.conftest import lab_is_required

CLOCK = SystemClock()


def stretch(address: str) -> Stretch:
    return Stretch(
        role=Role.EGRESS, from_=Node.SERVICE_EDGE, to=Node.EGRESS, family=Family.IPV4, address=address, port=None
    )


@pytest.fixture
def wide() -> Iterator[Wide]:
    carrier, refused = open_carrier(Family.IPV4, CLOCK, os.urandom)
    if carrier is None:
        refuse = pytest.fail if lab_is_required(os.environ) else pytest.skip
        refuse("; ".join(refusal.detail for refusal in refused))
    opened = Wide(carrier, refused, CLOCK, lambda extra: PollWaiter(extra, clock=CLOCK))
    yield opened
    if not opened._stopping:
        opened.stop()


def test_many_are_traced_at_once(wide: Wide) -> None:
    asked = {
        f"127.0.0.{number}": wide.trace(stretch(f"127.0.0.{number}"), ProtocolChoice.ICMP) for number in range(1, 60)
    }
    wait(asked.values(), timeout=20)
    for address, traced in asked.items():
        leg = traced.result(0)
        assert leg is not None
        assert (leg.address, leg.reached, leg.protocol, leg.probed_by) == (address, True, Protocol.ICMP, Prober.EDGE)
        (trial,) = leg.tried
        assert (trial.chosen, trial.reached, trial.protocol) == (True, True, Protocol.ICMP)


def test_who_gave_up_waiting_harms_nobody(wide: Wide) -> None:
    impatient = wide.trace(stretch("127.0.0.1"), ProtocolChoice.ICMP)
    assert not impatient.cancel()
    patient = wide.trace(stretch("127.0.0.2"), ProtocolChoice.ICMP)
    assert patient.result(10) is not None


def test_a_way_that_the_host_does_not_know_is_left_to_another_engine(wide: Wide) -> None:
    assert wide.trace(stretch("255.255.255.255"), ProtocolChoice.ADAPTIVE).result(10) is None


def test_stopping_answers_everybody_and_takes_nothing_more(wide: Wide) -> None:
    under_way = [wide.trace(stretch(f"127.0.0.{number}"), ProtocolChoice.ICMP) for number in range(1, 40)]
    wide.stop()
    assert all(traced.done() for traced in under_way)
    assert wide.trace(stretch("127.0.0.1"), ProtocolChoice.ICMP).result(0) is None


def test_its_own_mistake_leaves_nobody_waiting(wide: Wide, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: float) -> float:
        raise RuntimeError("a mistake")

    seen: list[object] = []
    monkeypatch.setattr("threading.excepthook", seen.append)
    monkeypatch.setattr(wide._sweep, "turn", broken)
    assert wide.trace(stretch("127.0.0.1"), ProtocolChoice.ICMP).result(10) is None
    wide._thread.join(10)
    assert len(seen) == 1
    assert wide.trace(stretch("127.0.0.2"), ProtocolChoice.ICMP).result(0) is None
