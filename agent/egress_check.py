"""The public address, apart from any sample: every edge is asked what it sees, and by every protocol."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from agent.world import Sending, World, never
from probes.edge_access import EdgeAccess
from probes.egress import egress_of, seen_over_https
from probes.egress_facts import Edge, Egress, EgressSource, SeenAddress, ServiceData
from probes.frozen import frozen

_IN_BAND = (EgressSource.STUN, EgressSource.TCP, EgressSource.ICMP)


@frozen
class EgressCheck:
    """What came of it: the address by the first edge that tells, and what each edge told over HTTPS."""

    egress: Egress
    edges: tuple[Edge, ...]


def check_egress(world: World, accesses: Sequence[EdgeAccess], configured: str | None, sending: Sending) -> EgressCheck:
    """Return the public address by everybody who can see it; takes up to 2 s for service data and 1.5 for packets.

    Args:
        world: Who asks.
        accesses: The edges that have an API; all are asked over HTTPS at once, packets are shown to the first.
        configured: The address that the administrator names.
        sending: How packets leave.
    """
    told = _told(world, accesses, sending)
    with ThreadPoolExecutor(len(_IN_BAND)) as pool:
        first = next((pair for pair in zip(accesses, told, strict=True) if pair[1].fetched), None)
        by: dict[EgressSource, SeenAddress] = {}
        if first is not None:
            access, data = first
            by[EgressSource.SERVICE_DATA] = seen_over_https(data, access.host)
            seen = pool.map(lambda source: world.seen_by(source, access, data, sending), _IN_BAND)
            by |= dict(zip(_IN_BAND, seen, strict=True))
        elif accesses:
            by[EgressSource.SERVICE_DATA] = seen_over_https(told[0], accesses[0].host)
    edges = tuple(map(_edge, accesses, told))
    return EgressCheck(egress=egress_of(configured, by), edges=edges)


def told_by_edges(world: World, accesses: Sequence[EdgeAccess], sending: Sending) -> tuple[Edge, ...]:
    """Return what each edge tells over HTTPS, all asked at once; takes up to 2 s."""
    return tuple(map(_edge, accesses, _told(world, accesses, sending)))


def _told(world: World, accesses: Sequence[EdgeAccess], sending: Sending) -> list[ServiceData]:
    with ThreadPoolExecutor(max(len(accesses), 1)) as pool:
        return list(pool.map(lambda access: world.service_data(access, sending, None, never), accesses))


def _edge(access: EdgeAccess, data: ServiceData) -> Edge:
    return Edge(host=access.host, port=access.port, api=access.api, name=data.name, service_data=data)
