"""Reads a configuration: files and variables in; frozen settings out, or every mistake at once, each with its place."""

import json
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from agent.config.checks import cross_check
from agent.config.drop_ins import DropInError, drop_ins_of
from agent.config.layers import Layer, Merged
from agent.config.model import Settings
from agent.config.types import sections_in
from agent.config.values import Expanded, Problem, Steps, expand, without_value
from agent.config.variables import layers_of, slips
from agent.config.words import problem_of
from probes.frozen import frozen, replace
from rules.yaml_marks import load_marked

if TYPE_CHECKING:
    from collections.abc import Callable

    # What one key demands of another: raw data in, every contradiction out.
    CrossCheck = Callable[[Mapping[str, Any]], list[Problem]]

_Model = TypeVar("_Model", bound=BaseModel)

_LARGEST_FILE: Final = 1_000_000

# The codes of the documented errors; a test holds them against the catalogue.
KNOWN_CODES: Final = frozenset(
    {f"CP-{number:02}" for number in range(1, 21)} | {f"ZPA-{number:02}" for number in range(1, 12)}
)


class ConfigurationError(Exception):
    """A configuration that nothing may start on; `problems` are lines for a person, at least one."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@frozen
class Loaded:
    """Settings, and where they came from.

    Attributes:
        written: The text of each value that came from elsewhere (`${env:NAME}`, `${file:PATH}`).
        merged: Which file or variable each value stands in.
        sources: The files that were read, the configuration first.
    """

    settings: Settings
    written: Mapping[Steps, str]
    merged: Merged
    sources: tuple[Path, ...]


def load_configuration(file: Path, environment: Mapping[str, str] = os.environ) -> Loaded:
    """Return the settings of a file, of the drop-ins in `conf.d` beside it, and of variables (docs/configuration.md).

    Raises:
        ConfigurationError: One of them cannot be read, or is wrong: every mistake, as `FILE:LINE:COLUMN: path: what`.
    """
    unread: list[str] = []
    try:
        drop_ins = drop_ins_of(file)
    except DropInError as error:
        drop_ins, unread = (), list(error.problems)
    layers = []
    for source in (file, *drop_ins):
        try:
            layers.append(Layer(load_marked(text_of(source), str(source))))
        except ConfigurationError as error:
            unread += error.problems
    try:
        loaded = loaded_from(layers or [Layer(load_marked("", str(file)))], file.parent, environment)
    except ConfigurationError as error:
        raise ConfigurationError((*unread, *error.problems)) from None
    if unread:
        raise ConfigurationError(tuple(unread))
    return replace(loaded, sources=(file, *drop_ins))


def text_of(file: Path) -> str:
    """Return what a configuration file says; raises as `load_configuration` does."""
    try:
        with file.open("rb") as opened:
            data = opened.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise ConfigurationError((f"{file}: cannot read it: {(error.strerror or str(error)).lower()}",)) from None
    if len(data) > _LARGEST_FILE:
        raise ConfigurationError((f"{file}: larger than a megabyte; no configuration is",))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigurationError((f"{file}:{line}:1: not UTF-8 text; save it as UTF-8",)) from None


def parse_configuration(text: str, source: str, directory: Path, environment: Mapping[str, str]) -> Loaded:
    """Return the settings of a YAML text and of variables; relative paths in them start at `directory`.

    Raises:
        ConfigurationError: As `load_configuration`; `source` is the FILE of its lines.
    """
    return loaded_from([Layer(load_marked(text, source))], directory, environment)


def loaded_from(layers: list[Layer], directory: Path, environment: Mapping[str, str]) -> Loaded:
    """Return the settings of files, the configuration first, and of variables; raises as `parse_configuration` does."""
    merged = Merged([*layers, *layers_of(environment)])
    expanded = expand(merged.value, environment, directory)
    wrong = slips(environment, expanded.variables)
    try:
        settings = _settings(Settings, _check_settings, merged, expanded, directory)
    except ConfigurationError as error:
        raise ConfigurationError((*error.problems, *wrong)) from None
    if wrong:
        raise ConfigurationError(tuple(wrong))
    return Loaded(settings=settings, written=expanded.written, merged=merged, sources=())


def _check_settings(data: Mapping[str, Any]) -> list[Problem]:
    return cross_check(data, KNOWN_CODES)


def parse_as(
    model: type[_Model],
    check: "CrossCheck",
    text: str,
    source: str,
    directory: Path,
    environment: Mapping[str, str],
) -> tuple[_Model, Mapping[Steps, str]]:
    """Return a YAML text as a model of any kind of file, and what was written where a value came from elsewhere.

    Raises:
        ConfigurationError: As `parse_configuration`.
    """
    merged = Merged([Layer(load_marked(text, source))])
    expanded = expand(merged.value, environment, directory)
    return _settings(model, check, merged, expanded, directory), expanded.written


def _settings(model: type[_Model], check: "CrossCheck", merged: Merged, expanded: Expanded, directory: Path) -> _Model:
    if merged.wrong and not merged.value:
        # Of a text that is no YAML nothing more can be said.
        raise ConfigurationError(merged.lines(()))
    settings, problems = _validate(model, check, expanded.data, directory)
    # A value that could not be read is wrong once, not twice.
    unread = {problem.steps for problem in expanded.problems}
    readable = (without_value(problem, expanded) for problem in problems if problem.steps not in unread)
    problems = [*expanded.problems, *readable]
    if settings is None or problems or merged.wrong:
        raise ConfigurationError(merged.lines(problems))
    return settings


def _validate(
    model: type[_Model], check: "CrossCheck", data: Any, directory: Path
) -> tuple[_Model | None, list[Problem]]:
    """Return the settings and every problem of model and cross-checks."""
    problems = check(data)
    known = partial(known_keys, model=model)
    try:
        # As JSON: only there does strictness still take a list for a tuple and a text for a path.
        settings = model.model_validate_json(json.dumps(data), context={"directory": directory})
    except ValidationError as error:
        problems += [problem_of(detail, data, known) for detail in error.errors(include_url=False)]
        return None, problems
    return settings, problems


def known_keys(steps: Steps, model: type[BaseModel] = Settings) -> tuple[str, ...]:
    """Return the keys that the mapping at `steps` may have, over all kinds that it may be of."""
    models: list[type[BaseModel]] = [model]
    for step in steps:
        if isinstance(step, int):
            continue
        fields = [model.model_fields[step] for model in models if step in model.model_fields]
        models = [model for field in fields for model in sections_in(field.annotation)]
    return tuple(dict.fromkeys(key for model in models for key in model.model_fields))
