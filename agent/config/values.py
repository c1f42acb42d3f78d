"""Values from elsewhere: `${env:NAME}` and `${file:PATH}` in the texts of a configuration."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from probes.frozen import frozen_positional

# The steps from the root to a value: keys of mappings, indices of lists.
Steps = tuple[str | int, ...]

# `$${` stands for a plain `${`.
_REFERENCE: Final = re.compile(r"\$\$\{|\$\{([^}]*)\}?")
# So many letters of a secret are some of it.
_TELLING: Final = 4
_VARIABLE: Final = re.compile(r"\$\{env:([^}]*)\}")
# A secret is a line or a certificate, never a disk.
_LARGEST_FILE: Final = 1_000_000


@frozen_positional
class Problem:
    """One mistake: where (steps from the root; `at_key` for the key rather than its value), and what.

    `first` is the other place where a value stands that may stand once only.
    """

    steps: Steps
    what: str
    at_key: bool = False
    first: Steps | None = None


@frozen_positional
class Expanded:
    """A configuration with its references followed.

    `written` has the text of each value that held one, `variables` the names of those that they named.
    """

    data: object
    written: Mapping[Steps, str]
    problems: tuple[Problem, ...]
    variables: frozenset[str] = frozenset()


class _ReferenceError(Exception):
    """A reference that leads nowhere; the text says why."""


def expand(data: object, environment: Mapping[str, str], directory: Path) -> Expanded:
    """Return `data` with every reference in a text value replaced by what it names.

    Args:
        data: Mappings, lists and scalars, as YAML gives them.
        environment: Where `${env:NAME}` looks.
        directory: Where a relative `${file:PATH}` starts; the file's last line break is left out.
    """
    written: dict[Steps, str] = {}
    problems: list[Problem] = []

    def walk(value: object, steps: Steps) -> object:
        if isinstance(value, dict):
            return {key: walk(item, (*steps, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [walk(item, (*steps, index)) for index, item in enumerate(value)]
        if not isinstance(value, str) or "${" not in value:
            return value
        written[steps] = value
        try:
            return _REFERENCE.sub(lambda match: _value_of(match, environment, directory), value)
        except _ReferenceError as error:
            problems.append(Problem(steps, str(error)))
            return value

    expanded = walk(data, ())
    named = frozenset(name for text in written.values() for name in _VARIABLE.findall(text))
    return Expanded(expanded, written, tuple(problems), named)


def without_value(problem: Problem, expanded: Expanded) -> Problem:
    """Return a problem whose words show what is written, and not what a reference led to: that may be a secret."""
    written = expanded.written.get(problem.steps)
    if written is None:
        return problem
    value = _at(expanded.data, problem.steps)
    # A message shows a value in quotes, or cut.
    what = problem.what.replace(repr(value), repr(written)).replace(value, written)
    # Up to the reference both are the same.
    telling = value.removeprefix(written.partition("${")[0])[:_TELLING]
    if telling and telling in what.replace(written, ""):
        what = f"what {written} leads to cannot stand here"
    return Problem(problem.steps, what, at_key=problem.at_key, first=problem.first)


def _at(data: Any, steps: Steps) -> str:
    for step in steps:
        data = data[step]
    return str(data)


def _value_of(match: re.Match[str], environment: Mapping[str, str], directory: Path) -> str:
    text = match.group(0)
    if text == "$${":
        return "${"
    kind, _, name = (match.group(1) or "").partition(":")
    if not text.endswith("}") or kind not in {"env", "file"} or not name:
        raise _ReferenceError(f"{text!r} is no reference; write ${{env:NAME}}, ${{file:PATH}}, or $${{ for a plain ${{")
    if kind == "file":
        return _file_text(directory / name)
    if name not in environment:
        raise _ReferenceError(f"the environment variable {name} is not set")
    return environment[name]


def _file_text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise _ReferenceError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from None
    except UnicodeDecodeError:
        raise _ReferenceError(f"cannot read {path}: it is not UTF-8 text") from None
    if len(text) > _LARGEST_FILE:
        raise _ReferenceError(f"cannot read {path}: it is larger than a megabyte")
    return text.removesuffix("\n").removesuffix("\r")
