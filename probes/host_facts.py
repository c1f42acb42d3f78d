"""The vocabulary of the host: its interfaces, routes, neighbours, resolvers, and what changed among them."""

from probes.facts import Family
from probes.failure import Failure
from probes.frozen import frozen
from probes.word import Word


@frozen
class InterfaceAddress:
    """One address of an interface; `temporary` marks RFC 8981 privacy addresses where the host tells."""

    address: str
    prefix_length: int
    temporary: bool | None = None


@frozen
class Interface:
    """One network interface; `carrier` is None where the kernel does not say.

    `kind` is the kernel's name for a driver of software (`veth`, `tun`, `wireguard`); None for real hardware, and where
    nobody tells.
    """

    name: str
    index: int | None
    up: bool
    carrier: bool | None
    loopback: bool
    mtu: int | None
    addresses: tuple[InterfaceAddress, ...] = ()
    kind: str | None = None


@frozen
class Route:
    """What the kernel says of one destination: the way there, or the failure that sending would meet.

    `destination` is an address for a look-up, or a prefix (`0.0.0.0/0`) for an entry of a table.
    """

    destination: str
    family: Family
    interface: str | None = None
    source: str | None = None
    gateway: str | None = None
    table: int | None = None
    metric: int | None = None
    failure: Failure | None = None


class NeighbourState(Word):
    """Neighbour cache states (RFC 4861 section 7.3.2 and the kernel's own)."""

    INCOMPLETE = "incomplete"
    REACHABLE = "reachable"
    STALE = "stale"
    DELAY = "delay"
    PROBE = "probe"
    FAILED = "failed"
    NOARP = "noarp"
    PERMANENT = "permanent"
    NONE = "none"


@frozen
class Neighbour:
    """One entry of the neighbour cache (ARP or neighbour discovery)."""

    address: str
    interface: str
    state: NeighbourState
    link_layer_address: str | None = None


@frozen
class Resolver:
    """One configured DNS resolver."""

    address: str
    port: int = 53


class ChangeKind(Word):
    """What part of the network's state changed."""

    LINK = "link"
    ADDRESS = "address"
    ROUTE = "route"
    RESOLVER = "resolver"
    PROXY = "proxy"
    TUNNEL = "tunnel"
    SUSPEND = "suspend"


@frozen
class NetworkChange:
    """One change seen between the start and the end of a sample.

    `affects_sample` says whether it touched what this sample used (its interface, source address, route to a target,
    resolvers, tunnel); `what` says it in a few words. `before` and `after` are the values as text, None for absent.
    """

    at: str
    kind: ChangeKind
    subject: str
    what: str
    before: str | None
    after: str | None
    affects_sample: bool


@frozen
class Network:
    """The host's network at the start of a sample, and what changed until its end.

    `routes` are look-ups, one for each address that the sample needed; `default_routes` are table entries that cover
    every destination (a default, or both halves of a split default).
    """

    epoch: str
    interfaces: tuple[Interface, ...] = ()
    routes: tuple[Route, ...] = ()
    default_routes: tuple[Route, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    resolvers: tuple[Resolver, ...] = ()
    search_domains: tuple[str, ...] = ()
    changes: tuple[NetworkChange, ...] = ()
