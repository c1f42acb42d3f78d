"""What the search for the path MTU finds on small paths, in how many packets and round trips."""

from collections.abc import Callable
from random import Random

import pytest

from probes.facts import Family, MtuCertainty, MtuStep, MtuStepKind, PathMtu, Protocol
from probes.failure import Failure
from probes.seam import Flow
from probes.trace.mtu_evidence import between
from probes.trace.mtu_settings import MtuSettings
from probes.trace.path_mtu import PathMtuPlan
from tests.property.trace.mtu_model import Limiter, Model, Router, measure, silence, truth

RTT_S = 0.02
Says = Callable[[int, int], int | None]


def routers(count: int, **says: Says) -> list[Router]:
    """Return routers whose buckets a trace has half emptied; `r2=silence` lets the second one say nothing."""
    return [Router(f"10.0.0.{n}", says=says.get(f"r{n}", truth), limiter=Limiter(3)) for n in range(1, count + 1)]


def found(model: Model) -> PathMtu:
    return measure(model)[0]


def places(answer: PathMtu) -> list[tuple[int | None, int, MtuStepKind]]:
    return [(step.probe_ttl, step.mtu, step.kind) for step in answer.steps]


@pytest.mark.parametrize(
    ("links", "host_mtu", "packets", "round_trips"),
    [
        ([1500, 1500, 1500, 1500], 1500, 3, 1),
        ([1500, 1500, 1400, 1500], 1500, 7, 2),
        ([1500, 1400, 1300, 1500], 1500, 11, 3),
        ([9000, 1500, 1400, 1300], 9000, 16, 4),
    ],
)
def test_reported_drops_take_a_round_trip_each(links: list[int], host_mtu: int, packets: int, round_trips: int) -> None:
    answer, took_s = measure(Model(links, routers(3), host_mtu=host_mtu, rtt_s=RTT_S))
    assert (answer.at_least, answer.certainty, answer.sent) == (min(links), MtuCertainty.EXACT, packets)
    assert took_s <= round_trips * RTT_S + 0.001


def test_a_black_hole_takes_well_under_a_second() -> None:
    answer, took_s = measure(Model([1500, 1500, 1433, 1500], routers(3, r2=silence), rtt_s=RTT_S))
    assert places(answer) == [(2, 1433, MtuStepKind.BLACK_HOLE)]
    assert (answer.certainty, answer.reason) == (MtuCertainty.SEARCHED, None)
    assert answer.sent <= 60
    assert took_s < 0.8


def test_a_hole_before_the_target_is_told_with_what_else_it_may_be() -> None:
    answer = found(Model([1500, 1500, 1400], routers(2, r2=silence)))
    assert places(answer) == [(2, 1400, MtuStepKind.BLACK_HOLE)]
    assert "echo requests" in (answer.reason or "")


@pytest.mark.parametrize("claim", [0, 67, 600, 1499, 1500, 1501, 65_535])
def test_a_wrong_claim_is_kept_as_evidence_and_not_believed(claim: int) -> None:
    answer = found(Model([1500, 1500, 1433, 1500], routers(3, r2=lambda _mtu, _size: claim)))
    assert answer.steps == (
        MtuStep(probe_ttl=2, mtu=1433, kind=MtuStepKind.REPORTED, reported_by="10.0.0.2", reported_mtu=claim),
    )
    assert answer.certainty is MtuCertainty.EXACT


def test_a_claim_below_ipv6s_minimum_is_no_hint() -> None:
    model = Model([1500, 1500, 1300], routers(2, r2=lambda _mtu, _size: 1200), family=Family.IPV6)
    assert found(model).at_least == 1300


def test_a_router_that_is_silent_in_the_trace_is_placed_by_growing_ttls() -> None:
    path = routers(3)
    path[1] = Router("10.9.9.9", speaks=False)
    model = Model([1500, 1500, 1400, 1500], path)
    assert places(measure(model, quoted=False)[0]) == [(2, 1400, MtuStepKind.REPORTED)]


def test_a_target_that_answers_nothing_is_measured_up_to_the_last_hop_that_does() -> None:
    answer = found(Model([1500, 1500, 1400, 1300], routers(3), target_speaks=False))
    assert (answer.at_least, answer.up_to_ttl, answer.certainty) == (1400, 3, MtuCertainty.EXACT)


def test_nobody_at_all_is_told_at_once() -> None:
    silent = [Router("10.0.0.1", speaks=False)]
    answer, took_s = measure(Model([1500, 1500], silent, target_speaks=False))
    assert (answer.sent, took_s, answer.certainty) == (0, 0, MtuCertainty.UNKNOWN)
    assert answer.reason == "neither the target nor any hop answers"


def test_a_host_that_nobody_asked_for_its_mtu_tells_it_by_refusing() -> None:
    answer = found(Model([1500, 1500, 1400], routers(2), host_mtu=1500, told_link_mtu=False))
    assert (answer.link_mtu, answer.at_least) == (1500, 1400)
    assert places(answer) == [(2, 1400, MtuStepKind.REPORTED)]


def test_what_the_hosts_own_device_drops_is_a_hole_behind_this_host() -> None:
    answer = found(Model([9000, 9000, 9000], routers(2), host_mtu=9000, host_drops=1504))
    assert places(answer) == [(0, 1504, MtuStepKind.BLACK_HOLE)]


def test_a_host_that_sends_nothing_is_named() -> None:
    plan = plan_of(Model([1500], []))
    for probe in plan.probes_to_send(100.0):
        plan.failed(probe.number, Failure.BLOCKED_LOCALLY, 100.0)
    answer = plan.facts(method=None, now=100.0)
    assert plan.over
    assert (answer.at_least, answer.reason) == (None, "the host refused to send: blocked_locally")


def test_an_interrupted_search_says_so() -> None:
    plan = plan_of(Model([1500], []))
    plan.probes_to_send(100.0)
    plan.stop()
    assert (plan.next_deadline(), plan.facts(method=None, now=100.0).reason) == (None, "interrupted")


@pytest.mark.parametrize("milliseconds", range(0, 800, 20))
def test_a_search_that_is_cut_short_places_no_hole_wrongly(milliseconds: int) -> None:
    model = Model([1500, 1500, 1400, 1320, 1320], routers(4, r3=silence), rtt_s=RTT_S)
    settings = MtuSettings(longest_s=milliseconds / 1000)
    assert set(places(measure(model, settings=settings)[0])) <= {
        (2, 1400, MtuStepKind.REPORTED),
        (3, 1320, MtuStepKind.BLACK_HOLE),
        (None, 1320, MtuStepKind.BLACK_HOLE),
        *((None, size, MtuStepKind.BLACK_HOLE) for size in range(48, 1320)),
    }


def test_hops_that_have_fallen_silent_place_no_hole() -> None:
    path = [Router(f"10.0.0.{n}", says=silence, limiter=Limiter(0, period_s=1e6)) for n in (1, 2, 3, 4)]
    answer = found(Model([1500, 1500, 1500, 1400, 1400], path, rtt_s=RTT_S))
    assert places(answer) == [(None, 1400, MtuStepKind.BLACK_HOLE)]


def plan_of(model: Model) -> PathMtuPlan:
    """Return the plan for a model that nothing was sent to yet."""
    flow = Flow(family=model.family, protocol=Protocol.ICMP, source="192.0.2.1", destination="192.0.2.80", icmp_id=7)
    return PathMtuPlan(flow=flow, path=model.known(), random_bytes=Random(1).randbytes, now=100.0)  # noqa: S311 - a test that can be repeated


@pytest.mark.parametrize("most", [2, 3, 10])
@pytest.mark.parametrize(("below", "above"), [(96, 65_535), (1280, 1500), (1400, 1403), (1400, 1420), (1499, 1500)])
def test_sizes_between_two_are_few_different_and_between(below: int, above: int, most: int) -> None:
    sizes = between(below, above, most)
    assert len(sizes) == len(set(sizes)) <= most
    assert all(below < size < above for size in sizes)
    assert sizes or above - below == 1


def test_what_the_host_says_of_an_earlier_plans_packets_ends_nothing() -> None:
    """A second plan by the same driver may be told of the first one's packets before any of its own has left."""
    flow = Flow(family=Family.IPV4, protocol=Protocol.ICMP, source="192.0.2.1", destination="192.0.2.2", icmp_id=7)
    path = Model([1500, 1400], routers(1)).known()
    plan = PathMtuPlan(flow=flow, path=path, random_bytes=Random(1).randbytes, now=0.0)  # noqa: S311 - to repeat it
    for failure in (Failure.MESSAGE_TOO_LONG, Failure.HOST_UNREACHABLE):
        plan.failed(None, failure, 0.0)
    assert not plan.over
    assert plan.probes_to_send(0.0)
