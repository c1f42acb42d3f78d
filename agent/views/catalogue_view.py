"""The catalogue of documented errors: all of them in a list, or one with what proves it."""

import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import Final

from agent.views.listing import listing
from agent.views.prose import headline, labelled, wrapped
from agent.views.style import Paint, Style
from agent.views.words import NODES
from rules.catalogue import Entry, Grade
from rules.condition import All, Any, Condition, Leaf, Not, in_words
from rules.evidence.vocabulary import all_propositions
from rules.ruleset import Reason, Rule

_LABEL: Final = 13

_PLACEHOLDER: Final = re.compile(r"\{([a-z0-9_.]+)\}")
_IN_ITS_PLACE: Final = {"target": "[the target]", "proxy": "[its name]", "edge": "[its name]"}

_GRADES: Final[dict[Grade, str]] = {
    Grade.PAGE: "the documented page",
    Grade.DOC: "other public help of the product",
    Grade.LAB: "measured in a lab",
    Grade.INFERENCE: "inferred",
    Grade.OPERATOR: "the operator's own rule file",
}


def catalogue_view(entries: Sequence[Entry], style: Style) -> str:
    """Return every entry with its icon and message, ending in a line break."""
    rows = [(f"{style.symbols.icon(entry.severity)} {entry.code}", entry.severity, entry.message) for entry in entries]
    lines = listing(("  Code", "Severity", "Message"), rows, style)
    return "\n".join([*lines, "", "cloudpath errors CODE tells more of one."]) + "\n"


def entry_view(entry: Entry, rules: Sequence[Rule], style: Style) -> str:
    """Return one entry with its texts, where they come from, and the rules that prove it."""
    lines = headline(entry.severity, entry.code, entry.message, style)
    known = entry.provenance
    facts = (
        ("Description", entry.description),
        ("What to do", entry.solution),
        ("Severity", f"{entry.severity} ({_GRADES[known.severity]})"),
        ("Icon hangs at", f"{NODES[entry.anchor]} ({_GRADES[known.anchor]})"),
        ("Texts from", "; ".join([_GRADES[known.texts], *entry.sources])),
    )
    for label, text in facts:
        lines += labelled(label, text, style, indent=2, label_width=_LABEL + 2)
    lines += ["", style.paint("What proves it", Paint.HEAD)]
    if not rules:
        lines += wrapped("No rule yet: this error is always listed as not evaluated.", style, indent=2)
    for rule in rules:
        lines += _rule(rule, style)
    return "\n".join(lines) + "\n"


def _rule(rule: Rule, style: Style) -> list[str]:
    lines = wrapped(rule.about, style, indent=2)
    if rule.given is not None:
        lines += ["", *wrapped("Always needed:", style, indent=2), *_condition(rule.given, style)]
    for reason in rule.reasons:
        lines += [
            "",
            *wrapped(f"{reason.name} ({reason.confidence}): {_in_general(reason)}", style, indent=2, hanging=4),
        ]
        lines += _condition(reason.when, style)
    return lines


def _in_general(reason: Reason) -> str:
    """Return what a reason says with words in the places that a sample fills."""
    return _PLACEHOLDER.sub(lambda found: _IN_ITS_PLACE.get(found[1], "[what was seen]"), reason.explanation)


def _condition(condition: Condition, style: Style) -> list[str]:
    """Return what a condition asks for, each proposition with its meaning, as deep as it is nested."""
    lines: list[str] = []
    for line in in_words(condition, lambda name: all_propositions()[name].meaning, indent="    "):
        depth = len(line) - len(line.lstrip())
        lines += wrapped(line.strip(), style, indent=depth, hanging=depth + 2)
    return lines


def condition_words(condition: Condition, *, nested: bool = False) -> str:
    """Return a condition on one line: `not a and (b or c)`."""
    match condition:
        case Leaf(name):
            return name
        case Not(part):
            return f"not {condition_words(part, nested=True)}"
        case All(parts) | Any(parts):
            word = " and " if isinstance(condition, All) else " or "
            joined = word.join(condition_words(part, nested=True) for part in parts)
            return f"({joined})" if nested and len(parts) > 1 else joined


def entry_document(entry: Entry, rules: Sequence[Rule]) -> dict[str, object]:
    """Return one entry as `cloudpath errors --json` has it; the texts verbatim."""
    return {
        "code": entry.code,
        "message": entry.message,
        "description": entry.description,
        "solution": entry.solution,
        "severity": entry.severity.value,
        "anchor": entry.anchor.value,
        "provenance": {
            "texts": entry.provenance.texts.value,
            "severity": entry.provenance.severity.value,
            "anchor": entry.provenance.anchor.value,
            "sources": list(entry.sources),
        },
        "rules": [
            {
                "about": rule.about,
                "given": None if rule.given is None else condition_words(rule.given),
                "reasons": [_reason_document(reason) for reason in rule.reasons],
                "source": PurePath(rule.source).name,
            }
            for rule in rules
        ],
    }


def _reason_document(reason: Reason) -> dict[str, object]:
    return {
        "reason": reason.name,
        "confidence": reason.confidence.value,
        "when": condition_words(reason.when),
        "explanation": reason.explanation,
    }
