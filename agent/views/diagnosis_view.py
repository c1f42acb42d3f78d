"""The errors in words: the documented message, where it is, why it is said, and what to do."""

from typing import Final

from agent.views.escape import escape, escape_text
from agent.views.prose import headline, labelled, wrapped
from agent.views.style import Paint, Style
from agent.views.way import where_words
from probes.sample import Sample
from rules.diagnosis import Diagnosis, FiredError, NotEvaluated, Severity

_INDENT: Final = 2
_LABEL: Final = 12
# What the engine says is missing where an entry of the catalogue has no rule.
_NO_RULE: Final = ("rule",)


def error_lines(sample: Sample, diagnosis: Diagnosis, style: Style, *, full: bool) -> list[str]:
    """Return the errors, gravest first, under their heading; what is only information in short, unless all is wanted.

    With `full` each also has the evidence that it rests on.
    """
    ordered = sorted(diagnosis.errors, key=lambda error: -list(Severity).index(error.severity))
    grave = [_error(sample, error, style, full=full) for error in ordered if error.severity is not Severity.INFO]
    mild = [
        _error(sample, error, style, full=True) if full else _information(error, style)
        for error in ordered
        if error.severity is Severity.INFO
    ]
    lines = [style.paint("Errors", Paint.HEAD), *_apart(grave)] if grave else []
    if mild:
        lines += [*([""] if lines else []), style.paint("For information", Paint.HEAD), *_apart(mild)]
    return lines


def _apart(blocks: list[list[str]]) -> list[str]:
    return [line for block in blocks for line in ("", *block)]


def _error(sample: Sample, error: FiredError, style: Style, *, full: bool) -> list[str]:
    lines = _headline(error, style)
    facts = [("Where", where_words(sample, error)), ("Why", why_words(error))]
    for label, text in facts:
        lines += labelled(label, text, style, indent=_INDENT, label_width=_LABEL)
    for evidence in error.evidence if full else ():
        statement = f"- {escape_text(evidence.statement)}"
        lines += wrapped(statement, style, indent=_INDENT + _LABEL, hanging=_INDENT + _LABEL + 2)
    lines += labelled("What to do", escape_text(error.solution), style, indent=_INDENT, label_width=_LABEL)
    return lines + labelled("Severity", severity_words(error), style, indent=_INDENT, label_width=_LABEL)


def _information(error: FiredError, style: Style) -> list[str]:
    """Return message and reason alone: nothing has to be done, and what is grave must not drown in it."""
    return _headline(error, style) + wrapped(why_words(error), style, indent=_INDENT)


def _headline(error: FiredError, style: Style) -> list[str]:
    return headline(error.severity, escape(error.code), escape_text(error.message), style)


def why_words(error: FiredError) -> str:
    """Return why an error is said, with this sample's figures; safe to show."""
    return escape_text(error.explanation or error.description)


def severity_words(error: FiredError) -> str:
    """Return how grave and how sure, and the rule's own word for the reason."""
    parts = [error.severity.value, error.confidence.value]
    if error.documented_severity:
        parts.append(f"documented as {error.documented_severity}")
    if error.reason:
        parts.append(f"reason: {escape(error.reason)}")
    return ", ".join(parts)


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
