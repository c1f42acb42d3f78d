"""One line of text that should hold a JSON object, read strictly: every way in which it does not has a name."""

from __future__ import annotations

import json

from probes.word import Word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

JsonObject = dict[str, object]

# Longer than any name of an application, a policy or a connector.
_LONGEST_TEXT: Final = 2_048
_LARGEST_PORT: Final = 65_535
# What the Log Streaming Service writes for "none" [measured on the documented sample lines].
_NOTHING: Final = frozenset({"", "0"})


class LineProblem(Word):
    """Why a line could not be read."""

    NOT_UTF8 = "not_utf8"
    NUL_BYTE = "nul_byte"
    TOO_LONG = "too_long"
    CUT_OFF = "cut_off"
    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    REPEATED_KEY = "repeated_key"
    MISSING_KEY = "missing_key"
    WRONG_VALUE = "wrong_value"
    NOT_RECOGNISED = "not_recognised"


class BadLineError(Exception):
    """A line that cannot be read; it never leaves `probes.session_lines`."""

    def __init__(self, problem: LineProblem, detail: str) -> None:
        super().__init__(problem, detail)
        self.problem = problem


def text_of(data: bytes) -> str:
    """Return a line's text without white space at its ends and without a byte order mark.

    Raises:
        BadLineError: It is no UTF-8 (RFC 8259 section 8.1), or holds NUL bytes, as a file does after a crash.
    """
    if b"\0" in data:
        raise BadLineError(LineProblem.NUL_BYTE, f"there is a NUL byte at {data.index(0) + 1}")
    try:
        return data.decode("utf-8").removeprefix("\ufeff").strip()
    except UnicodeDecodeError as error:
        raise BadLineError(LineProblem.NOT_UTF8, f"byte {error.start + 1} is no UTF-8") from None


def json_object(text: str, *, more_may_follow: bool = False) -> JsonObject:
    """Return the JSON object that a text is, or begins with.

    Raises:
        BadLineError: It is no JSON, no object, or holds a key twice (RFC 8259 section 4 leaves open which one counts).
    """
    try:
        value, end = _DECODER.raw_decode(text)
    except json.JSONDecodeError as error:
        raise BadLineError(LineProblem.NOT_JSON, f"no JSON: {error.msg} at character {error.pos + 1}") from None
    except (ValueError, RecursionError) as error:
        # A number of thousands of digits, or thousands of brackets.
        raise BadLineError(LineProblem.NOT_JSON, f"no JSON of ours: {type(error).__name__}") from None
    if not more_may_follow and text[end:].strip():
        raise BadLineError(LineProblem.NOT_JSON, f"no JSON: more text at character {end + 1}")
    if not isinstance(value, dict):
        raise BadLineError(LineProblem.NOT_AN_OBJECT, "its JSON is no object")
    return value


def _unique(pairs: list[tuple[str, object]]) -> JsonObject:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise BadLineError(LineProblem.REPEATED_KEY, f"{twice[:60]!r} is there twice")
    return found


def _no_constant(name: str) -> object:
    raise BadLineError(LineProblem.NOT_JSON, f"{name} is no JSON")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)


# --- values -----------------------------------------------------------------------------------------------------------


def text_at(found: JsonObject, key: str) -> str | None:
    """Return the text under a key, None where there is none; a number is taken as its digits.

    Raises:
        BadLineError: Something else is there.
    """
    value = found.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is None or (isinstance(value, str) and len(value) <= _LONGEST_TEXT):
        return value
    what = f"a text of {len(value)} characters" if isinstance(value, str) else f"a {_KINDS.get(type(value), 'value')}"
    raise BadLineError(LineProblem.WRONG_VALUE, f"{key} is {what}")


def name_at(found: JsonObject, key: str) -> str | None:
    """Return the name under a key, None where there is none; an empty one and 0 stand for none."""
    text = text_at(found, key)
    return None if text in _NOTHING else text


def port_at(found: JsonObject, key: str) -> int | None:
    """Return the port under a key, None where there is none; 0 stands for none.

    Raises:
        BadLineError: No port is there.
    """
    text = name_at(found, key)
    if text is None:
        return None
    if text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) <= _LARGEST_PORT:  # noqa: PLR2004
        return int(text)
    raise BadLineError(LineProblem.WRONG_VALUE, f"{key} is no port: {text[:20]!r}")


_KINDS: Final = {bool: "truth value", float: "fraction", list: "list", dict: "mapping"}
