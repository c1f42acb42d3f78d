"""One sample: ask everything that is due, wait as little as possible, diagnose, write it down.

Nothing here touches the world: a `World` answers. The one-shot command is this cycle, once.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agent.comparisons import PATIENCE_S, Comparisons, Results, own_failure
from agent.world import Sending, Watch, World, never
from probes.clock import utc_text
from probes.facts import (
    Answer,
    Family,
    Leg,
    Middlebox,
    Node,
    Protocol,
    Reachability,
    Refusal,
    Responder,
    Role,
    RouteKind,
)
from probes.frozen import field, frozen, mutable, replace
from probes.host_facts import Network
from probes.name_facts import DnsCheck
from probes.sample import AgentFailure, NdrSetting, Sample, Target
from probes.seam import Driver, Waiter
from probes.target import is_address, parse_target
from probes.trace.account import TraceOutcome
from probes.trace.adaptive import Naming
from probes.trace.memory import Remembered, in_force, leg_key, surroundings
from probes.trace.run import trace
from probes.trace.settings import TraceSettings
from probes.web_facts import ProxyMode

if TYPE_CHECKING:
    from probes.origin import Origin
    from probes.trace.tracer import OpenDriver

DEFAULT_TCP_PORT = 443
DEFAULT_UDP_PORT = 33434

# Names of hops are worth a short wait when a resolver is known to be alive, none when it is known to be dead, and next
# to none when nobody has asked one yet.
NAMES_WAIT_S = {True: 0.15, False: 0.0, None: 0.05}

# Why a leg is there without hops where the agent's own code failed; the failure itself is among the facts.
_OWN_MISTAKE = "the agent itself failed before the path was traced"


@frozen
class SampleRequest:
    """What one sample is asked to look at, and how.

    `patience_s`: how long it may take before it compares. `fresh`: what is remembered of the path is not used, and
    replaced by what this sample learns. `path_mtu`: it is measured too, once the path is known.
    """

    target: Target
    settings: TraceSettings = field(default_factory=TraceSettings)
    sending: Sending = field(default_factory=Sending)
    proxy_mode: ProxyMode = ProxyMode.ENVIRONMENT
    proxy_url: str | None = None
    ndr: NdrSetting = NdrSetting.AUTO
    controls: tuple[str, ...] = ()
    names: bool = True
    fresh: bool = False
    path_mtu: bool = False
    severity_overrides: Mapping[str, str] = field(default_factory=dict)
    rule_files: tuple[Path, ...] = ()
    databases: tuple[Path, ...] = ()
    patience_s: float = PATIENCE_S


@mutable
class _Findings:
    """What a sample has found so far; it becomes the frozen Sample in the end."""

    network: Network = field(default_factory=lambda: Network(epoch=""))
    dns: list[DnsCheck] = field(default_factory=list)
    reachability: list[Reachability] = field(default_factory=list)
    legs: list[Leg] = field(default_factory=list)
    agent_failures: list[AgentFailure] = field(default_factory=list)
    compared: Results = field(default_factory=Results)
    learned: dict[str, Remembered | None] = field(default_factory=dict)
    middlebox: Middlebox | None = None


def collect(
    request: SampleRequest,
    world: World,
    *,
    on_progress: Callable[[Leg], None] | None = None,
    interrupted: Callable[[], bool] = never,
) -> Sample:
    """Return the facts of one sample.

    Args:
        request: What to look at.
        world: Who answers.
        on_progress: Told of a leg as it grows, at most about ten times a second.
        interrupted: Asked often; once True, the sample ends with what it has.

    An exception in here is the agent's own failure: it becomes a fact (CP-01) and what was found so far is kept.
    """
    started_at, started = utc_text(world.clock.realtime_ns()), world.clock.monotonic()
    findings = _Findings()
    try:
        _Collection(request, world, findings, on_progress, interrupted).run()
    except Exception as error:  # noqa: BLE001 - the boundary of the agent's own mistakes: whatever it is becomes a fact
        findings.agent_failures.append(own_failure("sample", error))
        if not findings.legs:
            findings.legs.append(Leg(from_=Node.CLIENT, to=_first_end(request.target), reason=_OWN_MISTAKE))
    return Sample(
        started_at=started_at,
        duration_us=round((world.clock.monotonic() - started) * 1e6),
        target=request.target,
        network=findings.network,
        ndr=request.ndr,
        dns=(*findings.dns, *findings.compared.dns),
        proxy=findings.compared.proxy,
        middlebox=findings.middlebox,
        reachability=(*findings.reachability, *findings.compared.reachability),
        legs=tuple(findings.legs),
        agent_failures=(*findings.agent_failures, *findings.compared.agent_failures),
    )


class _Collection:
    """The steps of one sample, in order; each adds to the findings."""

    def __init__(
        self,
        request: SampleRequest,
        world: World,
        findings: _Findings,
        on_progress: Callable[[Leg], None] | None,
        interrupted: Callable[[], bool],
    ) -> None:
        self._request = request
        self._world = world
        self._findings = findings
        self._on_progress = on_progress
        self._interrupted = interrupted

    def run(self) -> None:
        """Collect everything; the network is watched from before the first question to after the last answer."""
        watch = self._world.watch(self._request.sending)
        try:
            self._compare(watch)
        finally:
            watch.close()

    def _compare(self, watch: Watch) -> None:
        """Collect everything, and run the comparisons beside it."""
        world, request = self._world, self._request
        proxy = world.proxy_for(request.target, request.proxy_mode, request.proxy_url)
        comparisons = Comparisons(world, request.sending, request.controls, proxy, patience_s=request.patience_s)
        try:
            self._collect(watch, comparisons)
        except Exception:
            # A mistake of the agent's cuts the sample short: what ran beside it is kept as far as it got.
            self._findings.compared = comparisons.results()
            raise
        finally:
            comparisons.stop()

    def _collect(self, watch: Watch, comparisons: Comparisons) -> None:
        findings = self._findings
        known = _known_address(self._request.target)
        findings.network, _ = self._read_network(known)
        watch.use(findings.network)
        comparisons.start(findings.network)
        traced = self._check_names(watch)
        if traced.addresses and traced.addresses[:1] != known:
            findings.network, _ = self._read_network(traced.addresses[:1])
            watch.use(findings.network)
        self._trace(traced, watch)
        self._finish(watch, comparisons)

    # -- names

    def _check_names(self, watch: Watch) -> DnsCheck:
        """Look up every name that the sample needs, all at once; return the check of what will be traced."""
        target = self._request.target
        named = [(Role.DESTINATION, target.host)]
        if target.route is RouteKind.SERVICE_EDGE and target.edge_host:
            named.insert(0, (Role.SERVICE_EDGE, target.edge_host))
        checks = self._world.check_names(named, target.family, self._stopped(watch))
        self._findings.dns.extend(checks)
        return checks[0]

    def _stopped(self, watch: Watch) -> Callable[[], bool]:
        """Return who says that the sample is at its end: a person, or the network."""
        return lambda: self._interrupted() or watch.disturbed()

    # -- legs

    def _trace(self, check: DnsCheck, watch: Watch) -> None:
        node = _first_end(self._request.target)
        if not check.addresses:
            reason = f"no address to trace: {check.name} did not resolve"
            self._findings.legs.append(Leg(from_=Node.CLIENT, to=node, reason=reason))
        else:
            self._add_traced(check.role, node, check.addresses[0], watch)
        if node is Node.SERVICE_EDGE:
            reason = "not discoverable: only the service edge can trace on from there, and none was asked"
            self._findings.legs.append(Leg(from_=node, to=Node.DESTINATION, reason=reason))

    def _add_traced(self, role: Role, node: Node, address: str, watch: Watch) -> None:
        """Add the traced leg; where the agent itself fails, the leg without hops, and everything else goes on."""
        findings = self._findings
        try:
            outcome = self._trace_address(role, node, address, watch)
        except Exception as error:  # noqa: BLE001 - the agent's own mistake: it becomes a fact, here as in `collect`
            findings.agent_failures.append(own_failure("trace", error))
            findings.legs.append(Leg(from_=Node.CLIENT, to=node, address=address, reason=_OWN_MISTAKE))
        else:
            findings.legs.append(outcome.leg)
            findings.middlebox = outcome.middlebox
            findings.reachability.extend(outcome.reachability)

    def _trace_address(self, role: Role, node: Node, address: str, watch: Watch) -> TraceOutcome:
        target, sending = self._request.target, self._request.sending
        family = Family.IPV6 if ":" in address else Family.IPV4
        wanted = target.edge_port if role is Role.SERVICE_EDGE else target.port
        key = leg_key(target.protocol, address, wanted, sending.interface, sending.source)
        here = surroundings(self._findings.network)
        now_s = self._world.clock.realtime_ns() // 1_000_000_000
        recalled = None if self._request.fresh else self._world.recall(key)

        def open_driver(protocol: Protocol) -> tuple[Driver | None, tuple[Refusal, ...]]:
            return self._world.open_driver(protocol, family, address, self._port(protocol, role, wanted), sending)

        with self._world.waiter(watch) as waiter:
            outcome = trace(
                choice=target.protocol,
                settings=self._request.settings,
                role=role,
                from_=Node.CLIENT,
                to=node,
                family=family,
                address=address,
                port=wanted,
                naming=self._naming(role),
                open_driver=open_driver,
                waiter=waiter,
                clock=self._world.clock,
                random_bytes=self._world.random_bytes,
                interrupted=self._stopped(watch),
                on_progress=self._on_progress,
                remembered=in_force(recalled, here, now_s),
            )
            if self._request.path_mtu and not self._stopped(watch)():
                outcome = self._with_path_mtu(outcome, open_driver, waiter, watch)
        lesson = outcome.lesson
        self._findings.learned[key] = None if lesson is None else Remembered(lesson=lesson, learned_in=here)
        return outcome

    def _with_path_mtu(
        self, outcome: TraceOutcome, open_driver: "OpenDriver", waiter: Waiter, watch: Watch
    ) -> TraceOutcome:
        """Return the outcome with the leg's path MTU; where the agent itself fails, everything else as it is."""
        from probes.trace.mtu_pass import Surroundings, with_path_mtu  # noqa: PLC0415 - for those who ask for it

        by = Surroundings(
            open_driver=open_driver,
            waiter=waiter,
            clock=self._world.clock,
            random_bytes=self._world.random_bytes,
            interrupted=self._stopped(watch),
            on_progress=self._on_progress,
        )
        leg = outcome.leg
        try:
            leg = with_path_mtu(leg, outcome.reachability, _link_mtu(self._findings.network, leg.address), by)
        except Exception as error:  # noqa: BLE001 - the agent's own mistake: it becomes a fact, here as in `collect`
            self._findings.agent_failures.append(own_failure("path MTU", error))
        return replace(outcome, leg=leg)

    def _naming(self, role: Role) -> Naming:
        target = self._request.target
        if role is Role.SERVICE_EDGE:
            return Naming.EDGE
        if target.url is not None:
            return Naming.URL
        return Naming.HOST if target.port is None else Naming.PORT

    def _port(self, protocol: Protocol, role: Role, wanted: int | None) -> int | None:
        """Return the port that probes aim at: that of a URL or of an edge is a TCP port, and says nothing of UDP."""
        match protocol:
            case Protocol.TCP:
                return wanted or DEFAULT_TCP_PORT
            case Protocol.UDP:
                return (None if role is Role.SERVICE_EDGE else _port_apart(self._request.target)) or DEFAULT_UDP_PORT
            case Protocol.ICMP:
                return None

    # -- the end

    def _finish(self, watch: Watch, comparisons: Comparisons) -> None:
        findings = self._findings
        # Who wants to end has no time for comparisons, and a disturbed sample no use.
        cut_short = self._stopped(watch)()
        findings.compared = (
            comparisons.results() if cut_short else comparisons.finish(needed=not self._healthy(), heard=self._heard())
        )
        self._name_hops()
        self._locate_hops()
        looked_up = tuple(route.destination for route in findings.network.routes)
        neighbours = self._world.neighbours(findings.network)
        end, whole = self._read_network(looked_up)
        # What could not be read as well as at the start has not changed, as far as anybody can tell.
        changes = watch.changes(end if whole else findings.network)
        findings.network = replace(findings.network, neighbours=neighbours, changes=changes)
        if not cut_short and not any(change.affects_sample for change in changes):
            for key, remembered in findings.learned.items():
                self._world.remember(key, remembered)

    def _read_network(self, addresses: Sequence[str]) -> tuple[Network, bool]:
        """Return the network as it is now, and whether it was seen as wholly as before; note what was in the way."""
        network = self._world.network(addresses, self._request.sending)
        failure = self._world.reading_failure()
        whole = failure is None or failure in self._findings.agent_failures
        if failure is not None and not whole:
            self._findings.agent_failures.append(failure)
        return network, whole

    def _healthy(self) -> bool:
        """Return whether every name was found and every leg that could be traced reached its end."""
        traced = [leg for leg in self._findings.legs if leg.address]
        return all(leg.reached for leg in traced) and all(check.failure is None for check in self._findings.dns)

    def _heard(self) -> frozenset[str]:
        """Return who has answered anything so far."""
        findings = self._findings
        hops = {responder.address for leg in findings.legs for hop in leg.hops for responder in hop.responders}
        resolvers = {query.resolver for check in findings.dns for query in check.queries if query.rcode is not None}
        return frozenset(hops | resolvers)

    def _name_hops(self) -> None:
        """Put reverse names to the hops, without a wait where no resolver is alive."""
        findings = self._findings
        addresses = sorted({r.address for leg in findings.legs for hop in leg.hops for r in hop.responders})
        wait_s = NAMES_WAIT_S[_resolver_alive(findings)]
        if not self._request.names or self._interrupted() or not addresses or not wait_s:
            return
        names = self._world.names_of(addresses, self._world.clock.monotonic() + wait_s)
        findings.legs[:] = [_with_names(leg, names) for leg in findings.legs]

    def _locate_hops(self) -> None:
        """Put networks and places to the hops, from an operator's own databases: nobody is asked."""
        findings = self._findings
        if not self._request.databases:
            return
        addresses = sorted({r.address for leg in findings.legs for hop in leg.hops for r in hop.responders})
        origins, failures = self._world.origins_of(addresses, self._request.databases)
        findings.agent_failures.extend(failures)
        findings.legs[:] = [_with_origins(leg, origins) for leg in findings.legs]


def _known_address(target: Target) -> tuple[str, ...]:
    """Return the address that will be traced where no name has to be looked up for it, in a tuple of one, else none."""
    traced = target.edge_host if target.route is RouteKind.SERVICE_EDGE else target.host
    return (traced,) if traced and is_address(traced) else ()


def _first_end(target: Target) -> Node:
    """Return what the first leg leads to."""
    return Node.SERVICE_EDGE if target.route is RouteKind.SERVICE_EDGE else Node.DESTINATION


def _link_mtu(network: Network, address: str | None) -> int | None:
    """Return the MTU of the interface by which an address is reached, None where that is not known."""
    route = next((route for route in network.routes if route.destination == address), None)
    named = None if route is None else route.interface
    return next((interface.mtu for interface in network.interfaces if interface.name == named), None)


def _port_apart(target: Target) -> int | None:
    """Return the port that a person named apart from a URL, which has one of its own."""
    own = None if target.url is None else parse_target(target.url)
    return None if isinstance(own, Target) and own.port == target.port else target.port


def _resolver_alive(findings: _Findings) -> bool | None:
    """Return whether a resolver answered anything during this sample; None where none was asked."""
    if not findings.network.resolvers:
        return False
    checks = (*findings.dns, *findings.compared.dns)
    asked = [query.rcode is not None for check in checks for query in check.queries]
    asked += [fact.answer is Answer.SYN_ACK for fact in findings.compared.reachability if fact.role is Role.RESOLVER]
    return any(asked) if asked else None


def _with_names(leg: Leg, names: Mapping[str, str]) -> Leg:
    return _with_responders(leg, lambda responder: replace(responder, name=names.get(responder.address)))


def _with_origins(leg: Leg, origins: "Mapping[str, Origin]") -> Leg:
    def located(responder: Responder) -> Responder:
        origin = origins.get(responder.address)
        if origin is None:
            return responder
        return replace(responder, asn=origin.asn, as_name=origin.as_name, place=origin.place)

    return _with_responders(leg, located)


def _with_responders(leg: Leg, changed: Callable[[Responder], Responder]) -> Leg:
    hops = tuple(replace(hop, responders=tuple(changed(one) for one in hop.responders)) for hop in leg.hops)
    return replace(leg, hops=hops)
