"""The way out: the public address by everybody who can see it, the trace to it, and the traces that edges make.

The first edge is asked for its service data, before anything else if names are long in coming. Then one errand leads:
it waits for that, asks the other edges if need be, and starts at once whatever the answer makes possible.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from agent.errands import Errand, Errands
from agent.own_traces import OwnTrace
from agent.request import SampleRequest
from agent.world import World
from probes.edge_access import EdgeAccess, EdgeTraceAsked
from probes.egress_facts import Edge, EdgeTrace, Egress, EgressSource, SeenAddress, ServiceData
from probes.facts import Direction, Leg, Node, Prober, ProtocolChoice, RouteKind
from probes.failure import Failure
from probes.frozen import field, frozen
from probes.name_facts import DnsCheck
from probes.sample import Target
from probes.web_facts import WebPhase

if TYPE_CHECKING:
    from probes.proxy import ProxyChoice

_IN_BAND: Final = {
    ProtocolChoice.UDP: (EgressSource.STUN,),
    ProtocolChoice.TCP: (EgressSource.TCP,),
    ProtocolChoice.ICMP: (EgressSource.ICMP,),
    ProtocolChoice.ADAPTIVE: (EgressSource.STUN, EgressSource.TCP, EgressSource.ICMP),
}

# The others are told of in the answer itself.
_TOLD_OVER_HTTPS: Final = frozenset({EgressSource.ICMP})

_NOT_ASKED: Final = "not discoverable: only the service edge can trace from there, and none was asked"
_NOT_ASKABLE: Final = "not discoverable: only the service edge can trace from there, and it gives no service data"
_NO_ADDRESS: Final = "the public address of this network is not known: no edge told it"
_LATE: Final = "no answer from the service edge in time"
_LATE_TRACE: Final = "the trace did not end in time"

_EdgeAnswer = tuple[EdgeTrace, Leg | None, DnsCheck | None]


@frozen
class Outside:
    """What was learnt of the way out; `legs` are the one to the egress first, then those of the edge."""

    egress: Egress | None = None
    edges: tuple[Edge, ...] = ()
    to_egress: OwnTrace | None = None
    legs: tuple[Leg, ...] = ()
    edge_legs: tuple[Leg, ...] = ()
    dns: tuple[DnsCheck, ...] = ()


@frozen
class _Asked:
    """The errands that are under way, by what they are for; they appear as they begin."""

    service: dict[EdgeAccess, Errand[ServiceData]] = field(default_factory=dict)
    through: list[Errand[ServiceData]] = field(default_factory=list)
    seen: dict[EgressSource, Errand[SeenAddress]] = field(default_factory=dict)
    traces: dict[Direction, Errand[_EdgeAnswer]] = field(default_factory=dict)
    to_egress: list[Errand[OwnTrace]] = field(default_factory=list)


class WayOut:
    """Everything that is asked about the way out of this network, beside the main trace.

    Args:
        request: What the sample is asked.
        world: Who asks.
        errands: Who runs it.
        stopped: Once True, nothing more is begun.
        trace_to: Traces from here to the egress.
    """

    def __init__(
        self,
        request: SampleRequest,
        world: World,
        errands: Errands,
        stopped: Callable[[], bool],
        trace_to: Callable[[str], OwnTrace],
    ) -> None:
        self._request = request
        self._world = world
        self._errands = errands
        self._stopped = stopped
        self._trace_to = trace_to
        self._asked = _Asked()
        self._lead: Errand[None] | None = None
        self._told: EdgeAccess | None = None
        self._is_silent = False

    @property
    def _apis(self) -> tuple[EdgeAccess, ...]:
        return tuple(access for access in self._request.edges if access.api is not None)

    @property
    def _through_edge(self) -> bool:
        return self._request.target.route is RouteKind.SERVICE_EDGE

    def ask(self, proxy: "ProxyChoice | None") -> None:
        """Begin to ask the first edge for its service data; no packet that routers answer leaves before `start`.

        Args:
            proxy: The proxy that applies, None for none: the edge is asked through it too.
        """
        for first in self._apis[:1]:
            self._asked.service[first] = self._start_service_data(first, None)
            if proxy is not None:
                self._asked.through.append(self._start_service_data(first, proxy))

    def start(self, proxy: "ProxyChoice | None") -> None:
        """Begin the rest, after `ask`; where neither an edge nor an administrator can tell anything, nothing is done.

        Args:
            proxy: As for `ask`.
        """
        if self._request.egress_address is not None and self._request.trace:
            self._start_trace(self._request.egress_address)
        if self._apis:
            self._lead = self._errands.start("service data", partial(self._go_on, proxy))

    def _go_on(self, proxy: "ProxyChoice | None") -> None:
        """Get the service data of the first edge that tells, and start what can be asked with it.

        Where no edge can be asked directly, but the first one through the proxy, its traces are asked for in that way.
        """
        first, *others = self._apis
        told = self._asked.service[first].result()
        if told is None or not told.fetched:
            for access in others:
                self._asked.service[access] = self._start_service_data(access, None)
        for access, errand in tuple(self._asked.service.items()):
            data = errand.result()
            if data is not None and data.fetched:
                self._told = access
                self._is_silent = _is_silent(data)
                self._see(access, data)
                if not self._is_silent:
                    self._ask_for_traces(access, None)
                return
        through = self._asked.through[0].result() if self._asked.through else None
        if through is not None and through.fetched:
            self._told = first
            self._ask_for_traces(first, proxy)

    def _start_service_data(self, access: EdgeAccess, proxy: "ProxyChoice | None") -> Errand[ServiceData]:
        ask = partial(self._world.service_data, access, self._request.sending, proxy, self._stopped)
        return self._errands.start("service data", ask)

    def _see(self, access: EdgeAccess, data: ServiceData) -> None:
        """Let the edge see a packet of each protocol that the sample uses, and trace to the address that it saw."""
        if self._stopped():
            return
        request = self._request
        for source in _IN_BAND[request.target.protocol]:
            if self._is_silent and source in _TOLD_OVER_HTTPS:
                continue
            see = partial(self._world.seen_by, source, access, data, request.sending)
            self._asked.seen[source] = self._errands.start("seen address", see)
        from probes.egress import egress_of, seen_over_https  # noqa: PLC0415 - for those who have an edge

        egress = egress_of(None, {EgressSource.SERVICE_DATA: seen_over_https(data, access.host)})
        if request.trace and not self._asked.to_egress and egress.address is not None:
            self._start_trace(egress.address)

    def _ask_for_traces(self, access: EdgeAccess, proxy: "ProxyChoice | None") -> None:
        """Ask the edge for its traces, where the path runs through it."""
        request = self._request
        if not request.trace or not self._through_edge or self._stopped():
            return
        for asked in (
            self._trace_asked(Direction.REVERSE, None),
            self._trace_asked(Direction.FORWARD, request.target),
        ):
            ask = partial(self._world.edge_trace, access, asked, request.sending, proxy, self._stopped)
            self._asked.traces[asked.direction] = self._errands.start("edge trace", ask)

    def _start_trace(self, address: str) -> None:
        self._asked.to_egress.append(self._errands.start("trace", partial(self._trace_to, address)))

    def _trace_asked(self, direction: Direction, to: Target | None) -> EdgeTraceAsked:
        settings = self._request.settings
        return EdgeTraceAsked(
            direction=direction,
            protocol=self._request.target.protocol,
            host=None if to is None else to.host,
            port=None if to is None else to.port,
            max_ttl=settings.max_ttl,
            queries=settings.queries,
            timeout_s=settings.timeout_s,
        )

    # -- the end

    def result(self, deadline: float) -> Outside:
        """Return what is known by monotonic time `deadline`."""
        if self._lead is not None:
            self._errands.until(self._lead, deadline)
        to_egress = self._traced_to_egress(deadline)
        answers = {direction: self._errands.until(errand, deadline) for direction, errand in self._asked.traces.items()}
        dns = tuple(answer[2] for answer in answers.values() if answer is not None and answer[2] is not None)
        return Outside(
            egress=self._egress(deadline),
            edges=tuple(self._edge(access, answers, deadline) for access in self._request.edges),
            to_egress=to_egress,
            legs=self._own_legs(to_egress),
            edge_legs=self._edge_legs(answers),
            dns=dns,
        )

    def _traced_to_egress(self, deadline: float) -> OwnTrace | None:
        found = (self._errands.until(errand, deadline) for errand in self._asked.to_egress)
        return next(found, None)

    def _egress(self, deadline: float) -> Egress | None:
        """Return the public address, by everybody who saw it; None where nobody was asked."""
        by = {source: self._errands.until(errand, deadline) for source, errand in self._asked.seen.items()}
        known = {source: seen for source, seen in by.items() if seen is not None}
        configured = self._request.egress_address
        if configured is None and not self._apis:
            return None
        from probes.egress import egress_of, seen_over_https, seen_through_proxy  # noqa: PLC0415 - few samples ask

        used = self._told or next(iter(self._apis), None)
        if used is not None and (direct := self._errands.until(self._asked.service.get(used), deadline)) is not None:
            known[EgressSource.SERVICE_DATA] = seen_over_https(direct, used.host)
        through = self._errands.until(next(iter(self._asked.through), None), deadline)
        if through is not None:
            known[EgressSource.PROXY] = seen_through_proxy(through, self._apis[0].host)
        return egress_of(configured, known)

    def _edge(self, access: EdgeAccess, answers: dict[Direction, _EdgeAnswer | None], deadline: float) -> Edge:
        asked = access == self._told
        made = {direction: answer[0] for direction, answer in answers.items() if answer is not None and asked}
        return Edge(
            host=access.host,
            port=access.port,
            api=access.api,
            used=self._through_edge and access == next(iter(self._request.edges), None),
            service_data=self._errands.until(self._asked.service.get(access), deadline),
            reverse=made.get(Direction.REVERSE),
            forward=made.get(Direction.FORWARD),
        )

    def _own_legs(self, to_egress: OwnTrace | None) -> tuple[Leg, ...]:
        if to_egress is not None:
            return (to_egress.leg,)
        if not self._request.trace or (not self._apis and self._request.egress_address is None):
            return ()
        reason = _LATE_TRACE if self._asked.to_egress else _NO_ADDRESS
        return (Leg(from_=Node.CLIENT, to=Node.EGRESS, reason=reason),)

    def _why_not(self, direction: Direction) -> str:
        """Return why there is no answer from the edge about one of its legs."""
        if direction in self._asked.traces or self._is_silent:
            return _LATE
        return _NOT_ASKABLE if self._apis else _NOT_ASKED

    def _edge_legs(self, answers: dict[Direction, _EdgeAnswer | None]) -> tuple[Leg, ...]:
        """Return the edge's two legs, with the reason where it made none."""
        if not self._through_edge or not self._request.trace:
            return ()
        ends = {Direction.REVERSE: Node.EGRESS, Direction.FORWARD: Node.DESTINATION}
        return tuple(
            _edge_leg(direction, end, answers.get(direction), self._why_not(direction))
            for direction, end in ends.items()
            if self._apis or direction is Direction.FORWARD
        )


def _is_silent(data: ServiceData) -> bool:
    """Return whether an edge is known from before only, and silence is all that this sample got of it, twice.

    It is not asked over HTTPS for more: a trace takes longer than what the sample has left.
    """
    unheard = {None, WebPhase.RESOLVE, WebPhase.CONNECT}
    return data.stale and data.failure is Failure.TIMED_OUT and data.phase in unheard


def _edge_leg(direction: Direction, end: Node, answer: _EdgeAnswer | None, why_not: str) -> Leg:
    """Return the edge's leg, or the one that says why it made none."""
    made, leg, _ = answer or (None, None, None)
    if leg is not None:
        return leg
    reason = why_not if made is None else f"the service edge made no trace: {made.detail or made.failure}"
    return Leg(from_=Node.SERVICE_EDGE, to=end, direction=direction, probed_by=Prober.EDGE, reason=reason)
