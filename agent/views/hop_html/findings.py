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

    `node` is the place, `leg` and `ttl` the hop of a leg where one is meant or known to be that place.
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


def findings_of(sample: Sample, diagnosis: Diagnosis, prefix: str) -> tuple[Finding, ...]:
    """Return the errors, gravest first; their ids begin with `prefix`."""
    ordered = sorted(diagnosis.errors, key=lambda error: -list(Severity).index(error.severity))
    return tuple(_finding(sample, error, f"{prefix}-error-{number}") for number, error in enumerate(ordered, 1))


def _finding(sample: Sample, error: FiredError, identity: str) -> Finding:
    leg, ttl = _hop_of(sample, error)
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
        ttl=ttl,
    )


def _hop_of(sample: Sample, error: FiredError) -> tuple[int | None, int | None]:
    """Return the leg and the TTL of the hop that an icon hangs at, twice None where it hangs at a place alone."""
    place = place_of(error, sample)
    if place is None or place[1] in {START, END}:
        return None, None
    return place[0], int(place[1])


def _evidence(item: EvidenceItem) -> Evidence:
    return Evidence(statement=escape_text(item.statement), facts=tuple(escape(fact) for fact in item.facts))
