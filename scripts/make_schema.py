"""Make the JSON Schemas of the records from the code, and write them to docs/schema; with --check, only compare."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pydantic import ConfigDict, TypeAdapter  # noqa: E402 - the tree must be in the path first

from agent.change_record import CHANGE_SCHEMA, ChangeRecord  # noqa: E402
from agent.record import SCHEMA, Record  # noqa: E402

DIRECTORY: Final = ROOT / "docs/schema"

# Each kind of document, by the name that its key `schema` has.
RECORDS: Final[dict[str, type]] = {SCHEMA: Record, CHANGE_SCHEMA: ChangeRecord}

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
        for name in RECORDS:
            file_of(name).write_text(text(name), encoding="utf-8")
        return 0
    stale = [name for name in RECORDS if not file_of(name).exists() or file_of(name).read_text("utf-8") != text(name)]
    for name in stale:
        print(
            f"{file_of(name).relative_to(ROOT)} is not what the code makes: run scripts/make_schema.py", file=sys.stderr
        )
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
