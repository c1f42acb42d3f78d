"""Decides: propositions and rules to errors, rejected candidates, and what could not be judged. Pure."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from probes.facts import Direction, Leg, Node
from probes.sample import Sample
from rules.condition import All, Condition, evaluate, support
from rules.diagnosis import (
    Anchor,
    Diagnosis,
    EvidenceItem,
    FiredError,
    NotEvaluated,
    Rejected,
    Severity,
    Status,
    Truth,
)
from rules.evidence.scene import Scene
from rules.evidence.vocabulary import Evidence
from rules.proposition import Finding
from rules.ruleset import PLACEHOLDER, PLACES, HopChoice, LegChoice, Reason, Rule, RuleSet

FindingOf = Callable[[str], Finding]

NO_RULE: Final = "rule"
_DISCARDS: Final = "CP-06"
_FAILS: Final = "CP-01"
# Places that every leg from the client begins with.
_NEAR: Final = frozenset({Node.CLIENT, Node.GATEWAY})


class Candidate(NamedTuple):
    """A reason that holds: what it needs, put together with `given`, and the leg that its rule names."""

    code: str
    reason: Reason
    condition: Condition
    leg: LegChoice | None = None


class Missing(NamedTuple):
    """The propositions without which an error can be neither shown nor ruled out."""

    propositions: tuple[str, ...]


def diagnose(sample: Sample, rules: RuleSet, *, severity_overrides: Mapping[str, Severity] | None = None) -> Diagnosis:
    """Return what the rules make of one sample; the same sample and rules always give the same diagnosis.

    Args:
        sample: The facts.
        rules: From `rules.load.load_rules`.
        severity_overrides: Severities of the operator's own by code. They change what is shown and the status, and
            never which errors stand.
    """
    return decide(sample, rules, Evidence(sample).__getitem__, severity_overrides=severity_overrides or {})


def decide(
    sample: Sample, rules: RuleSet, finding_of: FindingOf, *, severity_overrides: Mapping[str, Severity]
) -> Diagnosis:
    """Return the diagnosis for given findings; the sample itself is read for places and names only."""
    judged = {code: judge(rules.rules.get(code, ()), finding_of) for code in rules.order}
    candidates = {code: found for code, found in judged.items() if isinstance(found, Candidate)}
    rejected = _rejected(candidates, rules, sample)
    errors = tuple(
        _error(candidates[code], rules, sample, finding_of, severity_overrides.get(code))
        for code in rules.catalogue
        if code in candidates and code not in rejected
    )
    return Diagnosis(
        status=_status(errors),
        errors=errors,
        rejected=tuple(Rejected(code=code, because=rejected[code]) for code in rules.catalogue if code in rejected),
        not_evaluated=tuple(
            NotEvaluated(code=code, missing=found.propositions)
            for code in rules.catalogue
            if isinstance(found := judged[code], Missing)
        ),
    )


def judge(rules: tuple[Rule, ...], finding_of: FindingOf) -> Candidate | Missing | None:
    """Return the first reason that holds, else the propositions that are missing to tell, else None: no such error.

    An error without any rule misses its rule.
    """
    if not rules:
        return Missing((NO_RULE,))

    def value_of(name: str) -> Truth:
        return finding_of(name).value

    missing: list[str] = []
    for rule in rules:
        given = Truth.TRUE if rule.given is None else evaluate(rule.given, value_of)
        if given is Truth.FALSE:
            continue
        if given is Truth.UNKNOWN and rule.given is not None:
            missing += support(rule.given, value_of)
            continue
        for reason in rule.reasons:
            value = evaluate(reason.when, value_of)
            if value is Truth.TRUE:
                return Candidate(rule.code, reason, whole_condition(rule, reason), rule.leg)
            if value is Truth.UNKNOWN:
                missing += support(reason.when, value_of)
    return Missing(tuple(dict.fromkeys(missing))) if missing else None


def whole_condition(rule: Rule, reason: Reason) -> Condition:
    """Return everything that one reason needs."""
    return reason.when if rule.given is None else All((rule.given, reason.when))


# --- what stands ------------------------------------------------------------------------------------------------------


def _rejected(candidates: Mapping[str, Candidate], rules: RuleSet, sample: Sample) -> dict[str, str]:
    """Return each candidate that lost, and to what; one that lost hides nothing itself."""
    rejected: dict[str, str] = {}
    standing: list[str] = []
    for code in rules.order:
        if code in candidates:
            hidden_by = next((s for s in standing if code in rules.precedence.suppresses.get(s, ())), None)
            if hidden_by is None:
                standing.append(code)
            else:
                rejected[code] = f"suppressed by {hidden_by}"
    taken: dict[int | Node, str] = {}
    for code in sorted(standing, key=rules.precedence.rank):
        entry = rules.catalogue[code]
        if entry.severity is Severity.INFO:
            continue
        leg = _leg_of(entry.anchor, candidates[code].leg, sample)
        first = taken.setdefault(entry.anchor if leg is None else leg, code)
        if first != code:
            rejected[code] = f"{first} stands before it on the same leg"
    return rejected


def _status(errors: tuple[FiredError, ...]) -> Status:
    codes = {error.code for error in errors}
    if _DISCARDS in codes:
        return Status.DISCARDED
    if _FAILS in codes:
        return Status.FAILED
    severities = {error.severity for error in errors}
    if Severity.CRITICAL in severities:
        return Status.CRITICAL
    return Status.WARNING if Severity.WARNING in severities else Status.OK


# --- one error --------------------------------------------------------------------------------------------------------


def _error(
    candidate: Candidate, rules: RuleSet, sample: Sample, finding_of: FindingOf, override: Severity | None
) -> FiredError:
    entry, reason = rules.catalogue[candidate.code], candidate.reason
    used = support(candidate.condition, lambda name: finding_of(name).value)
    return FiredError(
        code=entry.code,
        severity=override or entry.severity,
        documented_severity=entry.severity if override not in (None, entry.severity) else None,
        message=entry.message,
        description=entry.description,
        solution=entry.solution,
        anchor=_anchor(entry.anchor, candidate, sample),
        confidence=reason.confidence,
        reason=reason.name,
        explanation=_explanation(reason.explanation, sample, finding_of),
        evidence=tuple(evidence_item(name, finding_of(name)) for name in used),
        grade=reason.grade,
    )


def evidence_item(name: str, finding: Finding) -> EvidenceItem:
    """Return one finding under its name."""
    return EvidenceItem(proposition=name, value=finding.value, statement=finding.statement, facts=finding.facts)


def _explanation(template: str, sample: Sample, finding_of: FindingOf) -> str:
    def fill(name: str) -> str:
        return Scene(sample).words_for(name) if name in PLACES else finding_of(name).statement

    return PLACEHOLDER.sub(lambda match: fill(match[1]), template)


def _anchor(node: Node, candidate: Candidate, sample: Sample) -> Anchor:
    leg, hop = _leg_of(node, candidate.leg, sample), candidate.reason.hop
    if hop is HopChoice.NONE or leg is None:
        return Anchor(leg=leg, node=node)
    last = max((entry.probe_ttl for entry in sample.legs[leg].hops if entry.received), default=0)
    return Anchor(leg=leg, node=node, ttl=last + 1 if hop is HopChoice.FIRST_SILENT else last or None)


def _leg_of(node: Node, choice: LegChoice | None, sample: Sample) -> int | None:
    """Return the leg that a node's errors belong to: what leads there, else what starts there, else what leads back.

    Of several that lead there the one from the client: what the service edge traced is its own, and a rule names it.
    The client's own errors, and its gateway's, belong to the leg that the sample is about.
    """
    legs = list(enumerate(sample.legs))
    if choice is not None:
        named = [index for index, leg in legs if (leg.from_, leg.to) == choice]
        if named:
            return named[0]
    if node in _NEAR and (main := Scene(sample).leg_index) is not None:
        return main
    forward = [(index, leg) for index, leg in legs if leg.direction is Direction.FORWARD]
    found = (
        [index for index, leg in forward if leg.to is node and leg.from_ is Node.CLIENT],
        [index for index, leg in forward if leg.to is node],
        [index for index, leg in forward if leg.from_ is node],
        [index for index, leg in legs if _touches(leg, node)],
    )
    return next((indexes[0] for indexes in found if indexes), None)


def _touches(leg: Leg, node: Node) -> bool:
    return node in (leg.from_, leg.to)
