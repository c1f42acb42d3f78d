"""Propositions: named three-valued statements about one sample, and the facts that each rests on."""

from typing import TYPE_CHECKING, Final, NamedTuple

from rules.diagnosis import Truth

if TYPE_CHECKING:
    from collections.abc import Callable

    from rules.evidence.scene import Scene


class Finding(NamedTuple):
    """What a proposition comes to for one sample: its value, why in plain words, and JSON pointers to the facts."""

    value: Truth
    statement: str
    facts: tuple[str, ...] = ()


class Proposition(NamedTuple):
    """One word of the vocabulary: `meaning` says what `true` stands for."""

    name: str
    meaning: str
    evaluate: "Callable[[Scene], Finding]"


VOCABULARY: Final[dict[str, Proposition]] = {}


def proposition(name: str, meaning: str) -> "Callable[[Callable[[Scene], Finding]], Callable[[Scene], Finding]]":
    """Return a decorator that adds a function to the vocabulary under `name`.

    Raises:
        ValueError: The name is taken.
    """

    def register(evaluate: "Callable[[Scene], Finding]") -> "Callable[[Scene], Finding]":
        if name in VOCABULARY:
            raise ValueError(f"two propositions are called {name}")
        VOCABULARY[name] = Proposition(name, meaning, evaluate)
        return evaluate

    return register


def true(statement: str, *facts: str) -> Finding:
    """Return the finding that the proposition holds."""
    return Finding(Truth.TRUE, statement, facts)


def false(statement: str, *facts: str) -> Finding:
    """Return the finding that the proposition does not hold."""
    return Finding(Truth.FALSE, statement, facts)


def unknown(missing: str, *facts: str) -> Finding:
    """Return the finding that nothing can be said; `missing` says what was not observed."""
    return Finding(Truth.UNKNOWN, missing, facts)


def either(holds: bool, statement: str, *facts: str) -> Finding:  # noqa: FBT001 - the value is the whole point
    """Return a definite finding with one statement for both values."""
    return Finding(Truth.TRUE if holds else Truth.FALSE, statement, facts)
