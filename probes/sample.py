"""A sample: everything that was observed for one target at one time, with nothing judged."""

from probes.egress_facts import Edge, Egress
from probes.facts import Family, Leg, Middlebox, ProtocolChoice, Reachability, RouteKind
from probes.failure import Failure
from probes.frozen import frozen
from probes.host_facts import Network
from probes.name_facts import DnsCheck
from probes.session_facts import PrivateAccess, SessionEvent
from probes.web_facts import CaptivePortal, Proxy, WebCheck
from probes.word import Word


@frozen
class AgentFailure:
    """Something that the agent itself could not do; `detail` says it for a person."""

    operation: str
    failure: Failure
    detail: str


@frozen
class Target:
    """What the sample was asked to look at."""

    name: str
    host: str
    url: str | None = None
    port: int | None = None
    literal: bool = False
    route: RouteKind = RouteKind.DIRECT
    protocol: ProtocolChoice = ProtocolChoice.ADAPTIVE
    family: Family | None = None
    edge_host: str | None = None
    edge_port: int | None = None


class NdrSetting(Word):
    """What the administrator says of a No Default Route network."""

    AUTO = "auto"
    TRUE = "true"
    FALSE = "false"


class TopologyKind(Word):
    """The way from the client to the destination as a whole.

    `direct`: client, egress, destination. `service_edge`: client, egress, edge, destination. `private_access`: the
    provider carries it. With an external proxy P: `cloud_proxy`: client, egress, P, destination.
    `on_premises_proxy`: client, P, egress, destination. `data_center_proxy`: client, P, data-centre egress,
    destination. `proxy_to_edge`: client, P, egress, edge, destination.
    """

    DIRECT = "direct"
    SERVICE_EDGE = "service_edge"
    PRIVATE_ACCESS = "private_access"
    CLOUD_PROXY = "cloud_proxy"
    ON_PREMISES_PROXY = "on_premises_proxy"
    DATA_CENTER_PROXY = "data_center_proxy"
    PROXY_TO_EDGE = "proxy_to_edge"


@frozen
class Topology:
    """Which way the traffic takes, as far as it is proven: `certain` False where something that decides is not known.

    `evidence` says in one sentence what it rests on.
    """

    kind: TopologyKind
    certain: bool
    evidence: str


@frozen
class Sample:
    """All facts of one sample: everything that the rules may read, and all that `explain` needs."""

    started_at: str
    duration_us: int
    target: Target
    network: Network
    ndr: NdrSetting = NdrSetting.AUTO
    dns: tuple[DnsCheck, ...] = ()
    proxy: Proxy | None = None
    web: WebCheck | None = None
    captive_portal: CaptivePortal | None = None
    egress: Egress | None = None
    edges: tuple[Edge, ...] = ()
    private_access: PrivateAccess | None = None
    sessions: tuple[SessionEvent, ...] = ()
    topology: Topology | None = None
    middlebox: Middlebox | None = None
    reachability: tuple[Reachability, ...] = ()
    legs: tuple[Leg, ...] = ()
    agent_failures: tuple[AgentFailure, ...] = ()
