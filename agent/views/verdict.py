"""A record's verdict in a word, a mark and a sentence, as every page shows it."""

from typing import Final

from agent.record import Record
from agent.views.bottom_line import bottom_line, gravest
from probes.frozen import frozen
from probes.sample import Sample
from rules.diagnosis import Diagnosis, Status

# In the order of how much there is to do.
STATUS_WORDS: Final[dict[Status, str]] = {
    Status.CRITICAL: "Critical",
    Status.WARNING: "Warning",
    Status.FAILED: "Not measured",
    Status.DISCARDED: "Discarded",
    Status.OK: "Healthy",
}
# No documented error, and yet not as it should be: a middlebox, loss, a silent target.
_ODD: Final = "Worth a look"
_FACTS: Final = tuple(name for name in Sample.__slots__)  # type: ignore[attr-defined]


@frozen
class Verdict:
    """What to say of a record first: `mark` is the name of an icon and of a colour, `line` ends in a full stop."""

    word: str
    mark: str
    line: str


def verdict_of(record: Record) -> Verdict:
    """Return the verdict of a record, as it was judged when it was made; safe to show."""
    sample, diagnosis = facts_of(record), diagnosis_of(record)
    line, grave = bottom_line(sample, diagnosis), gravest(diagnosis)
    return Verdict(
        word=STATUS_WORDS[record.status] if line.good or grave or record.status is not Status.OK else _ODD,
        mark=grave.severity.value if grave else "good" if line.good else "info",
        line=line.text,
    )


def facts_of(record: Record) -> Sample:
    """Return the facts of a record, without its verdict."""
    return Sample(**{name: getattr(record, name) for name in _FACTS})


def diagnosis_of(record: Record) -> Diagnosis:
    """Return the verdict of a record, without its facts."""
    return Diagnosis(
        status=record.status, errors=record.errors, rejected=record.rejected, not_evaluated=record.not_evaluated
    )
