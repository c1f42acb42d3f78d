"""The way as a whole as a page shows it: a strip of places, and a band below it for each leg and tunnel."""

from collections.abc import Sequence

from agent.views.escape import escape
from agent.views.hop_html.findings import Finding
from agent.views.hop_html.lanes import Lane
from agent.views.way import address_of, chain_of, name_of
from agent.views.words import SHORT_NODES, TUNNELS
from probes.facts import Node
from probes.frozen import frozen
from probes.sample import Sample


@frozen
class Station:
    """A place on the way, with the errors that hang at it; `column` counts from 1."""

    node: Node
    column: int
    title: str
    name: str
    address: str
    findings: tuple[Finding, ...]


@frozen
class Band:
    """A stretch from one column to a later one; `backwards` where its probes run from right to left."""

    first: int
    last: int
    kind: str
    backwards: bool
    ends: str
    text: str
    who: str
    reason: str
    target: str


@frozen
class Strip:
    """Places and bands; `doubt` says that the way is only probable, `evidence` what it rests on."""

    stations: tuple[Station, ...]
    bands: tuple[Band, ...]
    doubt: bool
    evidence: str


def strip_of(sample: Sample, lanes: Sequence[Lane], findings: Sequence[Finding]) -> Strip:
    """Return the way with every place that a leg or an error names, and the gateway where one is known."""
    places = {each.node for each in findings} | {node for lane in lanes for node in (lane.from_, lane.to)}
    if address_of(sample, Node.GATEWAY):
        places.add(Node.GATEWAY)
    chain = chain_of(sample, places)
    stations = tuple(_station(sample, node, column, findings) for column, node in enumerate(chain, 1))
    topology = sample.topology
    return Strip(
        stations=stations,
        bands=(*_tunnels(sample, chain), *(_band(lane, chain) for lane in lanes)),
        doubt=topology is not None and not topology.certain,
        evidence=escape(topology.evidence.rstrip("."), 400) if topology else "",
    )


def _station(sample: Sample, node: Node, column: int, findings: Sequence[Finding]) -> Station:
    title = SHORT_NODES[node]
    return Station(
        node=node,
        column=column,
        title=title[:1].upper() + title[1:],
        name=escape(name_of(sample, node) or ""),
        address=escape(address_of(sample, node) or ""),
        findings=tuple(each for each in findings if each.node is node),
    )


def _tunnels(sample: Sample, chain: Sequence[Node]) -> list[Band]:
    """Return the tunnel that the used edge ends: from the egress, behind which its other end is."""
    used = next((edge for edge in sample.edges if edge.used and edge.service_data), None)
    tunnel = used.service_data.tunnel if used and used.service_data else None
    if tunnel is None or Node.SERVICE_EDGE not in chain:
        return []
    start = Node.EGRESS if Node.EGRESS in chain else Node.CLIENT
    said = TUNNELS[tunnel.kind]
    return [
        Band(
            first=chain.index(start) + 1,
            last=chain.index(Node.SERVICE_EDGE) + 1,
            kind="tunnel",
            backwards=False,
            ends=f"{SHORT_NODES[start]} to {SHORT_NODES[Node.SERVICE_EDGE]}",
            text=said[:1].upper() + said[1:],
            who=escape(tunnel.inner),
            reason="",
            target="",
        )
    ]


def _band(lane: Lane, chain: Sequence[Node]) -> Band:
    start, end = chain.index(lane.from_) + 1, chain.index(lane.to) + 1
    kind = "dotted" if lane.dotted else "good" if lane.reached else "broken"
    return Band(
        first=min(start, end),
        last=max(start, end),
        kind=kind,
        backwards=end < start,
        ends=f"{lane.start} to {lane.end}",
        text=", ".join(part for part in (lane.protocol, lane.outcome) if part),
        who=", ".join(part for part in (lane.who, lane.tunnel) if part),
        reason=lane.reason,
        # What is dotted has nothing more to show further down.
        target="" if lane.dotted else lane.id,
    )
