"""The lab's maps: networks as data, and what a correct trace over them must see."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Final

import yaml

from probes.facts import EndReason, Family

NETWORKS: Final = Path(__file__).parent / "networks"
# The kernel cuts interface names at 15 characters, and they are "to-" and a node's name.
MAX_NODE_NAME: Final = 12

Prefix = IPv4Network | IPv6Network
HopList = tuple[str | None, ...]


class MapError(ValueError):
    """A map that does not describe a network."""


class Behaviour(StrEnum):
    """How a node differs from a stock Linux machine; `tests.lab.behaviour` says what the kernel is told."""

    SILENT = "silent"
    STINGY = "stingy"
    HOLE = "hole"
    SWALLOWS = "swallows"
    REJECTS = "rejects"
    MUTE = "mute"
    DEAF = "deaf"
    EXTENDED = "extended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What listens on a node; `names` maps a host name to the addresses that its resolver gives.

    `extended_icmp` is what `extender.py` says in the place of a kernel that stays silent. `web`, `squid`, `unbound`,
    `edge`, `tunnel` and `run` are what `tests.lab.programs` makes of them.
    """

    tcp: tuple[int, ...] = ()
    udp_echo: tuple[int, ...] = ()
    proxy: int | None = None
    names: dict[str, tuple[str, ...]] | None = None
    dns_options: tuple[str, ...] = ()
    extended_icmp: dict[str, Any] | None = None
    web: tuple[dict[str, Any], ...] = ()
    squid: dict[str, Any] | None = None
    unbound: str | None = None
    edge: dict[str, Any] | None = None
    tunnel: dict[str, Any] | None = None
    run: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One machine of the map. A node with several links forwards; one with a single link has a default route by it.

    `lines` are shell lines that it runs once all links and routes are there.
    An `optional` node is left out, with its links, unless it is asked for.
    """

    name: str
    behaves: Behaviour | None = None
    spare_addresses: int = 0
    default_route: bool = True
    resolver: tuple[str, ...] = ()
    sysctls: dict[str, str] = field(default_factory=dict)
    nftables: str = ""
    routes: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    services: Services = field(default_factory=Services)
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A wire between two nodes: the left one has the first address of each prefix, the right one the second.

    `delay_ms` is added in each direction, by the delay line; the ratios of loss, reordering and duplication too.
    `mtu` is that of both ends, None for the usual 1500. The prefixes of a `private` link are known only to the nodes
    that private links join: nobody outside has a route to them.
    """

    left: str
    right: str
    ipv4: IPv4Network | None
    ipv6: IPv6Network | None
    delay_ms: float = 0.0
    loss: float = 0.0
    reorder: float = 0.0
    duplicate: float = 0.0
    mtu: int | None = None
    private: bool = False

    @property
    def delayed(self) -> bool:
        """Return whether this wire runs through the delay line."""
        return any((self.delay_ms, self.loss, self.reorder, self.duplicate))

    def prefix(self, family: Family) -> Prefix | None:
        """Return the prefix of this link in a family."""
        return self.ipv4 if family is Family.IPV4 else self.ipv6

    def other(self, node: str) -> str:
        """Return the node at the other end."""
        return self.right if node == self.left else self.left

    def address(self, node: str, family: Family) -> str | None:
        """Return the address of `node` on this link."""
        prefix = self.prefix(family)
        return None if prefix is None else str(prefix[1 if node == self.left else 2])

    def spare_addresses(self, count: int, family: Family) -> tuple[str, ...]:
        """Return `count` further addresses of this link, from the tenth on."""
        prefix = self.prefix(family)
        return () if prefix is None else tuple(str(prefix[10 + number]) for number in range(count))


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One route that a node needs: a prefix (or `default`), the next node's address and the interface."""

    prefix: str
    via: str
    interface: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What a trace must see: an address (or None) for each probe TTL, and how it ends.

    `stingy`, `silent` and `refusing` are the probe TTLs at which nodes of these behaviours answer, or do not.
    """

    hops: HopList
    reached: bool
    end_reason: EndReason
    stingy: frozenset[int] = frozenset()
    silent: frozenset[int] = frozenset()
    refusing: frozenset[int] = frozenset()


@dataclass(frozen=True, kw_only=True)
class NetworkMap:
    """One network: its nodes and links."""

    name: str
    nodes: dict[str, Node]
    links: tuple[Link, ...]

    @cached_property
    def _links_of(self) -> dict[str, tuple[Link, ...]]:
        return {name: tuple(link for link in self.links if name in (link.left, link.right)) for name in self.nodes}

    def links_of(self, node: str) -> tuple[Link, ...]:
        """Return the links of a node, in the order of the map."""
        return self._links_of[node]

    def forwards(self, node: str) -> bool:
        """Return whether a node is a router: it has more than one link."""
        return len(self.links_of(node)) > 1

    def address(self, node: str, family: Family) -> str:
        """Return the address by which a node is known: the one on its first link that has the family."""
        for link in self.links_of(node):
            address = link.address(node, family)
            if address is not None:
                return address
        raise MapError(f"{node} has no {family.value} address")

    def path(self, source: str, destination: str, family: Family) -> tuple[Link, ...]:
        """Return the links of the shortest way (the earliest of the map among equals)."""
        way: dict[str, tuple[Link, ...]] = {source: ()}
        queue = deque([source])
        while queue:
            here = queue.popleft()
            for link in self.links_of(here):
                there = link.other(here)
                if there not in way and link.prefix(family) is not None:
                    way[there] = (*way[here], link)
                    queue.append(there)
        if destination not in way:
            raise MapError(f"no {family.value} way from {source} to {destination}")
        return way[destination]

    def routes(self, node: str, family: Family) -> Iterator[Route]:
        """Yield the routes of a node: a default by its only link, or one for each prefix that is not its own."""
        own = self.links_of(node)
        if not self.forwards(node):
            link = own[0]
            gateway = link.address(link.other(node), family)
            if gateway is not None and self.nodes[node].default_route and self.forwards(link.other(node)):
                yield Route(prefix="default", via=gateway, interface=interface(link.other(node)))
            return
        for link in self.links:
            prefix = link.prefix(family)
            if prefix is None or link in own or (link.private and node not in self._insiders_of(link)):
                continue
            way = min((self.path(node, end, family) for end in (link.left, link.right)), key=len)
            first = way[0]
            via = first.address(first.other(node), family)
            if via is not None:
                yield Route(prefix=str(prefix), via=via, interface=interface(first.other(node)))

    def _insiders_of(self, link: Link) -> set[str]:
        """Return the nodes that private links join to this one."""
        inside, before = {link.left, link.right}, set[str]()
        while inside != before:
            before = set(inside)
            inside.update(
                end
                for each in self.links
                if each.private and {each.left, each.right} & before
                for end in (each.left, each.right)
            )
        return inside

    def round_trip_ms(self, source: str, destination: str, family: Family) -> float:
        """Return the delay that the map adds to a round trip."""
        return 2 * sum(link.delay_ms for link in self.path(source, destination, family))

    def expected(self, source: str, destination: str, family: Family) -> Expectation:
        """Return what a trace must see.

        A Linux router answers from the address on the interface by which it would send to the prober; on these maps
        that is the link the probe came by.
        """
        hops: list[str | None] = []
        stingy: set[int] = set()
        silent: set[int] = set()
        here = source
        for probe_ttl, link in enumerate(self.path(source, destination, family), start=1):
            here = link.other(here)
            behaves = self.nodes[here].behaves
            if behaves is Behaviour.STINGY:
                stingy.add(probe_ttl)
            if behaves is Behaviour.SILENT:
                silent.add(probe_ttl)
            hops.append(None if behaves in {Behaviour.SILENT, Behaviour.MUTE} else link.address(here, family))
            if here != destination and behaves in {Behaviour.SWALLOWS, Behaviour.REJECTS}:
                break
        behaves, refusing = self.nodes[here].behaves, frozenset[int]()
        if behaves is Behaviour.REJECTS:
            # The firewall looks at what it forwards: the probe that would expire one hop further is refused here.
            hops.append(hops[-1])
            refusing = frozenset({len(hops) - 1, len(hops)})
        reached = here == destination and behaves is not Behaviour.MUTE
        end_reason = EndReason.REACHED if reached else _END_WITHOUT_REACHING.get(behaves, EndReason.GAP_LIMIT)
        return Expectation(
            hops=without_silent_tail(hops),
            reached=reached,
            end_reason=end_reason,
            stingy=frozenset(stingy),
            silent=frozenset(silent),
            refusing=refusing,
        )


_END_WITHOUT_REACHING: Final[dict[Behaviour | None, EndReason]] = {Behaviour.REJECTS: EndReason.UNREACHABLE}


def without_silent_tail(hops: list[str | None]) -> HopList:
    """Return a hop list without the silent hops after the last one that answered: tools differ in how far they try."""
    end = len(hops)
    while end and hops[end - 1] is None:
        end -= 1
    return tuple(hops[:end])


def interface(neighbour: str) -> str:
    """Return the name of the interface towards a neighbour."""
    return f"to-{neighbour}"


def read_map(name: str) -> NetworkMap:
    """Return a map of `tests/lab/networks` by its name.

    Raises:
        MapError: It does not describe a network; the message says where.
    """
    return parse_map(name, (NETWORKS / f"{name}.yaml").read_text(encoding="utf-8"))


def map_names() -> tuple[str, ...]:
    """Return the names of all maps."""
    return tuple(sorted(path.stem for path in NETWORKS.glob("*.yaml")))


def parse_map(name: str, text: str) -> NetworkMap:
    """Return the map that a YAML text describes."""
    return make_map(name, yaml.safe_load(text))


def make_map(name: str, document: dict[str, Any]) -> NetworkMap:
    """Return the map that a parsed document describes.

    Raises:
        MapError: It does not describe a network.
    """
    nodes = {key: _node(key, value or {}) for key, value in document["nodes"].items()}
    links = tuple(_link(key, value) for key, value in document["links"].items())
    for link in links:
        for end in (link.left, link.right):
            if end not in nodes:
                raise MapError(f"{name}: link '{link.left} -- {link.right}' names {end}, which is no node")
    unlinked = nodes.keys() - {end for link in links for end in (link.left, link.right)}
    if unlinked:
        raise MapError(f"{name}: nodes without a link: {', '.join(sorted(unlinked))}")
    return NetworkMap(name=name, nodes=nodes, links=links)


def _node(name: str, value: dict[str, Any]) -> Node:
    if len(name) > MAX_NODE_NAME:
        raise MapError(f"node name {name} is longer than {MAX_NODE_NAME} characters")
    known = dict(value)
    services = known.pop("services", None) or {}
    behaves = known.pop("behaves", None)
    return Node(
        name=name,
        behaves=None if behaves is None else Behaviour(behaves),
        resolver=tuple(known.pop("resolver", ())),
        sysctls={key: str(setting) for key, setting in known.pop("sysctls", {}).items()},
        routes=tuple(known.pop("routes", ())),
        lines=tuple(known.pop("lines", ())),
        services=_services(services),
        **known,
    )


def _services(value: dict[str, Any]) -> Services:
    known = {name: service for name, service in value.items() if service is not None}
    names = known.pop("names", None)
    return Services(
        tcp=tuple(known.pop("tcp", ())),
        udp_echo=tuple(known.pop("udp_echo", ())),
        dns_options=tuple(known.pop("dns_options", ())),
        web=tuple(known.pop("web", ())),
        run=tuple(known.pop("run", ())),
        names=None if names is None else {name: tuple(addresses) for name, addresses in names.items()},
        **known,
    )


def _link(key: str, value: dict[str, Any]) -> Link:
    left, separator, right = key.partition(" -- ")
    if not separator:
        raise MapError(f"link '{key}' is not written 'left -- right'")
    known = dict(value)
    ipv4, ipv6 = known.pop("ipv4", None), known.pop("ipv6", None)
    return Link(
        left=left.strip(),
        right=right.strip(),
        ipv4=None if ipv4 is None else IPv4Network(ipv4),
        ipv6=None if ipv6 is None else IPv6Network(ip_network(ipv6)),
        **known,
    )
