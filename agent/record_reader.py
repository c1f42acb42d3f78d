"""Reads records back: a document, or a stream of them, becomes the facts that it was written from.

Strict: what does not fit is refused with its place, never guessed, for a verdict on half-read facts would be wrong.
pydantic is imported here only, when a file is read; writing a record never needs it.
"""

import json
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar

from agent.record import SCHEMA, Record
from probes.sample import Sample

if TYPE_CHECKING:
    from pydantic import ConfigDict, TypeAdapter, ValidationError

_Read = TypeVar("_Read")

# More mistakes than these in one document have one cause.
_MOST_MISTAKES: Final = 10
_FACTS: Final = frozenset(field.name for field in fields(Sample))
_KNOWN: Final = frozenset(field.name for field in fields(Record))
_BLANK: Final = " \t\r\n"

# pydantic's words that speak of Python, in words that speak of JSON.
_WORDS: Final = {
    "missing": "is missing",
    "unexpected_keyword_argument": "is not a key of this schema",
    "tuple_type": "must be a list",
    "dataclass_type": "must be an object",
    "dataclass_exact_type": "must be an object",
    "dict_type": "must be an object",
    "string_type": "must be a string",
    "int_type": "must be an integer",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "none_required": "must be null",
}


class RecordError(Exception):
    """A text is no record; the message has one line for each mistake: `FILE:LINE: JSON path: what`."""


def read_samples(data: bytes, name: str) -> list[Sample]:
    """Return the facts of each record in `data`, in order.

    Args:
        data: One document, or several behind each other (NDJSON, however they are indented), as UTF-8.
        name: What the mistakes call it; a file's name.

    Raises:
        RecordError: It is no JSON, not of schema `cloudpath.sample/1`, or a value does not fit.
    """
    return [_sample(document, f"{name}:{line}") for document, line in _documents(data, name)]


def read_records(data: bytes, name: str) -> list[Record]:
    """Return each record in `data` with its own diagnosis, in order; else as `read_samples`."""
    return [_record(document, f"{name}:{line}") for document, line in _documents(data, name)]


def _documents(data: bytes, name: str) -> Iterator[tuple[object, int]]:
    """Yield each JSON document with the line it starts on."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecordError(f"{name}: not UTF-8 text (byte {error.start})") from error
    decoder = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_constant=_no_constant)
    at, line = _skip_blank(text, 0), 1 + text[: _skip_blank(text, 0)].count("\n")
    if at == len(text):
        raise RecordError(f"{name}: empty, expected a record ({SCHEMA})")
    while at < len(text):
        try:
            document, end = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise RecordError(f"{name}:{error.lineno}: not JSON: {error.msg} (column {error.colno})") from error
        except (ValueError, RecursionError) as error:
            raise RecordError(f"{name}:{line}: not JSON: {_reason(error)}") from error
        yield document, line
        following = _skip_blank(text, end)
        line += text.count("\n", at, following)
        at = following


def _skip_blank(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANK:
        at += 1
    return at


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {json.dumps(twice)} is there twice in one object")
    return document


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON number")


def _reason(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


# --- one document -----------------------------------------------------------------------------------------------------


def _sample(document: object, place: str) -> Sample:
    whole = _checked(document, place)
    facts = {key: value for key, value in whole.items() if key in _FACTS}
    return _validated(facts, place, _sample_reader())


def _record(document: object, place: str) -> Record:
    return _validated(_checked(document, place), place, _record_reader())


def _checked(document: object, place: str) -> dict[str, object]:
    """Return a document that is of our schema and has no key that this has not."""
    if not isinstance(document, dict):
        raise RecordError(f"{place}: $: must be an object, a record of {SCHEMA}")
    schema = document.get("schema")
    if schema != SCHEMA:
        raise RecordError(f"{place}: schema: is {json.dumps(schema)[:80]}, this version reads {json.dumps(SCHEMA)}")
    unknown = sorted(key for key in document if key not in _KNOWN)
    if unknown:
        raise RecordError("\n".join(f"{place}: {_path((key,))}: is not a key of this schema" for key in unknown))
    return document


def _validated(values: dict[str, object], place: str, reader: "TypeAdapter[list[_Read]]") -> _Read:
    # 75 ms, needed only where a record is read.
    from pydantic import ValidationError  # noqa: PLC0415

    try:
        # As JSON text, because only there a list may stand for a tuple and a string for an enum's value.
        return reader.validate_json(json.dumps([values]))[0]
    except ValidationError as error:
        raise RecordError(_mistakes(error, place)) from error


@cache
def _sample_reader() -> "TypeAdapter[list[Sample]]":
    """Return the reader of samples: built once, from the dataclasses as they are."""
    from pydantic import TypeAdapter  # noqa: PLC0415

    return TypeAdapter(list[Sample], config=_strict())


@cache
def _record_reader() -> "TypeAdapter[list[Record]]":
    """Return the same of whole records."""
    from pydantic import TypeAdapter  # noqa: PLC0415

    return TypeAdapter(list[Record], config=_strict())


def _strict() -> "ConfigDict":
    from pydantic import ConfigDict  # noqa: PLC0415

    # A configuration around standard dataclasses holds for all of them; around one alone pydantic refuses it.
    return ConfigDict(strict=True, extra="forbid", alias_generator=lambda name: name.removesuffix("_"))


def _mistakes(error: "ValidationError", place: str) -> str:
    found = error.errors(include_url=False, include_context=False)
    lines = [
        f"{place}: {_path(item['loc'][1:])}: {_WORDS.get(item['type'], _lower(item['msg']))}"
        for item in found[:_MOST_MISTAKES]
    ]
    if len(found) > _MOST_MISTAKES:
        lines.append(f"{place}: and {len(found) - _MOST_MISTAKES} more")
    return "\n".join(lines)


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]


def _path(location: tuple[str | int, ...]) -> str:
    """Return `legs[0].hops[2].sent`; a key that came from outside and is no plain word is quoted."""
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        elif step.isidentifier() and step.isascii():
            path += f".{step}" if path else step
        else:
            path += f"[{json.dumps(step[:60])}]"
    return path or "$"
