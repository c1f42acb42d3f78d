"""Samples with their diagnoses that pages are tried on: every topology, and what is out of the ordinary."""

from typing import Final

from probes.frozen import replace
from probes.sample import Sample
from rules.diagnosis import Diagnosis
from tests.unit.views import far_samples as far
from tests.unit.views import samples

SITUATIONS: Final[dict[str, tuple[Sample, Diagnosis]]] = {
    "healthy": (samples.HEALTHY, samples.FINE),
    "discarded": (samples.CHANGED, samples.DISCARDED),
    "through an edge": (far.THROUGH_EDGE, samples.FINE),
    "tunnelled": (far.TUNNELLED, far.TUNNELLED_DIAGNOSIS),
    "on premises": (far.ON_PREMISES, far.ON_PREMISES_DIAGNOSIS),
    "data center": (far.DATA_CENTER, far.DATA_CENTER_DIAGNOSIS),
    "private": (far.PRIVATE, far.PRIVATE_DIAGNOSIS),
    "signs": (samples.TELLING, samples.FINE),
    "several at one hop": (samples.BALANCED, samples.FINE),
}


def long_sample(hops: int, answers: int) -> Sample:
    """Return a sample of a path of many hops with names of the usual length and many answers each."""
    times = [8_000 + 137 * number for number in range(answers)]
    name = "ae-1.r20.frankfurt-am-main.backbone.isp.example.net"
    rows = tuple(
        samples.router(ttl, f"198.51.100.{ttl}", name, *times, sent=answers, received=answers)
        for ttl in range(1, hops + 1)
    )
    return replace(samples.HEALTHY, legs=(replace(samples.LEG, hops=rows),))
