"""Make the JSON Schemas of records and configuration, and write them to docs/schema; with --check, only compare."""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pydantic import BaseModel, ConfigDict, TypeAdapter  # noqa: E402 - the tree must be in the path first

from agent.change_record import CHANGE_SCHEMA, ChangeRecord  # noqa: E402
from agent.config.model import Settings  # noqa: E402
from agent.config.types import sections_in  # noqa: E402
from agent.record import SCHEMA, Record  # noqa: E402
from agent.store.gap_record import GAP_SCHEMA, GapRecord  # noqa: E402

DIRECTORY: Final = ROOT / "docs/schema"

# Each kind of document, by the name that its key `schema` has.
RECORDS: Final[dict[str, type]] = {SCHEMA: Record, CHANGE_SCHEMA: ChangeRecord, GAP_SCHEMA: GapRecord}

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_UUID7: Final = "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
_INSTANT: Final = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$"

# What a key promises beyond its type.
_BY_KEY: Final[dict[str, dict[str, object]]] = {
    "started_at": {"pattern": _INSTANT},
    "at": {"pattern": _INSTANT},
    "loss_ratio": {"maximum": 1},
}

# Objects whose keys are names of ours, not words of JSON Schema.
_MAPS: Final = frozenset({"properties", "$defs"})


def file_of(name: str) -> Path:
    """Return where the schema of this name is published."""
    return DIRECTORY / f"{name.replace('/', '-')}.schema.json"


def schema(name: str = SCHEMA) -> dict[str, object]:
    """Return the JSON Schema (2020-12) of one kind of document as the agent writes it.

    Every key is required, for every key is always written. Further keys are allowed: a later version may add some
    under the same schema name, and a reader of this one goes on working.
    """
    config = ConfigDict(
        alias_generator=lambda name: name.removesuffix("_"), json_schema_serialization_defaults_required=True
    )
    made = TypeAdapter(_list_of(RECORDS[name]), config=config).json_schema(mode="serialization")
    definitions = made["$defs"]
    record = definitions.pop(RECORDS[name].__name__)
    record["properties"]["schema"]["const"] = name
    record["properties"]["id"]["pattern"] = _UUID7
    refined = _refined({**record, "$defs": dict(sorted(definitions.items()))})
    if not isinstance(refined, dict):
        raise TypeError("a schema is an object")
    return {"$schema": _DIALECT, "$id": f"urn:{name.replace('/', ':')}", "title": name, **refined}


def _list_of(kind: type) -> Any:
    # A configuration around standard dataclasses holds for all of them; around one alone pydantic refuses it.
    return list[kind]  # type: ignore[valid-type]


def text(name: str = SCHEMA) -> str:
    """Return the schema as it is committed."""
    return json.dumps(schema(name), indent=2, ensure_ascii=False) + "\n"


# --- the configuration ------------------------------------------------------------------------------------------------

CONFIGURATION: Final = DIRECTORY / "configuration.json"
_ROW: Final = re.compile(r"^\| `([a-z_.\[\]]+)` \| (.+?) \| (?:`[^`]*`|required) \| [^|]+ \|$", re.MULTILINE)


def configuration_schema() -> dict[str, Any]:
    """Return the JSON Schema of a configuration file, for editors; each key says what docs/configuration.md says."""
    made = Settings.model_json_schema()
    said = dict(_ROW.findall((ROOT / "docs/configuration.md").read_text(encoding="utf-8")))
    _describe(Settings, made, "", said, made["$defs"])
    bare = _untitled(made)
    if not isinstance(bare, dict):
        raise TypeError("a schema is an object")
    return {"$schema": _DIALECT, "$id": "urn:cloudpath:configuration", "title": "cloudpath-agent configuration", **bare}


def _describe(kind: type[BaseModel], node: dict[str, Any], path: str, said: dict[str, str], known: Any) -> None:
    for name, field in kind.model_fields.items():
        key = f"{path}{name}"
        if key in said:
            node["properties"][name].setdefault("description", said[key])
        step = "[]." if "tuple" in str(field.annotation) else "."
        for section in sections_in(field.annotation):
            _describe(section, known[section.__name__], f"{key}{step}", said, known)


def _untitled(node: object) -> object:
    """Return the node without the titles that repeat the names of keys and classes."""
    if isinstance(node, list):
        return [_untitled(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        name: {key: _untitled(item) for key, item in value.items()} if name in _MAPS else _untitled(value)
        for name, value in node.items()
        if name != "title"
    }


def published() -> dict[Path, str]:
    """Return every file with what it holds."""
    configuration = json.dumps(configuration_schema(), indent=2, ensure_ascii=False) + "\n"
    return {**{file_of(name): text(name) for name in RECORDS}, CONFIGURATION: configuration}


# --- records ----------------------------------------------------------------------------------------------------------


def _refined(node: object, key: str = "") -> object:
    """Return the node without defaults and titles, and with what numbers and instants promise; `key` holds it."""
    if isinstance(node, list):
        return [_refined(item, key) for item in node]
    if not isinstance(node, dict):
        return node
    if key in _MAPS:
        return {name: _refined(value, name) for name, value in node.items()}
    refined = {
        name: _refined(value, name if name in _MAPS else key)
        for name, value in node.items()
        if name not in {"title", "default"}
    }
    if refined.get("type") in {"integer", "number"}:
        # What was not measured is null: never -1.
        refined["minimum"] = 0
    if refined.get("type") in {"integer", "number", "string"}:
        refined |= _BY_KEY.get(key, {})
    return refined


def main() -> int:
    """Write the files, or say which is not what the code makes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is out of date")
    if not parser.parse_args().check:
        DIRECTORY.mkdir(parents=True, exist_ok=True)
        for file, content in published().items():
            file.write_text(content, encoding="utf-8")
        return 0
    stale = [file for file, made in published().items() if not file.exists() or file.read_text("utf-8") != made]
    for file in stale:
        print(f"{file.relative_to(ROOT)} is not what the code makes: run scripts/make_schema.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
