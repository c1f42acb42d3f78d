"""Lays configuration files and variables over one another, and knows of each value where it came from."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from agent.config.values import Problem, Steps
from agent.config.words import found
from rules.yaml_marks import Marked, dotted

# A section of several kinds: whoever says the kind anew begins it anew, for each kind has keys of its own.
_KINDS: Final[Mapping[Steps, str]] = {("proxy",): "mode"}


class Place(NamedTuple):
    """Where a value came from: the file or variable, and its line and column (0 for a variable)."""

    source: str
    line: int
    column: int

    @property
    def text(self) -> str:
        """Return `FILE:LINE:COLUMN`, or the variable's name."""
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source


class Layer(NamedTuple):
    """One file, or one environment variable that stands for the key at `steps`."""

    marked: Marked
    variable: bool = False
    steps: Steps = ()


class Merged:
    """What all layers amount to; later layers stand over earlier ones.

    Mappings are merged key by key, lists are appended to, and of anything else the later one counts. A variable
    replaces what is at its key.
    """

    def __init__(self, layers: Iterable[Layer]) -> None:
        """Take the layers, the first of which is the configuration file itself."""
        self._layers = tuple(layers)
        self.value: Any = {}
        self._misfits: list[Problem] = []
        self._origins: dict[Steps, tuple[Layer, Steps]] = {(): (self._layers[0], ())}
        for layer in self._layers:
            self._lay(layer)

    @property
    def wrong(self) -> bool:
        """Return whether a text could not be read whole, or does not go with another."""
        return bool(self._misfits) or any(layer.marked.problems for layer in self._layers)

    def place(self, steps: Steps, *, at_key: bool = False) -> Place:
        """Return where the value (or its key) at these steps came from, or the nearest value around it."""
        layer, own = self._origin(steps)
        if layer.variable:
            return Place(layer.marked.source, 0, 0)
        return Place(layer.marked.source, *(layer.marked.key_place(own) if at_key else layer.marked.place(own)))

    def line(self, problem: Problem) -> str:
        """Return `PLACE: path: what`; the path is as the file itself has it, where items of lists count from 0."""
        layer, own = self._origin(problem.steps)
        place = self.place(problem.steps, at_key=problem.at_key)
        path = dotted(problem.steps if layer.variable else own)
        what = (
            problem.what if problem.first is None else f"{problem.what}; first in {self._other(place, problem.first)}"
        )
        return f"{place.text}: {path}: {what}" if path else f"{place.text}: {what}"

    def lines(self, problems: Iterable[Problem]) -> tuple[str, ...]:
        """Return the problems of the texts, and these, each once, in the order of the layers and their lines."""
        placed = list(self._of_texts())
        # What YAML itself could not read is null to the model, which need not say so again.
        unread = {(source, line, column, path) for source, line, column, path, _ in placed}
        told = list(problems)
        told += [misfit for misfit in self._misfits if misfit.steps not in {problem.steps for problem in told}]
        for problem in told:
            _, own = self._origin(problem.steps)
            place = self.place(problem.steps, at_key=problem.at_key)
            if (*place, dotted(own)) not in unread:
                placed.append((*place, dotted(own), self.line(problem)))
        order = [layer.marked.source for layer in self._layers]
        placed.sort(key=lambda each: (order.index(each[0]), each[1], each[2], each[4]))
        return tuple(dict.fromkeys(text for *_, text in placed))

    def later(self) -> Iterator[tuple[Steps, Place]]:
        """Yield what did not come from the configuration file itself, in the order of the layers, with its place."""
        for steps, (layer, _) in self._origins.items():
            if layer is not self._layers[0]:
                yield from ((leaf, self.place(leaf)) for leaf in self._leaves(steps))

    def _leaves(self, steps: Steps) -> Iterator[Steps]:
        """Yield the steps to what a section holds, but for what came from elsewhere; or those to anything else."""
        value = self.value
        for step in steps:
            value = value[step]
        if not isinstance(value, dict) or isinstance(steps[-1], int):
            yield steps
            return
        for key in value:
            if (*steps, key) not in self._origins:
                yield from self._leaves((*steps, key))

    def _of_texts(self) -> Iterator[tuple[str, int, int, str, str]]:
        for layer in self._layers:
            for problem in layer.marked.problems:
                text = f"{problem.source}: {problem.what}" if layer.variable else problem.text
                line, column = (0, 0) if layer.variable else (problem.line, problem.column)
                yield problem.source, line, column, problem.path, text

    def _other(self, place: Place, first: Steps) -> str:
        other = self.place(first)
        return f"line {other.line}" if other.line and other.source == place.source else other.text

    def _origin(self, steps: Steps) -> tuple[Layer, Steps]:
        """Return the layer that a value came from, and the steps to it there."""
        for length in range(len(steps), -1, -1):
            if (origin := self._origins.get(steps[:length])) is not None:
                layer, own = origin
                return layer, (*own, *steps[length:])
        raise LookupError(steps)

    def _lay(self, layer: Layer) -> None:
        value = layer.marked.value
        if layer.variable:
            self._replace(layer)
        elif isinstance(value, dict):
            self._merge(self.value, value, (), (), layer)
        elif value is not None:
            layer.marked.problems.append(layer.marked.problem((), f"expected a mapping, found {found(value)}"))

    def _replace(self, layer: Layer) -> None:
        """Put a variable's value at its key, in a section that is made where there is none."""
        *above, last = layer.steps
        into: Any = self.value
        at: Steps = ()
        for step in above:
            at = (*at, step)
            if into.get(step) is None:
                self._set(into, step, {}, at, layer, ())
            into = into[step]
            if not isinstance(into, dict):
                # A mistake in a file, which is told: no section to put anything in.
                return
        if last == _KINDS.get(at):
            for key in tuple(into):
                self._forget((*at, key))
            into.clear()
        self._set(into, last, layer.marked.value, layer.steps, layer, ())

    def _merge(self, base: dict[Any, Any], over: Mapping[Any, Any], steps: Steps, own: Steps, layer: Layer) -> None:
        for key, item in over.items():
            here, there, under = (*steps, key), (*own, key), base.get(key)
            if isinstance(under, dict) and isinstance(item, dict) and _KINDS.get(here) not in item:
                self._merge(under, item, here, there, layer)
            elif isinstance(under, list) and isinstance(item, list):
                for index, each in enumerate(item):
                    self._origins[(*here, len(under))] = (layer, (*there, index))
                    under.append(each)
            else:
                if under is not None and item is not None and _kind(under) is not _kind(item):
                    what = f"{found(item)} here, and {found(under)} in {self.place(here).text}; one of them is wrong"
                    self._misfits.append(Problem(here, what))
                self._set(base, key, item, here, layer, there)

    def _set(self, base: dict[Any, Any], key: Any, value: Any, steps: Steps, layer: Layer, own: Steps) -> None:
        if key in base:
            self._forget(steps)
        base[key] = value
        self._origins[steps] = (layer, own)

    def _forget(self, steps: Steps) -> None:
        """Forget where a value, and everything in it, came from."""
        for known in [known for known in self._origins if known[: len(steps)] == steps]:
            del self._origins[known]


def _kind(value: object) -> type:
    """Return what a value is for those who merge: a mapping, a list, or anything else."""
    return type(value) if isinstance(value, (dict, list)) else object
