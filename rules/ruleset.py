"""Rules as the engine uses them: which reasons prove which error, in which order, and what hides what."""

import re
from enum import StrEnum
from typing import Final, NamedTuple

from probes.facts import Node
from rules.catalogue import Entry
from rules.condition import Condition
from rules.diagnosis import CodeGrade, Confidence

# What an explanation holds in braces: one of these words, else the name of a proposition.
PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
PLACES: Final = ("target", "first_end", "edge", "proxy")


class HopChoice(StrEnum):
    """Which hop of its leg an error hangs at; `none`: at its node. `first_silent` is behind `last_answering`."""

    NONE = "none"
    LAST_ANSWERING = "last_answering"
    FIRST_SILENT = "first_silent"


class LegChoice(NamedTuple):
    """The leg that an error hangs at, where it is not the one that leads to the error's node."""

    from_: Node
    to: Node


class Reason(NamedTuple):
    """One way to prove an error; `explanation` may hold `{target}` and the statements of propositions by name.

    `grade` says how a log's code leads to the error, where it does.
    """

    name: str
    confidence: Confidence
    when: Condition
    explanation: str
    hop: HopChoice = HopChoice.NONE
    grade: CodeGrade | None = None


class Rule(NamedTuple):
    """Everything that proves one error: `given` must hold, then the first reason that does names it."""

    code: str
    about: str
    source: str
    given: Condition | None
    reasons: tuple[Reason, ...]
    leg: LegChoice | None = None


class Precedence(NamedTuple):
    """Which error stands before which where two share a leg, and which errors each one hides."""

    groups: dict[str, tuple[str, ...]]
    suppresses: dict[str, frozenset[str]]

    def group_of(self, code: str) -> str | None:
        """Return the name of the group that a code belongs to."""
        return next((group for group, codes in self.groups.items() if code in codes), None)

    def rank(self, code: str) -> int:
        """Return a code's place in the order, 0 first; unknown codes come last."""
        ordered = [member for codes in self.groups.values() for member in codes]
        return ordered.index(code) if code in ordered else len(ordered)


class RuleSet(NamedTuple):
    """Catalogue, rules and precedence, checked against each other.

    `order` lists every code so that what hides stands before what is hidden. An error may have several rules: the
    shipped one, and an operator's.
    """

    catalogue: dict[str, Entry]
    rules: dict[str, tuple[Rule, ...]]
    precedence: Precedence
    order: tuple[str, ...] = ()
