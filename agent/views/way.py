"""The way as a whole: the places that traffic passes, what each is called, and where the icon of an error hangs."""

from collections.abc import Collection
from typing import Final

from agent.views.escape import escape
from agent.views.hop_rows import END, START, Icons, Place
from agent.views.style import Style
from agent.views.words import NODES, SHORT_NODES, host_words, leg_words, target_words
from probes.facts import Leg, Node
from probes.sample import Sample, Topology, TopologyKind
from rules.diagnosis import Diagnosis, FiredError, Severity, Status

CHAINS: Final[dict[TopologyKind, tuple[Node, ...]]] = {
    TopologyKind.DIRECT: (Node.EGRESS,),
    TopologyKind.SERVICE_EDGE: (Node.EGRESS, Node.SERVICE_EDGE),
    TopologyKind.PRIVATE_ACCESS: (Node.PRIVATE_EDGE, Node.APP_CONNECTOR),
    TopologyKind.CLOUD_PROXY: (Node.EGRESS, Node.EXTERNAL_PROXY),
    TopologyKind.ON_PREMISES_PROXY: (Node.EXTERNAL_PROXY, Node.EGRESS),
    TopologyKind.DATA_CENTER_PROXY: (Node.EXTERNAL_PROXY, Node.DATA_CENTER_EGRESS),
    TopologyKind.PROXY_TO_EDGE: (Node.EXTERNAL_PROXY, Node.EGRESS, Node.SERVICE_EDGE),
}
_PLAIN: Final = frozenset({None, TopologyKind.DIRECT})


def way_words(sample: Sample, diagnosis: Diagnosis, style: Style) -> str:
    """Return `this machine → egress ⚠ → service edge → crm.example.com`; nothing where the table alone says it all."""
    icons = _gravest(diagnosis)
    lost = [error for error in diagnosis.errors if place_of(error, sample) is None]
    plain = len(sample.legs) < 2 and _kind(sample.topology) in _PLAIN  # noqa: PLR2004 - one leg is no chain
    # Of a sample that was discarded no table is shown.
    if plain and not lost and not (diagnosis.errors and diagnosis.status is Status.DISCARDED):
        return ""
    names = [_with_icon(_short(sample, node), icons.get(node), style) for node in chain_of(sample, icons)]
    unsure = " (probably)" if sample.topology and not sample.topology.certain else ""
    return f" {style.symbols.then} ".join(names) + unsure


def _kind(topology: Topology | None) -> TopologyKind | None:
    return topology.kind if topology else None


def chain_of(sample: Sample, also: Collection[Node]) -> list[Node]:
    """Return the nodes of the way in order: what the topology says, else the ends of legs, and who is `also` on it."""
    if sample.topology:
        between = [*CHAINS[sample.topology.kind]]
    else:
        between = [*dict.fromkeys(node for leg in sample.legs for node in (leg.from_, leg.to))]
    if any((leg.from_, leg.to) == (Node.SERVICE_EDGE, Node.DESTINATION) for leg in sample.legs):
        between = [*dict.fromkeys((*between, Node.SERVICE_EDGE))]
    chain = [Node.CLIENT, *(node for node in between if node not in {Node.CLIENT, Node.DESTINATION})]
    missing = [node for node in Node if node in also and node not in {*chain, Node.DESTINATION}]
    for node in missing:
        # The vocabulary lists the places in the order of the way.
        later = next((at for at, other in enumerate(chain) if _rank(other) > _rank(node)), len(chain))
        chain.insert(later, node)
    return [*chain, Node.DESTINATION]


def _rank(node: Node) -> int:
    return list(Node).index(node)


def _short(sample: Sample, node: Node) -> str:
    if node is Node.DESTINATION:
        return escape(sample.target.host)
    return SHORT_NODES[node]


def _with_icon(name: str, severity: Severity | None, style: Style) -> str:
    return name if severity is None else f"{name} {style.symbols.mark(severity)}"


def _gravest(diagnosis: Diagnosis) -> dict[Node, Severity]:
    found: dict[Node, Severity] = {}
    for error in diagnosis.errors:
        found[error.anchor.node] = graver(found.get(error.anchor.node), error.severity)
    return found


def graver(one: Severity | None, other: Severity) -> Severity:
    """Return the graver of two severities."""
    return other if one is None else max(one, other, key=list(Severity).index)


# --- where an icon hangs ----------------------------------------------------------------------------------------------


def icons_of(diagnosis: Diagnosis, sample: Sample, index: int) -> Icons:
    """Return the gravest error of each place in one leg."""
    found: dict[Place, Severity] = {}
    for error in diagnosis.errors:
        place = place_of(error, sample)
        if place is not None and place[0] == index:
            found[place[1]] = graver(found.get(place[1]), error.severity)
    return found


def place_of(error: FiredError, sample: Sample) -> tuple[int, Place] | None:
    """Return the leg and the place in it where an error's icon hangs, None where no leg knows its node.

    An error that belongs to no leg hangs at the first one that its node is an end of.
    """
    anchor = error.anchor
    indices = range(len(sample.legs)) if anchor.leg is None else range(len(sample.legs))[anchor.leg : anchor.leg + 1]
    for index in indices:
        place = _place_in(sample, sample.legs[index], error)
        if place is not None:
            return index, place
    return None


def _place_in(sample: Sample, leg: Leg, error: FiredError) -> Place | None:
    """Return the hop that is meant, or the end of the leg that the node is, or the hop that is known to be the node."""
    anchor = error.anchor
    if anchor.ttl is not None and any(hop.probe_ttl == anchor.ttl for hop in leg.hops):
        return anchor.ttl
    if anchor.node is leg.from_:
        return START
    if anchor.node is leg.to:
        return END
    address = address_of(sample, anchor.node)
    return next((hop.probe_ttl for hop in leg.hops if any(r.address == address for r in hop.responders)), None)


# --- who is where -----------------------------------------------------------------------------------------------------


def address_of(sample: Sample, node: Node) -> str | None:
    """Return the address of a place as far as this sample knows it."""
    if node is Node.GATEWAY:
        return next((route.gateway for route in sample.network.routes if route.gateway), None)
    if node is Node.CLIENT:
        return next((leg.source_address for leg in sample.legs if leg.from_ is node and leg.source_address), None)
    traced = next((leg.address for leg in sample.legs if leg.to is node and leg.address), None)
    if node is Node.EGRESS and sample.egress:
        return sample.egress.address or traced
    return sample.proxy.address or traced if node is Node.EXTERNAL_PROXY and sample.proxy else traced


def node_words(sample: Sample, node: Node) -> str:
    """Return a place with its name and address: `the service edge edge-1 (203.0.113.9)`, `the gateway 10.0.0.1`."""
    address = address_of(sample, node)
    match node:
        case Node.DESTINATION:
            return target_words(sample.target, address)
        case Node.SERVICE_EDGE:
            return _named(NODES[node], name_of(sample, node), address)
        case Node.EXTERNAL_PROXY:
            literal = sample.proxy is not None and sample.proxy.host == address
            return _named("the proxy", proxy_name(sample), None if literal else address)
        case Node.CLIENT:
            return NODES[node]
        case _:
            return f"{NODES[node]} {escape(address)}" if address else NODES[node]


def _named(what: str, name: str | None, address: str | None) -> str:
    if not name:
        return f"{what} {escape(address)}" if address else what
    return f"{what} {host_words(name, address)}"


def name_of(sample: Sample, node: Node) -> str | None:
    """Return what a place is called, as it came from outside; None where only its address tells it from others."""
    if node is Node.DESTINATION:
        return sample.target.host
    if node is Node.EXTERNAL_PROXY:
        return proxy_name(sample)
    if node is not Node.SERVICE_EDGE:
        return None
    used = next((edge for edge in sample.edges if edge.used), None)
    return (used.name or used.host) if used else sample.target.edge_host


def proxy_name(sample: Sample) -> str | None:
    """Return `proxy.example.com:3128`, None where no proxy is known."""
    proxy = sample.proxy
    if proxy is None or proxy.host is None:
        return None
    return proxy.host if proxy.port is None else f"{proxy.host}:{proxy.port}"


def where_words(sample: Sample, error: FiredError) -> str:
    """Return where an error is: its place, and with hops or several legs the stretch of the way and the hop."""
    anchor = error.anchor
    place = node_words(sample, anchor.node)
    if anchor.leg is None or anchor.leg >= len(sample.legs):
        return place
    leg = sample.legs[anchor.leg]
    if anchor.ttl is not None:
        return f"{place}: hop {anchor.ttl}{_address_at(leg, anchor.ttl)} on the way from {leg_words(leg)}"
    return f"{place}, on the way from {leg_words(leg)}" if len(sample.legs) > 1 else place


def _address_at(leg: Leg, ttl: int) -> str:
    hop = next((hop for hop in leg.hops if hop.probe_ttl == ttl), None)
    return f" ({escape(hop.responders[0].address)})" if hop and hop.responders else ""
