"""The schema for editors takes every good configuration, refuses what is wrong in shape, and explains each key."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from rules.yaml_marks import load_marked
from tests.unit.config.test_config import EVERYTHING

ROOT = Path(__file__).parents[3]
SCHEMA: dict[str, Any] = json.loads((ROOT / "docs/schema/configuration.json").read_text(encoding="utf-8"))


def refused(text: str) -> set[str]:
    """Return where the schema finds a mistake; the innermost place, where a section is one of several kinds."""
    found: set[str] = set()
    waiting = list(Draft202012Validator(SCHEMA).iter_errors(load_marked(text, "x").value))
    while waiting:
        error = waiting.pop()
        waiting += error.context or ()
        found.add(".".join(str(step) for step in error.absolute_path))
    return found


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("text", [EVERYTHING, "{}", "ndr: true", "zpa: null\nservice_edge: null"])
def test_a_good_configuration_is_accepted(text: str) -> None:
    assert refused(text) == set()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("agnet: {}", ""),
        ("agent: {interval_s: 5}", "agent.interval_s"),
        ("agent: {interval_s: '60'}", "agent.interval_s"),
        ("targets: [{name: a, host: b, protocol: tpc}]", "targets.0.protocol"),
        ("targets: [{host: b}]", "targets.0"),
        ("emit: [{type: kafka}]", "emit.0"),
        ("emit: [{type: http, url: 'https://c.example/', batch: 0}]", "emit.0.batch"),
        ("ndr: maybe", "ndr"),
        ("proxy: {mode: explicit}", "proxy"),
    ],
)
def test_what_is_wrong_in_shape_is_refused_at_its_place(text: str, place: str) -> None:
    assert place in refused(text)


def test_every_key_that_holds_a_value_is_explained() -> None:
    unexplained = [
        f"{name}.{key}"
        for name, section in SCHEMA["$defs"].items()
        for key, property_ in section.get("properties", {}).items()
        if "description" not in property_
    ]
    assert unexplained == []
