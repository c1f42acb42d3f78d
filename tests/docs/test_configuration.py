"""docs/configuration.md names every key with its default, and its example is a good configuration."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import trustme
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from agent.config.model import Settings
from agent.config.reading import KNOWN_CODES, parse_configuration
from rules.load import load_rules

DOCUMENT = (Path(__file__).parents[2] / "docs/configuration.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `([a-z_.\[\]]+)` \| (.+) \| (`[^`]*`|required) \| ((?:now|later)[^|]*) \|$", re.MULTILINE)
# Where kinds of one section differ in a key, the document gives what the kind that needs it demands.
REQUIRED_BY_A_KIND = {"proxy.url", "emit[].path", "emit[].url"}


def documented() -> dict[str, tuple[str, str, str]]:
    """Return values, default and effect of each documented key."""
    return {key: (values, default, effect) for key, values, default, effect in ROW.findall(DOCUMENT)}


def keys_of(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Yield every key of a model, those below it included."""
    for name, field in model.model_fields.items():
        below = list(models_in(field.annotation))
        path = f"{prefix}{name}"
        if not below:
            yield path, field
        step = "[]." if "tuple" in str(field.annotation) else "."
        for inner in below:
            yield from keys_of(inner, f"{path}{step}")


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models_in(part)


FIELDS = list(keys_of(Settings))


def test_every_key_is_documented_and_every_documented_key_exists() -> None:
    assert set(documented()) == {key for key, _ in FIELDS}


def test_every_row_of_a_table_could_be_read() -> None:
    assert len(re.findall(r"^\| `", DOCUMENT, re.MULTILINE)) == len(documented())


@pytest.mark.parametrize("key", sorted({key for key, _ in FIELDS}))
def test_the_default_is_the_documented_one(key: str) -> None:
    said = documented()[key][1]
    defaults = {default_of(field) for name, field in FIELDS if name == key}
    if key in REQUIRED_BY_A_KIND:
        assert said == "required"
        assert "required" in defaults
    elif key == "proxy.mode":
        # The section as a whole has a default; its first key alone has none.
        assert said == f"`{Settings().proxy.mode}`"
    else:
        assert {said} == defaults


def default_of(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or isinstance(value, (bool, int, float)):
        return f"`{json.dumps(value)}`"
    return f"`{json.dumps(value) if isinstance(value, (tuple, dict)) else value}`"


@pytest.mark.parametrize(("key", "field"), FIELDS, ids=[f"{n}-{key}" for n, (key, _) in enumerate(FIELDS)])
def test_choices_and_ranges_are_documented(key: str, field: FieldInfo) -> None:
    values = documented()[key][0]
    for choice in choices_in(field.annotation):
        assert f"`{choice}`" in values
    bounds = {name: getattr(rule, name) for rule in field.metadata for name in ("ge", "le") if hasattr(rule, name)}
    if bounds:
        assert f"{bounds['ge']:g} to {bounds['le']:g}" in values


def choices_in(annotation: Any) -> list[str]:
    members = getattr(annotation, "__members__", {})
    found = [str(member) for member in members.values()]
    for part in get_args(annotation):
        found += [part] if isinstance(part, str) else choices_in(part)
    return found


def example() -> str:
    """Return the whole file that the document begins with."""
    found = re.search(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
    assert found
    return found.group(1)


def test_the_example_is_a_good_configuration(tmp_path: Path) -> None:
    for name in ("edge-ca.pem", "company-ca.pem"):
        trustme.CA().cert_pem.write_to_path(tmp_path / name)
    for name in (
        "edge.token",
        "own-rules.yaml",
        "sessions.ndjson",
        "token",
        "GeoLite2-ASN.mmdb",
        "GeoLite2-City.mmdb",
    ):
        (tmp_path / name).write_text("x\n", encoding="utf-8")
    settings = parse_configuration(example(), "agent.yaml", tmp_path, {}).settings
    # It shows every section.
    assert settings.model_fields_set == set(Settings.model_fields)


@pytest.mark.parametrize("key", sorted({key.rpartition(".")[2].removesuffix("[]") for key, _ in FIELDS}))
def test_the_example_shows_every_key(key: str) -> None:
    assert re.search(rf"(?<![\w-]){key}:", example())


# Everything that a note offers in place of what stands there.
ALTERNATIVES = re.findall(
    r"\{(?:mode|lss_listen|listen): .*?\}(?=,|$)", re.sub(r"(?m)^.*?#", "", example()), re.MULTILINE
)


def test_the_alternatives_were_found() -> None:
    assert len(ALTERNATIVES) == 5


@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_an_alternative_is_a_good_configuration_too(alternative: str, tmp_path: Path) -> None:
    (tmp_path / "proxy.pac").write_text("x\n", encoding="utf-8")
    section = "proxy" if "mode" in alternative else "zpa" if "lss_listen" in alternative else "metrics"
    parse_configuration(f"{section}: {alternative}", "agent.yaml", tmp_path, {"PASSWORD": "x"})


def test_the_known_codes_are_those_of_the_catalogue() -> None:
    assert set(load_rules().catalogue) == KNOWN_CODES
