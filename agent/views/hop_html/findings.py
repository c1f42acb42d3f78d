"""Errors as a page shows them: every text ready and safe, under an id that icons point to."""

from agent.views.diagnosis_view import severity_words, why_words
from agent.views.escape import escape, escape_text
from agent.views.hop_rows import END, START
from agent.views.way import place_of, where_words
from probes.facts import Node
from probes.frozen import frozen
from probes.sample import Sample
from rules.diagnosis import Diagnosis, EvidenceItem, FiredError, Severity


@frozen
class Evidence:
    """One statement that an error rests on, with pointers (RFC 6901) into the record."""

    statement: str
    facts: tuple[str, ...]


@frozen
class Finding:
    """One error of the sample: its texts, and where its icon hangs.

    `node` is the place; `leg` is the index of the leg that it belongs to, with `ttl` of the hop where one is meant or
    known to be that place; without one it is the leg's start or its end.
    """

    id: str
    code: str
    severity: Severity
    message: str
    where: str
    why: str
    description: str
    solution: str
    grade: str
    evidence: tuple[Evidence, ...]
    node: Node
    leg: int | None
    ttl: int | None
    starts_leg: bool


def findings_of(sample: Sample, diagnosis: Diagnosis, prefix: str) -> tuple[Finding, ...]:
    """Return the errors, gravest first; their ids begin with `prefix`."""
    ordered = sorted(diagnosis.errors, key=lambda error: -list(Severity).index(error.severity))
    return tuple(_finding(sample, error, f"{prefix}-error-{number}") for number, error in enumerate(ordered, 1))


def _finding(sample: Sample, error: FiredError, identity: str) -> Finding:
    leg, at = place_of(error, sample) or (None, None)
    return Finding(
        id=identity,
        code=escape(error.code),
        severity=error.severity,
        message=escape_text(error.message),
        where=where_words(sample, error),
        why=why_words(error),
        description=escape_text(error.description),
        solution=escape_text(error.solution),
        grade=severity_words(error),
        evidence=tuple(_evidence(item) for item in error.evidence),
        node=error.anchor.node,
        leg=leg,
        ttl=None if at in {None, START, END} else int(at or 0),
        starts_leg=at == START,
    )


def _evidence(item: EvidenceItem) -> Evidence:
    return Evidence(statement=escape_text(item.statement), facts=tuple(escape(fact) for fact in item.facts))
