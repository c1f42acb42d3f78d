"""The documented errors: what each says, how grave it is, where its icon hangs, and how we know."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from probes.facts import Node
from rules.diagnosis import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rules.yaml_marks import Path, YamlValue
    from rules.yaml_reader import Reader


class Grade(StrEnum):
    """Where a piece of knowledge comes from: the documented page, other public help, a measurement, an inference."""

    PAGE = "page"
    DOC = "doc"
    LAB = "lab"
    INFERENCE = "inf"
    OPERATOR = "operator"


class Provenance(NamedTuple):
    """How we know an entry's texts, its severity, and where its icon hangs."""

    texts: Grade
    severity: Grade
    anchor: Grade


class Entry(NamedTuple):
    """One documented error; the texts are verbatim."""

    code: str
    message: str
    description: str
    solution: str
    severity: Severity
    anchor: Node
    provenance: Provenance
    sources: tuple[str, ...]


_REQUIRED = ("message", "description", "solution", "severity", "anchor")
_OWN = Provenance(texts=Grade.OPERATOR, severity=Grade.OPERATOR, anchor=Grade.OPERATOR)


def read_catalogue(reader: Reader) -> dict[str, Entry]:
    """Return every entry of a catalogue file by code; problems are noted in the reader."""
    top = reader.mapping(reader.marked.value, (), required=("sources", "errors"))
    sources = tuple(
        reader.text(item, ("sources", index))
        for index, item in enumerate(reader.items(top.get("sources"), ("sources",)))
    )
    errors = reader.any_mapping(top.get("errors"), ("errors",))
    found = {code: read_entry(reader, value, ("errors", code), code, sources) for code, value in errors.items()}
    return {code: entry for code, entry in found.items() if entry is not None}


def read_entry(reader: Reader, value: YamlValue, path: Path, code: str, sources: tuple[str, ...]) -> Entry | None:
    """Return one entry, None if something of it is missing."""
    keys = reader.mapping(value, path, required=_REQUIRED, optional=("provenance",))
    if any(key not in keys for key in _REQUIRED):
        return None
    severity = reader.choice(keys["severity"], (*path, "severity"), Severity)
    anchor = reader.choice(keys["anchor"], (*path, "anchor"), Node)
    provenance = _provenance(reader, keys, path)
    if severity is None or anchor is None or provenance is None:
        return None
    return Entry(
        code=code,
        message=reader.sentences(keys["message"], (*path, "message")),
        description=reader.sentences(keys["description"], (*path, "description")),
        solution=reader.sentences(keys["solution"], (*path, "solution")),
        severity=severity,
        anchor=anchor,
        provenance=provenance,
        sources=sources,
    )


def _provenance(reader: Reader, keys: Mapping[str, YamlValue], path: Path) -> Provenance | None:
    if "provenance" not in keys:
        return _OWN
    where = (*path, "provenance")
    parts = reader.mapping(keys["provenance"], where, required=("texts", "severity", "anchor"))
    texts, severity, anchor = (
        reader.choice(parts.get(key), (*where, key), Grade) for key in ("texts", "severity", "anchor")
    )
    if texts is None or severity is None or anchor is None:
        return None
    return Provenance(texts=texts, severity=severity, anchor=anchor)
