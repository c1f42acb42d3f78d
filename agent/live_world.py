"""The real world: whatever the cycle asks, answered by drivers."""

import os
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from agent.live_watch import LiveWatch
from agent.path_memory import PathMemory, state_directory
from agent.record import AgentIdentity
from agent.version import VERSION
from agent.world import Engine, ProxyCheck, Sending, Watch, never
from probes.clock import Clock, SystemClock
from probes.drivers import ladder
from probes.drivers.host import HostReader
from probes.drivers.stamps import keep_stamping
from probes.drivers.waiter import PollWaiter
from probes.edge_access import EdgeAccess, EdgeTraceAsked
from probes.egress_facts import EdgeTrace, EgressSource, SeenAddress, ServiceData
from probes.facts import Family, Leg, Protocol, Reachability, Refusal, Role
from probes.failure import Failure
from probes.frozen import replace
from probes.host_facts import Neighbour, Network
from probes.name_facts import DnsCheck, literal_check
from probes.sample import AgentFailure, Target
from probes.seam import Driver, Waiter
from probes.session_facts import SessionEvent
from probes.target import is_address
from probes.trace.memory import Remembered
from probes.web_facts import CaptivePortal, Proxy, ProxyMode, WebCheck

if TYPE_CHECKING:
    from agent.remembered_paths import RememberedPaths
    from agent.request import SampleRequest, SessionSource
    from agent.shared_paths import SharedPaths
    from probes.captured import Recorder
    from probes.origin import Origin
    from probes.proxy import ProxyChoice
    from probes.web_check import WebAsked

COMPARISON_TIMEOUT_S = 0.7
SECOND_ECHO_S = 0.2
PROXY_TIMEOUT_S = 2.0
PAC_TIMEOUT_S = 2.0
LONGEST_NAP_S = 0.05
HTTPS_PORT = 443
# RFC 6335 section 6.
_DYNAMIC_PORTS = range(49152, 65536)
USER_AGENT = f"cloudpath-agent/{VERSION}"

_PROXY_VARIABLES = frozenset({"http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"})


class LiveWorld:
    """The real world: this host's sockets, files and clock."""

    def __init__(
        self,
        capture: "Recorder | None" = None,
        shared: "SharedPaths | None" = None,
        paths: "RememberedPaths | None" = None,
        flow_seed: int | None = None,
    ) -> None:
        """Be ready.

        Args:
            capture: Sees the packets of every driver that is opened.
            shared: The near hops that the traces of this process share.
            paths: What this process remembers of legs; None: the file of this user's one-shot commands.
            flow_seed: Makes the source port of each flow, so that the same traces again keep to the same path where
                load is shared; None: any port.
        """
        keep_stamping()
        self.clock: Clock = SystemClock()
        self._host = HostReader()
        self._reading = threading.Lock()
        self._capture = capture
        self.shared = shared
        self._paths = path_memory() if paths is None else paths
        self._flow_seed = flow_seed
        self._epoch: str | None = None
        self._watching: LiveWatch | None = None

    def random_bytes(self, count: int) -> bytes:
        """Return unguessable bytes from the kernel."""
        return os.urandom(count)

    def pause(self, seconds: float, stop: Callable[[], bool]) -> None:
        """Wait, and no longer than until `stop` says so."""
        until = self.clock.monotonic() + seconds
        while not stop() and (left_s := until - self.clock.monotonic()) > 0:
            time.sleep(min(left_s, LONGEST_NAP_S))

    def watch(self, sending: Sending) -> LiveWatch:
        """Start to watch the network."""
        self._watching = LiveWatch(self.clock, sending)
        return self._watching

    def network(self, addresses: Sequence[str], sending: Sending) -> Network:
        """Return the network as it is, with a route look-up for each address."""
        with self._reading:
            network = self._host.network(addresses, source=sending.source, interface=sending.interface)
        self._epoch = self._epoch or network.epoch
        return network

    def reading_failure(self) -> AgentFailure | None:
        """Return why the last `network` had to do with half a view, None if it saw everything."""
        return self._host.netlink_failure

    def neighbours(self, network: Network) -> tuple[Neighbour, ...]:
        """Return the neighbour entries of the next hops that `network` names, as they are now."""
        return self._host.neighbours(network)

    def check_names(
        self, named: Sequence[tuple[Role, str]], family: Family | None, stop: Callable[[], bool] = never
    ) -> tuple[DnsCheck, ...]:
        """Return everything that the resolvers said about these names, asked all at once.

        Takes up to 2.3 s, and ends early once `stop` says so.
        """
        literals = tuple(literal_check(role, name) for role, name in named if is_address(name))
        if len(literals) == len(named):
            return literals
        from probes.dns_check import BOTH_FAMILIES, NameAsked  # noqa: PLC0415 - an address needs none of it
        from probes.drivers import dns_socket  # noqa: PLC0415 - likewise

        families = BOTH_FAMILIES if family is None else (family,)
        return dns_socket.check_names(
            [NameAsked(role=role, name=name, families=families) for role, name in named],
            resolv=self._host.resolv(),
            hosts=self._host.hosts(),
            clock=self.clock,
            route_to=self._host.route_to,
            stop=stop,
        )

    def check_name(self, role: Role, name: str, family: Family | None) -> DnsCheck:
        """Return everything that the resolvers said about one name."""
        return self.check_names([(role, name)], family)[0]

    def names_of(self, addresses: Sequence[str], until: float) -> dict[str, str]:
        """Return the reverse names known by monotonic time `until`, and none that are late."""
        from probes.drivers import dns_socket  # noqa: PLC0415 - likewise

        return dns_socket.reverse_names(addresses, self._host.resolv().resolvers, until, self.clock)

    def origins_of(
        self, addresses: Sequence[str], databases: Sequence[Path]
    ) -> "tuple[Mapping[str, Origin], tuple[AgentFailure, ...]]":
        """Return what an operator's databases know of addresses, and why one of them was of no use."""
        from probes.drivers import mmdb  # noqa: PLC0415 - only for those who have databases

        return mmdb.origins_of(databases, addresses)

    def echo(self, role: Role, address: str, sending: Sending) -> Reachability:
        """Return whether an address answers ICMP echo; takes up to 0.7 s.

        A second request follows the first before that is given up, so that one lost packet accuses nobody and a dead
        target is told in little more than a second.
        """
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - a healthy sample needs no comparison

        from agent.ping import summed  # noqa: PLC0415 - likewise
        from probes.drivers import icmp_echo  # noqa: PLC0415 - likewise

        ask = partial(
            icmp_echo.echo,
            role,
            address,
            count=1,
            clock=self.clock,
            source=_for(address, sending.source),
            interface=sending.interface,
        )
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(ask, timeout_s=COMPARISON_TIMEOUT_S)
            try:
                return first.result(SECOND_ECHO_S)
            except TimeoutError:
                second = pool.submit(ask, timeout_s=COMPARISON_TIMEOUT_S - SECOND_ECHO_S)
            return summed((first.result(), second.result()))

    def connect(self, role: Role, address: str, port: int, sending: Sending) -> Reachability:
        """Return whether a TCP connection opens; takes up to a second."""
        from probes.drivers import tcp_check  # noqa: PLC0415 - likewise

        return tcp_check.connect(
            role,
            address,
            port,
            COMPARISON_TIMEOUT_S,
            clock=self.clock,
            source=_for(address, sending.source),
            interface=sending.interface,
        )

    def proxy_for(self, request: "SampleRequest") -> ProxyCheck | None:
        """Return a check of the proxy that applies to a sample's target, not yet made, or None where none applies."""
        mode = request.proxy_mode
        if mode is ProxyMode.NONE or (mode is ProxyMode.ENVIRONMENT and not _PROXY_VARIABLES & os.environ.keys()):
            return None
        choice, known = self._chosen_proxy(request.target, mode, request.proxy_url, request.sending)
        if choice is None:
            return ProxyCheck(known=known, choice=None, ask=lambda _: known)
        if choice.mode is ProxyMode.NONE:
            return None
        ask = partial(self._check_proxy, choice, known, request)
        return ProxyCheck(known=known, choice=choice, ask=ask)

    def _chosen_proxy(
        self, target: Target, mode: ProxyMode, url: str | None, sending: Sending
    ) -> "tuple[ProxyChoice | None, Proxy]":
        """Return the proxy that applies, None where the setting is of no use, and what is known of it."""
        if mode is ProxyMode.PAC:
            from probes.drivers.pac import proxy_by_script  # noqa: PLC0415 - few hosts have a script
            from probes.pac import asked_of  # noqa: PLC0415 - likewise

            if self._watching is not None and (path := _script_path(url or "")) is not None:
                self._watching.follow_script(path)
            return proxy_by_script(
                url or "",
                asked_of(target),
                clock=self.clock,
                deadline_s=PAC_TIMEOUT_S,
                resolve=self._resolve(Role.PROXY),
                environment=dict(os.environ),
                source_address=sending.source,
                interface=sending.interface,
            )
        from probes.proxy import ProxyError, choose_proxy  # noqa: PLC0415 - most hosts have no proxy

        scheme = "http" if (target.url or "").startswith("http://") else "https"
        port = target.port or HTTPS_PORT
        choice = choose_proxy(url or mode.value, scheme=scheme, host=target.host, port=port, environment=os.environ)
        if isinstance(choice, ProxyError):
            return None, Proxy(mode=mode, works=False, failure=Failure.INVALID_SETTING)
        return choice, Proxy(mode=choice.mode, url=choice.url, host=choice.host, port=choice.port)

    def _check_proxy(
        self,
        choice: "ProxyChoice",
        known: Proxy,
        request: "SampleRequest",
        resolved: DnsCheck,
    ) -> Proxy:
        from probes.drivers.http import check_proxy  # noqa: PLC0415 - likewise

        target = request.target
        found = check_proxy(
            choice,
            target.host,
            target.port or HTTPS_PORT,
            timeout_s=PROXY_TIMEOUT_S,
            clock=self.clock,
            resolved=resolved,
            controls=request.controls,
            tunnel=not (target.url or "").startswith("http://"),
            source=request.sending.source,
            interface=request.sending.interface,
            ca_file=request.ca_file,
        )
        return replace(found, pac=known.pac, passed_over=known.passed_over)

    def _resolve(self, role: Role) -> Callable[[str], DnsCheck]:
        return lambda name: self.check_name(role, name, None)

    def check_web(self, asked: "WebAsked", stop: Callable[[], bool]) -> WebCheck:
        """Return what a web address answers, step by step."""
        from probes.drivers import web  # noqa: PLC0415 - for those who name a URL

        asked = replace(asked, user_agent=USER_AGENT)
        return web.check_web(asked, clock=self.clock, resolve=self._resolve(Role.DESTINATION), stop=stop)

    def check_captive(self, url: str, sending: Sending) -> CaptivePortal:
        """Return whether the network wants a person to sign in first."""
        from probes.drivers import web  # noqa: PLC0415 - likewise

        return web.check_captive(
            url,
            clock=self.clock,
            resolve=self._resolve(Role.CONTROL),
            source=sending.source,
            interface=sending.interface,
            user_agent=USER_AGENT,
        )

    def service_data(
        self, access: EdgeAccess, sending: Sending, proxy: "ProxyChoice | None", stop: Callable[[], bool]
    ) -> ServiceData:
        """Return what an edge tells about its caller; where it does not, what it told before and still stands by."""
        from agent.edge_memory import EdgeMemory  # noqa: PLC0415 - for those who have an edge
        from probes.drivers import edge_client  # noqa: PLC0415 - likewise

        # Through a proxy it sees somebody else.
        memory = EdgeMemory(self._paths.directory if proxy is None else None)
        epoch = self._epoch or ""
        data = edge_client.service_data(
            access,
            clock=self.clock,
            resolve=self._resolve(Role.SERVICE_EDGE),
            source=sending.source,
            interface=sending.interface,
            proxy=proxy,
            known=memory.recall(access.api or "", epoch, self.clock.realtime_ns()) if epoch else None,
            stop=stop,
        )
        if epoch:
            memory.remember(data, epoch, self.clock.realtime_ns())
        return data

    def seen_by(self, source: EgressSource, access: EdgeAccess, data: ServiceData, sending: Sending) -> SeenAddress:
        """Return the source that an edge saw of a probe of one protocol."""
        from probes.drivers import seen  # noqa: PLC0415 - likewise

        return seen.seen_by(
            source,
            access,
            data,
            clock=self.clock,
            resolve=self._resolve(Role.SERVICE_EDGE),
            source_address=sending.source,
            interface=sending.interface,
        )

    def edge_trace(
        self,
        access: EdgeAccess,
        asked: EdgeTraceAsked,
        sending: Sending,
        proxy: "ProxyChoice | None",
        stop: Callable[[], bool],
    ) -> tuple[EdgeTrace, Leg | None, DnsCheck | None]:
        """Return what came of asking an edge for a trace, and its leg."""
        from probes.drivers import edge_client  # noqa: PLC0415 - likewise

        return edge_client.ask_trace(
            access,
            asked,
            clock=self.clock,
            resolve=self._resolve(Role.SERVICE_EDGE),
            source=sending.source,
            interface=sending.interface,
            proxy=proxy,
            stop=stop,
        )

    def sessions(
        self, zpa: "SessionSource", target: Target
    ) -> tuple[tuple[SessionEvent, ...], tuple[AgentFailure, ...]]:
        """Return what the log of private access says of the target's sessions, and what could not be read of it."""
        from agent.zpa_input import recent_sessions  # noqa: PLC0415 - for those who have private access

        return recent_sessions(zpa, target, now_s=self.clock.realtime_ns() / 1e9)

    def open_driver(
        self, protocol: Protocol, family: Family, address: str, port: int | None, sending: Sending
    ) -> tuple[Driver | None, tuple[Refusal, ...]]:
        """Return a driver for one flow, and each rung of the ladder that was refused on the way to it."""
        driver, refused = opener_of(sending.engine)(
            protocol,
            family,
            address,
            port,
            clock=self.clock,
            random_bytes=self.random_bytes,
            source=sending.source,
            interface=sending.interface,
            tos=sending.tos,
            source_port=0 if self._flow_seed is None else _port_of_flow(self._flow_seed, address),
        )
        return driver if driver is None or self._capture is None else self._capture.follow(driver), refused

    def recall(self, key: str) -> Remembered | None:
        """Return what is remembered of a leg, None for nothing; takes less than a millisecond."""
        return self._paths.recall(key)

    def remember(self, key: str, remembered: Remembered | None) -> None:
        """Remember what a leg taught in place of what was remembered of it; None: forget it."""
        self._paths.remember(key, remembered)

    @contextmanager
    def waiter(self, watch: Watch) -> Iterator[Waiter]:
        """Return what waits for drivers, and is woken by the kernel's news too."""
        events = watch.events if isinstance(watch, LiveWatch) else None
        waiter = (
            PollWaiter((events.fileno(),), clock=self.clock, due=events.next_deadline)
            if events
            else PollWaiter(clock=self.clock)
        )
        try:
            yield waiter
        finally:
            waiter.close()

    def identity(self) -> AgentIdentity:
        """Return who this agent is."""
        host = self._host.identity()
        return AgentIdentity(id=host.agent_id, version=VERSION, hostname=host.hostname, boot_id=host.boot_id)


def _script_path(source: str) -> Path | None:
    """Return the file that a proxy's script is in, None for one that is fetched."""
    # As the child reads it (`pac_child`): no URL, a path behind a word.
    return Path(source.removeprefix("file:")) if source.startswith("file:") else None


def _for(address: str, source: str | None) -> str | None:
    """Return the source that was asked for, if it is of the address's family: a comparison may be of the other one."""
    return source if source is not None and (":" in source) == (":" in address) else None


def _port_of_flow(seed: int, address: str) -> int:
    """Return the dynamic port of one watched flow, most likely another one for each address."""
    return _DYNAMIC_PORTS.start + (seed + zlib.crc32(address.encode())) % len(_DYNAMIC_PORTS)


def opener_of(engine: Engine) -> "Callable[..., tuple[Driver | None, tuple[Refusal, ...]]]":
    """Return who opens drivers."""
    if engine is Engine.LINUX:
        return ladder.open_driver
    # While it loads, scapy keeps tables of manufacturers and services in the cache of whoever's home is in the
    # environment, and fails where that is somebody else's [measured]. The agent leaves homes alone.
    home = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = os.devnull
    try:
        # 0.4 s, and an extra that few have installed.
        from probes.drivers import scapy_engine  # noqa: PLC0415
    finally:
        del os.environ["XDG_CACHE_HOME"]
        if home is not None:
            os.environ["XDG_CACHE_HOME"] = home
    return scapy_engine.open_driver


def path_memory() -> PathMemory:
    """Return where this user's one-shot commands remember paths."""
    return PathMemory(state_directory(os.environ, os.geteuid()))
