"""`run_sample` with real drivers on real kernels: a client and its gateway, and nothing else in the world."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from agent.composition import SampleResult, run_sample
from agent.record_reader import read_samples
from agent.request import SampleRequest
from probes.facts import EndReason, Family, Leg, ProtocolChoice, Role
from probes.host_facts import ChangeKind
from probes.sample import Target
from probes.web_facts import ProxyMode
from rules.diagnosis import Status
from rules.engine import diagnose
from rules.shipped import shipped_rules
from tests.unit.watch.own_namespace import OwnNamespace

pytestmark = pytest.mark.lab

GATEWAY = "192.0.2.1"
CLIENT = "192.0.2.2"
NOWHERE = "198.51.100.9"
SILENT = "203.0.113.9"


@pytest.fixture
def client() -> Iterator[OwnNamespace]:
    """Give a client behind a gateway that knows no way to NOWHERE, and swallows what is for SILENT."""
    with OwnNamespace() as gateway, OwnNamespace() as client:
        client.ip(f"link add wan type veth peer name lan netns {gateway.name}")
        client.ip(f"addr add {CLIENT}/24 dev wan\nlink set wan up")
        gateway.ip(f"addr add {GATEWAY}/24 dev lan\nlink set lan up")
        gateway.shell("echo 1 > /proc/sys/net/ipv4/ip_forward")
        # Frames to an address that the far end of a cable does not have end there.
        gateway.ip("link add hole type veth peer name bottom\nlink set bottom up\nlink set hole up")
        gateway.ip(f"route add {SILENT} dev hole\nneigh add {SILENT} lladdr 02:00:00:00:00:09 dev hole")
        client.ip(f"route add default via {GATEWAY}")
        yield client


def request_for(address: str) -> SampleRequest:
    target = Target(name=address, host=address, literal=True, family=Family.IPV4, protocol=ProtocolChoice.ICMP)
    return SampleRequest(target=target, proxy_mode=ProxyMode.NONE, names=False)


def codes(result: SampleResult) -> list[str]:
    return [error.code for error in result.diagnosis.errors]


def test_a_healthy_sample_is_whole(client: OwnNamespace) -> None:
    result = client.call(run_sample, request_for(GATEWAY))
    (leg,) = result.sample.legs
    assert (leg.reached, leg.source_address, [hop.probe_ttl for hop in leg.hops]) == (True, CLIENT, [1])
    assert {fact.role for fact in result.sample.reachability} == {Role.DESTINATION}
    assert [(n.address, n.interface) for n in result.sample.network.neighbours] == [(GATEWAY, "wan")]
    assert (result.diagnosis.status, codes(result)) == (Status.OK, [])


def test_the_record_holds_the_sample_and_its_verdict(client: OwnNamespace) -> None:
    result = client.call(run_sample, request_for(NOWHERE))
    text = json.dumps(result.document)
    (again,) = read_samples(text.encode(), "sample.json")
    assert again == result.sample
    assert diagnose(again, shipped_rules()) == result.diagnosis
    assert result.document["schema"] == "cloudpath.sample/1"


def test_who_is_refused_by_the_gateway_has_compared_with_it(client: OwnNamespace) -> None:
    result = client.call(run_sample, request_for(NOWHERE))
    (leg,) = result.sample.legs
    assert (leg.end_reason, leg.reached) == (EndReason.UNREACHABLE, False)
    assert [fact.answered for fact in result.sample.reachability if fact.role is Role.GATEWAY] == [True]


def test_severities_are_the_administrators(client: OwnNamespace) -> None:
    client.ip("link set wan down")
    plain = client.call(run_sample, request_for(GATEWAY))
    assert (codes(plain), plain.diagnosis.status) == (["CP-02"], Status.CRITICAL)
    milder = replace(request_for(GATEWAY), severity_overrides={"CP-02": "warning"})
    assert client.call(run_sample, milder).diagnosis.status is Status.WARNING


def test_a_change_in_flight_discards_the_sample_and_stops_it(client: OwnNamespace) -> None:
    changed: list[float] = []

    def change(_: Leg) -> None:
        if not changed:
            changed.append(time.monotonic())
            client.ip(f"addr del {CLIENT}/24 dev wan")

    result = client.call(run_sample, request_for(SILENT), on_progress=change)
    took_s = time.monotonic() - changed[0]
    assert (result.diagnosis.status, codes(result)) == (Status.DISCARDED, ["CP-06"])
    assert {change.kind for change in result.sample.network.changes if change.affects_sample} >= {ChangeKind.ADDRESS}
    assert result.document["legs"] != []
    # A trace of a silent path goes on for half a second after its last answer, and its comparisons for longer.
    assert took_s < 0.45


def test_an_interruption_keeps_what_there_is(client: OwnNamespace) -> None:
    seen: list[Leg] = []
    result = client.call(run_sample, request_for(SILENT), on_progress=seen.append, interrupted=lambda: bool(seen))
    (leg,) = result.sample.legs
    assert leg.end_reason is EndReason.ABORTED
    assert [responder.address for responder in leg.hops[0].responders] == [GATEWAY]
    assert result.document["status"] == "ok"
