"""Propositions one by one, where the golden cases do not tell them apart; and what holds for all of them."""

import re
from typing import Any

import pytest

from probes.host_facts import Network
from probes.sample import Sample, Target
from rules.diagnosis import Truth
from rules.evidence.vocabulary import Evidence, all_propositions
from tests.cases.facts_text import sample_of

LEG = {"protocol": "icmp", "address": "192.0.2.80", "end": "gap_limit"}


def value(name: str, facts: dict[str, Any]) -> Truth:
    return Evidence(sample_of(facts))[name].value


def test_every_proposition_is_named_by_subject_and_says_what_it_means() -> None:
    for name, proposition in all_propositions().items():
        assert re.fullmatch(r"[a-z]+\.[a-z0-9_]+", name), name
        assert re.fullmatch(r"[A-Z].{20,110}\.", proposition.meaning), proposition.meaning


def test_nothing_observed_is_never_taken_for_an_error() -> None:
    """On a sample in which nothing at all was observed, no proposition claims to have seen something."""
    nothing = Sample(
        started_at="2025-03-01T12:00:00.000Z",
        duration_us=0,
        target=Target(name="crm.example.com", host="crm.example.com"),
        network=Network(epoch=""),
    )
    evidence = Evidence(nothing)
    assert [name for name in all_propositions() if evidence[name].value is Truth.TRUE] == []


def test_statements_have_words_and_pointers_have_the_shape_of_rfc_6901() -> None:
    evidence = Evidence(sample_of({"legs": [LEG | {"hops": ["10.0.0.1", "*", "3/1 10.0.0.1"]}]}))
    for name in all_propositions():
        finding = evidence[name]
        assert finding.statement, name
        assert all(re.fullmatch(r"(/[a-z0-9_]+)+", fact) for fact in finding.facts), finding


@pytest.mark.parametrize(
    ("state", "failed", "incomplete"),
    [
        ("failed", Truth.TRUE, Truth.FALSE),
        ("incomplete", Truth.FALSE, Truth.TRUE),
        ("reachable", Truth.FALSE, Truth.FALSE),
        ("stale", Truth.FALSE, Truth.FALSE),
    ],
)
def test_the_gateways_neighbour_entry(state: str, failed: Truth, incomplete: Truth) -> None:
    facts = {"neighbours": [f"10.0.0.1 dev eth0 {state}"]}
    assert value("gateway.neighbour_failed", facts) is failed
    assert value("gateway.neighbour_incomplete", facts) is incomplete


def test_no_neighbour_entry_says_nothing() -> None:
    assert value("gateway.neighbour_failed", {"neighbours": []}) is Truth.UNKNOWN
    assert value("gateway.neighbour_failed", {"neighbours": ["10.0.0.1 dev eth1 failed"]}) is Truth.UNKNOWN


def test_an_entry_of_a_neighbour_that_is_no_gateway_is_nothing_to_the_gateway() -> None:
    facts = {"target": "10.0.0.9", "routes": ["10.0.0.9 dev eth0"], "neighbours": ["10.0.0.9 dev eth0 failed"]}
    assert value("gateway.neighbour_failed", facts) is Truth.FALSE


@pytest.mark.parametrize(
    ("hops", "expected"),
    [
        (["10.0.0.1", "*", "*"], Truth.FALSE),
        (["*", "198.51.100.1", "*"], Truth.TRUE),
        (["10.0.0.7", "*", "3/1 10.0.0.7"], Truth.FALSE),
        (["10.0.0.1", "3/13 198.51.100.1"], Truth.TRUE),
    ],
)
def test_what_counts_as_heard_from_behind_the_gateway(hops: list[str], expected: Truth) -> None:
    """The router at TTL 1 is the gateway, whichever of its addresses it answers from."""
    assert value("upstream.answered", {"target": "192.0.2.80", "legs": [LEG | {"hops": hops}]}) is expected


def test_a_resolver_on_the_link_is_not_behind_the_gateway() -> None:
    facts: dict[str, Any] = {
        "routes": ["192.0.2.80 via 10.0.0.1 dev eth0"],
        "target": "192.0.2.80",
        "reachability": ["resolver 10.0.0.53 icmp answered"],
        "legs": [LEG | {"hops": ["*"]}],
    }
    assert value("upstream.answered", facts) is Truth.FALSE
    assert value("path.answered", facts) is Truth.TRUE


def test_a_resolver_that_ignores_echoes_is_no_silent_witness() -> None:
    facts: dict[str, Any] = {"target": "192.0.2.80", "legs": [LEG | {"hops": ["10.0.0.1", "*"]}]}
    echo = {"reachability": ["resolver 198.51.100.53 icmp silent"]}
    service = {"reachability": ["resolver 198.51.100.53 tcp:53 silent"]}
    assert value("upstream.two_silent", facts | echo) is Truth.FALSE
    assert value("upstream.two_silent", facts | service) is Truth.TRUE


def test_a_check_that_could_not_be_made_is_no_silence() -> None:
    facts: dict[str, Any] = {
        "target": "192.0.2.80",
        "reachability": ["gateway 10.0.0.1 icmp untried not_permitted"],
        "legs": [{"end": "not_traced"}],
    }
    assert value("gateway.silent", facts) is Truth.UNKNOWN
    assert value("gateway.answered", facts) is Truth.FALSE


def test_a_stub_resolver_on_this_host_says_nothing_of_the_network() -> None:
    facts = {
        "legs": [{"end": "not_traced"}],
        "names": [{"name": "crm.example.com", "queries": ["127.0.0.53 A SERVFAIL"], "failure": "servfail"}],
    }
    assert value("path.answered", facts) is Truth.FALSE


@pytest.mark.parametrize(
    ("target", "defaults", "expected"),
    [
        ("192.0.2.80", ["0.0.0.0/0 via 10.0.0.1 dev eth0"], Truth.TRUE),
        ("192.0.2.80", ["::/0 via fe80::1 dev eth0"], Truth.FALSE),
        ("2001:db8::80", ["::/0 via fe80::1 dev eth0"], Truth.TRUE),
        ("2001:db8::80", ["0.0.0.0/0 via 10.0.0.1 dev eth0"], Truth.FALSE),
    ],
)
def test_only_a_default_route_of_the_targets_family_counts(target: str, defaults: list[str], expected: Truth) -> None:
    facts = {"target": target, "default_routes": defaults, "legs": [{"address": target, "end": "not_traced"}]}
    assert value("route.default", facts) is expected


def test_a_host_that_was_not_read_is_unknown() -> None:
    assert value("route.default", {"interfaces": [], "default_routes": []}) is Truth.UNKNOWN
    assert value("interface.usable", {"interfaces": []}) is Truth.UNKNOWN
    assert value("network.link_changed", {"interfaces": []}) is Truth.UNKNOWN


@pytest.mark.parametrize(
    ("proxy", "works", "resolves"),
    [
        (None, Truth.FALSE, Truth.FALSE),
        ({"host": "p", "works": True, "status": 200}, Truth.TRUE, Truth.TRUE),
        ({"host": "p", "works": False, "status": 407}, Truth.FALSE, Truth.UNKNOWN),
        ({"host": "p", "works": False, "status": 503}, Truth.FALSE, Truth.FALSE),
        ({"host": "p", "failure": "timed_out"}, Truth.FALSE, Truth.UNKNOWN),
        ({"host": "p"}, Truth.UNKNOWN, Truth.UNKNOWN),
    ],
)
def test_what_a_proxy_shows(proxy: dict[str, Any] | None, works: Truth, resolves: Truth) -> None:
    assert value("proxy.works", {"proxy": proxy}) is works
    assert value("proxy.resolves_name", {"proxy": proxy}) is resolves


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("destination 192.0.2.80 tcp:443 answered", Truth.TRUE),
        ("destination 192.0.2.80 tcp:443 silent", Truth.FALSE),
        ("control 203.0.113.1 tcp:443 answered", Truth.UNKNOWN),
    ],
)
def test_other_protocols_to_the_target(line: str, expected: Truth) -> None:
    facts = {"legs": [LEG | {"hops": ["*"]}], "reachability": [line]}
    assert value("probe.other_protocol_passes", facts) is expected
    assert value("target.tcp_answered", facts) is expected
