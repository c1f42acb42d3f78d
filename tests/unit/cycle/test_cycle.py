"""One sample from the first question to the last fact, in a world without a network."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from agent.cycle import NAMES_WAIT_S, collect
from agent.request import SampleRequest
from agent.world import ProxyCheck
from probes.facts import EndReason, Family, Leg, MtuCertainty, Node, Place, Protocol, Role, RouteKind
from probes.failure import Failure
from probes.host_facts import Network
from probes.name_facts import DnsCheck
from probes.origin import Origin
from probes.proxy import ProxyChoice
from probes.sample import AgentFailure, Sample, Target
from probes.web_facts import Proxy, ProxyMode
from rules.diagnosis import Diagnosis, Status
from rules.engine import diagnose
from rules.shipped import shipped_rules
from tests.simulation.drivers import SimulatedDriver
from tests.simulation.world import START_S
from tests.unit.cycle.worlds import ADDRESS, GATEWAY, NAME, RESOLVER, ToldWorld, literal, looked_up

EDGE = "edge.example.com"
EDGE_ADDRESS = "192.0.2.80"
HOST = Target(name=NAME, host=NAME)
LITERAL = Target(name=ADDRESS, host=ADDRESS, literal=True, family=Family.IPV4)
URL = Target(name=NAME, host=NAME, url=f"https://{NAME}/login", port=443)


def asked_for(target: Target, **changes: object) -> SampleRequest:
    """A request that compares only where it must, however slow this machine is."""
    return replace(SampleRequest(target=target, patience_s=3_600.0), **changes)  # type: ignore[arg-type]


PROXY = Proxy(mode=ProxyMode.EXPLICIT, url="http://proxy.example:3128", host="proxy.example", port=3_128)


def use_proxy(world: ToldWorld, address: str = ADDRESS, ask: Callable[[DnsCheck], Proxy] | None = None) -> None:
    """Let a proxy apply; by default it works, and is where the simulated path leads."""
    working = replace(PROXY, address=address, works=True)
    choice = ProxyChoice(mode=ProxyMode.EXPLICIT, url=PROXY.url, host=PROXY.host, port=PROXY.port)
    world.proxy = ProxyCheck(known=PROXY, choice=choice, ask=ask or (lambda _: working))
    world.checks["proxy.example"] = looked_up("proxy.example", address, role=Role.PROXY)


def verdict(sample: Sample) -> Diagnosis:
    return diagnose(sample, shipped_rules())


def codes(sample: Sample) -> set[str]:
    return {error.code for error in verdict(sample).errors}


# --- the order of things ----------------------------------------------------------------------------------------------


def test_a_healthy_sample_asks_names_first_then_traces_and_compares_with_nobody() -> None:
    world = ToldWorld()
    sample = collect(asked_for(HOST), world)
    *before, last, very_last, at_last = (name for name, _ in world.asked)
    assert before == [
        "watch",
        "proxy_for",
        "network",
        "check_names",
        "network",
        "recall",
        "waiter",
        "open_driver",
        "open_driver",
        "open_driver",
        "names_of",
    ]
    assert {last, very_last} == {"network", "neighbours"}, "the end is compared with the start"
    assert at_last == "remember"
    assert world.calls("network") == [(), (ADDRESS,), (ADDRESS,)]
    (leg,) = sample.legs
    assert (leg.to, leg.address, leg.reached, len(leg.hops)) == (Node.DESTINATION, ADDRESS, True, 10)
    assert {fact.role for fact in sample.reachability} == {Role.DESTINATION}
    assert [neighbour.address for neighbour in sample.network.neighbours] == [GATEWAY]
    assert verdict(sample).status is Status.OK


def test_the_watch_sees_every_lookup_and_is_closed() -> None:
    world = ToldWorld()
    collect(asked_for(HOST), world)
    assert [[route.destination for route in network.routes] for network in world.the_watch.used] == [[], [ADDRESS]]
    assert world.the_watch.closed


def test_a_name_that_does_not_resolve_leaves_a_leg_with_its_reason() -> None:
    world = ToldWorld()
    world.checks[NAME] = looked_up(NAME, rcode="NXDOMAIN")
    sample = collect(asked_for(HOST), world)
    assert sample.legs == (
        Leg(from_=Node.CLIENT, to=Node.DESTINATION, reason=f"no address to trace: {NAME} did not resolve"),
    )
    assert world.opened == []
    assert {fact.role for fact in sample.reachability} == {Role.GATEWAY, Role.RESOLVER}
    assert "CP-03" in codes(sample)


def test_a_target_that_does_not_answer_is_compared_with_others() -> None:
    world = ToldWorld("dead_target")
    world.checks["192.0.2.7"] = literal("192.0.2.7", Role.CONTROL)
    sample = collect(asked_for(LITERAL, controls=("192.0.2.7",)), world)
    assert sample.legs[0].reached is False
    others = [(fact.role, fact.address) for fact in sample.reachability if fact.role is not Role.DESTINATION]
    assert others == [(Role.CONTROL, "192.0.2.7")] * 2 + [(Role.GATEWAY, GATEWAY)] + [(Role.RESOLVER, RESOLVER)] * 2


def test_a_target_that_the_host_refuses_to_send_to_is_compared_with_others() -> None:
    world = ToldWorld("no_route")
    sample = collect(asked_for(LITERAL), world)
    assert (sample.legs[0].end_reason, sample.legs[0].reached) == (EndReason.SEND_FAILED, None)
    assert Role.GATEWAY in {fact.role for fact in sample.reachability}


# --- the protocol, its port and its reason ----------------------------------------------------------------------------

_DEFAULTS = {Protocol.ICMP: None, Protocol.TCP: 443, Protocol.UDP: 33_434}


@pytest.mark.parametrize(
    ("target", "ports", "reason"),
    [
        (HOST, _DEFAULTS, "icmp comes first, because the target names no port"),
        (replace(HOST, port=53), {**_DEFAULTS, Protocol.TCP: 53, Protocol.UDP: 53}, "the target names a port"),
        (URL, _DEFAULTS, "tcp comes first, because the target is a URL"),
        (replace(URL, port=8_443), {**_DEFAULTS, Protocol.TCP: 8_443, Protocol.UDP: 8_443}, "the target is a URL"),
        (
            replace(HOST, route=RouteKind.SERVICE_EDGE, edge_host=EDGE, edge_port=8_443, port=53),
            {**_DEFAULTS, Protocol.TCP: 8_443},
            "a service edge is reached by TCP",
        ),
    ],
    ids=["host", "host and port", "url", "url and another port", "edge"],
)
def test_a_port_is_used_where_it_means_something(
    target: Target, ports: dict[Protocol, int | None], reason: str
) -> None:
    world = ToldWorld()
    world.checks[EDGE] = literal(EDGE_ADDRESS, Role.SERVICE_EDGE)
    sample = collect(asked_for(target), world)
    assert {protocol: port for protocol, _, port in world.opened} == ports
    assert reason in (sample.legs[0].protocol_reason or "")


# --- the service edge -------------------------------------------------------------------------------------------------


def test_the_way_through_a_service_edge_has_two_legs() -> None:
    world = ToldWorld()
    world.checks[EDGE] = looked_up(EDGE, EDGE_ADDRESS, role=Role.SERVICE_EDGE)
    target = replace(URL, route=RouteKind.SERVICE_EDGE, edge_host=EDGE, edge_port=443)
    sample = collect(asked_for(target), world)
    first, second = sample.legs
    assert (first.from_, first.to, first.address, first.reached) == (
        Node.CLIENT,
        Node.SERVICE_EDGE,
        EDGE_ADDRESS,
        True,
    )
    assert (second.from_, second.to, second.reached, second.hops) == (Node.SERVICE_EDGE, Node.DESTINATION, None, ())
    assert second.reason is not None
    assert second.reason.startswith("not discoverable")
    assert [check.role for check in sample.dns] == [Role.SERVICE_EDGE, Role.DESTINATION]
    assert len(world.calls("check_names")) == 1, "both names are asked at once"


def test_an_edge_whose_name_does_not_resolve_leaves_both_legs_untraced() -> None:
    world = ToldWorld()
    world.checks[EDGE] = looked_up(EDGE, role=Role.SERVICE_EDGE)
    target = replace(URL, route=RouteKind.SERVICE_EDGE, edge_host=EDGE, edge_port=443)
    sample = collect(asked_for(target), world)
    assert [(leg.to, leg.reached, bool(leg.reason)) for leg in sample.legs] == [
        (Node.SERVICE_EDGE, None, True),
        (Node.DESTINATION, None, True),
    ]
    assert world.opened == []


# --- the proxy --------------------------------------------------------------------------------------------------------


def test_the_proxy_is_part_of_a_healthy_sample() -> None:
    world = ToldWorld()
    use_proxy(world)
    sample = collect(asked_for(HOST, proxy_mode=ProxyMode.EXPLICIT, proxy_url=PROXY.url), world)
    assert sample.proxy == replace(PROXY, address=ADDRESS, works=True)
    assert sample.dns == (world.checks[NAME], world.checks["proxy.example"])
    assert world.calls("proxy_for") == [(HOST, ProxyMode.EXPLICIT, PROXY.url, ())]


def test_the_path_is_traced_to_the_proxy_and_not_past_it() -> None:
    world = ToldWorld()
    use_proxy(world)
    sample = collect(asked_for(HOST), world)
    assert (sample.legs[0].from_, sample.legs[0].to) == (Node.CLIENT, Node.EXTERNAL_PROXY)
    assert sample.legs[0].reached
    assert {(port, protocol) for protocol, _, port in world.opened} >= {(3_128, Protocol.TCP)}
    assert all(leg.reached is None and leg.reason for leg in sample.legs[1:])


def test_a_proxy_on_this_host_is_no_place_on_the_path() -> None:
    world = ToldWorld()
    use_proxy(world, "127.0.0.1")
    assert [leg.to for leg in collect(asked_for(HOST), world).legs] == [Node.DESTINATION]


# --- our own mistakes -------------------------------------------------------------------------------------------------


def failing(call: str) -> Callable[[ToldWorld], None]:
    def prepare(world: ToldWorld) -> None:
        world.fails[call] = ValueError("no such thing")

    return prepare


def failing_driver(method: str) -> Callable[[ToldWorld], None]:
    """Make every driver fail in one of its calls, in the middle of the trace."""

    def prepare(world: ToldWorld) -> None:
        opened = world.simulation.open

        def broken(*_: object, **_how: object) -> object:
            raise ValueError("no such thing")

        def open_broken(protocol: Protocol) -> object:
            driver, refused = opened(protocol)
            assert isinstance(driver, SimulatedDriver)
            setattr(driver, method, broken)
            return driver, refused

        world.simulation.open = open_broken  # type: ignore[assignment,method-assign]

    return prepare


@pytest.mark.parametrize(
    "mistake",
    [
        failing("watch"),
        failing("proxy_for"),
        failing("network"),
        failing("check_names"),
        failing("waiter"),
        failing("open_driver"),
        failing_driver("send"),
        failing_driver("receive"),
        failing("names_of"),
        failing("neighbours"),
    ],
    ids=[
        "watch",
        "proxy",
        "network",
        "names",
        "waiter",
        "opening",
        "sending",
        "receiving",
        "reverse names",
        "neighbours",
    ],
)
def test_a_mistake_of_the_agents_is_a_fact_and_an_error(mistake: Callable[[ToldWorld], None]) -> None:
    world = ToldWorld()
    mistake(world)
    sample = collect(asked_for(HOST), world)
    assert [(fact.failure, fact.detail) for fact in sample.agent_failures] == [
        (Failure.INTERNAL_ERROR, "ValueError: no such thing")
    ]
    assert verdict(sample).status is Status.FAILED
    assert "CP-01" in codes(sample)
    assert [leg.to for leg in sample.legs] == [Node.DESTINATION], "a leg that was not traced is never left out"
    assert sample.target == HOST
    assert world.the_watch.closed or "watch" in world.fails, "what was opened is given back"


def test_a_mistake_late_in_the_sample_keeps_what_was_found() -> None:
    world = ToldWorld()
    world.fails["names_of"] = ValueError("no such thing")
    sample = collect(asked_for(HOST), world)
    assert sample.legs[0].reached
    assert sample.dns == (world.checks[NAME],)
    assert sample.network.routes != ()
    assert world.the_watch.closed


def test_a_mistake_in_a_driver_spares_the_comparisons_and_the_end() -> None:
    world = ToldWorld()
    failing_driver("receive")(world)
    sample = collect(asked_for(HOST), world)
    (leg,) = sample.legs
    assert (leg.address, leg.reached, leg.hops) == (ADDRESS, None, ())
    assert leg.reason is not None
    assert {fact.role for fact in sample.reachability} == {Role.GATEWAY, Role.RESOLVER}
    assert sample.network.neighbours != ()


def test_a_mistake_in_a_thread_is_a_fact_and_an_error() -> None:
    world = ToldWorld("dead_target")
    world.fails["echo"] = ValueError("no such thing")
    sample = collect(asked_for(LITERAL), world)
    assert {fact.operation for fact in sample.agent_failures} == {"comparison"}
    assert "CP-01" in codes(sample)
    assert sample.legs[0].hops != ()


def test_a_mistake_leaves_nobody_waiting_to_compare() -> None:
    world = ToldWorld()
    world.fails["check_names"] = ValueError("no such thing")
    before = set(threading.enumerate())
    collect(asked_for(HOST), world)
    left = set(threading.enumerate()) - before
    for thread in left:
        thread.join(10)
    assert not any(thread.is_alive() for thread in left)
    assert world.calls("echo", "connect") == []


def test_a_mistake_keeps_what_ran_beside_the_trace() -> None:
    world = ToldWorld()
    use_proxy(world)
    world.fails["check_names"] = ValueError("no such thing")
    assert collect(asked_for(HOST), world).proxy == PROXY


# --- ends before the end ----------------------------------------------------------------------------------------------


def test_an_interruption_keeps_the_hops_so_far_and_asks_nobody_any_more() -> None:
    world = ToldWorld()
    sample = collect(asked_for(LITERAL), world, interrupted=lambda: world.clock.now >= START_S + 0.02)
    (leg,) = sample.legs
    assert (leg.end_reason, leg.reached) == (EndReason.ABORTED, None)
    assert 0 < sum(bool(hop.responders) for hop in leg.hops) < 10
    assert world.calls("echo", "connect", "names_of") == []
    assert sample.network.neighbours != ()


def test_an_interruption_does_not_wait_for_the_proxy() -> None:
    world = ToldWorld()
    answers: list[bool] = []

    def ask(_: DnsCheck) -> Proxy:
        world.holds["proxy"].wait(30)
        answers.append(True)
        return replace(PROXY, works=True)

    use_proxy(world, ask=ask)
    with world.held("proxy"):
        assert collect(asked_for(LITERAL), world, interrupted=lambda: True).proxy == PROXY
        assert answers == []


def test_a_disturbed_sample_is_cut_short_and_discarded() -> None:
    world = ToldWorld()
    world.the_watch.disturbed_at = 0.02
    sample = collect(asked_for(HOST), world)
    assert sample.legs[0].end_reason is EndReason.ABORTED
    assert [change.affects_sample for change in sample.network.changes] == [True]
    assert world.calls("echo", "connect") == [], "a sample that is discarded needs no comparison"
    diagnosis = verdict(sample)
    assert diagnosis.status is Status.DISCARDED
    assert [error.code for error in diagnosis.errors] == ["CP-06"]


def test_progress_is_told_of_the_leg_that_grows() -> None:
    world = ToldWorld("dead_target")
    seen: list[Leg] = []
    collect(asked_for(LITERAL), world, on_progress=seen.append)
    assert seen != []
    assert all(leg.address == ADDRESS for leg in seen)


# --- reverse names ----------------------------------------------------------------------------------------------------


def waits_for_names(world: ToldWorld, target: Target, **changes: object) -> list[float]:
    """Return how long reverse names were waited for, for each time they were asked."""
    collect(asked_for(target, **changes), world)
    waits = []
    for call in world.calls("names_of"):
        assert isinstance(call, tuple)
        waits.append(call[1])
    return waits


def test_names_of_hops_are_put_to_their_responders() -> None:
    world = ToldWorld()
    world.reverse_names = {"10.0.0.1": "gateway.example.", ADDRESS: "crm.example.com."}
    sample = collect(asked_for(HOST), world)
    names = [hop.responders[0].name for hop in sample.legs[0].hops]
    assert names == ["gateway.example.", *[None] * 8, "crm.example.com."]
    (call,) = world.calls("names_of")
    assert isinstance(call, tuple)
    assert call[0] == tuple(sorted([*(f"10.0.0.{ttl}" for ttl in range(1, 10)), ADDRESS]))


DATABASES = (Path("asn.mmdb"), Path("city.mmdb"))


def test_origins_are_put_to_those_who_answered_and_nobody_is_asked_without_a_database() -> None:
    world = ToldWorld()
    place = Place(country="DE", city="Frankfurt")
    world.origins = {"10.0.0.1": Origin(asn=64_500, as_name="Example", place=place)}
    first, second, *_ = collect(replace(asked_for(HOST), databases=DATABASES), world).legs[0].hops
    (gateway,) = first.responders
    assert (gateway.asn, gateway.as_name, gateway.place) == (64_500, "Example", place)
    assert second.responders[0].asn is None
    (call,) = world.calls("origins_of")
    assert call == (tuple(sorted([*(f"10.0.0.{ttl}" for ttl in range(1, 10)), ADDRESS])), DATABASES)
    without = ToldWorld()
    collect(asked_for(HOST), without)
    assert without.calls("origins_of") == []


def test_a_database_that_breaks_costs_nothing_but_itself() -> None:
    world = ToldWorld()
    broken = AgentFailure(operation="address_database", failure=Failure.INVALID_SETTING, detail="asn.mmdb is damaged")
    world.origin_failures = (broken,)
    sample = collect(replace(asked_for(HOST), databases=DATABASES), world)
    assert sample.agent_failures == (broken,)
    assert sample.legs[0].reached is True
    assert verdict(sample).status is Status.OK


def test_a_resolver_that_answered_is_worth_a_wait() -> None:
    assert waits_for_names(ToldWorld(), HOST) == [NAMES_WAIT_S[True]]


def test_a_resolver_that_nobody_has_asked_is_worth_a_short_one() -> None:
    assert waits_for_names(ToldWorld(), LITERAL) == [NAMES_WAIT_S[None]]
    assert NAMES_WAIT_S[None] <= 0.05


def test_a_resolver_that_is_dead_is_worth_none() -> None:
    world = ToldWorld("dead_target")
    world.checks[NAME] = replace(looked_up(NAME, ADDRESS, rcode=None), failure=None)
    world.fails["connect"] = ValueError("nobody is there")
    assert waits_for_names(world, HOST) == []


def test_without_a_resolver_nobody_is_asked() -> None:
    world = ToldWorld()
    world.told_network = Network(epoch="", interfaces=world.told_network.interfaces)
    assert waits_for_names(world, LITERAL) == []


def test_who_wants_no_names_gets_none() -> None:
    assert waits_for_names(ToldWorld(), HOST, names=False) == []


# --- the path MTU -----------------------------------------------------------------------------------------------------


def test_the_path_mtu_is_measured_after_the_trace_by_who_asks_for_it() -> None:
    world = ToldWorld()
    sample = collect(asked_for(HOST, path_mtu=True), world)
    (leg,) = sample.legs
    assert (len(leg.hops), leg.path_mtu) == (10, 1_500), "the first interface is the narrowest place of the simulation"
    assert leg.mtu is not None
    assert (leg.mtu.protocol, leg.mtu.certainty, leg.mtu.steps) == (Protocol.ICMP, MtuCertainty.EXACT, ())
    assert world.opened[-1][0] is Protocol.ICMP


def test_nobody_else_pays_for_it() -> None:
    world = ToldWorld()
    (leg,) = collect(asked_for(HOST), world).legs
    assert (leg.path_mtu, leg.mtu) == (None, None)


def test_the_agents_own_mistake_in_it_keeps_the_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Leg:
        raise ValueError("a mistake")

    monkeypatch.setattr("probes.trace.mtu_pass.with_path_mtu", fail)
    sample = collect(asked_for(HOST, path_mtu=True), ToldWorld())
    assert len(sample.legs[0].hops) == 10
    assert [failure.operation for failure in sample.agent_failures] == ["path MTU"]
