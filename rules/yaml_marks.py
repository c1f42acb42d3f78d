"""YAML text as plain values that know their line and column, with every problem of the text itself.

Stricter than YAML 1.1: a key twice in one mapping is a problem, and only `true` and `false` are booleans (`on`, `no`
and `010` stay text), so that a typing slip never changes a value's type in silence.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

YamlValue = bool | int | float | str | list["YamlValue"] | dict[str, "YamlValue"] | None
Path = tuple[str | int, ...]
Place = tuple[int, int]


class Problem(NamedTuple):
    """One mistake in a file, with its place; line and column count from 1."""

    source: str
    line: int
    column: int
    path: str
    what: str

    @property
    def text(self) -> str:
        """Return `FILE:LINE:COLUMN: path: what`, without the path where the whole file is meant."""
        where = f"{self.path}: " if self.path else ""
        return f"{self.source}:{self.line}:{self.column}: {where}{self.what}"


@dataclass(slots=True)
class Marked:
    """A YAML document as plain values, the place of each, and what is wrong with the text."""

    source: str
    value: YamlValue = None
    problems: list[Problem] = field(default_factory=list)
    places: dict[Path, Place] = field(default_factory=dict)
    key_places: dict[Path, Place] = field(default_factory=dict)

    def place(self, path: Sequence[str | int]) -> Place:
        """Return line and column of the value at `path`, or of the nearest value around it that is there."""
        return self._nearest(self.places, path)

    def key_place(self, path: Sequence[str | int]) -> Place:
        """Return line and column of the key that ends `path`, or the value's place where that is an item of a list."""
        wanted = tuple(path)
        return self.key_places.get(wanted) or self.place(wanted)

    def problem(self, path: Sequence[str | int], what: str, *, at_key: bool = False) -> Problem:
        """Return a problem with the value (or the key) at `path`."""
        line, column = self.key_place(path) if at_key else self.place(path)
        return Problem(self.source, line, column, dotted(path), what)

    def _nearest(self, places: dict[Path, Place], path: Sequence[str | int]) -> Place:
        wanted = tuple(path)
        while wanted and wanted not in places:
            wanted = wanted[:-1]
        return places.get(wanted, (1, 1))


def dotted(path: Sequence[str | int]) -> str:
    """Return a path as a person writes it: `targets.0.protocol`."""
    return ".".join(str(part) for part in path)


def load_marked(text: str, source: str) -> Marked:
    """Return the values of a YAML text with their places; `source` is the name that problems carry.

    An empty text is None. A text that is no YAML, or holds characters that YAML forbids, gives None and one problem.
    """
    from rules.yaml_nodes import read_nodes  # noqa: PLC0415 - PyYAML takes 20 to 40 ms; pay only where a file is read

    marked = Marked(source)
    read_nodes(text, marked)
    return marked
