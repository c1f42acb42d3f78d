"""Environment variables that stand for keys of the configuration: `CLOUDPATH_AGENT_INTERVAL_S` for `agent.interval_s`.

The variable of a key is `CLOUDPATH_` and the key in capitals, with underscores for dots; keys within lists have none.
"""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from agent.config.layers import Layer
from agent.config.model import Settings
from agent.config.place import FILE_VARIABLE
from agent.config.values import Steps
from rules.yaml_marks import Marked, load_marked

PREFIX: Final = "CLOUDPATH_"

# A name is taken for a slip of the pen where it is so like a known one (0 to 1).
_LIKE: Final = 0.8
# What a cluster tells every process of a service that is called cloudpath-something (Kubernetes, and Docker's links).
_OF_A_CLUSTER: Final = re.compile(r"_SERVICE_(HOST|PORT(_\w+)?)|_PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?")
_LINK: Final = re.compile(r"(tcp|udp|sctp)://")


class Key(NamedTuple):
    """The key that a variable stands for; `text`: its value is the variable's text as it is, and not YAML."""

    steps: Steps
    text: bool


def keys_by_variable() -> Mapping[str, Key]:
    """Return every key that a variable can stand for, by the variable's name; sections stand before their keys."""
    return {PREFIX + "_".join(map(str, key.steps)).upper(): key for key in _keys(Settings, ())}


def layers_of(environment: Mapping[str, str]) -> list[Layer]:
    """Return a layer for each variable that is set and stands for a key; an empty one counts for nothing."""
    return [
        Layer(_marked(name, environment[name], key), variable=True, steps=key.steps)
        for name, key in keys_by_variable().items()
        if environment.get(name)
    ]


def slips(environment: Mapping[str, str], referenced: frozenset[str]) -> list[str]:
    """Return a line for each variable that looks like one of a key and is none.

    Args:
        environment: The variables.
        referenced: Those that the configuration itself refers to, which are called as their owner likes.
    """
    keys = keys_by_variable()
    lines = []
    for name in sorted(environment):
        if not name.startswith(PREFIX) or name in keys or name in referenced or name == FILE_VARIABLE:
            continue
        if not _of_a_cluster(name, environment[name]) and (what := _slip(name, keys)):
            lines.append(f"{name}: {what}")
    return lines


def _keys(model: type[BaseModel], above: Steps) -> Iterator[Key]:
    """Yield the keys of a mapping, and then those of the mappings in it; one that several kinds have comes often."""
    for name, field in model.model_fields.items():
        yield Key((*above, name), _is_text(field))
    for name, field in model.model_fields.items():
        for below in _sections(field.annotation):
            yield from _keys(below, (*above, name))


def _is_text(field: FieldInfo) -> bool:
    """Return whether a key takes any text: then nobody has to quote what YAML would take for something else."""
    kinds = set(get_args(field.annotation) or (field.annotation,)) - {type(None)}
    return all(kind in {str, Path} or _text_within(kind) for kind in kinds)


def _text_within(kind: Any) -> bool:
    return bool(get_args(kind)) and get_args(kind)[0] in {str, Path}


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the kinds of mapping that a key may be; the items of lists are none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif getattr(annotation, "__origin__", None) not in {tuple, dict}:
        for part in get_args(annotation):
            yield from _sections(part)


def _marked(name: str, text: str, key: Key) -> Marked:
    if key.text:
        return Marked(name, text, places={(): (1, 1)})
    return load_marked(text, name)


def _of_a_cluster(name: str, value: str) -> bool:
    return bool(_OF_A_CLUSTER.search(name)) or (name.endswith("_PORT") and bool(_LINK.match(value)))


def _slip(name: str, keys: Mapping[str, Key]) -> str | None:
    """Return what is wrong with an unknown variable, or None where it is not meant for a key."""
    words = {variable.removeprefix(PREFIX): variable for variable in keys}
    near = get_close_matches(name.removeprefix(PREFIX), words, n=1, cutoff=_LIKE)
    sections = tuple(f"{PREFIX}{section.upper()}_" for section in Settings.model_fields)
    if (not near and not name.startswith(sections)) or _is_an_option(name):
        return None
    hint = f"did you mean {words[near[0]]}?" if near else "docs/configuration.md has the keys"
    return f"no key of the configuration has this variable; {hint}"


def _is_an_option(name: str) -> bool:
    """Return whether a variable stands for an option of a command."""
    from importlib import import_module  # noqa: PLC0415 - for a variable that nobody knows yet

    from agent.commands.group import SUBCOMMANDS  # noqa: PLC0415 - click, likewise

    for command in (each.replace("-", "_") for each in SUBCOMMANDS):
        if name.startswith(f"{PREFIX}{command.upper()}_"):
            options = import_module(f"agent.commands.{command}").command.params
            return name in {option.envvar for option in options}
    return False
