"""Which way the traffic takes as a whole, and the legs of it that nobody can trace."""

from __future__ import annotations

from probes.address_ranges import INSIDE, LOOPBACK
from probes.egress_facts import EgressSource
from probes.facts import Leg, Node, RouteKind
from probes.sample import Topology, TopologyKind
from probes.web_facts import ProxyMode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from probes.egress_facts import Edge, Egress
    from probes.host_facts import Network
    from probes.sample import Target
    from probes.session_facts import PrivateAccess
    from probes.web_facts import Proxy


_BEHIND_PROXY: Final = "not discoverable: a proxy ends every connection, so no probe of this host gets past it"
_BEHIND_PRIVATE: Final = "not discoverable: private access shows no hop behind its edge"

# The legs that no probe of anybody covers, in the order of the path. Behind a data-centre egress an edge may trace on.
_UNTRACEABLE: Final = {
    TopologyKind.CLOUD_PROXY: ((Node.EXTERNAL_PROXY, Node.DESTINATION, _BEHIND_PROXY),),
    TopologyKind.ON_PREMISES_PROXY: (
        (Node.EXTERNAL_PROXY, Node.EGRESS, _BEHIND_PROXY),
        (Node.EGRESS, Node.DESTINATION, _BEHIND_PROXY),
    ),
    TopologyKind.DATA_CENTER_PROXY: (
        (Node.EXTERNAL_PROXY, Node.DATA_CENTER_EGRESS, _BEHIND_PROXY),
        (Node.DATA_CENTER_EGRESS, Node.DESTINATION, _BEHIND_PROXY),
    ),
    TopologyKind.PROXY_TO_EDGE: ((Node.EXTERNAL_PROXY, Node.EGRESS, _BEHIND_PROXY),),
    TopologyKind.PRIVATE_ACCESS: ((Node.PRIVATE_EDGE, Node.DESTINATION, _BEHIND_PRIVATE),),
}


def topology_of(
    *,
    target: Target,
    proxy: Proxy | None,
    egress: Egress | None,
    edges: tuple[Edge, ...],
    private_access: PrivateAccess | None,
    network: Network,
) -> Topology:
    """Return which way the traffic to the target takes, and whether that is proven.

    Where a proxy applies, three things decide: what kind of address it has, whether the public address seen through it
    is the one seen without it, and whether a service edge carries the traffic on. A proxy on this very host is a local
    agent and no external proxy, and one that is the service edge itself is that edge.

    Args:
        target: What is looked at, with its configured route.
        proxy: The proxy that applies, with its address if that is known.
        egress: The public addresses that were seen, `by` whom.
        edges: The configured edges and what they told.
        private_access: What is known of private access.
        network: The host's own addresses.
    """
    if target.route is RouteKind.PRIVATE_ACCESS:
        return _certain(TopologyKind.PRIVATE_ACCESS, "the configuration says that private access carries it")
    if proxy is None or proxy.mode is ProxyMode.NONE or proxy.host is None:
        return _without_proxy(target, private_access, "no proxy applies")
    if _is_local(proxy, network):
        return _without_proxy(target, private_access, f"the proxy {proxy.host} runs on this host: a local agent")
    if _is_edge(proxy, target, edges):
        return _certain(TopologyKind.SERVICE_EDGE, f"the proxy {proxy.host} is the service edge itself")
    return _with_proxy(proxy, target, egress, edges, network)


def untraceable_legs(topology: Topology, *, edge_after: bool = False) -> tuple[Leg, ...]:
    """Return the legs that nobody can trace, in the order of the path, each without hops and with the reason why.

    `edge_after`: a service edge follows the data-centre egress, and traces the last leg itself.
    """
    return tuple(
        Leg(from_=start, to=end, reason=reason)
        for start, end, reason in _UNTRACEABLE.get(topology.kind, ())
        if not (edge_after and start is Node.DATA_CENTER_EGRESS)
    )


def _without_proxy(target: Target, private_access: PrivateAccess | None, why: str) -> Topology:
    if private_access is not None and private_access.resolved_into and private_access.interface:
        inside = f"the name resolves into {private_access.resolved_into}, which {private_access.interface} carries"
        return _certain(TopologyKind.PRIVATE_ACCESS, f"{why}, and {inside}")
    if target.route is RouteKind.SERVICE_EDGE:
        return _certain(TopologyKind.SERVICE_EDGE, f"{why}, and the configured route is through the service edge")
    return _certain(TopologyKind.DIRECT, why)


def _with_proxy(
    proxy: Proxy, target: Target, egress: Egress | None, edges: tuple[Edge, ...], network: Network
) -> Topology:
    """Return the topology for a proxy P elsewhere."""
    through, direct = _seen_through(egress), _seen_directly(egress)
    comparable = {address for address in direct if through is not None and (":" in address) == (":" in through)}
    said = _seen_words(proxy, through, comparable)
    if not _is_on_site(proxy, network):
        return _public(proxy, target, through, comparable, said)
    if through is not None and _within(through, INSIDE):
        edge_words = f"a service edge saw {through}, an inner address, through the proxy {proxy.host}: by a tunnel"
        return _certain(TopologyKind.PROXY_TO_EDGE, edge_words)
    if comparable and through not in comparable:
        return _certain(TopologyKind.DATA_CENTER_PROXY, said)
    if target.route is RouteKind.SERVICE_EDGE:
        words = f"{said}; the configured route is through the service edge"
        return Topology(kind=TopologyKind.PROXY_TO_EDGE, certain=bool(comparable), evidence=words)
    if comparable and (tunnel := _tunnel_words(edges)):
        return _certain(TopologyKind.PROXY_TO_EDGE, f"{said}; {tunnel}")
    return Topology(kind=TopologyKind.ON_PREMISES_PROXY, certain=bool(comparable), evidence=said)


def _public(proxy: Proxy, target: Target, through: str | None, comparable: set[str], said: str) -> Topology:
    """Return the topology for a P that has a public address, or none that is known."""
    if proxy.address is not None and through in comparable:
        # It leaves by the client's own egress, so it stands on this side of it, whatever its address.
        edge = target.route is RouteKind.SERVICE_EDGE
        return _certain(TopologyKind.PROXY_TO_EDGE if edge else TopologyKind.ON_PREMISES_PROXY, said)
    known = proxy.address is not None and bool(comparable)
    return Topology(kind=TopologyKind.CLOUD_PROXY, certain=known and target.route is RouteKind.DIRECT, evidence=said)


def _seen_words(proxy: Proxy, through: str | None, comparable: set[str]) -> str:
    """Return what the addresses say, in one sentence without a full stop."""
    if proxy.address is None:
        return f"no address of the proxy {proxy.host} is known"
    kind = "an inner" if _within(proxy.address, INSIDE) else "a public"
    named = f"the proxy {proxy.host} has {kind} address ({proxy.address})"
    if through is None:
        return f"{named}; nobody told which public address is seen through it"
    if not comparable:
        return f"{named}; {through} is seen through it, and nobody told what is seen without it"
    if through in comparable:
        return f"{named}; {through} is seen through it as without it"
    return f"{named}; {through} is seen through it, {', '.join(sorted(comparable))} without it"


def _certain(kind: TopologyKind, evidence: str) -> Topology:
    return Topology(kind=kind, certain=True, evidence=evidence)


# --- what the facts say of the proxy ----------------------------------------------------------------------------------


def _is_local(proxy: Proxy, network: Network) -> bool:
    if proxy.address is None:
        return proxy.host == "localhost"
    own = {entry.address for interface in network.interfaces for entry in interface.addresses}
    return proxy.address in own or _within(proxy.address, LOOPBACK)


def _is_edge(proxy: Proxy, target: Target, edges: tuple[Edge, ...]) -> bool:
    hosts = {edge.host for edge in edges} | {target.edge_host}
    return proxy.host in hosts or (proxy.address is not None and proxy.address in hosts)


def _is_on_site(proxy: Proxy, network: Network) -> bool:
    """Return whether the address is one of an organisation's own: by its kind, or on a link of this host."""
    if proxy.address is None:
        return False
    links = tuple(
        f"{entry.address.partition('%')[0]}/{entry.prefix_length}"
        for interface in network.interfaces
        for entry in interface.addresses
        if not interface.loopback
    )
    return _within(proxy.address, (*INSIDE, *links))


def _within(address: str, prefixes: tuple[str, ...]) -> bool:
    from ipaddress import ip_address, ip_network  # noqa: PLC0415 - 10 ms, for those who have a proxy

    try:
        value = ip_address(address.partition("%")[0])
        networks = [ip_network(prefix, strict=False) for prefix in prefixes]
    except ValueError:
        return False
    return any(value.version == network.version and value in network for network in networks)


def _seen_through(egress: Egress | None) -> str | None:
    seen = (egress.by or {}).get(EgressSource.PROXY) if egress is not None else None
    return None if seen is None else seen.address


def _seen_directly(egress: Egress | None) -> set[str]:
    """Return every public address that somebody saw, or the administrator knows, without the proxy."""
    if egress is None:
        return set()
    found = {str(source): seen.address for source, seen in (egress.by or {}).items()}
    found.setdefault(str(egress.source), egress.address)
    return {address for source, address in found.items() if source != EgressSource.PROXY and address}


def _tunnel_words(edges: tuple[Edge, ...]) -> str | None:
    for edge in edges:
        tunnel = edge.service_data.tunnel if edge.service_data is not None else None
        if tunnel is not None:
            return f"the edge {edge.host} says that this site's packets arrive in its tunnel ({tunnel.kind})"
    return None
