"""The published JSON Schema is the one that the code makes, and it can say no."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from agent.record import document
from tests.unit.views import samples

ROOT = Path(__file__).resolve().parents[3]
FILE = ROOT / "docs/schema/cloudpath.sample-1.schema.json"


def make_schema() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_schema", ROOT / "scripts/make_schema.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return schema


def record() -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(document(samples.BALANCED, samples.BROKEN, samples.HEADER)))
    return made


def test_published_schemas_are_what_the_code_makes() -> None:
    maker = make_schema()
    published = {file: file.read_text(encoding="utf-8") for file in FILE.parent.iterdir()}
    assert published == maker.published(), "run make_schema.py"


def test_published_schema_is_a_schema_of_its_dialect(published: dict[str, Any]) -> None:
    assert published["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(published)


def test_a_later_version_may_add_keys(published: dict[str, Any]) -> None:
    Draft202012Validator(published).validate(record() | {"added_later": 1})


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("legs", 0, "hops", 0, "rtt_us", "min"), -1),
        (("legs", 0, "hops", 0, "loss_class"), "bad"),
        (("legs", 0, "loss_ratio"), 30),
        (("legs", 0, "from"), None),
        (("schema",), "cloudpath.sample/2"),
        (("id",), "019b8d2b-8c00-4001-8203-040506070809"),
        (("started_at",), "2026-01-05 08:00:00"),
        (("errors", 0, "severity"), "fatal"),
        (("web",), {}),
    ],
)
def test_published_schema_refuses(published: dict[str, Any], place: tuple[str | int, ...], value: object) -> None:
    changed: Any = record()
    parent = changed
    for step in place[:-1]:
        parent = parent[step]
    assert parent[place[-1]] != value
    parent[place[-1]] = value
    # An alternative (`anyOf`) is refused as a whole, so the place may be that of the value's parent.
    refused = [tuple(error.absolute_path) for error in Draft202012Validator(published).iter_errors(changed)]
    assert refused != []
    assert all(path in {place, place[:-1]} for path in refused)


@pytest.mark.parametrize("key", ["web", "middlebox", "legs", "rejected", "not_evaluated", "proxy"])
def test_published_schema_misses_every_key_that_is_left_out(published: dict[str, Any], key: str) -> None:
    changed = record()
    del changed[key]
    assert not Draft202012Validator(published).is_valid(changed)
