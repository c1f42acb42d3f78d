"""What boxes of real kernels do to packets is told as what it is, and ordinary paths give nothing away."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from probes.facts import Family, SignKind
from tests.lab import ours
from tests.lab.builder import Lab, User

pytestmark = pytest.mark.lab

FLAGS: Final = {"icmp": "-I", "udp": "-u", "tcp": "-T"}
FAMILIES: Final = pytest.mark.parametrize("family", list(Family), ids=str)
USERS: Final = pytest.mark.parametrize("user", list(User), ids=str)
PROTOCOLS: Final = pytest.mark.parametrize("protocol", list(FLAGS))
# What rests on a quoted IP header, which nobody without privilege is shown.
NEED_QUOTES: Final = {
    SignKind.SOURCE_TRANSLATED,
    SignKind.DESTINATION_TRANSLATED,
    SignKind.DSCP_REWRITTEN,
    SignKind.ECN_REWRITTEN,
    SignKind.CONGESTION_MARKED,
    SignKind.TTL_REWRITTEN,
}

Network = Callable[[str], Lab]


def traced(lab: Lab, family: Family, protocol: str, *more: str, user: User = User.ROOT, to: str = "") -> ours.Traced:
    source = lab.fresh_source("client", family)
    target = to or lab.address("server", family)
    return ours.trace(lab, (FLAGS[protocol], "--source", source, *more, target), user=user)


def signs(result: ours.Traced) -> dict[str, tuple[Any, ...]]:
    """Return each sign's kind with its TTL, address, and what was sent and seen."""
    found = result.leg["signs"]
    assert len({sign["kind"] for sign in found}) == len(found), found
    return {sign["kind"]: tuple(sign[key] for key in ("probe_ttl", "address", "sent", "seen")) for sign in found}


@FAMILIES
@USERS
@PROTOCOLS
def test_an_ordinary_path_gives_nothing_away(network: Network, family: Family, user: User, protocol: str) -> None:
    result = traced(network("chain"), family, protocol, user=user)
    assert result.leg["reached"]
    assert (signs(result), result.record["middlebox"]) == ({}, None)
    hidden = set(result.leg["signs_not_observable"])
    assert (hidden >= NEED_QUOTES) is (user is User.NOBODY)


# --- what is said behind the quote ------------------------------------------------------------------------------------


@FAMILIES
@USERS
@PROTOCOLS
def test_labels_and_interfaces_arrive_and_lies_cost_no_answer(
    network: Network, family: Family, user: User, protocol: str
) -> None:
    lab = network("labelled")
    result = traced(lab, family, protocol, user=user)
    assert ours.hop_list(result.leg) == lab.map.expected("client", "server", family).hops
    second, third, fourth = (hop["responders"][0] for hop in result.leg["hops"][1:4])
    assert second["mpls"] == [
        {"label": 16001, "traffic_class": 5, "bottom": False, "mpls_ttl": 1},
        {"label": 24007, "traffic_class": 0, "bottom": True, "mpls_ttl": 1},
    ]
    (interface,) = second["interfaces"]
    assert interface["index"] > 0
    assert interface == {**interface, "role": "incoming", "address": None, "name": "to-r1", "mtu": 9000}
    assert third["other_extensions"] == [{"class_number": 200, "c_type": 7, "octets": 8}]
    assert not any(third[key] for key in ("mpls", "interfaces", "malformed_extensions"))
    assert not any(fourth[key] for key in ("mpls", "interfaces", "other_extensions"))
    assert [hop["received"] for hop in result.leg["hops"]] == [3] * 5


# --- what is rewritten ------------------------------------------------------------------------------------------------


@PROTOCOLS
def test_class_source_and_ttl_that_boxes_rewrite(network: Network, protocol: str) -> None:
    lab = network("rewriting")
    # DSCP 46 and ECT(0).
    result = traced(lab, Family.IPV4, protocol, "--tos", "186")
    source = result.leg["source_address"]
    seen = {
        "dscp_rewritten": (2, "10.1.2.2", 46, 0),
        "ecn_rewritten": (2, "10.1.2.2", 2, 0),
        "source_translated": (4, "10.3.4.2", source, source.replace("192.0.2.", "203.0.113.")),
    }
    # Only a target that quotes shows the TTL with which it got the probe: 64, less r5 and r6.
    rewritten = {"ttl_rewritten": (5, "198.51.100.2", 1, 62)} if protocol == "udp" else {}
    assert signs(result) == seen | rewritten
    assert ("ttl_rewritten" in result.leg["signs_not_observable"]) is (protocol != "udp")
    assert [hop["responders"][0]["quoted_tos"] for hop in result.leg["hops"][:4]] == [186, 0, 0, 0]


@pytest.mark.parametrize("protocol", ["udp"])
def test_the_class_is_rewritten_for_ipv6_too(network: Network, protocol: str) -> None:
    result = traced(network("rewriting"), Family.IPV6, protocol, "--tos", "186")
    assert signs(result) == {
        "dscp_rewritten": (2, "2001:db8:12::2", 46, 0),
        "ecn_rewritten": (2, "2001:db8:12::2", 2, 0),
        "ttl_rewritten": (5, "2001:db8:5::2", 1, 62),
    }


@PROTOCOLS
def test_a_class_of_zero_has_nothing_to_lose(network: Network, protocol: str) -> None:
    kinds = set(signs(traced(network("rewriting"), Family.IPV6, protocol)))
    assert kinds == ({"ttl_rewritten"} if protocol == "udp" else set())


# --- translators ------------------------------------------------------------------------------------------------------


@USERS
@PROTOCOLS
def test_a_translator_that_does_its_work_leaves_no_sign(network: Network, user: User, protocol: str) -> None:
    lab = network("translated")
    result = traced(lab, Family.IPV4, protocol, user=user)
    assert ours.hop_list(result.leg) == lab.map.expected("client", "server", Family.IPV4).hops
    assert (signs(result), result.record["middlebox"]) == ({}, None)


@USERS
@PROTOCOLS
def test_a_target_that_is_a_translators(network: Network, user: User, protocol: str) -> None:
    result = traced(network("translated"), Family.IPV4, protocol, user=user, to="203.0.113.80")
    # r4 has the address, and the answers of r5 come under it.
    assert signs(result) == {"target_answers_early": (4, "203.0.113.80", 6, 4)}
    assert result.leg["reached_by"]["probe_ttl"] == 6
    assert result.record["middlebox"] is None


# --- the way back -----------------------------------------------------------------------------------------------------


@FAMILIES
@USERS
@PROTOCOLS
def test_a_way_back_over_more_routers(network: Network, family: Family, user: User, protocol: str) -> None:
    lab = network("roundabout")
    result = traced(lab, family, protocol, user=user)
    # Over b1 to b4 and r1: six hops where three would do; hops 1 and 2 answer as they were asked.
    third = result.leg["hops"][2]["responders"][0]["address"]
    assert signs(result) == {"asymmetric_return": (3, third, 3, 6)}


# --- who answers for the target ---------------------------------------------------------------------------------------


@FAMILIES
@PROTOCOLS
def test_a_transparent_proxy_is_found_whatever_protocol_traces(network: Network, family: Family, protocol: str) -> None:
    lab = network("intercepted")
    result = traced(lab, family, protocol)
    box, proxy = result.record["middlebox"], lab.address("r2", family)
    assert (box["protocol"], box["port"], box["answer"]) == ("tcp", 443, "syn_ack")
    assert (box["probe_ttl"], box["address"], box["target"]) == (2, proxy, lab.address("server", family))
    assert box["control_protocol"] == ("udp" if protocol == "udp" else "icmp")
    assert signs(result)["middlebox"][:2] == (2, proxy)


@FAMILIES
def test_a_transparent_proxy_is_found_by_connections(network: Network, family: Family) -> None:
    result = traced(network("intercepted"), family, "tcp", user=User.NOBODY)
    assert result.record["middlebox"]["probe_ttl"] == 2


@FAMILIES
def test_a_port_that_nobody_takes_is_the_targets_own(network: Network, family: Family) -> None:
    result = traced(network("intercepted"), family, "tcp", "--port", "444")
    assert (result.leg["reached"], result.leg["reached_by"]["probe_ttl"]) == (True, 5)
    assert (signs(result), result.record["middlebox"]) == ({}, None)
