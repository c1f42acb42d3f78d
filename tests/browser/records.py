"""Records for the browser's tests: every documented error, and the situations that a page may have to show."""

from typing import Final

from agent.record import Record, record_of
from rules.shipped import shipped_rules
from tests.cases.judged import judged
from tests.unit.views import samples, situations

CODES: Final = tuple(shipped_rules().catalogue)

SITUATIONS: Final[dict[str, Record]] = {
    name: record_of(sample, diagnosis, samples.HEADER) for name, (sample, diagnosis) in situations.SITUATIONS.items()
}


def record_of_code(code: str) -> Record:
    """Return the record of the first golden case that shows an error."""
    return record_of(*judged(code), samples.HEADER)


def long_record(hops: int = 30, answers: int = 20) -> Record:
    """Return a record of a path of many hops with names of the usual length and many answers each."""
    return record_of(situations.long_sample(hops, answers), samples.FINE, samples.HEADER)
