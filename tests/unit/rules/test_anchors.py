"""Where an error hangs: the leg, the place and the hop, in each way that traffic takes."""

from functools import cache
from typing import Any

import pytest

from probes.facts import Node
from rules.condition import terms
from rules.diagnosis import Anchor, Truth
from rules.engine import decide, diagnose, whole_condition
from rules.load import load_rules
from rules.proposition import Finding
from rules.ruleset import RuleSet
from tests.cases.facts_text import sample_of

OUT = {"to": "egress", "protocol": "icmp", "address": "198.51.100.10", "end": "reached", "hops": ["198.51.100.10"]}
LOST = {"protocol": "icmp", "end": "gap_limit", "hops": ["10.0.0.1", "198.51.100.1", "*", "*"]}
TO_EDGE = LOST | {"to": "service_edge", "address": "203.0.113.9"}
TO_PROXY = LOST | {"to": "external_proxy", "address": "10.0.0.7"}
BACK = LOST | {
    "from": "service_edge",
    "to": "egress",
    "direction": "reverse",
    "by": "edge",
    "address": "198.51.100.10",
    "hops": ["203.0.113.1", "203.0.113.130", "*", "*"],
}
ON = LOST | {"from": "service_edge", "by": "edge", "address": "192.0.2.80"}


def untraced(start: str, end: str) -> dict[str, Any]:
    return {"from": start, "to": end, "end": "not_traced"}


WAYS: dict[str, list[dict[str, Any]]] = {
    "direct": [OUT, LOST | {"address": "192.0.2.80"}],
    "edge": [OUT, TO_EDGE, BACK, ON],
    "edge, egress unknown": [TO_EDGE, BACK, ON],
    "cloud": [OUT, TO_PROXY, untraced("external_proxy", "destination")],
    "premises": [TO_PROXY, untraced("external_proxy", "egress"), untraced("egress", "destination")],
    "data centre": [
        TO_PROXY,
        untraced("external_proxy", "data_center_egress"),
        untraced("data_center_egress", "destination"),
    ],
    "proxy to edge": [TO_PROXY, untraced("external_proxy", "egress"), BACK, ON],
}


@cache
def rules() -> RuleSet:
    return load_rules()


def anchor_of(code: str, way: str) -> Anchor:
    """Return where an error hangs that its first reason makes true, by force and alone."""
    (rule,) = rules().rules[code]
    term = min(terms(whole_condition(rule, rule.reasons[0])), key=sorted)
    forced = {name: Finding(Truth.TRUE if holds else Truth.FALSE, name) for name, holds in term}
    alone = rules()._replace(rules={code: (rule._replace(reasons=rule.reasons[:1]),)})
    sample = sample_of({"route": "service_edge" if "edge" in way else "direct", "legs": WAYS[way]})
    (error,) = decide(
        sample, alone, lambda name: forced.get(name, Finding(Truth.UNKNOWN, name)), severity_overrides={}
    ).errors
    return error.anchor


@pytest.mark.parametrize(
    ("code", "way", "leg", "node", "ttl"),
    [
        # What concerns the client hangs at the leg that the sample is about.
        ("CP-02", "direct", 1, Node.CLIENT, None),
        ("CP-02", "edge", 1, Node.CLIENT, None),
        ("CP-12", "edge", 1, Node.CLIENT, None),
        ("CP-06", "premises", 0, Node.CLIENT, None),
        ("CP-01", "cloud", 1, Node.CLIENT, None),
        # The destination's hang at the leg that leads there, whoever traced it.
        ("CP-03", "direct", 1, Node.DESTINATION, None),
        ("CP-03", "edge", 3, Node.DESTINATION, None),
        ("CP-05", "premises", 2, Node.DESTINATION, None),
        ("CP-05", "cloud", 2, Node.DESTINATION, None),
        ("CP-04", "premises", 0, Node.EXTERNAL_PROXY, None),
        ("CP-04", "cloud", 1, Node.EXTERNAL_PROXY, None),
        ("CP-16", "cloud", 1, Node.EXTERNAL_PROXY, 2),
        # What nobody can trace hangs at just that leg.
        ("CP-14", "cloud", 2, Node.EXTERNAL_PROXY, None),
        ("CP-15", "premises", 1, Node.EXTERNAL_PROXY, None),
        ("CP-15", "proxy to edge", 1, Node.EXTERNAL_PROXY, None),
        ("CP-17", "data centre", 1, Node.EXTERNAL_PROXY, None),
        ("CP-18", "data centre", 2, Node.DATA_CENTER_EGRESS, None),
        ("CP-19", "premises", 2, Node.EGRESS, None),
        # The egress's: the client's own leg there, and for CP-20 the edge's leg back.
        ("CP-08", "edge", 0, Node.EGRESS, None),
        ("CP-20", "edge", 2, Node.EGRESS, 3),
        ("CP-20", "edge, egress unknown", 1, Node.EGRESS, 3),
        ("CP-11", "edge", 1, Node.SERVICE_EDGE, 2),
        ("CP-13", "edge, egress unknown", 0, Node.SERVICE_EDGE, 2),
    ],
)
def test_an_error_hangs_at_its_leg_place_and_hop(code: str, way: str, leg: int, node: Node, ttl: int | None) -> None:
    assert anchor_of(code, way) == Anchor(leg=leg, node=node, ttl=ttl)


def test_the_hop_is_the_one_behind_the_last_that_answered_even_where_none_did() -> None:
    back = BACK | {"hops": ["*", "*"]}
    edge = TO_EDGE | {"end": "reached", "hops": ["10.0.0.1", "203.0.113.9"]}
    facts = {"route": "service_edge", "edge": "edge.example.com", "legs": [OUT, edge, back, ON]}
    (error,) = [e for e in diagnose(sample_of(facts), rules()).errors if e.code == "CP-20"]
    assert error.anchor == Anchor(leg=2, node=Node.EGRESS, ttl=1)
