"""Laws of a verdict on any sample: what a leg bears, what hides what, and that a record says the same again.

Samples are of two kinds: anything that the vocabulary allows, and the golden cases with parts of one put into another,
which look like networks and contradict themselves as broken ones do.
"""

from dataclasses import fields
from functools import cache

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.formats.json_text import json_text
from agent.record import document, verdict_of_record, without_scores
from agent.record_reader import read_samples
from probes.frozen import replace
from probes.sample import Sample
from rules.diagnosis import Diagnosis, Severity, Status, Truth
from rules.engine import diagnose
from rules.explain import explain
from rules.load import load_rules
from rules.ruleset import RuleSet
from tests.cases.facts_text import sample_of
from tests.cases.test_cases import cases
from tests.property.record.anything import SAMPLES
from tests.unit.views.samples import HEADER

PARTS = [field.name for field in fields(Sample)]


@cache
def rules() -> RuleSet:
    return load_rules()


@cache
def golden() -> tuple[Sample, ...]:
    return tuple(sample_of(case.values[0]["facts"]) for case in cases())


def mixed(base: Sample, other: Sample, parts: list[str]) -> Sample:
    """Return one sample with some parts of another."""
    return replace(base, **{name: getattr(other, name) for name in parts})


mixtures = st.builds(
    lambda one, other, third, parts, more: mixed(mixed(one, other, parts), third, more),
    st.deferred(lambda: st.sampled_from(golden())),
    st.deferred(lambda: st.sampled_from(golden())),
    st.deferred(lambda: st.sampled_from(golden())),
    st.lists(st.sampled_from(PARTS), max_size=6),
    st.lists(st.sampled_from(PARTS), max_size=3),
)
anything = SAMPLES | mixtures
thorough = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def above_info(diagnosis: Diagnosis) -> list[str]:
    """Return the codes that stand and are documented as more than information."""
    found = [error.code for error in diagnosis.errors]
    return [code for code in found if rules().catalogue[code].severity is not Severity.INFO]


@thorough
@given(anything)
def test_a_leg_bears_one_error_above_info_at_most(sample: Sample) -> None:
    diagnosis = diagnose(sample, rules())
    grave = above_info(diagnosis)
    anchors = [error.anchor for error in diagnosis.errors if error.code in grave]
    places = [anchor.node if anchor.leg is None else anchor.leg for anchor in anchors]
    assert len(places) == len(set(places))


@thorough
@given(anything)
def test_what_stands_hides_what_it_has_to(sample: Sample) -> None:
    standing = {error.code for error in diagnose(sample, rules()).errors}
    for code in standing:
        assert not standing & rules().precedence.suppresses.get(code, frozenset())


@thorough
@given(anything)
def test_a_change_of_the_network_is_alone(sample: Sample) -> None:
    diagnosis = diagnose(sample, rules())
    standing = [error.code for error in diagnosis.errors]
    used = any(change.affects_sample for change in sample.network.changes)
    assert ("CP-06" in standing) == used
    assert (diagnosis.status is Status.DISCARDED) == used
    assert not used or standing == ["CP-06"]


@thorough
@given(anything)
def test_an_anchor_is_a_place_of_the_sample_and_evidence_is_known(sample: Sample) -> None:
    for error in diagnose(sample, rules()).errors:
        assert error.anchor.leg is None or 0 <= error.anchor.leg < len(sample.legs)
        assert error.anchor.ttl is None or error.anchor.ttl > 0
        assert error.evidence
        assert all(item.value is not Truth.UNKNOWN for item in error.evidence)


@settings(thorough, max_examples=60)
@given(mixtures)
def test_a_record_says_the_same_again_byte_for_byte(sample: Sample) -> None:
    diagnosis = verdict_of_record(sample, lambda facts: diagnose(facts, rules()))
    first = document(sample, diagnosis, HEADER)
    (read,) = read_samples(json_text(first).encode(), "record")
    second = document(read, diagnose(read, rules()), HEADER)
    assert json_text(second) == json_text(first)
    # A discarded record has lost what its path would be scored by.
    kept = without_scores(sample) if diagnosis.status is Status.DISCARDED else sample
    assert explain(read, rules()) == explain(kept, rules())
