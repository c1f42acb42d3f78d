"""One sample: ask everything that is due, wait as little as possible, diagnose, write it down.

Nothing here touches the world: a `World` answers. The one-shot command is this cycle, once.
"""

from collections.abc import Callable, Sequence
from functools import partial

from agent.beside import Beside
from agent.comparisons import Comparisons
from agent.errands import Errands
from agent.findings import Findings
from agent.head_start import HeadStart
from agent.hop_names import addresses_of, with_names, with_origins
from agent.mistakes import own_failure
from agent.own_traces import OWN_MISTAKE, Aim, OwnTrace, OwnTraces
from agent.request import SampleRequest
from agent.stall import Stall
from agent.way_out import Outside, WayOut
from agent.world import ProxyCheck, Watch, World, never
from probes.clock import utc_text
from probes.facts import Leg, Node, Role, RouteKind
from probes.failure import Failure
from probes.frozen import replace
from probes.host_facts import Network, Route
from probes.name_facts import DnsCheck, literal_check
from probes.sample import Sample, Target
from probes.target import is_address
from probes.web_facts import Proxy, ProxyMode

# Names of hops are worth a short wait when a resolver is known to be alive, none when it is known to be dead, and next
# to none when nobody has asked one yet.
NAMES_WAIT_S = {True: 0.15, False: 0.0, None: 0.05}

NAMES_LAST_WORD_S = 0.1

# What runs beside the main trace is waited for until so long after the start: a verdict comes within 4 s.
LONGEST_S = 3.6

# Why a leg is there without hops where the network changed before anything was sent along it.
OVERTAKEN = "the network changed before the path was traced"

# A router whose answers are used up has one more a second later, and that one comes within this time.
LIMITER_S = 1.1
AGAIN_S = 0.5

HTTPS_PORT = 443


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
        on_progress: Told of the main leg as it grows, at most about ten times a second.
        interrupted: Asked often; once True, the sample ends with what it has.

    An exception in here is the agent's own failure: it becomes a fact (CP-01) and what was found so far is kept.
    """
    started_at, started = utc_text(world.clock.realtime_ns()), world.clock.monotonic()
    findings = Findings()
    try:
        _Collection(request, world, findings, on_progress, interrupted).run()
    except Exception as error:  # noqa: BLE001 - the boundary of the agent's own mistakes: whatever it is becomes a fact
        findings.agent_failures.append(own_failure("sample", error))
        if not findings.legs and request.trace:
            findings.legs.append(Leg(from_=Node.CLIENT, to=_first_end(request.target), reason=OWN_MISTAKE))
    duration_us = round((world.clock.monotonic() - started) * 1e6)
    return findings.sample(request, started_at=started_at, duration_us=duration_us)


class _Collection:
    """The steps of one sample, in order; each adds to the findings."""

    def __init__(
        self,
        request: SampleRequest,
        world: World,
        findings: Findings,
        on_progress: Callable[[Leg], None] | None,
        interrupted: Callable[[], bool],
    ) -> None:
        self._request = request
        self._world = world
        self._findings = findings
        self._on_progress = on_progress
        self._interrupted = interrupted
        self._deadline = world.clock.monotonic() + LONGEST_S
        self._errands = Errands(world.clock)
        self._stall = Stall(world.clock)
        self._comparisons = Comparisons(world, request.sending, request.controls, patience_s=request.patience_s)
        self._egress_routes: tuple[Route, ...] = ()

    def run(self) -> None:
        """Collect everything; the network is watched from before the first question to after the last answer."""
        watch = self._world.watch(self._request.sending)
        try:
            self._collect(watch)
        except Exception:
            # A mistake of the agent's cuts the sample short: what ran beside it is kept as far as it got.
            self._findings.compared = self._comparisons.results()
            raise
        finally:
            self._comparisons.stop()
            self._findings.agent_failures.extend(self._errands.failures)
            stalled = self._stall.failure()
            self._findings.agent_failures.extend([] if stalled is None else [stalled])
            watch.close()

    def _collect(self, watch: Watch) -> None:
        stopped = self._stopped(watch)
        self._errands.end_when(stopped)
        proxy = self._proxy(watch)
        known = _known_address(self._request.target) if proxy is None else ()
        self._look_up(known, watch)
        self._comparisons.start(self._findings.network)
        traces = OwnTraces(self._request, self._world, watch, stopped)
        way_out = WayOut(self._request, self._world, self._errands, stopped, partial(self._trace_egress, traces, watch))
        beside = Beside(self._request, self._world, self._errands, stopped)
        choice = proxy.choice if proxy is not None else None
        with HeadStart(self._errands, self._nameless(proxy, beside, way_out)):
            checks = self._check_names(proxy, stopped)
        external = self._ask_proxy(proxy, checks)
        beside.start_web(checks[Role.DESTINATION], choice, checks.get(Role.PROXY))
        way_out.start(choice)
        self._find_private_access(checks[Role.DESTINATION], watch)
        if self._request.trace:
            self._trace(traces, self._aimed(checks, external=external), watch)
        self._finish(beside, checks[Role.DESTINATION], way_out, watch)

    # -- before anything is sent

    def _proxy(self, watch: Watch) -> ProxyCheck | None:
        request = self._request
        choose = partial(self._world.proxy_for, request)
        if request.proxy_mode in {ProxyMode.EXPLICIT, ProxyMode.PAC}:
            # To find it takes a while, and meanwhile the network may change from what it was.
            self._look_up((), watch)
        proxy = self._by_script(choose) if request.proxy_mode is ProxyMode.PAC else choose()
        if proxy is not None:
            self._comparisons.note_proxy(proxy.known)
        return proxy

    def _by_script(self, choose: Callable[[], ProxyCheck | None]) -> ProxyCheck | None:
        """Return what `choose` finds, or a proxy that nobody could ask for when the sample ended before that."""
        choosing = self._errands.start("proxy script", choose)
        proxy = self._errands.until(choosing, self._deadline)
        if choosing.over:
            return proxy
        unasked = Proxy(mode=ProxyMode.PAC, failure=Failure.ABORTED)
        return ProxyCheck(known=unasked, choice=None, ask=lambda _: unasked)

    def _check_names(self, proxy: ProxyCheck | None, stopped: Callable[[], bool]) -> dict[Role, DnsCheck]:
        """Look up every name that the sample needs, all at once; return the checks by what they are for."""
        target = self._request.target
        named = [(Role.DESTINATION, target.host)]
        if target.route is not RouteKind.DIRECT and target.edge_host:
            named.insert(0, (Role.SERVICE_EDGE, target.edge_host))
        if proxy is not None and proxy.known.host:
            named.append((Role.PROXY, proxy.known.host))
        checks = self._world.check_names(named, target.family, stopped)
        self._findings.dns.extend(check for check in checks if check.role is not Role.PROXY or check.queries)
        return {check.role: check for check in checks}

    def _nameless(self, proxy: ProxyCheck | None, beside: Beside, way_out: WayOut) -> list[Callable[[], None]]:
        """Return what begins what needs none of the sample's names, or looks its own name up."""
        request, work = self._request, list[Callable[[], None]]()
        if request.captive_check_url is not None or request.zpa is not None:
            work.append(beside.start)
        if request.edges:
            work.append(partial(way_out.ask, None if proxy is None else proxy.choice))
        if proxy is not None and is_address(proxy.known.host or ""):
            work.append(partial(self._ask_proxy_by_address, proxy, beside))
        return work

    def _ask_proxy_by_address(self, proxy: ProxyCheck, beside: Beside) -> None:
        """Begin to ask the proxy, and through it the web address: the proxy is the one to look the target up."""
        resolved = literal_check(Role.PROXY, proxy.known.host or "")
        self._comparisons.ask_proxy(proxy, resolved)
        if proxy.choice is not None:
            target = self._request.target
            beside.start_web(DnsCheck(role=Role.DESTINATION, name=target.host), proxy.choice, resolved)

    def _ask_proxy(self, proxy: ProxyCheck | None, checks: dict[Role, DnsCheck]) -> bool:
        """Begin to ask the proxy that applies, if nobody has; return whether there is one outside of this host."""
        if proxy is None:
            return False
        resolved = checks.get(Role.PROXY, DnsCheck(role=Role.PROXY, name=proxy.known.host or ""))
        if not is_address(proxy.known.host or ""):
            self._comparisons.ask_proxy(proxy, resolved)
        is_edge = proxy.known.host == self._request.target.edge_host
        return proxy.choice is not None and not is_edge and not any(map(self._on_this_host, resolved.addresses))

    def _on_this_host(self, address: str) -> bool:
        own = {entry.address for interface in self._findings.network.interfaces for entry in interface.addresses}
        return address in own or address.startswith("127.") or address == "::1"

    def _find_private_access(self, check: DnsCheck, watch: Watch) -> None:
        request, route = self._request, self._request.target.route
        if request.target.literal and route is not RouteKind.PRIVATE_ACCESS:
            return
        from probes.private_access import private_access_of  # noqa: PLC0415 - an address needs none of it

        self._look_up_missing(check.addresses[:1], watch)
        self._findings.private_access = private_access_of(
            configured=route is RouteKind.PRIVATE_ACCESS,
            ranges=request.synthetic_ranges,
            interface=request.private_interface,
            dns=tuple(self._findings.dns),
            network=self._findings.network,
        )

    def _stopped(self, watch: Watch) -> Callable[[], bool]:
        """Return who says that the sample is at its end: a person, the agent's own absence, or the network."""
        return lambda: self._interrupted() or self._stall.found() or watch.disturbed()

    def _look_up(self, addresses: Sequence[str], watch: Watch) -> None:
        """Read the network with look-ups of these addresses beside those that there are already."""
        before = self._findings.network
        network, _ = self._read_network(addresses)
        watch.use(network)
        self._findings.network = replace(network, routes=(*before.routes, *network.routes))

    def _look_up_missing(self, addresses: Sequence[str], watch: Watch) -> None:
        """Do the same where one of them has no look-up yet."""
        there = {route.destination for route in self._findings.network.routes}
        missing = [address for address in addresses if address not in there]
        if missing:
            self._look_up(missing, watch)

    # -- legs

    def _aimed(self, checks: dict[Role, DnsCheck], *, external: bool) -> Aim | Leg:
        """Return what the main trace aims at, or the leg that says why there is none."""
        target, private = self._request.target, self._findings.private_access
        role = _main_role(target, external=external)
        if role is not Role.PROXY and private is not None and (private.configured or private.interface):
            node, port = Node.PRIVATE_EDGE, target.edge_port
            if not target.edge_host:
                reason = "not discoverable: the private access service does not tell the address of its edge"
                return Leg(from_=Node.CLIENT, to=node, reason=reason)
        else:
            node, port = _NODES[role], self._port(role)
        check = checks[role]
        if not check.addresses:
            return Leg(from_=Node.CLIENT, to=node, reason=f"no address to trace: {check.name} did not resolve")
        return Aim(role=role, node=node, address=check.addresses[0], port=port)

    def _port(self, role: Role) -> int | None:
        """Return the TCP port of what the main trace aims at."""
        target, proxy = self._request.target, self._comparisons.results().proxy
        match role:
            case Role.SERVICE_EDGE:
                return target.edge_port
            case Role.PROXY:
                return None if proxy is None else proxy.port
            case _:
                return target.port

    def _trace(self, traces: OwnTraces, aimed: Aim | Leg, watch: Watch) -> None:
        """Add the main leg: traced, or with the reason why there is nothing to trace."""
        if isinstance(aimed, Leg):
            self._findings.legs.append(aimed)
            return
        self._look_up_missing((aimed.address,), watch)
        if watch.disturbed():
            self._findings.legs.append(Leg(from_=Node.CLIENT, to=aimed.node, address=aimed.address, reason=OVERTAKEN))
            return
        # Remembered paths belong to the way to this address: its look-up comes first.
        network = self._findings.network
        mine = sorted(network.routes, key=lambda route: route.destination != aimed.address)
        traced = traces.trace(aimed, replace(network, routes=tuple(mine)), self._on_progress)
        self._findings.middlebox = traced.middlebox
        self._keep(traced)
        self._compare_with(aimed)

    def _trace_egress(self, traces: OwnTraces, watch: Watch, address: str) -> OwnTrace:
        """Return the trace to the public address; runs beside the main one.

        The egress is on the way of every other probe, and routers answer six at once and then one a second [lab]: where
        it seems silent, one probe to each TTL goes there again once it may speak.
        """
        network = self._world.network((address,), self._request.sending)
        watch.use(network)
        self._egress_routes = network.routes
        aim = Aim(role=Role.EGRESS, node=Node.EGRESS, address=address)
        first = traces.trace(aim, network)
        if not first.leg.reached:
            self._comparisons.compare_with(Role.EGRESS, address, None)
            self._comparisons.compare_with(Role.EGRESS, address, HTTPS_PORT)
        if first.leg.reached is not False or self._deadline - self._world.clock.monotonic() < LIMITER_S + AGAIN_S:
            return first
        self._world.pause(LIMITER_S, self._stopped(watch))
        once = replace(self._request.settings, queries=1, timeout_s=min(AGAIN_S, self._request.settings.timeout_s))
        again = traces.trace(aim, network, settings=once)
        return again if again.leg.reached else first

    def _keep(self, traced: OwnTrace) -> None:
        findings = self._findings
        findings.legs.append(traced.leg)
        findings.reachability.extend(traced.reachability)
        findings.learned.update(traced.learned)
        findings.agent_failures.extend(traced.failures)

    def _compare_with(self, aimed: Aim) -> None:
        """Let an edge or a proxy that was not reached be asked in another way too."""
        if aimed.role in {Role.SERVICE_EDGE, Role.PROXY}:
            self._comparisons.compare_with(aimed.role, aimed.address, aimed.port or HTTPS_PORT)
        for other in self._request.edges[1:]:
            if is_address(other.host):
                self._comparisons.compare_with(Role.CONTROL, other.host, other.port)

    # -- the end

    def _finish(self, beside: Beside, destination: DnsCheck, way_out: WayOut, watch: Watch) -> None:
        findings = self._findings
        # Who wants to end has no time for comparisons, and a disturbed sample no use.
        cut_short = self._stopped(watch)()
        deadline = self._world.clock.monotonic() if cut_short else self._deadline
        findings.web = beside.web(destination, deadline)
        findings.captive_portal = beside.captive_portal(deadline)
        findings.sessions, failures = beside.sessions(deadline)
        findings.agent_failures.extend(failures)
        self._add_outside(way_out.result(deadline))
        findings.compared = (
            self._comparisons.results()
            if cut_short
            else self._comparisons.finish(
                needed=not findings.healthy(), heard=findings.heard(), stop=self._stopped(watch)
            )
        )
        findings.lay_out(self._request)
        self._name_hops(watch)
        self._locate_hops()
        self._compare_with_start(watch, cut_short=cut_short)

    def _add_outside(self, outside: Outside) -> None:
        """Add what was learnt of the way out: the leg to the egress stands first, as it does on the path."""
        findings = self._findings
        findings.outside = outside
        main, findings.legs = findings.legs, list(outside.legs)
        if outside.to_egress is not None:
            findings.legs = []
            self._keep(outside.to_egress)
        findings.legs += [*main, *outside.edge_legs]

    def _compare_with_start(self, watch: Watch, *, cut_short: bool) -> None:
        """Read the network again, note what changed, and remember the paths if nothing did."""
        findings = self._findings
        known = {route.destination for route in findings.network.routes}
        routes = (*findings.network.routes, *(route for route in self._egress_routes if route.destination not in known))
        findings.network = replace(findings.network, routes=routes)
        neighbours = self._world.neighbours(findings.network)
        end, whole = self._read_network(tuple(route.destination for route in routes))
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

    def _name_hops(self, watch: Watch) -> None:
        """Put reverse names to the hops, without a wait where no resolver is alive."""
        findings = self._findings
        addresses = addresses_of(findings.legs)
        wait_s = NAMES_WAIT_S[findings.resolver_alive()]
        if not self._request.names or self._stopped(watch)() or not addresses or not wait_s:
            return
        until = self._world.clock.monotonic() + wait_s
        asked = self._errands.start("names of hops", partial(self._world.names_of, addresses, until))
        # The look-up itself ends at that time; what it takes to say so is its own.
        names = self._errands.until(asked, until + NAMES_LAST_WORD_S) or {}
        findings.legs[:] = [with_names(leg, names) for leg in findings.legs]

    def _locate_hops(self) -> None:
        """Put networks and places to the hops, from an operator's own databases: nobody is asked."""
        findings = self._findings
        if not self._request.databases:
            return
        origins, failures = self._world.origins_of(addresses_of(findings.legs), self._request.databases)
        findings.agent_failures.extend(failures)
        findings.legs[:] = [with_origins(leg, origins) for leg in findings.legs]


_NODES = {
    Role.DESTINATION: Node.DESTINATION,
    Role.SERVICE_EDGE: Node.SERVICE_EDGE,
    Role.PROXY: Node.EXTERNAL_PROXY,
}


def _main_role(target: Target, *, external: bool) -> Role:
    """Return what the main trace aims at: nobody can trace past a proxy, and only the edge past itself."""
    if external:
        return Role.PROXY
    return Role.SERVICE_EDGE if target.route is not RouteKind.DIRECT and target.edge_host else Role.DESTINATION


def _known_address(target: Target) -> tuple[str, ...]:
    """Return the address that will be traced where no name has to be looked up for it, in a tuple of one, else none."""
    traced = target.edge_host if target.route is RouteKind.SERVICE_EDGE else target.host
    return (traced,) if traced and is_address(traced) else ()


def _first_end(target: Target) -> Node:
    """Return what the first leg leads to."""
    return Node.SERVICE_EDGE if target.route is RouteKind.SERVICE_EDGE else Node.DESTINATION
