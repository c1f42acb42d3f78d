"""Whoever diagnoses a record again gets the verdict that stands in it, byte for byte."""

import json

from hypothesis import HealthCheck, given, settings

from agent.formats.json_text import json_text
from agent.record import document, verdict_of_record, without_scores
from agent.record_reader import read_samples
from probes.sample import Sample
from rules.diagnosis import Status
from rules.engine import diagnose
from rules.explain import explain
from rules.load import load_rules
from tests.property.record.anything import SAMPLES
from tests.unit.views import samples
from tests.unit.views.samples import HEADER

RULES = load_rules()
VERDICT = ("status", "errors", "rejected", "not_evaluated")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(sample=SAMPLES)
def test_a_record_read_back_gets_the_same_verdict(sample: Sample) -> None:
    diagnosis = verdict_of_record(sample, lambda facts: diagnose(facts, RULES))
    first = document(sample, diagnosis, HEADER)
    (read,) = read_samples(json_text(first).encode(), "record")
    second = document(read, diagnose(read, RULES), HEADER)
    assert [json.dumps(second[key]) for key in VERDICT] == [json.dumps(first[key]) for key in VERDICT]
    # What the path of a discarded sample was scored by is not in its record.
    kept = without_scores(sample) if diagnosis.status is Status.DISCARDED else sample
    assert explain(read, RULES) == explain(kept, RULES)


def test_a_discarded_record_still_explains_to_its_network_change() -> None:
    diagnosis = diagnose(samples.CHANGED, RULES)
    assert diagnosis.status is Status.DISCARDED
    (read,) = read_samples(json_text(document(samples.CHANGED, diagnosis, HEADER)).encode(), "record")
    again = diagnose(read, RULES)
    assert [error.code for error in again.errors] == ["CP-06"]
    assert again.errors == diagnosis.errors
