"""The model's complaints in words: one line each, saying what was found and what to write instead."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from agent.config.values import Problem, Steps

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_LONGEST_SHOWN: Final = 60
_KINDS: Final[Mapping[type, str]] = MappingProxyType(
    {
        dict: "a mapping",
        list: "a list",
        bool: "true or false",
        type(None): "nothing",
        int: "a number",
        float: "a number",
    }
)


def problem_of(error: "ErrorDetails", data: object, known_keys: Callable[[Steps], tuple[str, ...]]) -> Problem:
    """Return the problem that a pydantic error stands for.

    Args:
        error: One of `ValidationError.errors()`.
        data: What was validated, to tell the steps of the data from those of the model.
        known_keys: The keys that the mapping at some steps may have.
    """
    steps, at_key = _steps_in(data, error["loc"])
    kind, context = error["type"], error.get("ctx", {})
    if kind == "union_tag_invalid":
        steps = (*steps, str(context["discriminator"]).strip("'"))
    if kind == "extra_forbidden":
        return Problem(steps, _unknown_key(str(steps[-1]), known_keys(steps[:-1])), at_key=True)
    if kind == "missing":
        return Problem(steps, f"the key {error['loc'][-1]!r} is missing")
    words = _WORDS.get(kind)
    what = words(context, error["input"]) if words else error["msg"]
    return Problem(steps, what, at_key=at_key)


def _steps_in(data: Any, location: tuple[str | int, ...]) -> tuple[Steps, bool]:
    """Return the steps that exist in the data: a location also names the branch of a union, and keys by `[key]`."""
    steps: list[str | int] = []
    for step in location:
        there = isinstance(data, list) and isinstance(step, int) and step < len(data)
        if there or (isinstance(data, dict) and step in data):
            data = data[step]
            steps.append(step)
    return tuple(steps), location[-1:] == ("[key]",)


def _unknown_key(key: str, known: tuple[str, ...]) -> str:
    if key in known:
        # Sections of one name are of several kinds (`type`, `mode`).
        return "no key of this kind of section; leave it out"
    near = get_close_matches(key, known, n=1)
    return f"unknown key; did you mean {near[0]}?" if near else f"unknown key; known here: {', '.join(sorted(known))}"


def found(value: object) -> str:
    """Return a value as a message shows it: cut, printable, and by its kind where it is no single word."""
    if isinstance(value, (dict, list)) or value is None:
        return _KINDS[type(value)]
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _expected(what: str) -> Callable[[Mapping[str, Any], object], str]:
    return lambda _context, value: f"expected {what}, found {found(value)}"


def _text_expected(_context: Mapping[str, Any], value: object) -> str:
    hint = "" if isinstance(value, (dict, list)) or value is None else "; put quotes around it"
    return f"expected text, found {found(value)}{hint}"


def _choice_expected(context: Mapping[str, Any], value: object) -> str:
    choices = str(context["expected"]).replace("'", "").replace(" or ", ", ")
    near = get_close_matches(str(value), choices.split(", "), n=1) if isinstance(value, str) else []
    return f"expected one of {choices}, found {found(value)}" + (f"; did you mean {near[0]}?" if near else "")


def _tag_expected(context: Mapping[str, Any], _value: object) -> str:
    return f"expected one of {str(context['expected_tags']).replace(chr(39), '')}, found {context['tag']!r}"


def _tag_missing(context: Mapping[str, Any], value: object) -> str:
    if not isinstance(value, dict):
        return f"expected a mapping, found {found(value)}"
    return f"the key {context['discriminator']} is missing"


_WORDS: Final[Mapping[str, Callable[[Mapping[str, Any], object], str]]] = MappingProxyType(
    {
        "string_type": _text_expected,
        "path_type": _text_expected,
        "int_type": _expected("a whole number"),
        "int_from_float": _expected("a whole number"),
        "float_type": _expected("a number"),
        "bool_type": _expected("true or false"),
        "literal_error": _choice_expected,
        "enum": _choice_expected,
        "union_tag_invalid": _tag_expected,
        "union_tag_not_found": _tag_missing,
        "model_type": _expected("a mapping"),
        "model_attributes_type": _expected("a mapping"),
        "dict_type": _expected("a mapping"),
        "tuple_type": _expected("a list"),
        "list_type": _expected("a list"),
        "greater_than_equal": lambda context, value: f"{found(value)} is out of range; {context['ge']} is the least",
        "less_than_equal": lambda context, value: f"{found(value)} is out of range; {context['le']} is the most",
        "value_error": lambda context, _value: str(context["error"]),
    }
)
