"""Golden cases: facts in, diagnosis out. The cases are the YAML files beside this one, one file an error."""

from functools import cache
from typing import Any

import pytest
import yaml

from rules.diagnosis import Diagnosis
from rules.engine import diagnose
from rules.load import load_rules
from rules.ruleset import RuleSet
from tests.cases.facts_text import HERE, sample_of


def cases() -> list[Any]:
    return [
        pytest.param(case, id=f"{path.stem}: {case['about']}")
        for path in sorted(HERE.glob("cp-*.yaml"))
        for case in yaml.safe_load(path.read_text())
    ]


@cache
def rules() -> RuleSet:
    return load_rules()


def unjudged(diagnosis: Diagnosis) -> list[str]:
    """Return the codes that have a rule and could not be judged."""
    return [entry.code for entry in diagnosis.not_evaluated if entry.missing != ("rule",)]


@pytest.mark.parametrize("case", cases())
def test_a_case(case: dict[str, Any]) -> None:
    assert set(case) == {"about", "facts", "expect"}
    expected = case["expect"]
    assert set(expected) <= {"status", "errors", "rejected", "not_evaluated"}
    diagnosis = diagnose(sample_of(case["facts"]), rules())
    assert [f"{error.code} {error.reason} {error.confidence}" for error in diagnosis.errors] == expected.get(
        "errors", []
    )
    assert [f"{entry.code} {entry.because}" for entry in diagnosis.rejected] == expected.get("rejected", [])
    assert unjudged(diagnosis) == expected.get("not_evaluated", [])
    assert diagnosis.status == expected["status"]


def test_the_healthy_base_has_no_error_and_nothing_unjudged() -> None:
    diagnosis = diagnose(sample_of({}), rules())
    assert diagnosis.status == "ok"
    assert (diagnosis.errors, diagnosis.rejected, unjudged(diagnosis)) == ((), (), [])


def test_every_reason_of_every_rule_fires_in_some_case() -> None:
    shown = {line for case in cases() for line in case.values[0]["expect"].get("errors", [])}
    possible = {
        f"{code} {reason.name} {reason.confidence}"
        for code, code_rules in rules().rules.items()
        for rule in code_rules
        for reason in rule.reasons
    }
    assert possible == shown


def test_every_code_with_a_rule_has_near_misses() -> None:
    for code in rules().rules:
        near = [case for case in cases() if case.id and case.id.startswith(f"{code.lower()}: near miss")]
        assert near, code
