"""What begins while names are long in coming: what needs none of them, once, and nothing that routers answer."""

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from agent.cycle import collect
from agent.errands import Errands
from agent.head_start import HeadStart
from agent.request import SampleRequest
from agent.world import ProxyCheck
from probes.edge_access import EdgeAccess
from probes.egress_facts import EgressSource, ServiceData
from probes.facts import Node, ProtocolChoice, Role, RouteKind
from probes.failure import Failure
from probes.name_facts import DnsCheck
from probes.proxy import ProxyChoice
from probes.sample import Sample, Target
from probes.web_facts import Proxy, ProxyMode, TlsInterception, WebPhase
from tests.unit.cycle.test_way_out import FIRST_ACCESS, THROUGH_EDGE, TOLD, told_world
from tests.unit.cycle.worlds import ADDRESS, NAME, ToldWorld, literal, looked_up

URL = f"https://{NAME}/"
PORTAL_URL = "http://captive.example/"
TO_URL = Target(name=URL, host=NAME, url=URL, port=443)
BY_ADDRESS = Proxy(mode=ProxyMode.EXPLICIT, url="http://192.0.2.3:3128", host="192.0.2.3", port=3_128)
BY_NAME = Proxy(mode=ProxyMode.EXPLICIT, url="http://proxy.example:3128", host="proxy.example", port=3_128)
FOREVER_S = 3_600.0
LONGEST_S = 30.0


def proxied(known: Proxy) -> ProxyCheck:
    choice = ProxyChoice(mode=known.mode, url=known.url, host=known.host, port=known.port)
    return ProxyCheck(known=known, choice=choice, ask=lambda _: replace(known, address="192.0.2.3", works=True))


class SlowNames:
    """Lets names come when `calls` have been made, and keeps what else was asked before."""

    def __init__(self, world: ToldWorld, monkeypatch: pytest.MonkeyPatch, *calls: str) -> None:
        self._world = world
        self._look_up = world.check_names
        self._waits = threading.Semaphore(0)
        self._calls = calls
        self.asked_before: list[str] = []
        monkeypatch.setattr(world, "check_names", self._slowly)
        for call in calls:
            monkeypatch.setattr(world, call, self._noted(getattr(world, call)))

    def _noted(self, answer: Callable[..., object]) -> Callable[..., object]:
        def noted(*arguments: object) -> object:
            found = answer(*arguments)
            self._waits.release()
            return found

        return noted

    def _slowly(self, *arguments: object) -> tuple[DnsCheck, ...]:
        for _ in self._calls:
            assert self._waits.acquire(timeout=LONGEST_S), f"not asked before the names came: {self._world.asked}"
        self.asked_before = [name for name, _ in self._world.asked]
        return self._look_up(*arguments)  # type: ignore[arg-type]


def sampled(world: ToldWorld, target: Target, *edges: EdgeAccess, captive_check_url: str | None = None) -> Sample:
    request = SampleRequest(target=target, edges=edges, captive_check_url=captive_check_url, patience_s=FOREVER_S)
    return collect(request, world)


# --- the block --------------------------------------------------------------------------------------------------------


def test_work_begins_at_the_end_of_a_short_block_and_not_before() -> None:
    begun: list[str] = []
    errands = Errands(ToldWorld().clock)
    with HeadStart(errands, [lambda: begun.append("one"), lambda: begun.append("two")], FOREVER_S):
        assert begun == []
    assert begun == ["one", "two"]


def test_work_begins_once_beside_a_long_block() -> None:
    begun: list[str] = []
    both = threading.Event()
    errands = Errands(ToldWorld().clock)
    with HeadStart(errands, [lambda: begun.append("one"), both.set], 0.0):
        assert both.wait(LONGEST_S)
    assert begun == ["one"]


def test_nothing_begins_after_a_block_that_failed() -> None:
    begun: list[str] = []
    errands = Errands(ToldWorld().clock)
    with pytest.raises(LookupError), HeadStart(errands, [lambda: begun.append("one")], FOREVER_S):
        raise LookupError
    assert begun == []


def test_nothing_to_begin_needs_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    errands = Errands(ToldWorld().clock)
    monkeypatch.setattr(errands, "start", lambda *_: pytest.fail("a thread for nothing"))
    with HeadStart(errands, []):
        pass


# --- in a sample ------------------------------------------------------------------------------------------------------


def test_a_portal_is_looked_for_while_names_are_long_in_coming(monkeypatch: pytest.MonkeyPatch) -> None:
    world = ToldWorld()
    SlowNames(world, monkeypatch, "check_captive")
    sample = sampled(world, Target(name=NAME, host=NAME), captive_check_url=PORTAL_URL)
    assert world.calls("check_captive") == [PORTAL_URL]
    assert sample.captive_portal == world.captive_portal


def test_a_proxy_that_is_an_address_is_asked_for_the_web_address_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    world = ToldWorld()
    world.proxy = proxied(BY_ADDRESS)
    world.checks["192.0.2.3"] = literal("192.0.2.3", Role.PROXY)
    SlowNames(world, monkeypatch, "check_web")
    sample = sampled(world, TO_URL)
    assert len(world.calls("check_web")) == 1
    assert (sample.web, sample.proxy and sample.proxy.works) == (world.web, True)
    assert sample.legs[0].to is Node.EXTERNAL_PROXY


@pytest.mark.parametrize(("inner", "kept"), [("10.0.0.5", False), (ADDRESS, True)])
def test_what_was_said_of_a_chain_before_the_host_had_addresses_is_said_only_of_hosts_of_the_public(
    inner: str, monkeypatch: pytest.MonkeyPatch, *, kept: bool
) -> None:
    world = ToldWorld()
    world.proxy = proxied(BY_ADDRESS)
    world.checks |= {"192.0.2.3": literal("192.0.2.3", Role.PROXY), NAME: looked_up(NAME, inner)}
    world.web = replace(world.web, interception=TlsInterception(issuer="CN=Inspector", evidence="words"))
    SlowNames(world, monkeypatch, "check_web")
    web = sampled(world, TO_URL).web
    assert web is not None
    assert (web.interception is not None) is kept


def test_a_proxy_with_a_name_is_asked_once_that_is_known() -> None:
    world = ToldWorld()
    world.proxy = proxied(BY_NAME)
    world.checks["proxy.example"] = looked_up("proxy.example", "192.0.2.3", role=Role.PROXY)
    sample = sampled(world, TO_URL)
    order = [name for name, _ in world.asked]
    assert order.index("check_names") < order.index("check_web")
    assert sample.proxy is not None
    assert sample.proxy.works


def test_an_edge_is_asked_meanwhile_and_no_packet_leaves_that_a_router_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    world = told_world(TOLD)
    slow = SlowNames(world, monkeypatch, "service_data")
    sample = sampled(world, THROUGH_EDGE, FIRST_ACCESS)
    assert not {"open_driver", "seen_by", "edge_trace"} & set(slow.asked_before)
    assert [leg.reached for leg in sample.legs] == [True, True, True, True]


@pytest.mark.parametrize(
    ("phase", "failure", "asked"),
    [
        (WebPhase.RESOLVE, Failure.TIMED_OUT, False),
        (WebPhase.CONNECT, Failure.TIMED_OUT, False),
        (None, Failure.TIMED_OUT, False),
        (WebPhase.REQUEST, Failure.TIMED_OUT, True),
        (WebPhase.CONNECT, Failure.CONNECTION_REFUSED, True),
    ],
)
def test_an_edge_known_from_before_and_silent_now_is_asked_for_nothing_more_over_https(
    phase: WebPhase | None, failure: Failure, *, asked: bool
) -> None:
    stale: ServiceData = replace(TOLD, stale=True, age_s=20, valid_for_s=300, phase=phase, failure=failure)
    world = told_world(stale)
    target = replace(THROUGH_EDGE, protocol=ProtocolChoice.ADAPTIVE, route=RouteKind.SERVICE_EDGE)
    sample = sampled(world, target, FIRST_ACCESS)
    seen = {EgressSource.STUN, EgressSource.TCP} | ({EgressSource.ICMP} if asked else set())
    assert (set(world.calls("seen_by")), bool(world.calls("edge_trace"))) == (seen, asked)
    reasons = {leg.reason for leg in sample.legs[2:]}
    assert reasons == ({None} if asked else {"no answer from the service edge in time"})
