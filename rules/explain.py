"""Says why: the whole chain from facts to verdict for one sample, and what fires an error, in words."""

from collections.abc import Iterator, Mapping
from typing import Final

from probes.sample import Sample
from rules.condition import evaluate, in_words, names, support
from rules.diagnosis import Diagnosis, FiredError, Severity, Truth
from rules.engine import NO_RULE, Candidate, FindingOf, decide, judge, whole_condition
from rules.evidence.vocabulary import Evidence, all_propositions
from rules.ruleset import Reason, Rule, RuleSet

_VALUE_WIDTH: Final = 7


def explain(
    sample: Sample, rules: RuleSet, *, severity_overrides: Mapping[str, Severity] | None = None
) -> tuple[str, ...]:
    """Return the whole chain as lines of text: every error fired, rejected, ruled out or not evaluated, and why.

    What fired comes first, then what lost to it, what could not be evaluated, and what is ruled out; each in the order
    of the catalogue. A proposition stands with its value, its statement and JSON pointers to the facts in the record.
    """
    finding_of = Evidence(sample).__getitem__
    diagnosis = decide(sample, rules, finding_of, severity_overrides=severity_overrides or {})
    lines = [f"status: {diagnosis.status}"]
    for code in sorted(rules.catalogue, key=lambda code: _rank(code, diagnosis)):
        if code in rules.rules:
            lines += ["", *_about(code, diagnosis, rules, finding_of)]
    without = [code for code in rules.catalogue if code not in rules.rules]
    if without:
        lines += ["", f"not evaluated, missing {NO_RULE}: {', '.join(without)}"]
    return tuple(lines)


def what_fires(rules: RuleSet, code: str) -> tuple[str, ...]:
    """Return in words what proves an error: each reason with its confidence and the propositions it needs.

    An error without a rule gives one line that says so.
    """
    if code not in rules.rules:
        return ("no rule yet: this error is listed as not evaluated",)
    lines: list[str] = []
    for rule in rules.rules[code]:
        lines.append(rule.about)
        if rule.given is not None:
            lines += ["always needed:", *in_words(rule.given, _meaning, indent="  ")]
        for reason in rule.reasons:
            lines += [f"{reason.name} ({reason.confidence}):", *in_words(reason.when, _meaning, indent="  ")]
    return tuple(lines)


def _meaning(name: str) -> str:
    return all_propositions()[name].meaning


# --- one sample -------------------------------------------------------------------------------------------------------


def _rank(code: str, diagnosis: Diagnosis) -> int:
    """Return where in the explanation an error stands: the more there is to say of it, the earlier."""
    groups = (
        {error.code for error in diagnosis.errors},
        {rejected.code for rejected in diagnosis.rejected},
        {missing.code for missing in diagnosis.not_evaluated},
    )
    return next((rank for rank, codes in enumerate(groups) if code in codes), len(groups))


def _about(code: str, diagnosis: Diagnosis, rules: RuleSet, finding_of: FindingOf) -> Iterator[str]:
    fired = next((error for error in diagnosis.errors if error.code == code), None)
    rejected = next((entry for entry in diagnosis.rejected if entry.code == code), None)
    missing = next((entry for entry in diagnosis.not_evaluated if entry.code == code), None)
    yield f"{code} {rules.catalogue[code].message}"
    if fired is not None:
        yield from _fired(fired)
    elif rejected is not None:
        yield f"  rejected: {rejected.because}"
        yield from _rejected(rules.rules[code], finding_of)
    elif missing is not None:
        yield f"  not evaluated, missing {', '.join(missing.missing)}"
        yield from (f"    {line}" for line in _findings(missing.missing, finding_of))
    else:
        yield "  ruled out:"
        yield from _ruled_out(rules.rules[code], finding_of)


def _fired(error: FiredError) -> Iterator[str]:
    override = f", documented as {error.documented_severity}" if error.documented_severity else ""
    yield f"  fired: {error.reason} ({error.severity}{override}, {error.confidence})"
    yield f"    {error.explanation}"
    for item in error.evidence:
        yield "    " + _line(item.value, item.proposition, item.statement, item.facts)


def _rejected(rules: tuple[Rule, ...], finding_of: FindingOf) -> Iterator[str]:
    candidate = judge(rules, finding_of)
    if isinstance(candidate, Candidate):
        used = support(candidate.condition, lambda name: finding_of(name).value)
        yield f"    it had fired: {candidate.reason.name} ({candidate.reason.confidence})"
        yield from (f"    {line}" for line in _findings(used, finding_of))


def _ruled_out(rules: tuple[Rule, ...], finding_of: FindingOf) -> Iterator[str]:
    for rule in rules:
        given = Truth.TRUE if rule.given is None else evaluate(rule.given, lambda name: finding_of(name).value)
        if given is Truth.FALSE and rule.given is not None:
            used = support(rule.given, lambda name: finding_of(name).value)
            yield from (f"    {line}" for line in _findings(used, finding_of))
            continue
        for reason in rule.reasons:
            yield from _reason_ruled_out(rule, reason, finding_of)


def _reason_ruled_out(rule: Rule, reason: Reason, finding_of: FindingOf) -> Iterator[str]:
    used = support(whole_condition(rule, reason), lambda name: finding_of(name).value)
    yield f"    {reason.name} ({reason.confidence}):"
    yield from (f"      {line}" for line in _findings(used, finding_of))


def _findings(used: tuple[str, ...], finding_of: FindingOf) -> Iterator[str]:
    for name in used:
        finding = finding_of(name)
        yield _line(finding.value, name, finding.statement, finding.facts)


def _line(value: Truth, name: str, statement: str, facts: tuple[str, ...]) -> str:
    pointers = f" [{' '.join(facts)}]" if facts else ""
    return f"{value:<{_VALUE_WIDTH}} {name}: {statement}{pointers}"


def propositions_of(rules: RuleSet, code: str) -> tuple[str, ...]:
    """Return every proposition that the rules of an error read, in the order they are written."""
    read = (
        name
        for rule in rules.rules.get(code, ())
        for reason in rule.reasons
        for name in names(whole_condition(rule, reason))
    )
    return tuple(dict.fromkeys(read))
