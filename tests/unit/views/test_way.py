"""The way as a whole: its places in order, their names, and where the icon of an error hangs."""

from dataclasses import replace

import pytest

from agent.views.hop_rows import END, START
from agent.views.style import Style
from agent.views.way import CHAINS, address_of, icons_of, node_words, place_of, way_words, where_words
from probes.egress_facts import Egress
from probes.facts import Node
from probes.sample import Topology, TopologyKind
from rules.diagnosis import Anchor, Diagnosis, FiredError, Severity, Status
from tests.unit.views import far_samples, samples

STYLE = Style(width=80)


def anchored(leg: int | None, node: Node, ttl: int | None = None, severity: Severity = Severity.CRITICAL) -> FiredError:
    return replace(samples.CP_02, severity=severity, anchor=Anchor(leg=leg, node=node, ttl=ttl))


def verdict(*errors: FiredError) -> Diagnosis:
    return Diagnosis(status=Status.CRITICAL, errors=errors)


def test_every_topology_has_a_chain() -> None:
    assert set(CHAINS) == set(TopologyKind)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (TopologyKind.SERVICE_EDGE, "this machine → egress → service edge → crm.example.com"),
        (TopologyKind.PRIVATE_ACCESS, "this machine → private edge → app connector → crm.example.com"),
        (TopologyKind.CLOUD_PROXY, "this machine → egress → proxy → crm.example.com"),
        (TopologyKind.ON_PREMISES_PROXY, "this machine → proxy → egress → crm.example.com"),
        (TopologyKind.DATA_CENTER_PROXY, "this machine → proxy → data center egress → crm.example.com"),
        (TopologyKind.PROXY_TO_EDGE, "this machine → proxy → egress → service edge → crm.example.com"),
    ],
)
def test_the_way_is_one_line_of_words(kind: TopologyKind, said: str) -> None:
    sample = replace(samples.HEALTHY, topology=Topology(kind=kind, certain=True, evidence=""))
    assert way_words(sample, samples.FINE, STYLE) == said
    unsure = replace(sample, topology=Topology(kind=kind, certain=False, evidence=""))
    assert way_words(unsure, samples.FINE, STYLE) == f"{said} (probably)"


def test_an_edge_that_leads_on_to_the_destination_is_on_the_way_behind_any_proxy() -> None:
    behind = replace(far_samples.DATA_CENTER, legs=(*far_samples.DATA_CENTER.legs[:2], far_samples.ON_TO_DESTINATION))
    said = "this machine → proxy → data center egress → service edge → crm.example.com"
    assert way_words(behind, samples.FINE, STYLE) == said


def test_a_direct_way_of_one_leg_needs_no_words() -> None:
    direct = Topology(kind=TopologyKind.DIRECT, certain=True, evidence="")
    assert way_words(replace(samples.HEALTHY, topology=direct), samples.FINE, STYLE) == ""
    assert way_words(samples.HEALTHY, samples.FINE, STYLE) == ""


def test_an_error_at_a_place_without_hops_is_shown_on_the_way() -> None:
    direct = replace(
        samples.HEALTHY,
        topology=Topology(kind=TopologyKind.DIRECT, certain=True, evidence=""),
        legs=samples.HEALTHY.legs,
    )
    warned = verdict(anchored(None, Node.EGRESS, severity=Severity.WARNING))
    assert way_words(direct, warned, STYLE) == "this machine → egress ⚠ → crm.example.com"
    refused = verdict(anchored(None, Node.EXTERNAL_PROXY))
    assert way_words(samples.DEAD_PROXY, refused, STYLE) == "this machine → proxy ✘ → crm.example.com"


def test_a_place_that_no_chain_has_stands_where_the_way_leads_past_it() -> None:
    edge = anchored(None, Node.PRIVATE_EDGE)
    gateway = anchored(None, Node.GATEWAY, severity=Severity.WARNING)
    sample = replace(samples.HEALTHY, network=replace(samples.NETWORK, routes=()))
    said = way_words(sample, verdict(edge, gateway), STYLE)
    assert said == "this machine → gateway ⚠ → private edge ✘ → crm.example.com"


@pytest.mark.parametrize(
    ("error", "place"),
    [
        (anchored(1, Node.CLIENT), (1, START)),
        (anchored(None, Node.CLIENT), (0, START)),
        (anchored(1, Node.SERVICE_EDGE), (1, END)),
        (anchored(1, Node.SERVICE_EDGE, 3), (1, 3)),
        # A hop that the leg does not have: its end.
        (anchored(1, Node.SERVICE_EDGE, 9), (1, END)),
        (anchored(2, Node.SERVICE_EDGE), (2, START)),
        (anchored(None, Node.EGRESS), (0, END)),
        (anchored(None, Node.DESTINATION), (3, END)),
        # The gateway is no end of a leg, and a hop of each that starts here.
        (anchored(None, Node.GATEWAY), (0, 1)),
        (anchored(7, Node.SERVICE_EDGE), None),
        (anchored(None, Node.APP_CONNECTOR), None),
    ],
)
def test_an_icon_hangs_at_one_place(error: FiredError, place: tuple[int, object] | None) -> None:
    assert place_of(error, far_samples.THROUGH_EDGE) == place


def test_the_graver_of_two_icons_is_seen() -> None:
    mild, grave = anchored(0, Node.EGRESS, severity=Severity.INFO), anchored(0, Node.EGRESS)
    for errors in ((mild, grave), (grave, mild)):
        assert icons_of(verdict(*errors), far_samples.THROUGH_EDGE, 0) == {END: Severity.CRITICAL}
    assert icons_of(verdict(mild, grave), far_samples.THROUGH_EDGE, 1) == {}


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (Node.CLIENT, "this machine"),
        (Node.GATEWAY, "the gateway 10.0.0.1"),
        (Node.EGRESS, "the Internet egress 198.51.100.10"),
        (Node.SERVICE_EDGE, "the service edge edge-1 (203.0.113.9)"),
        (Node.DATA_CENTER_EGRESS, "the data center egress"),
        (Node.DESTINATION, "crm.example.com (192.0.2.80)"),
    ],
)
def test_a_place_has_a_name_and_an_address(node: Node, said: str) -> None:
    assert node_words(far_samples.THROUGH_EDGE, node) == said


def test_names_of_edges_and_proxies_are_never_obeyed() -> None:
    evil = replace(far_samples.THROUGH_EDGE, edges=(replace(far_samples.EDGE, name="edge\x1b[2J"),))
    assert node_words(evil, Node.SERVICE_EDGE) == "the service edge edge\\u001b[2J (203.0.113.9)"
    unnamed = replace(far_samples.CLOUD_PROXY, proxy=replace(far_samples.PROXY, host="p\x1b[2J", port=None))
    assert node_words(unnamed, Node.EXTERNAL_PROXY) == "the proxy p\\u001b[2J (192.0.2.40)"


def test_the_egress_is_where_anybody_saw_it() -> None:
    seen = replace(samples.HEALTHY, egress=Egress(address="198.51.100.99"))
    assert address_of(seen, Node.EGRESS) == "198.51.100.99"
    assert address_of(samples.HEALTHY, Node.EGRESS) is None


def test_where_says_place_stretch_and_hop() -> None:
    hop = anchored(1, Node.SERVICE_EDGE, 3)
    assert where_words(far_samples.THROUGH_EDGE, hop) == (
        "the service edge edge-1 (203.0.113.9): hop 3 (198.51.100.77) on the way from this machine to the service edge"
    )
    end = anchored(2, Node.EGRESS)
    assert where_words(far_samples.THROUGH_EDGE, end) == (
        "the Internet egress 198.51.100.10, on the way from the service edge to the Internet egress"
    )
    assert where_words(samples.HEALTHY, anchored(0, Node.CLIENT)) == "this machine"
