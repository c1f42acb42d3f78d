"""Laws of the record: what is written is read back equal, is valid by the published schema, and is plain ASCII."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from agent.formats.json_text import json_text, ndjson_line
from agent.record import document, uuid7, without_scores
from agent.record_reader import RecordError, read_samples
from probes.sample import Sample
from rules.diagnosis import Diagnosis, Status
from tests.property.record.anything import DIAGNOSES, SAMPLES
from tests.unit.views.samples import HEADER

ROOT = Path(__file__).resolve().parents[3]

# Building a whole sample draws much; the machine's speed is no property of the code.
slow = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def closed(schema: Any) -> Any:
    """Return the schema with no further keys allowed: what we write ourselves holds nothing undocumented."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    changed = {key: closed(value) for key, value in schema.items()}
    if isinstance(changed.get("properties"), dict) and changed.get("type") == "object":
        changed["additionalProperties"] = False
    return changed


@pytest.fixture(scope="session")
def validator() -> Draft202012Validator:
    text = (ROOT / "docs/schema/cloudpath.sample-1.schema.json").read_text(encoding="utf-8")
    schema = json.loads(text)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(closed(schema))


def kept(sample: Sample, diagnosis: Diagnosis) -> Sample:
    return without_scores(sample) if diagnosis.status is Status.DISCARDED else sample


@slow
@given(sample=SAMPLES, diagnosis=DIAGNOSES)
def test_reading_a_record_gives_the_facts_it_was_written_from(sample: Sample, diagnosis: Diagnosis) -> None:
    text = json_text(document(sample, diagnosis, HEADER))
    assert read_samples(text.encode(), "record") == [kept(sample, diagnosis)]


@slow
@given(samples=st.lists(SAMPLES, min_size=1, max_size=3), diagnosis=DIAGNOSES)
def test_reading_a_stream_gives_the_facts_of_every_record_in_order(samples: list[Sample], diagnosis: Diagnosis) -> None:
    text = "".join(ndjson_line(document(sample, diagnosis, HEADER)) for sample in samples)
    assert text.count("\n") == len(samples)
    assert read_samples(text.encode(), "record") == [kept(sample, diagnosis) for sample in samples]


@slow
@given(sample=SAMPLES, diagnosis=DIAGNOSES)
def test_every_record_is_valid_by_the_published_schema(
    validator: Draft202012Validator, sample: Sample, diagnosis: Diagnosis
) -> None:
    record = json.loads(json_text(document(sample, diagnosis, HEADER)))
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(record)] == []


@slow
@given(sample=SAMPLES, diagnosis=DIAGNOSES)
def test_a_record_shows_no_control_character_and_nothing_beyond_ascii(sample: Sample, diagnosis: Diagnosis) -> None:
    text = json_text(document(sample, diagnosis, HEADER))
    assert text.isascii()
    assert all(line.isprintable() for line in text.split("\n"))


@given(st.binary(max_size=200))
def test_a_file_of_anything_is_refused_with_its_name(data: bytes) -> None:
    with pytest.raises(RecordError, match=r"^file\.json:"):
        read_samples(data, "file.json")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    )
)
def test_any_other_json_is_refused_line_by_line(anything: object) -> None:
    with pytest.raises(RecordError) as caught:
        read_samples(json.dumps(anything).encode(), "file.json")
    assert all(line.startswith("file.json:") and line.isprintable() for line in str(caught.value).split("\n"))


@given(st.integers(min_value=0, max_value=2**63 - 1), st.binary(min_size=10, max_size=16))
def test_uuid7_holds_its_version_variant_and_time(realtime_ns: int, random: bytes) -> None:
    text = uuid7(realtime_ns, random)
    number = int(text.replace("-", ""), 16)
    assert [len(part) for part in text.split("-")] == [8, 4, 4, 4, 12]
    assert number >> 76 & 0xF == 7
    assert number >> 62 & 0b11 == 0b10
    assert number >> 80 == (realtime_ns // 1_000_000) % 2**48


@given(
    st.integers(min_value=0, max_value=2**47),
    st.integers(min_value=0, max_value=2**47),
    st.binary(min_size=10, max_size=10),
)
def test_uuid7_sorts_by_millisecond(first: int, second: int, random: bytes) -> None:
    earlier, later = uuid7(first * 1_000_000, random), uuid7(second * 1_000_000, bytes(10))
    assert (earlier < later) or first >= second
