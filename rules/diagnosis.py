"""What the rules made of one sample: errors with their evidence, what lost to them, and what could not be judged.

Every field is what a record prints under the same name.
"""

from enum import StrEnum

from probes.facts import Node
from probes.frozen import frozen


class Severity(StrEnum):
    """What the three icons of the documented page mean, mildest first."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Status(StrEnum):
    """A whole sample in one word: `discarded` after a network change, `failed` where the agent could not measure."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"
    DISCARDED = "discarded"
    FAILED = "failed"


class Confidence(StrEnum):
    """How sure a verdict is: exact evidence is certain, repeated silence is likely, anything less is tentative."""

    CERTAIN = "certain"
    LIKELY = "likely"
    TENTATIVE = "tentative"


class CodeGrade(StrEnum):
    """How a log's code leads to a documented status: by the same sentence (A), a near one (B), or our inference (C)."""

    A = "A"
    B = "B"
    C = "C"


class Truth(StrEnum):
    """The three values of a proposition (Kleene's strong logic): what was not observed is unknown, never false."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"


@frozen
class Anchor:
    """Where an error's icon hangs: a place on the path, the leg it belongs to, and a hop of it where one is meant."""

    leg: int | None
    node: Node
    ttl: int | None = None


@frozen
class EvidenceItem:
    """One proposition that a verdict rests on, in words, with JSON pointers (RFC 6901) into the record."""

    proposition: str
    value: Truth
    statement: str
    facts: tuple[str, ...] = ()


@frozen
class FiredError:
    """One documented error that the facts prove.

    `documented_severity` is there only where the configuration overrides it, `grade` only where a log's code proves it.
    """

    code: str
    severity: Severity
    documented_severity: Severity | None = None
    message: str
    description: str
    solution: str
    anchor: Anchor
    confidence: Confidence
    reason: str
    explanation: str
    evidence: tuple[EvidenceItem, ...]
    grade: CodeGrade | None = None


@frozen
class Rejected:
    """An error whose rule fired and that lost to a stronger one."""

    code: str
    because: str


@frozen
class NotEvaluated:
    """An error that could be neither shown nor ruled out: the unknown propositions, or `rule` where it has no rule."""

    code: str
    missing: tuple[str, ...]


@frozen
class Diagnosis:
    """Everything that the rules say of one sample; codes are in the order of the catalogue."""

    status: Status
    errors: tuple[FiredError, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    not_evaluated: tuple[NotEvaluated, ...] = ()
