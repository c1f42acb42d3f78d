"""What a sample compares with: when it starts, in which order it is told, and what becomes of mistakes."""

import threading
import time
from dataclasses import replace

import pytest

from agent.comparisons import Comparisons
from agent.world import ProxyCheck, Sending
from probes.facts import Family, Role
from probes.failure import Failure
from probes.host_facts import Network, Resolver, Route
from probes.name_facts import DnsCheck
from probes.web_facts import Proxy, ProxyMode
from tests.unit.cycle.worlds import DEFAULT_ROUTE, GATEWAY, NETWORK, RESOLVER, ToldWorld, literal, looked_up

FOREVER_S = 3_600.0
EXPLICIT = Proxy(mode=ProxyMode.EXPLICIT, host="proxy.example", port=3_128)
PROXY_NAME = looked_up("proxy.example", "192.0.2.3", role=Role.PROXY)


def comparisons(
    world: ToldWorld, *controls: str, proxy: ProxyCheck | None = None, patience_s: float = FOREVER_S
) -> Comparisons:
    running = Comparisons(world, Sending(), controls, patience_s=patience_s)
    if proxy is not None:
        ask_proxy(running, proxy)
    return running


def ask_proxy(running: Comparisons, proxy: ProxyCheck) -> None:
    running.note_proxy(proxy.known)
    running.ask_proxy(proxy, PROXY_NAME)


def test_a_healthy_sample_compares_with_nobody() -> None:
    world = ToldWorld()
    running = comparisons(world)
    running.start(NETWORK)
    results = running.finish(needed=False)
    assert (results.reachability, results.dns, results.proxy, results.agent_failures) == ((), (), None, ())
    assert world.asked == []


def test_a_sample_that_turned_out_badly_compares_at_once_and_waits() -> None:
    world = ToldWorld()
    running = comparisons(world)
    running.start(NETWORK)
    results = running.finish(needed=True)
    assert [(fact.role, fact.address, fact.port) for fact in results.reachability] == [
        (Role.GATEWAY, GATEWAY, None),
        (Role.RESOLVER, RESOLVER, None),
        (Role.RESOLVER, RESOLVER, 53),
    ]


def test_a_sample_that_takes_long_compares_without_being_asked() -> None:
    world = ToldWorld()
    running = comparisons(world, patience_s=0.0)
    running.start(NETWORK)
    world.await_answers(3)
    assert len(running.finish(needed=True).reachability) == 3
    assert len(world.calls("echo", "connect")) == 3, "nobody is asked twice"


def test_nothing_starts_once_it_is_stopped() -> None:
    world = ToldWorld()
    running = comparisons(world, patience_s=0.0)
    running.stop()
    running.start(NETWORK)
    assert running.finish(needed=False).reachability == ()
    assert world.asked == []


def test_the_order_does_not_depend_on_who_answers_first() -> None:
    controls = ("192.0.2.9:8443", "192.0.2.9:443", "192.0.2.7")
    orders = []
    for late, others in ((GATEWAY, 8), (RESOLVER, 7), ("192.0.2.7", 7), ("192.0.2.9", 5)):
        world = ToldWorld()
        world.checks |= {address: literal(address, Role.CONTROL) for address in ("192.0.2.7", "192.0.2.9")}
        running = comparisons(world, *controls, patience_s=0.0)
        with world.held(late):
            running.start(NETWORK)
            world.await_answers(others)
        results = running.finish(needed=True)
        orders.append([(fact.role, fact.address, fact.protocol, fact.port) for fact in results.reachability])
    assert orders[0][:3] == [
        (Role.CONTROL, "192.0.2.7", "icmp", None),
        (Role.CONTROL, "192.0.2.7", "tcp", 443),
        (Role.CONTROL, "192.0.2.9", "icmp", None),
    ]
    assert all(order == orders[0] for order in orders)


def test_nobody_waits_for_the_echo_of_who_was_heard_already() -> None:
    world = ToldWorld()
    running = comparisons(world, patience_s=0.0)
    with world.held(GATEWAY):
        running.start(NETWORK)
        world.await_answers(2)
        results = running.finish(needed=True, heard=frozenset({GATEWAY}))
    assert {fact.address for fact in results.reachability} == {RESOLVER}


def test_who_does_not_answer_in_time_is_left_out() -> None:
    world = ToldWorld()
    running = Comparisons(world, Sending(), (), patience_s=FOREVER_S, deadline_s=0.2)
    with world.held(GATEWAY):
        running.start(NETWORK)
        results = running.finish(needed=True)
    assert {fact.address for fact in results.reachability} == {RESOLVER}


def test_a_resolver_on_this_host_proves_nothing_and_is_not_asked() -> None:
    world = ToldWorld()
    running = comparisons(world)
    running.start(replace(NETWORK, resolvers=(Resolver(address="127.0.0.53"), Resolver(address="::1"))))
    assert {fact.role for fact in running.finish(needed=True).reachability} == {Role.GATEWAY}


def test_a_link_local_gateway_is_asked_with_its_zone_and_each_gateway_once() -> None:
    world = ToldWorld()
    six = Route(destination="::/0", family=Family.IPV6, interface="eth0", gateway="fe80::1")
    running = comparisons(world)
    running.start(Network(epoch="", default_routes=(DEFAULT_ROUTE, six), routes=(DEFAULT_ROUTE, six)))
    running.finish(needed=True)
    assert sorted(world.calls("echo"), key=str) == [(Role.GATEWAY, GATEWAY, None), (Role.GATEWAY, "fe80::1%eth0", None)]


def test_a_control_is_looked_up_and_its_port_is_the_urls() -> None:
    world = ToldWorld()
    world.checks["control.example"] = looked_up("control.example", "192.0.2.9", role=Role.CONTROL)
    running = comparisons(world, "http://control.example/")
    running.start(Network(epoch=""))
    results = running.finish(needed=True)
    assert [check.name for check in results.dns] == ["control.example"]
    assert [(fact.protocol, fact.port) for fact in results.reachability] == [("icmp", None), ("tcp", 80)]


def test_a_control_without_an_address_is_known_by_its_name_alone() -> None:
    world = ToldWorld()
    world.checks["control.example"] = looked_up("control.example", role=Role.CONTROL)
    running = comparisons(world, "control.example")
    running.start(Network(epoch=""))
    results = running.finish(needed=True)
    assert ([check.failure for check in results.dns], results.reachability) == ([Failure.NXDOMAIN], ())


# --- the proxy --------------------------------------------------------------------------------------------------------


def answering(world: ToldWorld) -> ProxyCheck:
    def ask(resolved: DnsCheck) -> Proxy:
        world.asked.append(("proxy", resolved))
        return replace(EXPLICIT, works=True)

    return ProxyCheck(known=EXPLICIT, choice=None, ask=ask)


def test_the_proxy_is_asked_at_once_and_waited_for_in_a_healthy_sample_too() -> None:
    world = ToldWorld()
    running = comparisons(world, proxy=answering(world))
    running.start(NETWORK)
    results = running.finish(needed=False)
    assert results.proxy == replace(EXPLICIT, works=True)
    assert world.asked == [("proxy", PROXY_NAME)]


def test_a_healthy_sample_waits_for_a_slow_proxy() -> None:
    go = threading.Event()

    def ask(_: DnsCheck) -> Proxy:
        assert go.wait(30)
        return replace(EXPLICIT, works=True)

    running = comparisons(ToldWorld(), proxy=ProxyCheck(known=EXPLICIT, choice=None, ask=ask))
    running.start(NETWORK)
    threading.Timer(0.05, go.set).start()
    assert running.finish(needed=False).proxy == replace(EXPLICIT, works=True)


def test_a_proxy_that_takes_too_long_applies_all_the_same() -> None:
    go = threading.Event()

    def ask(_: DnsCheck) -> Proxy:
        assert go.wait(30)
        return replace(EXPLICIT, works=True)

    running = Comparisons(ToldWorld(), Sending(), (), patience_s=FOREVER_S, deadline_s=0.05)
    ask_proxy(running, ProxyCheck(known=EXPLICIT, choice=None, ask=ask))
    running.start(NETWORK)
    assert running.finish(needed=False).proxy == EXPLICIT
    go.set()


# --- mistakes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["echo", "connect"])
def test_a_mistake_in_a_comparison_is_a_fact_and_spares_the_others(call: str) -> None:
    world = ToldWorld()
    world.fails[call] = ValueError("no such thing")
    running = comparisons(world)
    running.start(NETWORK)
    results = running.finish(needed=True)
    assert {fact.failure for fact in results.agent_failures} == {Failure.INTERNAL_ERROR}
    assert {fact.detail for fact in results.agent_failures} == {"ValueError: no such thing"}
    assert results.reachability != ()


def test_a_mistake_while_they_start_is_a_fact_too() -> None:
    running = comparisons(ToldWorld(), patience_s=0.0)
    network = replace(NETWORK, resolvers=(Resolver(address=None),))  # type: ignore[arg-type]
    running.start(network)
    until = time.monotonic() + 30
    while not running.results().agent_failures and time.monotonic() < until:
        time.sleep(0.001)
    assert [failure.failure for failure in running.results().agent_failures] == [Failure.INTERNAL_ERROR]


def test_a_mistake_about_the_proxy_is_a_fact_and_the_proxy_is_known() -> None:
    def ask(_: DnsCheck) -> Proxy:
        raise ValueError("no such thing")

    running = comparisons(ToldWorld(), proxy=ProxyCheck(known=EXPLICIT, choice=None, ask=ask))
    running.start(NETWORK)
    results = running.finish(needed=False)
    assert results.proxy == EXPLICIT
    assert [fact.operation for fact in results.agent_failures] == ["comparison"]


# --- others that turn up on the way -----------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [False, True], ids=["before they start", "once they run"])
def test_an_address_that_turns_up_is_compared_with_too(*, late: bool) -> None:
    world = ToldWorld()
    running = comparisons(world, patience_s=0.0 if late else FOREVER_S)
    running.start(NETWORK)
    if late:
        world.await_answers(3)
    running.compare_with(Role.SERVICE_EDGE, "203.0.113.9", 443)
    running.compare_with(Role.EGRESS, "203.0.113.10", None)
    found = {(fact.role, fact.address, fact.port) for fact in running.finish(needed=True).reachability}
    assert {(Role.SERVICE_EDGE, "203.0.113.9", 443), (Role.EGRESS, "203.0.113.10", None)} <= found


def test_a_healthy_sample_compares_with_none_of_them() -> None:
    world = ToldWorld()
    running = comparisons(world)
    running.start(NETWORK)
    running.compare_with(Role.SERVICE_EDGE, "203.0.113.9", 443)
    assert running.finish(needed=False).reachability == ()
