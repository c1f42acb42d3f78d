"""The engine's own duties: what an error carries, severities, anchors, order."""

import time
from functools import cache
from typing import Any

from probes.facts import Node
from rules.diagnosis import Severity, Status, Truth
from rules.engine import diagnose
from rules.load import load_rules
from rules.ruleset import RuleSet
from tests.cases.facts_text import sample_of

NO_ROUTE: dict[str, Any] = {
    "target": "192.0.2.80",
    "routes": ["192.0.2.80 fails network_unreachable"],
    "default_routes": [],
    "legs": [
        {"protocol": "icmp", "address": "192.0.2.80", "end": "send_failed", "send_failures": ["network_unreachable"]}
    ],
}
NXDOMAIN: dict[str, Any] = {
    "routes": [],
    "names": [
        {
            "name": "crm.example.com",
            "failure": "nxdomain",
            "queries": ["198.51.100.53 A NXDOMAIN", "198.51.100.54 A NXDOMAIN"],
        }
    ],
}
UNTRACED = {"end": "not_traced"}


@cache
def rules() -> RuleSet:
    return load_rules()


def test_an_error_carries_texts_reason_and_the_evidence_it_rests_on() -> None:
    (error,) = diagnose(sample_of(NO_ROUTE), rules()).errors
    assert error.message == rules().catalogue["CP-02"].message
    assert error.solution == rules().catalogue["CP-02"].solution
    assert error.explanation.startswith("This host has no route to 192.0.2.80")
    assert "`ndr: true`" in error.explanation
    found = {item.proposition: item for item in error.evidence}
    assert found["route.to_target"].value is Truth.FALSE
    assert found["route.to_target"].statement == "no way to 192.0.2.80: network unreachable: no route"
    assert found["route.to_target"].facts == ("/network/routes/0",)
    assert "proxy.works" in found
    assert "gateway.silent" not in found


def test_no_evidence_of_an_error_is_unknown() -> None:
    for facts in (NO_ROUTE, NXDOMAIN | {"legs": [UNTRACED]}):
        for error in diagnose(sample_of(facts), rules()).errors:
            assert all(item.value is not Truth.UNKNOWN for item in error.evidence)


def test_errors_without_a_rule_are_listed() -> None:
    without = {code: found for code, found in rules().rules.items() if code != "CP-03"}
    listed = {
        entry.code: entry.missing for entry in diagnose(sample_of({}), rules()._replace(rules=without)).not_evaluated
    }
    assert listed["CP-03"] == ("rule",)
    assert [code for code, missing in listed.items() if missing == ("rule",)] == [
        code for code in rules().catalogue if code not in without
    ]


def test_an_override_changes_severity_and_status_and_keeps_what_is_documented() -> None:
    diagnosis = diagnose(sample_of(NO_ROUTE), rules(), severity_overrides={"CP-02": Severity.WARNING})
    (error,) = diagnosis.errors
    assert (error.severity, error.documented_severity) == (Severity.WARNING, Severity.CRITICAL)
    assert diagnosis.status is Status.WARNING


def test_an_override_to_the_documented_severity_is_none() -> None:
    (error,) = diagnose(sample_of(NO_ROUTE), rules(), severity_overrides={"CP-02": Severity.CRITICAL}).errors
    assert error.documented_severity is None


def test_an_override_does_not_change_which_errors_stand() -> None:
    facts = NXDOMAIN | {"legs": [UNTRACED], "ndr": "true"}
    plain = diagnose(sample_of(facts), rules())
    overridden = diagnose(sample_of(facts), rules(), severity_overrides={"CP-12": Severity.INFO})
    assert [error.code for error in plain.errors] == [error.code for error in overridden.errors] == ["CP-12"]
    assert overridden.status is Status.OK


def test_the_anchor_is_the_nodes_leg() -> None:
    legs = [{"to": "egress", "end": "not_traced"}, {"from": "egress", "end": "not_traced"}]
    (error,) = diagnose(sample_of(NXDOMAIN | {"legs": legs}), rules()).errors
    assert (error.code, error.anchor.leg, error.anchor.node, error.anchor.ttl) == ("CP-03", 1, Node.DESTINATION, None)
    (error,) = diagnose(sample_of(NO_ROUTE), rules()).errors
    assert (error.anchor.leg, error.anchor.node) == (0, Node.CLIENT)


def test_two_legs_may_have_an_error_each() -> None:
    legs = [{"protocol": "icmp", "to": "egress", "end": "not_traced"}, {"from": "egress", "end": "not_traced"}]
    diagnosis = diagnose(sample_of(NXDOMAIN | {"legs": legs, "ndr": "true"}), rules())
    assert [(error.code, error.anchor.leg) for error in diagnosis.errors] == [("CP-03", 1), ("CP-12", 0)]


def test_a_sample_without_legs_has_errors_without_a_leg() -> None:
    (error,) = diagnose(sample_of(NXDOMAIN | {"legs": []}), rules()).errors
    assert error.anchor.leg is None


def test_a_diagnosis_takes_less_than_ten_milliseconds_of_the_processor() -> None:
    hops = ["10.0.0.1", *(f"198.51.100.{number}" for number in range(1, 29)), "*"]
    sample = sample_of({"legs": [{"protocol": "icmp", "address": "192.0.2.80", "end": "max_ttl", "hops": hops}]})
    diagnose(sample, rules())
    started = time.process_time()
    diagnose(sample, rules())
    assert time.process_time() - started < 0.010
