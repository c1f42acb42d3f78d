"""Records for the browser's tests: every documented error, and the situations that a page may have to show."""

from dataclasses import replace
from typing import Final

from agent.record import Record, record_of
from rules.shipped import shipped_rules
from tests.cases.judged import judged
from tests.unit.views import far_samples as far
from tests.unit.views import samples

CODES: Final = tuple(shipped_rules().catalogue)

SITUATIONS: Final[dict[str, Record]] = {
    name: record_of(sample, diagnosis, samples.HEADER)
    for name, (sample, diagnosis) in {
        "healthy": (samples.HEALTHY, samples.FINE),
        "discarded": (samples.CHANGED, samples.DISCARDED),
        "through an edge": (far.THROUGH_EDGE, samples.FINE),
        "tunnelled": (far.TUNNELLED, far.TUNNELLED_DIAGNOSIS),
        "on premises": (far.ON_PREMISES, far.ON_PREMISES_DIAGNOSIS),
        "data center": (far.DATA_CENTER, far.DATA_CENTER_DIAGNOSIS),
        "private": (far.PRIVATE, far.PRIVATE_DIAGNOSIS),
        "signs": (samples.TELLING, samples.FINE),
        "several at one hop": (samples.BALANCED, samples.FINE),
    }.items()
}


def record_of_code(code: str) -> Record:
    """Return the record of the first golden case that shows an error."""
    return record_of(*judged(code), samples.HEADER)


def long_record(hops: int = 30, answers: int = 20) -> Record:
    """Return a record of a path of many hops with names of the usual length and many answers each."""
    times = [8_000 + 137 * number for number in range(answers)]
    name = "ae-1.r20.frankfurt-am-main.backbone.isp.example.net"
    rows = tuple(
        samples.router(ttl, f"198.51.100.{ttl}", name, *times, sent=answers, received=answers)
        for ttl in range(1, hops + 1)
    )
    sample = replace(samples.HEALTHY, legs=(replace(samples.LEG, hops=rows),))
    return record_of(sample, samples.FINE, samples.HEADER)
