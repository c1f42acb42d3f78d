"""The same plans see over scapy's sockets what they see over our own: every protocol, both families, real kernels."""

from collections.abc import Callable

import pytest

from probes.facts import Answer, Family, Method, Protocol, StampSource
from tests.lab import ours
from tests.lab.builder import Lab, User
from tests.lab.test_trace import ANSWERS, SCENARIOS, Scenario, arguments

pytestmark = pytest.mark.lab

SCAPY = ("--engine", "scapy")


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.title)
def test_hops_are_the_maps(
    network: Callable[[str], Lab], scenario: Scenario, protocol: Protocol, family: Family
) -> None:
    lab = network(scenario.map_name)
    expected = lab.map.expected("client", scenario.destination, family)
    leg = ours.trace(lab, (*SCAPY, *arguments(lab, scenario, protocol, family))).leg
    assert (leg["method"], leg["refused"]) == (Method.SCAPY, [])
    assert ours.hop_list(leg) == expected.hops
    seen = zip(ours.loss_classes(leg), ours.allowed_loss_classes(expected), strict=True)
    assert all(loss_class in allowed for loss_class, allowed in seen), leg["hops"]
    assert leg["reached"] is expected.reached
    assert leg["end_reason"] == expected.end_reason
    if expected.reached:
        assert leg["reached_by"]["address"] == lab.address(scenario.destination, family)
        assert leg["loss_ratio"] == 0
    if (scenario.title, protocol) in ANSWERS:
        assert leg["reached_by"]["answer"] == ANSWERS[scenario.title, protocol]


@pytest.mark.parametrize("protocol", Protocol)
def test_round_trips_are_as_long_as_the_map_says(network: Callable[[str], Lab], protocol: Protocol) -> None:
    lab = network("far")
    leg = ours.trace(lab, (*SCAPY, *arguments(lab, Scenario(title="far", map_name="far"), protocol, Family.IPV4))).leg
    way_ms = lab.map.round_trip_ms("client", "server", Family.IPV4)
    assert ours.hop_list(leg) == lab.map.expected("client", "server", Family.IPV4).hops
    assert leg["clocks"] == {"sent": StampSource.USER, "received": StampSource.KERNEL}
    assert way_ms * 1000 <= leg["hops"][-1]["rtt_us"]["min"] < way_ms * 1000 + 2000


@pytest.mark.parametrize("family", Family)
def test_the_path_mtu_is_measured_as_by_our_own_drivers(network: Callable[[str], Lab], family: Family) -> None:
    lab, found = network("narrow"), []
    for engine in ((), SCAPY):
        source = lab.fresh_source("client", family)
        leg = ours.trace(lab, ("--mtu", *engine, "--source", source, lab.address("server", family))).leg
        found.append((leg["path_mtu"], leg["mtu"]["steps"], leg["mtu"]["sent"], leg["mtu"]["certainty"]))
    assert found[0] == found[1]
    assert found[0][0] == 1300


@pytest.mark.parametrize("family", Family)
def test_without_rights_it_says_which_it_lacks(network: Callable[[str], Lab], family: Family) -> None:
    lab = network("chain")
    traced = ours.trace(lab, (*SCAPY, lab.address("server", family)), user=User.NOBODY)
    assert traced.leg["reached"] is None
    assert {(each["method"], each["failure"]) for each in traced.leg["refused"]} == {(Method.SCAPY, "not_permitted")}
    assert {each["detail"] for each in traced.leg["refused"]} == {"scapy's sockets need root or CAP_NET_RAW"}
    assert (set(traced.codes), traced.exit_code) == ({"CP-01"}, 3)


def test_a_local_firewall_is_heard_as_by_our_own_drivers(network: Callable[[str], Lab]) -> None:
    """scapy's packet sockets would go past it."""
    lab = network("chain")
    server = lab.address("server", Family.IPV4)
    lab.tell("client", "nft 'add table inet t; add chain inet t o { type filter hook output priority 0; }'")
    try:
        lab.tell("client", f"nft 'add rule inet t o ip daddr {server} icmp type echo-request drop'")
        both = [ours.trace(lab, (*engine, "-I", server)).leg for engine in ((), SCAPY)]
    finally:
        lab.tell("client", "nft delete table inet t")
    assert [leg["send_failures"][0]["failure"] for leg in both] == ["blocked_locally"] * 2
    assert [leg["end_reason"] for leg in both] == ["send_failed"] * 2


@pytest.mark.parametrize("family", Family)
def test_the_host_itself_answers_by_its_loopback(network: Callable[[str], Lab], family: Family) -> None:
    lab = network("chain")
    leg = ours.trace(lab, (*SCAPY, lab.address("client", family))).leg
    assert (leg["reached"], leg["reached_by"]["probe_ttl"]) == (True, 1)
    assert leg["reached_by"]["answer"] == Answer.ECHO_REPLY
    assert leg["hops"][0]["duplicates"] == 0
