"""Propositions joined by all, any and not, in Kleene's strong three-valued logic.

Named tuples here and in the other modules of `rules`: a class costs 0.1 ms of every start, a frozen dataclass 0.8 ms
[measured].
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from rules.diagnosis import Truth

ValueOf = Callable[[str], Truth]
# One way for a condition to hold: these propositions with these values, all of them.
Term = frozenset[tuple[str, bool]]


class Leaf(NamedTuple):
    """One proposition."""

    name: str


class All(NamedTuple):
    """Holds if every part holds; one false part decides."""

    parts: tuple["Condition", ...]


class Any(NamedTuple):
    """Holds if one part holds; one true part decides."""

    parts: tuple["Condition", ...]


class Not(NamedTuple):
    """Holds if its part is false; unknown stays unknown."""

    part: "Condition"


Condition = Leaf | All | Any | Not

_OPPOSITE = {Truth.TRUE: Truth.FALSE, Truth.FALSE: Truth.TRUE, Truth.UNKNOWN: Truth.UNKNOWN}


def evaluate(condition: Condition, value_of: ValueOf) -> Truth:
    """Return the value of a condition; propositions that cannot matter any more are not asked."""
    match condition:
        case Leaf(name):
            return value_of(name)
        case Not(part):
            return _OPPOSITE[evaluate(part, value_of)]
        case All(parts):
            return _first_or_unknown(parts, value_of, Truth.FALSE, Truth.TRUE)
        case Any(parts):
            return _first_or_unknown(parts, value_of, Truth.TRUE, Truth.FALSE)


def _first_or_unknown(parts: tuple[Condition, ...], value_of: ValueOf, decides: Truth, otherwise: Truth) -> Truth:
    result = otherwise
    for part in parts:
        value = evaluate(part, value_of)
        if value is decides:
            return decides
        if value is Truth.UNKNOWN:
            result = value
    return result


def names(condition: Condition) -> Iterator[str]:
    """Return every proposition of a condition, in the order it is written, repeated ones too."""
    match condition:
        case Leaf(name):
            yield name
        case Not(part):
            yield from names(part)
        case All(parts) | Any(parts):
            for part in parts:
                yield from names(part)


def support(condition: Condition, value_of: ValueOf) -> tuple[str, ...]:
    """Return the propositions that a condition's value rests on: each one true part of an `any`, not its false ones.

    For an unknown condition these are the unknown propositions in its way.
    """
    return tuple(dict.fromkeys(_support(condition, value_of, evaluate(condition, value_of))))


def _support(condition: Condition, value_of: ValueOf, value: Truth) -> Iterator[str]:
    match condition:
        case Leaf(name):
            yield name
        case Not(part):
            yield from _support(part, value_of, _OPPOSITE[value])
        case All(parts) | Any(parts):
            for part in parts:
                if evaluate(part, value_of) is value:
                    yield from _support(part, value_of, value)


def terms(condition: Condition, *, holds: bool = True) -> frozenset[Term]:
    """Return every way for a condition to be true (or false) that does not contradict itself; none: it never is."""
    match condition:
        case Leaf(name):
            return frozenset({frozenset({(name, holds)})})
        case Not(part):
            return terms(part, holds=not holds)
        case All(parts):
            return _product(parts, holds=holds) if holds else _sum(parts, holds=holds)
        case Any(parts):
            return _sum(parts, holds=holds) if holds else _product(parts, holds=holds)


def _sum(parts: tuple[Condition, ...], *, holds: bool) -> frozenset[Term]:
    return frozenset().union(*(terms(part, holds=holds) for part in parts))


def _product(parts: tuple[Condition, ...], *, holds: bool) -> frozenset[Term]:
    found: frozenset[Term] = frozenset({frozenset()})
    for part in parts:
        found = frozenset(one | other for one in found for other in terms(part, holds=holds) if _fit(one, other))
    return found


def _fit(one: Term, other: Term) -> bool:
    return not any((name, not value) in one for name, value in other)


def in_words(condition: Condition, meaning: Callable[[str], str], *, indent: str = "") -> list[str]:
    """Return a condition as indented lines, each proposition by its name and meaning."""
    return list(_lines(condition, meaning, indent, negated=False))


def _lines(condition: Condition, meaning: Callable[[str], str], indent: str, *, negated: bool) -> Iterator[str]:
    match condition:
        case Leaf(name):
            yield f"{indent}{'not ' if negated else ''}{name}: {meaning(name)}"
        case Not(part):
            yield from _lines(part, meaning, indent, negated=not negated)
        case All(parts) | Any(parts):
            every = isinstance(condition, All)
            if len(parts) > 1:
                yield f"{indent}{'not ' if negated else ''}{'all of these' if every else 'at least one of these'}:"
                indent += "  "
                negated = False
            for part in parts:
                yield from _lines(part, meaning, indent, negated=negated)
