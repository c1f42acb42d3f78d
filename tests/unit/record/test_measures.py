"""What a sample comes to: which delay and loss its curve shows, and the same from its document."""

from dataclasses import replace

import pytest

from agent.measures import Measures, measures_in, measures_of
from agent.record import document, without_scores
from agent.ways import names_of
from probes.facts import Node
from probes.sample import Sample
from tests.unit.views import far_samples as far
from tests.unit.views import samples as near

SAMPLES = {name: value for module in (near, far) for name, value in vars(module).items() if isinstance(value, Sample)}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_document_comes_to_the_same(name: str) -> None:
    sample = SAMPLES[name]
    assert measures_in(document(sample, near.FINE, near.HEADER)) == measures_of(sample)


@pytest.mark.parametrize(
    ("sample", "latency_us", "loss_ratio"),
    [
        (near.HEALTHY, 12_323, 0.0),
        (near.LOSSY, 12_323, 0.3),
        (near.DEAD_END, None, 1.0),
        (near.LIMITED_END, 12_300, None),
        (near.UNRESOLVED, None, None),
        (near.EDGE_REACHED, 12_323, 0.0),
        (far.THROUGH_EDGE, 9_150 + 4_150, 0.0),
        (far.CLOUD_PROXY, 5_953, 0.0),
        (far.PRIVATE, None, None),
        (without_scores(far.THROUGH_EDGE), None, None),
    ],
)
def test_the_way_to_the_destination_is_what_counts(
    sample: Sample, latency_us: int | None, loss_ratio: float | None
) -> None:
    measures = measures_of(sample)
    assert (measures.latency_us, measures.loss_ratio) == (latency_us, loss_ratio)


def with_legs(**changes: dict[str, object]) -> Sample:
    """Return the way through an edge with changes of the legs to these nodes."""
    legs = tuple(
        replace(leg, **changes.get(f"{leg.from_.value}_{leg.to.value}", {}))  # type: ignore[arg-type]
        for leg in far.THROUGH_EDGE.legs
    )
    return replace(far.THROUGH_EDGE, legs=legs)


LOST: dict[str, object] = {"end_to_end": near.LOST_SERIES, "loss_ratio": 1.0, "reached": False}
UNTRACED: dict[str, object] = {"end_to_end": None, "loss_ratio": None, "reached": None, "hops": ()}


def test_two_stretches_lose_what_passes_neither() -> None:
    sample = with_legs(client_service_edge={"loss_ratio": 0.5}, service_edge_destination={"loss_ratio": 0.2})
    assert measures_of(sample).loss_ratio == 0.6


def test_what_is_behind_the_edge_and_answers_nothing_has_no_delay() -> None:
    measures = measures_of(with_legs(service_edge_destination=LOST))
    assert (measures.latency_us, measures.loss_ratio) == (None, 1.0)


def test_an_edge_that_answers_no_probes_loses_nothing() -> None:
    measures = measures_of(with_legs(client_service_edge=LOST))
    assert (measures.latency_us, measures.loss_ratio) == (None, 0.0)


def test_an_edge_that_traces_nothing_is_as_far_as_is_known() -> None:
    measures = measures_of(with_legs(service_edge_destination=UNTRACED))
    assert (measures.latency_us, measures.loss_ratio) == (9_150, 0.0)


def test_the_way_to_the_egress_alone_says_nothing_of_the_destination() -> None:
    sample = replace(near.HEALTHY, legs=(far.TO_EGRESS,))
    assert sample.legs[0].to is Node.EGRESS
    assert measures_of(sample) == Measures(path=measures_of(sample).path)


def test_a_destination_with_another_address_is_no_other_way() -> None:
    other = "192.0.2.81"
    moved = near.with_leg(
        address=other, hops=(near.GATEWAY, near.ISP, near.CORE, near.PEER, near.end(5, 12_300, address=other))
    )
    assert measures_of(moved).path == measures_of(near.HEALTHY).path


def test_an_edge_with_another_address_is_another_way() -> None:
    leg = far.TO_EDGE
    last = replace(leg.hops[-1], responders=(replace(leg.hops[-1].responders[0], address="203.0.113.10"),))
    moved = with_legs(client_service_edge={"address": "203.0.113.10", "hops": (*leg.hops[:-1], last)})
    first, second = names_of([measures_of(far.THROUGH_EDGE).path, measures_of(moved).path])
    assert first != second


def test_views_that_show_less_of_a_path_show_the_same_way() -> None:
    sketches = [measures_of(each).path for each in (near.HEALTHY, near.SILENT_HOPS, near.DEAD_END, near.BALANCED)]
    assert len(set(sketches)) == len(sketches)
    assert len(set(names_of(sketches))) == 1
