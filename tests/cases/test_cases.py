"""Golden cases: facts in, diagnosis out. The cases are the YAML files beside this one, one file an error."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import yaml

from probes.sample import Sample
from rules.condition import All
from rules.diagnosis import Diagnosis, NotEvaluated
from rules.engine import FindingOf, decide, diagnose
from rules.evidence.vocabulary import Evidence
from rules.load import load_rules
from rules.ruleset import Rule, RuleSet
from tests.cases.facts_text import HERE, sample_of


def cases() -> list[Any]:
    return [
        pytest.param(case, id=f"{path.stem}: {case['about']}")
        for path in sorted((*HERE.glob("cp-*.yaml"), *HERE.glob("zpa-*.yaml")))
        for case in yaml.safe_load(path.read_text())
    ]


@cache
def rules() -> RuleSet:
    return load_rules()


# Without a trace back from an edge nobody can judge CP-20: that goes without saying in the cases.
NOBODY_TRACED_BACK = NotEvaluated(code="CP-20", missing=("egress.traced_by_edge",))


def unjudged(diagnosis: Diagnosis) -> list[str]:
    """Return the codes that have a rule and could not be judged."""
    listed = [entry for entry in diagnosis.not_evaluated if entry != NOBODY_TRACED_BACK]
    return [entry.code for entry in listed if entry.missing != ("rule",)]


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
    assert NOBODY_TRACED_BACK in diagnosis.not_evaluated


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


# --- does every part of every rule matter? ----------------------------------------------------------------------------


def weaker(rule: Rule) -> Iterator[tuple[str, Rule]]:
    """Yield the rule without one of the parts that it demands, each part in turn, with a name for it."""
    for index, part in enumerate(rule.given.parts if isinstance(rule.given, All) else ()):
        yield f"given without {part}", rule._replace(given=without(rule.given, index))
    for number, reason in enumerate(rule.reasons):
        for index, part in enumerate(reason.when.parts if isinstance(reason.when, All) else ()):
            changed = reason._replace(when=without(reason.when, index))
            reasons = (*rule.reasons[:number], changed, *rule.reasons[number + 1 :])
            yield f"{reason.name} ({reason.confidence}) without {part}", rule._replace(reasons=reasons)


def without(condition: object, index: int) -> All:
    assert isinstance(condition, All)
    return All(condition.parts[:index] + condition.parts[index + 1 :])


def in_short(diagnosis: Diagnosis) -> object:
    """Return what a case expects of a diagnosis; the evidence is left out, for it names every part by itself."""
    errors = [(error.code, error.reason, error.confidence) for error in diagnosis.errors]
    return errors, [entry.code for entry in diagnosis.rejected], unjudged(diagnosis)


@cache
def findings() -> tuple[tuple[Sample, FindingOf], ...]:
    """Return the sample of every case with what its propositions come to, worked out once for all rules."""
    samples = [sample_of(case.values[0]["facts"]) for case in cases()]
    return tuple((sample, Evidence(sample).__getitem__) for sample in samples)


@pytest.mark.parametrize("code", sorted(load_rules().rules))
def test_every_part_that_a_rule_demands_is_missed_by_some_case(code: str) -> None:
    def verdicts(known: RuleSet) -> list[object]:
        return [in_short(decide(sample, known, known_of, severity_overrides={})) for sample, known_of in findings()]

    usual = verdicts(rules())
    (rule,) = rules().rules[code]
    unmissed = [
        name
        for name, changed in weaker(rule)
        if verdicts(rules()._replace(rules={**rules().rules, code: (changed,)})) == usual
    ]
    assert unmissed == []
