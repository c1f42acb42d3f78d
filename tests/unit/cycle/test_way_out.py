"""The way out beside the main trace: who is asked for the public address, what an edge traces, what stays unknown."""

import threading
from dataclasses import replace

import pytest

from agent.cycle import LIMITER_S, collect
from agent.request import SampleRequest
from agent.world import ProxyCheck
from probes.edge_access import EdgeAccess
from probes.egress_facts import EdgeTrace, EgressSource, ServiceData
from probes.facts import Direction, Leg, Node, Prober, Protocol, ProtocolChoice, Role, RouteKind
from probes.failure import Failure
from probes.proxy import ProxyChoice
from probes.sample import Sample, Target, TopologyKind
from probes.web_facts import Proxy, ProxyMode
from tests.unit.cycle.worlds import ADDRESS, EGRESS, NAME, ToldWorld, looked_up

EDGE = "edge.example.com"
SECOND = "edge-2.example.com"
FIRST_ACCESS = EdgeAccess(host=EDGE, api=f"https://{EDGE}:8443")
SECOND_ACCESS = EdgeAccess(host=SECOND, api=f"https://{SECOND}:8443")
TOLD = ServiceData(
    url=FIRST_ACCESS.api or "",
    fetched=True,
    attempts=1,
    status=200,
    address=EGRESS,
    server_address="203.0.113.99",
    udp_port=33_500,
    tcp_port=443,
    icmp=True,
)
NOT_TOLD = ServiceData(url=FIRST_ACCESS.api or "", attempts=2, failure=Failure.TIMED_OUT)
DIRECT = Target(name=NAME, host=NAME)
THROUGH_EDGE = replace(DIRECT, route=RouteKind.SERVICE_EDGE, edge_host=EDGE, edge_port=443)


def edge_leg(direction: Direction) -> Leg:
    to = Node.EGRESS if direction is Direction.REVERSE else Node.DESTINATION
    return Leg(from_=Node.SERVICE_EDGE, to=to, direction=direction, probed_by=Prober.EDGE, reached=True)


def told_world(*told: ServiceData) -> ToldWorld:
    world = ToldWorld()
    world.checks[EDGE] = looked_up(EDGE, ADDRESS, role=Role.SERVICE_EDGE)
    world.told = dict(zip((EDGE, SECOND), told, strict=False))
    world.edge_traces = {each: (EdgeTrace(status=200), edge_leg(each), None) for each in Direction}
    return world


def sampled(world: ToldWorld, target: Target, *edges: EdgeAccess, **changes: object) -> Sample:
    request = SampleRequest(target=target, edges=edges, patience_s=3_600.0)
    return collect(replace(request, **changes), world)  # type: ignore[arg-type]


def ways(sample: Sample) -> list[tuple[Node, Node]]:
    return [(leg.from_, leg.to) for leg in sample.legs]


def test_without_an_edge_nobody_is_asked_and_no_leg_leads_to_an_egress() -> None:
    world = told_world()
    sample = sampled(world, DIRECT)
    assert (sample.egress, sample.edges) == (None, ())
    assert ways(sample) == [(Node.CLIENT, Node.DESTINATION)]
    assert world.calls("service_data", "seen_by", "edge_trace") == []


def test_a_direct_path_has_the_leg_to_the_egress_that_the_edge_saw() -> None:
    world = told_world(TOLD)
    sample = sampled(world, DIRECT, FIRST_ACCESS)
    assert ways(sample) == [(Node.CLIENT, Node.EGRESS), (Node.CLIENT, Node.DESTINATION)]
    assert sample.legs[0].address == EGRESS
    assert sample.egress is not None
    assert (sample.egress.address, sample.egress.source, sample.egress.agree) == (
        EGRESS,
        EgressSource.SERVICE_DATA,
        True,
    )
    assert world.calls("edge_trace") == [], "what an edge traces is of no use to a path that avoids it"
    assert {route.destination for route in sample.network.routes} == {ADDRESS, EGRESS}


@pytest.mark.parametrize(
    ("protocol", "sources"),
    [
        (ProtocolChoice.ICMP, {EgressSource.ICMP}),
        (ProtocolChoice.UDP, {EgressSource.STUN}),
        (ProtocolChoice.TCP, {EgressSource.TCP}),
        (ProtocolChoice.ADAPTIVE, {EgressSource.ICMP, EgressSource.STUN, EgressSource.TCP}),
    ],
)
def test_the_edge_is_shown_a_packet_of_what_the_sample_uses(
    protocol: ProtocolChoice, sources: set[EgressSource]
) -> None:
    world = told_world(TOLD)
    sampled(world, replace(DIRECT, protocol=protocol), FIRST_ACCESS)
    assert set(world.calls("seen_by")) == sources


def test_a_path_through_an_edge_has_the_edges_legs_behind_our_own() -> None:
    world = told_world(TOLD)
    sample = sampled(world, THROUGH_EDGE, FIRST_ACCESS)
    assert ways(sample) == [
        (Node.CLIENT, Node.EGRESS),
        (Node.CLIENT, Node.SERVICE_EDGE),
        (Node.SERVICE_EDGE, Node.EGRESS),
        (Node.SERVICE_EDGE, Node.DESTINATION),
    ]
    assert [leg.direction for leg in sample.legs[2:]] == [Direction.REVERSE, Direction.FORWARD]
    (edge,) = sample.edges
    assert (edge.used, edge.service_data) == (True, TOLD)
    assert sample.topology is not None
    assert sample.topology.kind is TopologyKind.SERVICE_EDGE


def test_an_edge_without_an_api_is_traced_to_and_its_leg_says_that_nobody_asked() -> None:
    world = told_world()
    sample = sampled(world, THROUGH_EDGE, EdgeAccess(host=EDGE))
    assert ways(sample) == [(Node.CLIENT, Node.SERVICE_EDGE), (Node.SERVICE_EDGE, Node.DESTINATION)]
    assert (sample.legs[1].reached, "none was asked" in (sample.legs[1].reason or "")) == (None, True)


def test_an_edge_that_tells_nothing_leaves_legs_with_their_reasons() -> None:
    world = told_world(NOT_TOLD)
    sample = sampled(world, THROUGH_EDGE, FIRST_ACCESS)
    assert ways(sample)[0] == (Node.CLIENT, Node.EGRESS)
    assert all(leg.reached is None and leg.reason for leg in (sample.legs[0], *sample.legs[2:]))
    assert all("gives no service data" in (leg.reason or "") for leg in sample.legs[2:])
    assert world.calls("edge_trace", "seen_by") == []


def test_a_second_edge_is_asked_only_when_the_first_one_fails() -> None:
    world = told_world(TOLD, replace(TOLD, address="203.0.113.77"))
    sampled(world, DIRECT, FIRST_ACCESS, SECOND_ACCESS)
    assert world.calls("service_data") == [(EDGE, None)]
    world = told_world(NOT_TOLD, replace(TOLD, address="203.0.113.77"))
    sample = sampled(world, DIRECT, FIRST_ACCESS, SECOND_ACCESS)
    assert world.calls("service_data") == [(EDGE, None), (SECOND, None)]
    assert sample.egress is not None
    assert sample.egress.address == "203.0.113.77"
    assert [edge.service_data and edge.service_data.fetched for edge in sample.edges] == [False, True]


def test_a_configured_address_needs_no_edge() -> None:
    world = told_world()
    sample = sampled(world, DIRECT, egress_address="198.51.100.77")
    assert ways(sample)[0] == (Node.CLIENT, Node.EGRESS)
    assert sample.legs[0].address == "198.51.100.77"
    assert sample.egress is not None
    assert sample.egress.source is EgressSource.CONFIGURED


def test_an_edge_that_hangs_costs_no_more_than_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.cycle.LONGEST_S", 0.3)
    world, go = told_world(TOLD), threading.Event()
    asked = world.service_data

    def hang(*arguments: object) -> ServiceData:
        go.wait(30)
        return asked(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(world, "service_data", hang)
    sample = sampled(world, DIRECT, FIRST_ACCESS)
    go.set()
    assert ways(sample) == [(Node.CLIENT, Node.EGRESS), (Node.CLIENT, Node.DESTINATION)]
    assert sample.legs[1].reached


def test_behind_a_proxy_the_edge_is_asked_through_it_too() -> None:
    world = told_world(TOLD)
    known = Proxy(mode=ProxyMode.EXPLICIT, url="http://proxy.example:3128", host="proxy.example", port=3_128)
    choice = ProxyChoice(mode=ProxyMode.EXPLICIT, url=known.url, host=known.host, port=known.port)
    world.proxy = ProxyCheck(known=known, choice=choice, ask=lambda _: replace(known, address=ADDRESS, works=True))
    world.checks["proxy.example"] = looked_up("proxy.example", ADDRESS, role=Role.PROXY)
    sample = sampled(world, DIRECT, FIRST_ACCESS)
    assert world.calls("service_data") == [(EDGE, None), (EDGE, choice)]
    assert sample.egress is not None
    assert {*(sample.egress.by or {})} >= {"service_data", "proxy"}
    assert ways(sample)[:2] == [(Node.CLIENT, Node.EGRESS), (Node.CLIENT, Node.EXTERNAL_PROXY)]


def test_private_access_has_legs_that_nobody_sees() -> None:
    world = told_world()
    sample = sampled(world, replace(DIRECT, route=RouteKind.PRIVATE_ACCESS))
    assert ways(sample) == [(Node.CLIENT, Node.PRIVATE_EDGE), (Node.PRIVATE_EDGE, Node.DESTINATION)]
    assert all(leg.reached is None and leg.reason for leg in sample.legs)
    assert world.opened == []


def test_an_egress_that_seems_silent_is_asked_once_more_when_its_limiter_may_speak(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Both simulated traces move the one clock, which a real one does not.
    monkeypatch.setattr("agent.cycle.LONGEST_S", 60.0)
    world = ToldWorld("dead_target")
    sample = sampled(world, replace(DIRECT, protocol=ProtocolChoice.UDP), egress_address=EGRESS)
    assert world.calls("pause") == [LIMITER_S]
    assert sample.legs[0].reached is False
    assert world.opened.count((Protocol.UDP, EGRESS, 33_434)) == 2


def test_an_egress_that_answers_is_asked_once() -> None:
    world = ToldWorld()
    sampled(world, DIRECT, egress_address=EGRESS)
    assert world.calls("pause") == []
