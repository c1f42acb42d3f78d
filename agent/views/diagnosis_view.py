"""The errors in words: the documented message, where it is, why it is said, and what to do."""

from typing import Final

from agent.views.escape import escape, escape_text
from agent.views.prose import labelled, wrapped
from agent.views.style import PAINT_OF, Paint, Style
from agent.views.summary import outcome
from agent.views.words import NODES, leg_words
from probes.sample import Sample
from rules.diagnosis import Diagnosis, FiredError, NotEvaluated, Severity, Status

_INDENT: Final = 2
_LABEL: Final = 12
# What the engine says is missing where an entry of the catalogue has no rule.
_NO_RULE: Final = ("rule",)


def error_lines(sample: Sample, diagnosis: Diagnosis, style: Style) -> list[str]:
    """Return the errors, gravest first, under their heading; a summary of the path where none needs action."""
    ordered = sorted(diagnosis.errors, key=lambda error: -list(Severity).index(error.severity))
    lines = [style.paint("Errors", Paint.HEAD)]
    for error in ordered:
        lines += ["", *_error(sample, error, style)]
    if diagnosis.status is Status.OK:
        lines += ["", *wrapped(f"None of this needs action: {outcome(sample).text}", style)]
    return lines


def _error(sample: Sample, error: FiredError, style: Style) -> list[str]:
    icon = style.symbols.icon(error.severity)
    first, *rest = wrapped(f"{icon} {escape(error.code)}  {escape_text(error.message)}", style, hanging=_INDENT)
    paint = PAINT_OF[error.severity]
    lines = [style.paint(line, paint) for line in (first, *rest)]
    facts = (
        ("Severity", _severity(error)),
        ("Where", _where(sample, error)),
        ("Why", escape_text(error.explanation or error.description)),
    )
    for label, text in facts:
        lines += labelled(label, text, style, indent=_INDENT, label_width=_LABEL)
    for evidence in error.evidence:
        statement = f"- {escape_text(evidence.statement)}"
        lines += wrapped(statement, style, indent=_INDENT + _LABEL, hanging=_INDENT + _LABEL + 2)
    return lines + labelled("What to do", escape_text(error.solution), style, indent=_INDENT, label_width=_LABEL)


def _severity(error: FiredError) -> str:
    """Return how grave and how sure, and the rule's own word for the reason."""
    parts = [error.severity.value, error.confidence.value]
    if error.documented_severity:
        parts.append(f"documented as {error.documented_severity}")
    if error.reason:
        parts.append(f"reason: {escape(error.reason)}")
    return ", ".join(parts)


def _where(sample: Sample, error: FiredError) -> str:
    anchor = error.anchor
    place = NODES[anchor.node]
    if anchor.leg is None or anchor.leg >= len(sample.legs):
        return place
    way = f"on the way from {leg_words(sample.legs[anchor.leg])}"
    if anchor.ttl is not None:
        return f"hop {anchor.ttl}{_address_at(sample, anchor.leg, anchor.ttl)}, {way}"
    return f"{place}, {way}" if len(sample.legs) > 1 else place


def _address_at(sample: Sample, leg: int, ttl: int) -> str:
    hop = next((hop for hop in sample.legs[leg].hops if hop.probe_ttl == ttl), None)
    return f" ({escape(hop.responders[0].address)})" if hop and hop.responders else ""


def explanation_lines(diagnosis: Diagnosis, style: Style) -> list[str]:
    """Return what was considered and dropped, and what could not be judged for want of which facts."""
    lines = [style.paint("Considered and rejected", Paint.HEAD)]
    lines += [
        line
        for rejected in diagnosis.rejected
        for line in wrapped(f"{escape(rejected.code)}  {escape_text(rejected.because)}", style, indent=2, hanging=9)
    ] or ["  none"]
    lines += ["", style.paint("Not evaluated", Paint.HEAD)]
    lines += [
        line
        for missing in diagnosis.not_evaluated
        for line in wrapped(f"{escape(missing.code)}  {_what_is_missing(missing)}", style, indent=2, hanging=9)
    ] or ["  none"]
    return lines


def _what_is_missing(item: NotEvaluated) -> str:
    if item.missing == _NO_RULE:
        return "no rule can show it yet"
    return f"unknown: {escape_text(', '.join(item.missing))}"
