"""The vocabulary of the way out and of service edges: the client's public address, who saw it, and what edges told."""

from probes.failure import Failure
from probes.frozen import frozen
from probes.web_facts import WebPhase
from probes.word import Word


class EgressSource(Word):
    """How the client's public address was learnt.

    `configured`: the administrator knows it. `service_data`: an edge saw it over HTTPS. `stun`, `tcp`, `icmp`: an edge
    saw the source of a probe of this protocol (RFC 8489 over UDP and TCP; an echo). `proxy`: an edge saw it over HTTPS
    through the proxy.
    """

    CONFIGURED = "configured"
    SERVICE_DATA = "service_data"
    STUN = "stun"
    TCP = "tcp"
    ICMP = "icmp"
    PROXY = "proxy"


class TunnelKind(Word):
    """What an edge says that a caller's packets arrived in."""

    GRE = "gre"
    IPSEC = "ipsec"
    OTHER = "other"


@frozen
class Tunnel:
    """A tunnel that an edge ends: the caller is inside `inner`, and sits behind `egress`."""

    kind: TunnelKind
    inner: str
    egress: str | None = None


@frozen
class SeenAddress:
    """The source address that somebody else saw, or why nobody told; `edge` is the host of who was asked.

    `server_address` is where the answer came from. An address that is the edge's own is none of the client's.
    """

    address: str | None = None
    edge: str | None = None
    server_address: str | None = None
    failure: Failure | None = None
    detail: str | None = None
    duration_us: int | None = None


@frozen
class Egress:
    """The client's public address: which one counts, and what each source says, by the source's name.

    `agree` is False where two sources name different addresses of one family, None where there are not two. What is
    seen through a proxy counts for nothing here: behind it another address is no contradiction.
    """

    address: str | None = None
    source: EgressSource | None = None
    agree: bool | None = None
    by: dict[str, SeenAddress] | None = None


@frozen
class ServiceData:
    """What an edge tells about its caller over HTTPS; `stale` where it is an older answer that is still valid.

    `status` is the last HTTP status, `attempts` how often it was asked for, `phase` the step that the last attempt
    ended in; with `failure` None it succeeded. `told_at` is the edge's own clock, `valid_for_s` how long it stands by
    its answer, `server_address` where that came from. `tcp_port` and `udp_port` are where the edge tells the source of
    packets (RFC 8489), `icmp` whether it does so for echoes.
    """

    url: str
    fetched: bool = False
    attempts: int = 0
    phase: WebPhase | None = None
    status: int | None = None
    name: str | None = None
    server_address: str | None = None
    told_at: str | None = None
    valid_for_s: int | None = None
    address: str | None = None
    tunnel: Tunnel | None = None
    tcp_port: int | None = None
    udp_port: int | None = None
    icmp: bool | None = None
    stale: bool = False
    age_s: int | None = None
    failure: Failure | None = None
    detail: str | None = None
    duration_us: int | None = None


@frozen
class EdgeTrace:
    """What came of asking an edge for a trace: its leg is among the sample's legs if it made one."""

    phase: WebPhase | None = None
    status: int | None = None
    cached: bool = False
    age_s: int | None = None
    failure: Failure | None = None
    detail: str | None = None
    duration_us: int | None = None


@frozen
class Edge:
    """One configured service edge and what it told; `used` is the one that this sample's path runs through."""

    host: str
    port: int
    api: str | None = None
    name: str | None = None
    used: bool = False
    service_data: ServiceData | None = None
    reverse: EdgeTrace | None = None
    forward: EdgeTrace | None = None
