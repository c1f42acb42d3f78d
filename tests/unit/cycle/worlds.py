"""A world of the cycle's without a network: simulated drivers, and everything else as it is told."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from agent.record import AgentIdentity
from agent.request import SampleRequest, SessionSource
from agent.shared_paths import SharedPaths  # noqa: TC001 - as every other import here, at run time
from agent.world import ProxyCheck, Sending, Watch
from probes.edge_access import EdgeAccess, EdgeTraceAsked
from probes.egress_facts import EdgeTrace, EgressSource, SeenAddress, ServiceData
from probes.facts import Answer, Direction, Family, Leg, Protocol, Reachability, Refusal, Role
from probes.failure import Failure
from probes.host_facts import ChangeKind, Interface, Neighbour, NeighbourState, Network, NetworkChange, Resolver, Route
from probes.name_facts import DnsCheck, DnsQuery, NameSource, Transport
from probes.origin import Origin
from probes.proxy import ProxyChoice
from probes.sample import AgentFailure, Target
from probes.seam import Driver, Waiter
from probes.session_facts import SessionEvent
from probes.trace.memory import Remembered
from probes.web_check import WebAsked
from probes.web_facts import CaptivePortal, WebCheck
from tests.simulation.drivers import Simulation
from tests.simulation.maps import every_map
from tests.simulation.world import START_S

ADDRESS = "192.0.2.80"
NAME = "crm.example.com"
GATEWAY = "198.51.100.1"
EGRESS = "203.0.113.10"
RESOLVER = "198.51.100.53"
INTERFACES = (
    Interface(name="lo", index=1, up=True, carrier=True, loopback=True, mtu=65_536),
    Interface(name="eth0", index=2, up=True, carrier=True, loopback=False, mtu=1_500),
)
DEFAULT_ROUTE = Route(destination="0.0.0.0/0", family=Family.IPV4, interface="eth0", gateway=GATEWAY)
CHANGE = NetworkChange(
    at="2026-01-05T08:00:00.000Z",
    kind=ChangeKind.ADDRESS,
    subject="eth0",
    what="address removed",
    before="198.51.100.2/24",
    after=None,
    affects_sample=True,
)
NETWORK = Network(
    epoch="4d2c", interfaces=INTERFACES, default_routes=(DEFAULT_ROUTE,), resolvers=(Resolver(address=RESOLVER),)
)

_MAPS = {one.name: one for one in every_map()}


def literal(address: str, role: Role = Role.DESTINATION) -> DnsCheck:
    return DnsCheck(role=role, name=address, addresses=(address,), source=NameSource.LITERAL, duration_us=0)


def looked_up(name: str, *addresses: str, role: Role = Role.DESTINATION, rcode: str | None = "NOERROR") -> DnsCheck:
    """What the resolver said of a name; no addresses: that it is not there; no rcode: nothing at all."""
    failure = None if addresses else Failure.TIMED_OUT if rcode is None else Failure.NXDOMAIN
    query = DnsQuery(
        resolver=RESOLVER,
        question_name=name,
        question_type="A",
        transport=Transport.UDP,
        attempt=1,
        rcode=rcode,
        answers=addresses,
        failure=failure,
    )
    return DnsCheck(
        role=role,
        name=name,
        addresses=addresses,
        source=NameSource.RESOLVER if addresses else None,
        failure=failure,
        queries=(query,),
    )


@dataclass(slots=True)
class ToldWatch:
    """A watch that sees a change when it is told to, `disturbed_at` seconds after the start."""

    now: Callable[[], float]
    disturbed_at: float | None = None
    used: list[Network] = field(default_factory=list)
    closed: bool = False

    def use(self, network: Network) -> None:
        self.used.append(network)

    def disturbed(self) -> bool:
        return self.disturbed_at is not None and self.now() >= START_S + self.disturbed_at

    def changes(self, end: Network) -> tuple[NetworkChange, ...]:
        del end
        return (CHANGE,) if self.disturbed() else ()

    def close(self) -> None:
        self.closed = True


class ToldWorld:
    """Answers the cycle: the path is a simulated map, the rest are these attributes; `asked` remembers every call."""

    def __init__(self, map_name: str = "all_answer") -> None:
        self.simulation = Simulation(_MAPS[map_name].world())
        self.clock = self.simulation.clock
        self.shared: SharedPaths | None = None
        self.the_watch = ToldWatch(self.clock.monotonic)
        self.told_network = NETWORK
        self.half_read: AgentFailure | None = None
        self.checks: dict[str, DnsCheck] = {NAME: looked_up(NAME, ADDRESS), ADDRESS: literal(ADDRESS)}
        self.reverse_names: dict[str, str] = {}
        self.origins: dict[str, Origin] = {}
        self.origin_failures: tuple[AgentFailure, ...] = ()
        self.proxy: ProxyCheck | None = None
        self.web = WebCheck(url=f"https://{NAME}/", status=200)
        self.captive_portal = CaptivePortal(url="http://captive.example/", detected=False)
        self.told: dict[str, ServiceData] = {}
        self.edge_traces: dict[Direction, tuple[EdgeTrace, Leg | None, DnsCheck | None]] = {}
        self.session_events: tuple[SessionEvent, ...] = ()
        self.fails: dict[str, Exception] = {}
        self.asked: list[tuple[str, object]] = []
        self.opened: list[tuple[Protocol, str, int | None]] = []
        self.memory: dict[str, Remembered | None] = {}
        self.holds: dict[str, threading.Event] = {}
        self._answered = 0
        self._changed = threading.Condition()

    def calls(self, *names: str) -> list[object]:
        """Return what was asked by these calls, in order."""
        return [what for name, what in self.asked if name in names]

    @contextmanager
    def held(self, *addresses: str) -> Iterator[None]:
        """Let nobody at these addresses answer before the block is over."""
        go = threading.Event()
        self.holds = dict.fromkeys(addresses, go)
        try:
            yield
        finally:
            go.set()

    def await_answers(self, count: int) -> None:
        """Return once so many comparisons have been answered."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._answered >= count, timeout=30)

    def _note(self, name: str, what: object) -> None:
        with self._changed:
            self.asked.append((name, what))
        if name in self.fails:
            raise self.fails[name]

    # --- the world ----------------------------------------------------------------------------------------------------

    def random_bytes(self, count: int) -> bytes:
        return self.simulation.random_bytes(count)

    def pause(self, seconds: float, stop: Callable[[], bool]) -> None:
        del stop
        self._note("pause", seconds)

    def watch(self, sending: Sending) -> Watch:
        self._note("watch", sending)
        return self.the_watch

    def network(self, addresses: Sequence[str], sending: Sending) -> Network:
        del sending
        self._note("network", tuple(addresses))
        routes = tuple(
            Route(destination=a, family=Family.IPV4, interface="eth0", source="198.51.100.2", gateway=GATEWAY)
            for a in addresses
        )
        return Network(
            epoch="4d2c",
            interfaces=self.told_network.interfaces,
            routes=routes,
            default_routes=self.told_network.default_routes,
            resolvers=self.told_network.resolvers,
        )

    def reading_failure(self) -> AgentFailure | None:
        return self.half_read

    def neighbours(self, network: Network) -> tuple[Neighbour, ...]:
        self._note("neighbours", network)
        return (Neighbour(address=GATEWAY, interface="eth0", state=NeighbourState.REACHABLE),)

    def check_names(
        self, named: Sequence[tuple[Role, str]], family: Family | None, stop: Callable[[], bool]
    ) -> tuple[DnsCheck, ...]:
        del stop
        self._note("check_names", (tuple(named), family))
        return tuple(self.checks[name] for _, name in named)

    def names_of(self, addresses: Sequence[str], until: float) -> dict[str, str]:
        self._note("names_of", (tuple(addresses), round(until - self.clock.monotonic(), 6)))
        return self.reverse_names

    def origins_of(
        self, addresses: Sequence[str], databases: Sequence[Path]
    ) -> tuple[dict[str, Origin], tuple[AgentFailure, ...]]:
        self._note("origins_of", (tuple(addresses), tuple(databases)))
        return self.origins, self.origin_failures

    def echo(self, role: Role, address: str, sending: Sending) -> Reachability:
        del sending
        return self._compared("echo", role, address, Protocol.ICMP, None, Answer.ECHO_REPLY)

    def connect(self, role: Role, address: str, port: int, sending: Sending) -> Reachability:
        del sending
        return self._compared("connect", role, address, Protocol.TCP, port, Answer.SYN_ACK)

    def _compared(
        self, call: str, role: Role, address: str, protocol: Protocol, port: int | None, answer: Answer
    ) -> Reachability:
        self._note(call, (role, address, port))
        hold = self.holds.get(address)
        if hold is not None:
            assert hold.wait(30), f"nobody let go of {address}"
        with self._changed:
            self._answered += 1
            self._changed.notify_all()
        return Reachability(
            role=role, address=address, protocol=protocol, port=port, sent=1, received=1, answered=True, answer=answer
        )

    def proxy_for(self, request: SampleRequest) -> ProxyCheck | None:
        self._note("proxy_for", (request.target, request.proxy_mode, request.proxy_url, request.controls))
        return self.proxy

    def check_web(self, asked: WebAsked, stop: Callable[[], bool]) -> WebCheck:
        del stop
        self._note("check_web", asked)
        return self.web

    def check_captive(self, url: str, sending: Sending) -> CaptivePortal:
        del sending
        self._note("check_captive", url)
        return self.captive_portal

    def service_data(
        self, access: EdgeAccess, sending: Sending, proxy: ProxyChoice | None, stop: Callable[[], bool]
    ) -> ServiceData:
        del sending, stop
        self._note("service_data", (access.host, proxy))
        return self.told[access.host]

    def seen_by(self, source: EgressSource, access: EdgeAccess, data: ServiceData, sending: Sending) -> SeenAddress:
        del data, sending
        self._note("seen_by", source)
        return SeenAddress(address=EGRESS, edge=access.host)

    def edge_trace(
        self,
        access: EdgeAccess,
        asked: EdgeTraceAsked,
        sending: Sending,
        proxy: ProxyChoice | None,
        stop: Callable[[], bool],
    ) -> tuple[EdgeTrace, Leg | None, DnsCheck | None]:
        del access, sending, proxy, stop
        self._note("edge_trace", asked)
        return self.edge_traces[asked.direction]

    def sessions(self, zpa: SessionSource, target: Target) -> tuple[tuple[SessionEvent, ...], tuple[AgentFailure, ...]]:
        self._note("sessions", (zpa, target))
        return self.session_events, ()

    def open_driver(
        self, protocol: Protocol, family: Family, address: str, port: int | None, sending: Sending
    ) -> tuple[Driver | None, tuple[Refusal, ...]]:
        del family, sending
        self._note("open_driver", protocol)
        self.opened.append((protocol, address, port))
        return self.simulation.open(protocol)

    def recall(self, key: str) -> Remembered | None:
        self._note("recall", key)
        return self.memory.get(key)

    def remember(self, key: str, remembered: Remembered | None) -> None:
        self._note("remember", key)
        self.memory[key] = remembered

    @contextmanager
    def waiter(self, watch: Watch) -> Iterator[Waiter]:
        del watch
        self._note("waiter", None)
        yield self.simulation.waiter

    def identity(self) -> AgentIdentity:
        return AgentIdentity(id="a", version="0", hostname="h", boot_id="b")
