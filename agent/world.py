"""What a sample may ask of the world: the seam between the cycle and the drivers."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Protocol as Interface

from agent.record import AgentIdentity
from probes.clock import Clock
from probes.edge_access import EdgeAccess, EdgeTraceAsked
from probes.egress_facts import EdgeTrace, EgressSource, SeenAddress, ServiceData
from probes.facts import Family, Leg, Protocol, Reachability, Refusal, Role
from probes.frozen import frozen
from probes.host_facts import Neighbour, Network, NetworkChange
from probes.name_facts import DnsCheck
from probes.sample import AgentFailure, Target
from probes.seam import Driver, Waiter
from probes.session_facts import SessionEvent
from probes.trace.memory import Remembered
from probes.web_facts import CaptivePortal, Proxy, WebCheck
from probes.word import Word


class Engine(Word):
    """Who carries the probes: the agent's own drivers, or scapy's sockets (docs/engines.md)."""

    LINUX = "linux"
    SCAPY = "scapy"


if TYPE_CHECKING:
    from agent.request import SampleRequest, SessionSource
    from agent.shared_paths import SharedPaths
    from probes.origin import Origin
    from probes.proxy import ProxyChoice
    from probes.web_check import WebAsked


@frozen
class Sending:
    """How the person wants packets to leave: None and 0 leave it to the host."""

    source: str | None = None
    interface: str | None = None
    tos: int = 0
    engine: Engine = Engine.LINUX


@frozen
class ProxyCheck:
    """A proxy that applies, not yet asked.

    Attributes:
        known: What the settings say of it; `works` is None. It stands where asking takes too long.
        choice: How it is spoken to, credentials included; None where the settings are of no use.
        ask: Asks it for the target, given what was asked about its own name.
    """

    known: Proxy
    choice: "ProxyChoice | None"
    ask: Callable[[DnsCheck], Proxy]


def never() -> bool:
    """Return False: nobody interrupts."""
    return False


class Watch(Interface):
    """The network watched from the start of a sample to its end."""

    def use(self, network: Network) -> None:
        """Count the look-ups of `network` as used by the sample; the first one is the start that changes refer to."""
        ...

    def disturbed(self) -> bool:
        """Return whether something changed that this sample rests on; cheap enough for every turn of a loop."""
        ...

    def changes(self, end: Network) -> tuple[NetworkChange, ...]:
        """Return every change since the start, oldest first."""
        ...

    def close(self) -> None:
        """Give everything back."""
        ...


class World(Interface):
    """Everything that the cycle can ask; `agent.live_world` answers with real drivers."""

    @property
    def clock(self) -> Clock:
        """Return the clock that everybody is told the time from."""
        ...

    @property
    def shared(self) -> "SharedPaths | None":
        """Return what this process's traces know together of their near hops; None: each trace is on its own."""
        ...

    def random_bytes(self, count: int) -> bytes:
        """Return unguessable bytes."""
        ...

    def pause(self, seconds: float, stop: Callable[[], bool]) -> None:
        """Wait, and no longer than until `stop` says so."""
        ...

    def watch(self, sending: Sending) -> Watch:
        """Start to watch the network."""
        ...

    def network(self, addresses: Sequence[str], sending: Sending) -> Network:
        """Return the network as it is, with a route look-up for each address."""
        ...

    def reading_failure(self) -> AgentFailure | None:
        """Return why the last `network` had to do with half a view, None if it saw everything."""
        ...

    def neighbours(self, network: Network) -> tuple[Neighbour, ...]:
        """Return the neighbour entries of the next hops that `network` names, as they are now."""
        ...

    def check_names(
        self, named: Sequence[tuple[Role, str]], family: Family | None, stop: Callable[[], bool]
    ) -> tuple[DnsCheck, ...]:
        """Return everything that the resolvers said about these names, asked all at once.

        Takes up to 2.3 s, and ends early once `stop` says so.
        """
        ...

    def names_of(self, addresses: Sequence[str], until: float) -> dict[str, str]:
        """Return the reverse names known by monotonic time `until`, and none that are late."""
        ...

    def origins_of(
        self, addresses: Sequence[str], databases: Sequence[Path]
    ) -> "tuple[Mapping[str, Origin], tuple[AgentFailure, ...]]":
        """Return what an operator's databases know of addresses, and why one of them was of no use."""
        ...

    def echo(self, role: Role, address: str, sending: Sending) -> Reachability:
        """Return whether an address answers ICMP echo; takes up to 0.7 s."""
        ...

    def connect(self, role: Role, address: str, port: int, sending: Sending) -> Reachability:
        """Return whether a TCP connection opens; takes up to one and a half seconds."""
        ...

    def proxy_for(self, request: "SampleRequest") -> ProxyCheck | None:
        """Return a check of the proxy that applies to a sample's target, not yet made, or None where none applies.

        Takes up to 2 s where a PAC script says which one it is.
        """
        ...

    def check_web(self, asked: "WebAsked", stop: Callable[[], bool]) -> WebCheck:
        """Return what a web address answers, step by step; takes up to the time that `asked` allows."""
        ...

    def check_captive(self, url: str, sending: Sending) -> CaptivePortal:
        """Return whether the network wants a person to sign in first."""
        ...

    def service_data(
        self, access: EdgeAccess, sending: Sending, proxy: "ProxyChoice | None", stop: Callable[[], bool]
    ) -> ServiceData:
        """Return what an edge tells about its caller; takes up to 2 s."""
        ...

    def seen_by(self, source: EgressSource, access: EdgeAccess, data: ServiceData, sending: Sending) -> SeenAddress:
        """Return the source that an edge saw of a probe of one protocol; takes up to a second."""
        ...

    def edge_trace(
        self,
        access: EdgeAccess,
        asked: EdgeTraceAsked,
        sending: Sending,
        proxy: "ProxyChoice | None",
        stop: Callable[[], bool],
    ) -> tuple[EdgeTrace, Leg | None, DnsCheck | None]:
        """Return what came of asking an edge for a trace, and its leg; takes up to 3 s."""
        ...

    def sessions(
        self, zpa: "SessionSource", target: Target
    ) -> tuple[tuple[SessionEvent, ...], tuple[AgentFailure, ...]]:
        """Return what the log of private access says of the target's sessions, and what could not be read of it."""
        ...

    def open_driver(
        self, protocol: Protocol, family: Family, address: str, port: int | None, sending: Sending
    ) -> tuple[Driver | None, tuple[Refusal, ...]]:
        """Return a driver for one flow, and each rung of the ladder that was refused on the way to it."""
        ...

    def recall(self, key: str) -> Remembered | None:
        """Return what is remembered of a leg, None for nothing; takes less than a millisecond."""
        ...

    def remember(self, key: str, remembered: Remembered | None) -> None:
        """Remember what a leg taught in place of what was remembered of it; None: forget it."""
        ...

    def waiter(self, watch: Watch) -> AbstractContextManager[Waiter]:
        """Return what waits for drivers, and is woken by the watch too."""
        ...

    def identity(self) -> AgentIdentity:
        """Return who this agent is."""
        ...
