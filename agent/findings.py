"""What a sample has found so far: the one thing in it that changes, until it becomes the frozen sample."""

from agent.comparisons import Results
from agent.hop_names import addresses_of
from agent.request import SampleRequest
from agent.way_out import Outside
from probes.facts import Answer, Leg, Middlebox, Node, Reachability, Role
from probes.frozen import field, mutable
from probes.host_facts import Network
from probes.name_facts import DnsCheck
from probes.sample import AgentFailure, Sample, Topology
from probes.session_facts import PrivateAccess, SessionEvent
from probes.trace.memory import Remembered
from probes.web_facts import CaptivePortal, WebCheck


@mutable
class Findings:
    """What a sample has found so far, and what that comes to; it becomes the frozen Sample in the end."""

    network: Network = field(default_factory=lambda: Network(epoch=""))
    dns: list[DnsCheck] = field(default_factory=list)
    reachability: list[Reachability] = field(default_factory=list)
    legs: list[Leg] = field(default_factory=list)
    agent_failures: list[AgentFailure] = field(default_factory=list)
    compared: Results = field(default_factory=Results)
    learned: dict[str, Remembered | None] = field(default_factory=dict)
    middlebox: Middlebox | None = None
    web: WebCheck | None = None
    captive_portal: CaptivePortal | None = None
    outside: Outside = field(default_factory=Outside)
    private_access: PrivateAccess | None = None
    sessions: tuple[SessionEvent, ...] = ()
    topology: Topology | None = None

    def sample(self, request: SampleRequest, *, started_at: str, duration_us: int) -> Sample:
        """Return the frozen sample."""
        outside, compared = self.outside, self.compared
        return Sample(
            started_at=started_at,
            duration_us=duration_us,
            target=request.target,
            network=self.network,
            ndr=request.ndr,
            dns=(*self.dns, *outside.dns, *compared.dns),
            proxy=compared.proxy,
            web=self.web,
            captive_portal=self.captive_portal,
            egress=outside.egress,
            edges=outside.edges,
            private_access=self.private_access,
            sessions=self.sessions,
            topology=self.topology,
            middlebox=self.middlebox,
            reachability=(*self.reachability, *compared.reachability),
            legs=tuple(self.legs),
            agent_failures=(*self.agent_failures, *compared.agent_failures),
        )

    def lay_out(self, request: SampleRequest) -> None:
        """Say which way the traffic takes, and add the legs that nobody can trace."""
        from probes.topology import topology_of, untraceable_legs  # noqa: PLC0415 - once all else is known

        outside = self.outside
        self.topology = topology_of(
            target=request.target,
            proxy=self.compared.proxy,
            egress=outside.egress,
            edges=outside.edges,
            private_access=self.private_access,
            network=self.network,
        )
        if not request.trace:
            return
        own = [leg for leg in self.legs if leg not in outside.edge_legs]
        there = {(leg.from_, leg.to) for leg in self.legs}
        beyond = untraceable_legs(self.topology, edge_after=bool(outside.edge_legs))
        self.legs[:] = [*own, *(leg for leg in beyond if (leg.from_, leg.to) not in there), *outside.edge_legs]

    def healthy(self) -> bool:
        """Return whether every name was found, every leg that could be traced reached its end, and every check passed.

        A name that a proxy looks up need not be found here.
        """
        proxied = any(leg.to is Node.EXTERNAL_PROXY for leg in self.legs)
        names = [check for check in self.dns if not (proxied and check.role is Role.DESTINATION)]
        data = [edge.service_data for edge in self.outside.edges if edge.service_data is not None]
        return (
            all(leg.reached for leg in self.legs if leg.address)
            and all(check.failure is None for check in names)
            and all(each.fetched and not each.stale for each in data)
            and (self.web is None or self.web.failure is None)
            and (self.captive_portal is None or self.captive_portal.detected is False)
        )

    def heard(self) -> frozenset[str]:
        """Return who has answered anything so far."""
        resolvers = {query.resolver for check in self.dns for query in check.queries if query.rcode is not None}
        return frozenset(addresses_of(self.legs)) | resolvers

    def resolver_alive(self) -> bool | None:
        """Return whether a resolver answered anything during this sample; None where none was asked."""
        if not self.network.resolvers:
            return False
        checks = (*self.dns, *self.compared.dns)
        asked = [query.rcode is not None for check in checks for query in check.queries]
        asked += [fact.answer is Answer.SYN_ACK for fact in self.compared.reachability if fact.role is Role.RESOLVER]
        return any(asked) if asked else None
