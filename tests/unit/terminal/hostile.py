"""Texts that would act on a terminal or break a layout, and samples in which every text is one of them."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar, cast

_Facts = TypeVar("_Facts")

HOSTILE: Mapping[str, str] = {
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>&amp;\"'",
    "clear": "a\x1b[2J\x1b[H\x1b[31;1mred",
    "title": "\x1b]0;owned\x07\x1b]2;owned\x1b\\",
    "clipboard": "\x1b]52;c;cm0gLXJmIH4=\x07",
    "hyperlink": "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "c1": "\x9b31mred\x9d0;owned\x9c\x90q\x9c",
    "device": "\x1bP+q544e\x1b\\\x1b[c\x1b[6n\x1bc\x1b[?1049h",
    "overwrite": "good\rbad\b\b\x7f\x0b\x0c\x0e\x0f",
    "lines": "one\ntwo\r\nthree\u2028four\u2029five\x85six",
    "blanks": " \t \u00a0\u2003 ",
    "nul": "a\x00b",
    "direction": "\u202egnp.exe\u2066\u200f",
    "invisible": "a\u200bb\u200d\ufeffc\u00ad\U000e0041",
    "wide": "日本語ｗｉｄｅ👩‍👩‍👧",
    "combining": "e" + "\u0301" * 40,
    "surrogate": "a\udcffb\ud800",
    "long": "x" * 10_000,
    "brackets": "[bold red]{0} %s {name} $(id) `id` \\u001b",
    "empty": "",
}


def with_every_text(facts: _Facts, text: str) -> _Facts:
    """Return the facts with each text in them replaced; words of closed sets, and keys, stay."""
    return cast("_Facts", _changed(facts, text))


def _changed(value: Any, text: str) -> Any:
    # A word of a closed set is a str of a class of its own.
    if type(value) is str:
        return text
    if isinstance(value, tuple):
        return tuple(_changed(each, text) for each in value)
    if isinstance(value, Mapping):
        return {key: _changed(each, text) for key, each in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{each.name: _changed(getattr(value, each.name), text) for each in fields(value)})
    return value
