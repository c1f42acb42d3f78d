"""Reads records of the vocabulary from another machine's JSON, strictly: what does not fit is refused with its place.

The types of the fields say what fits, so that nothing is written twice. pydantic could do the same and takes 75 ms to
import and more to prepare [measured]; that pays for files (`agent/record_reader.py`), and not for one short answer.
"""

import json
from collections.abc import Callable, Sequence
from math import isfinite
from types import NoneType, UnionType
from typing import Any, Final, NoReturn, TypeVar, get_args, get_origin, get_type_hints

from probes.word import Word

_Fact = TypeVar("_Fact")

# No text of a record needs to be longer, and no list has more items than 255 TTLs have responders.
_LONGEST_TEXT: Final = 2_000
_MOST_ITEMS: Final = 4_096
# What every JSON parser reads exactly (RFC 8259 section 6).
_LARGEST_INTEGER: Final = 2**53 - 1

_NAMES: Final = {dict: "an object", list: "a list", str: "a text", bool: "true or false", NoneType: "null"}


class UnfitError(ValueError):
    """What came does not fit; the text is one line: the place in it, and what should be there."""


def parsed(data: bytes) -> object:
    """Return what JSON text holds.

    Raises:
        UnfitError: It is no JSON (RFC 8259) in UTF-8, has a key twice in one object, or nests too deeply.
    """
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise UnfitError("it is not UTF-8 text") from None
    except RecursionError:
        raise UnfitError("it nests too deeply") from None
    except UnfitError:
        raise
    except ValueError as error:
        raise UnfitError(f"it is no JSON ({error})"[:120]) from None


def as_object(value: object, place: str) -> dict[str, object]:
    """Return an object's members; UnfitError where it is no object."""
    if not isinstance(value, dict):
        _refuse(place, "must be an object")
    return value


def fact_of(kind: Any, value: object, place: str) -> Any:
    """Return `value` as the type `kind` of a record's field has it: a record, a word, a tuple, a plain value.

    Args:
        kind: A frozen record's class, a `Word`, `str`, `int`, `float`, `bool`, `tuple[X, ...]`, `dict[str, X]`, or a
            union of such with None.
        value: From `parsed`.
        place: What the mistake calls it.

    Raises:
        UnfitError: It does not fit.
    """
    origin = get_origin(kind)
    if origin is UnionType:
        return (
            None if value is None else _one_of([part for part in get_args(kind) if part is not NoneType], value, place)
        )
    if origin is tuple:
        return _tuple(get_args(kind)[0], value, place)
    if origin is dict:
        members = as_object(value, place)
        return {_text(key, place): fact_of(get_args(kind)[1], item, place) for key, item in members.items()}
    if kind in _PLAIN:
        return _PLAIN[kind](value, place)
    return _word(kind, value, place) if issubclass(kind, Word) else _record(kind, value, place)


def _one_of(kinds: Sequence[Any], value: object, place: str) -> Any:
    """Return the value as the first of these types that it fits; what it lacks for the last one is the mistake."""
    for kind in kinds[:-1]:
        try:
            return fact_of(kind, value, place)
        except UnfitError:
            continue
    return fact_of(kinds[-1], value, place)


def _record(kind: type[_Fact], value: object, place: str) -> _Fact:
    """Return the record; every field must be there, as it is in every record, and nothing else."""
    members = as_object(value, place)
    hints = get_type_hints(kind)
    keys = {name.removesuffix("_"): name for name in hints}
    for key in members:
        if key not in keys:
            _refuse(place, f"has the unknown key {key[:40]!a}")
    missing = next((key for key in keys if key not in members), None)
    if missing is not None:
        _refuse(place, f"lacks {missing}")
    return kind(**{name: fact_of(hints[name], members[key], f"{place}.{key}") for key, name in keys.items()})


def _tuple(kind: Any, value: object, place: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        _refuse(place, "must be a list")
    if len(value) > _MOST_ITEMS:
        _refuse(place, f"has more than {_MOST_ITEMS} items")
    return tuple(fact_of(kind, item, f"{place}[{index}]") for index, item in enumerate(value))


def _word(kind: type[Word], value: object, place: str) -> Word:
    text = _text(value, place)
    try:
        return kind(text)
    except ValueError:
        _refuse(place, f"is {text[:40]!a}, which is no {kind.__name__}")


def _text(value: object, place: str) -> str:
    if not isinstance(value, str):
        _refuse(place, f"must be a text, not {_name(value)}")
    if len(value) > _LONGEST_TEXT:
        _refuse(place, f"is longer than {_LONGEST_TEXT} characters")
    return value


def _integer(value: object, place: str) -> int:
    # JSON's true is no number, though Python's is.
    if not isinstance(value, int) or isinstance(value, bool):
        _refuse(place, f"must be an integer, not {_name(value)}")
    if not 0 <= value <= _LARGEST_INTEGER:
        _refuse(place, f"is out of range: 0 to {_LARGEST_INTEGER}")
    return value


def _number(value: object, place: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        _refuse(place, f"must be a number, not {_name(value)}")
    # A number with a thousand digits is an integer to Python, and no float.
    if not 0 <= value <= _LARGEST_INTEGER or not isfinite(value):
        _refuse(place, f"is out of range: 0 to {_LARGEST_INTEGER}")
    return float(value)


def _truth(value: object, place: str) -> bool:
    if not isinstance(value, bool):
        _refuse(place, f"must be true or false, not {_name(value)}")
    return value


_PLAIN: Final[dict[Any, Callable[[object, str], object]]] = {str: _text, int: _integer, float: _number, bool: _truth}


def _name(value: object) -> str:
    return _NAMES.get(type(value), "a number")


def _refuse(place: str, what: str) -> NoReturn:
    raise UnfitError(f"{place} {what}")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise UnfitError(f"it has the key {twice[:40]!a} twice in one object")
    return members


def _no_constant(text: str) -> NoReturn:
    raise UnfitError(f"{text} is no JSON number")
