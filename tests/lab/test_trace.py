"""Our hop lists are the map's: both privileges, every protocol, both families, on real kernels."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import pytest

from probes.facts import Answer, Family, Method, Protocol
from tests.lab import ours
from tests.lab.builder import Lab, User
from tests.lab.network_map import read_map

pytestmark = pytest.mark.lab


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One path of a map, and the destination port for the protocols that have one."""

    title: str
    map_name: str
    destination: str = "server"
    ports: dict[Protocol, int] = field(default_factory=lambda: {Protocol.TCP: 443, Protocol.UDP: 33434})


SCENARIOS: Final = (
    Scenario(title="all_answer", map_name="chain", ports={Protocol.TCP: 443, Protocol.UDP: 7}),
    Scenario(title="closed_port", map_name="chain", ports={Protocol.TCP: 444, Protocol.UDP: 40_000}),
    Scenario(title="silent_hops", map_name="silent"),
    Scenario(title="rate_limited", map_name="limited"),
    Scenario(title="dead_target", map_name="dead_end", destination="mute"),
    Scenario(title="dead_end_before_the_target", map_name="dead_end", destination="hidden"),
    Scenario(title="rejected", map_name="rejected"),
)

METHODS: Final = {
    (User.ROOT, Protocol.ICMP): Method.RAW,
    (User.ROOT, Protocol.UDP): Method.RAW,
    (User.ROOT, Protocol.TCP): Method.RAW,
    (User.NOBODY, Protocol.ICMP): Method.PING_SOCKET,
    (User.NOBODY, Protocol.UDP): Method.ERROR_QUEUE,
    (User.NOBODY, Protocol.TCP): Method.CONNECT,
}

# How the target itself answers, on an open and on a closed port.
ANSWERS: Final = {
    ("all_answer", Protocol.ICMP): Answer.ECHO_REPLY,
    ("all_answer", Protocol.UDP): Answer.UDP_REPLY,
    ("all_answer", Protocol.TCP): Answer.SYN_ACK,
    ("closed_port", Protocol.ICMP): Answer.ECHO_REPLY,
    ("closed_port", Protocol.UDP): Answer.DESTINATION_UNREACHABLE,
    ("closed_port", Protocol.TCP): Answer.RST,
}


def arguments(lab: Lab, scenario: Scenario, protocol: Protocol, family: Family) -> tuple[str, ...]:
    """Return our command's arguments for one case, from an address that no router has heard of."""
    port = scenario.ports.get(protocol)
    source = lab.fresh_source("client", family)
    options = ("-p", protocol, "--source", source, *(("-P", str(port)) if port else ()))
    return (*options, lab.address(scenario.destination, family))


@pytest.mark.parametrize("user", User)
@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.title)
def test_hops_are_the_maps(
    network: Callable[[str], Lab], scenario: Scenario, protocol: Protocol, family: Family, user: User
) -> None:
    lab = network(scenario.map_name)
    expected = lab.map.expected("client", scenario.destination, family)
    traced = ours.trace(lab, arguments(lab, scenario, protocol, family), user=user)
    leg = traced.leg
    assert ours.hop_list(leg) == expected.hops
    seen = zip(ours.loss_classes(leg), ours.allowed_loss_classes(expected), strict=True)
    assert all(loss_class in allowed for loss_class, allowed in seen), leg["hops"]
    assert leg["reached"] is expected.reached
    assert leg["end_reason"] == expected.end_reason
    assert leg["method"] == METHODS[user, protocol]
    if expected.reached:
        assert leg["reached_by"]["address"] == lab.address(scenario.destination, family)
        assert leg["reached_by"]["probe_ttl"] == len(expected.hops)
        assert leg["loss_ratio"] == 0
    if (scenario.title, protocol) in ANSWERS:
        assert leg["reached_by"]["answer"] == ANSWERS[scenario.title, protocol]


@pytest.mark.parametrize("user", User)
@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("protocol", Protocol)
def test_stock_limits_cause_no_false_loss(
    network: Callable[[str], Lab], protocol: Protocol, family: Family, user: User
) -> None:
    """One target, three queries, routers as Linux ships them: everything sent is answered."""
    lab = network("chain")
    leg = ours.trace(lab, ("-q", "3", *arguments(lab, SCENARIOS[0], protocol, family)), user=user).leg
    assert [(hop["sent"], hop["received"]) for hop in leg["hops"]] == [(3, 3)] * 6
    assert leg["end_to_end"]["received"] == leg["end_to_end"]["sent"] > 0


def test_more_queries_than_a_bucket_holds_wait_for_its_refill(network: Callable[[str], Lab]) -> None:
    lab = network("chain")
    leg = ours.trace(lab, ("-q", "9", *arguments(lab, SCENARIOS[0], Protocol.ICMP, Family.IPV4))).leg
    assert [(hop["sent"], hop["received"]) for hop in leg["hops"]] == [(9, 9)] * 6


@pytest.mark.parametrize("family", Family)
def test_icmp_without_any_right_says_which_rungs_were_refused(family: Family) -> None:
    with Lab(read_map("chain")) as lab:
        lab.tell("client", 'sysctl -q -w net.ipv4.ping_group_range="1 0"')
        traced = ours.trace(lab, ("-p", "icmp", lab.address("server", family)), user=User.NOBODY)
    assert {refusal["method"] for refusal in traced.leg["refused"]} == {Method.RAW, Method.PING_SOCKET}
    assert set(traced.codes) == {"CP-01"}
    assert traced.exit_code == 3


@pytest.mark.parametrize("family", Family)
def test_adaptive_without_any_right_to_icmp_traces_all_the_same(family: Family) -> None:
    with Lab(read_map("chain")) as lab:
        lab.tell("client", 'sysctl -q -w net.ipv4.ping_group_range="1 0"')
        traced = ours.trace(lab, (lab.address("server", family),), user=User.NOBODY)
        assert ours.hop_list(traced.leg) == lab.map.expected("client", "server", family).hops
    assert traced.record["errors"] == []
    assert traced.exit_code == 0


@pytest.mark.parametrize("protocol", Protocol)
def test_round_trips_are_as_long_as_the_map_says(network: Callable[[str], Lab], protocol: Protocol) -> None:
    lab = network("far")
    traced = ours.trace(lab, arguments(lab, Scenario(title="far", map_name="far"), protocol, Family.IPV4))
    way_ms = lab.map.round_trip_ms("client", "server", Family.IPV4)
    assert ours.hop_list(traced.leg) == lab.map.expected("client", "server", Family.IPV4).hops
    last = traced.leg["hops"][-1]["rtt_us"]
    assert way_ms * 1000 <= last["min"] < way_ms * 1000 + 2000
