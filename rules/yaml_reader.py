"""Takes values of known types out of marked YAML, noting every problem with its place instead of stopping at one."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import TypeVar

from rules.yaml_marks import Marked, Path, Problem, YamlValue

Kind = TypeVar("Kind", bound=StrEnum)


class Reader:
    """One marked document and the problems found in it so far."""

    def __init__(self, marked: Marked) -> None:
        self.marked = marked
        self.problems: list[Problem] = list(marked.problems)

    def problem(self, path: Path, what: str, *, at_key: bool = False) -> None:
        """Note one problem."""
        self.problems.append(self.marked.problem(path, what, at_key=at_key))

    def mapping(
        self, value: YamlValue, path: Path, *, required: Collection[str], optional: Collection[str] = ()
    ) -> Mapping[str, YamlValue]:
        """Return a mapping, noting unknown and missing keys; what is none becomes an empty one."""
        if not isinstance(value, dict):
            self.problem(path, f"must be a mapping with {', '.join(required)}")
            return {}
        for key in value:
            if key not in required and key not in optional:
                self.problem((*path, key), f"unknown key{hint(key, (*required, *optional))}", at_key=True)
        for key in required:
            if key not in value:
                self.problem(path, f"{key} is missing")
        return value

    def any_mapping(self, value: YamlValue, path: Path) -> Mapping[str, YamlValue]:
        """Return a mapping whose keys are anybody's."""
        if isinstance(value, dict):
            return value
        self.problem(path, "must be a mapping")
        return {}

    def items(self, value: YamlValue, path: Path) -> list[YamlValue]:
        """Return a list that is not empty."""
        if isinstance(value, list) and value:
            return value
        self.problem(path, "must be a list with at least one item")
        return []

    def text(self, value: YamlValue, path: Path) -> str:
        """Return a text that is not empty, without the line break of a YAML block."""
        if isinstance(value, str) and value.strip():
            return value.strip()
        self.problem(path, "must be text")
        return ""

    def sentences(self, value: YamlValue, path: Path) -> str:
        """Return a text, or a list of texts joined by one space."""
        if isinstance(value, list):
            return " ".join(self.text(item, (*path, index)) for index, item in enumerate(self.items(value, path)))
        return self.text(value, path)

    def choice(self, value: YamlValue, path: Path, kind: type[Kind]) -> Kind | None:
        """Return a member of a closed set."""
        allowed = [member.value for member in kind]
        if isinstance(value, str) and value in allowed:
            return kind(value)
        near = hint(value, allowed) if isinstance(value, str) else ""
        self.problem(path, f"must be one of {', '.join(allowed)}{near}")
        return None


def hint(word: str, known: Collection[str]) -> str:
    """Return ` (did you mean X?)` if a known word is close, else nothing."""
    from difflib import get_close_matches  # noqa: PLC0415 - only somebody's mistake pays for it

    close = get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""
