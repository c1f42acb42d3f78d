"""Reading records back: every mistake is one line with file, line, JSON path and what is wrong."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from agent.formats.json_text import json_text, ndjson_line
from agent.record import document
from agent.record_reader import RecordError, read_samples
from tests.unit.views import samples

RECORD = json.loads(json_text(document(samples.BALANCED, samples.FINE, samples.HEADER)))

Change = Callable[[dict[str, Any]], object]

MISTAKES: dict[str, tuple[Change, str]] = {
    "text_for_a_number": (
        lambda r: r["legs"][0]["hops"][1].update(sent="3"),
        "legs[0].hops[1].sent: must be an integer",
    ),
    "fraction_for_a_count": (
        lambda r: r["legs"][0]["hops"][1].update(sent=3.5),
        "legs[0].hops[1].sent: must be an integer",
    ),
    "missing_key": (lambda r: r["legs"][0]["hops"][1].pop("sent"), "legs[0].hops[1].sent: is missing"),
    "unknown_key": (
        lambda r: r["legs"][0]["hops"][1].update(ttl=3),
        "legs[0].hops[1].ttl: is not a key of this schema",
    ),
    "unknown_key_that_is_no_word": (
        lambda r: r["legs"][0].update({"\x1b[2J": 3}),
        'legs[0]["\\u001b[2J"]: is not a key of this schema',
    ),
    "unknown_key_at_the_top": (lambda r: r.update(hops=[]), "hops: is not a key of this schema"),
    "python_name_for_a_key": (
        lambda r: r["legs"][0].update(from_="client"),
        "legs[0].from_: is not a key of this schema",
    ),
    "value_outside_a_closed_set": (
        lambda r: r["legs"][0].update(direction="sideways"),
        "legs[0].direction: input should be 'forward' or 'reverse'",
    ),
    "object_for_a_list": (lambda r: r.update(legs={}), "legs: must be a list"),
    "number_for_an_object": (lambda r: r.update(legs=[3]), "legs[0]: must be an object"),
    "null_for_a_truth": (lambda r: r["target"].update(literal=None), "target.literal: must be true or false"),
    "no_target": (lambda r: r.pop("target"), "target: is missing"),
    "another_schema": (
        lambda r: r.update(schema="cloudpath.sample/2"),
        'schema: is "cloudpath.sample/2", this version reads "cloudpath.sample/1"',
    ),
    "no_schema": (lambda r: r.pop("schema"), 'schema: is null, this version reads "cloudpath.sample/1"'),
}

NOT_JSON: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "file.json: empty, expected a record (cloudpath.sample/1)"),
    "blank": (b"\n \n", "file.json: empty, expected a record (cloudpath.sample/1)"),
    "not_utf8": (b'{"\xff"', "file.json: not UTF-8 text (byte 2)"),
    "cut": (
        b'\n{"schema":\n',
        "file.json:3: not JSON: Expecting value (column 1)",
    ),
    "key_twice": (b'{"a": 1, "a": 2}', 'file.json:1: not JSON: the key "a" is there twice in one object'),
    "nan": (b'{"a": NaN}', "file.json:1: not JSON: NaN is no JSON number"),
    "too_deep": (b"[" * 100_000, "file.json:1: not JSON: nested too deeply"),
    "a_list": (b"[]", "file.json:1: $: must be an object, a record of cloudpath.sample/1"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_named_with_its_place(name: str) -> None:
    change, expected = MISTAKES[name]
    changed = copy.deepcopy(RECORD)
    change(changed)
    with pytest.raises(RecordError) as caught:
        read_samples(json.dumps(changed).encode(), "file.json")
    assert str(caught.value) == f"file.json:1: {expected}"


@pytest.mark.parametrize("name", NOT_JSON)
def test_what_is_no_json_is_named_with_its_line(name: str) -> None:
    data, expected = NOT_JSON[name]
    with pytest.raises(RecordError) as caught:
        read_samples(data, "file.json")
    assert str(caught.value) == expected


def test_all_mistakes_of_a_document_are_reported_at_once_up_to_ten() -> None:
    changed = copy.deepcopy(RECORD)
    for hop in changed["legs"][0]["hops"]:
        hop.update(sent="3", late=None, received=[])
    with pytest.raises(RecordError) as caught:
        read_samples(json.dumps(changed).encode(), "file.json")
    lines = str(caught.value).split("\n")
    assert len(lines) == 11
    assert lines[-1] == "file.json:1: and 5 more"


def test_second_document_of_a_stream_is_named_by_its_line() -> None:
    good = ndjson_line(RECORD)
    with pytest.raises(RecordError, match=r"\Af:3: \$: must be an object"):
        read_samples((good + "\n" + "3\n" + good).encode(), "f")


def test_documents_may_be_indented_and_follow_each_other() -> None:
    text = "\ufeff\n" + json_text(RECORD) + ndjson_line(RECORD) + json_text(RECORD).rstrip()
    assert read_samples(text.encode(), "f") == [samples.BALANCED] * 3


def test_facts_with_defaults_may_be_left_out_by_hand() -> None:
    short = {
        "schema": "cloudpath.sample/1",
        "started_at": "2026-01-05T08:00:00.000Z",
        "duration_us": 1,
        "target": {"name": "a", "host": "a"},
        "network": {"epoch": "e"},
    }
    (sample,) = read_samples(json.dumps(short).encode(), "f")
    assert sample.legs == ()
    assert sample.proxy is None
