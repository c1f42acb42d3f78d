"""The client's public address: which of the addresses that were seen counts, and whether those who saw one agree.

Pure: everything is a function of what was seen.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from probes.address_ranges import INSIDE, LOOPBACK
from probes.egress_facts import Egress, EgressSource, SeenAddress
from probes.frozen import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Address, IPv6Address
    from typing import Final

    from probes.egress_facts import ServiceData

# Who knows best: the administrator; then whoever was told most reliably. Through a proxy somebody else's address shows.
_ORDER: Final = (
    EgressSource.CONFIGURED,
    EgressSource.SERVICE_DATA,
    EgressSource.STUN,
    EgressSource.TCP,
    EgressSource.ICMP,
)

_INNER: Final = (*INSIDE, *LOOPBACK)

NOT_PUBLIC: Final = "an address that packets cannot come from"
THE_EDGES_OWN: Final = "the edge's own address: the question itself went through the edge"
INNER: Final = "an address inside a private network: the question went through a tunnel to the edge"


def egress_of(configured: str | None, by: Mapping[EgressSource, SeenAddress]) -> Egress:
    """Return the client's public address as far as it is known.

    Args:
        configured: The address that the administrator names.
        by: What each source said, or why it said nothing. An address that cannot be the client's is kept out, and the
            source's `detail` says why.
    """
    seen = dict(by)
    if configured is not None:
        seen[EgressSource.CONFIGURED] = SeenAddress(address=configured)
    told = {source: plausible(source, one) for source, one in seen.items()}
    known = [(source, told[source].address) for source in _ORDER if source in told]
    source, address = next(((source, address) for source, address in known if address is not None), (None, None))
    return Egress(
        address=address,
        source=source,
        agree=_agree([address for _, address in known if address is not None]),
        by={str(source): one for source, one in told.items()},
    )


def seen_over_https(data: ServiceData, edge: str) -> SeenAddress:
    """Return what service data says of the client's public address; `edge` is the host of who was asked.

    Inside a tunnel the edge sees the inner address, and may know whose the tunnel is.
    """
    return _seen(data, edge, data.address if data.tunnel is None else data.tunnel.egress)


def seen_through_proxy(data: ServiceData, edge: str) -> SeenAddress:
    """Return what service data that was fetched through a proxy says: the address as the edge saw it, inner or not.

    Who is behind the proxy is no client of the tunnel's egress, so that an inner address is itself what there is to
    know (`probes.topology`).
    """
    return _seen(data, edge, data.address)


def _seen(data: ServiceData, edge: str, address: str | None) -> SeenAddress:
    return SeenAddress(
        address=address,
        edge=edge,
        server_address=data.server_address,
        failure=None if data.fetched else data.failure,
        detail=data.detail,
        duration_us=data.duration_us,
    )


def plausible(source: EgressSource, seen: SeenAddress) -> SeenAddress:
    """Return what was seen without the address, if it cannot be the client's public one.

    A private address is one only for an edge that is in a private network itself: an edge on the Internet sees it out
    of a tunnel. What is seen through a proxy is not the client's anyway.
    """
    problem = None if source is EgressSource.PROXY else _problem(seen)
    return seen if problem is None else replace(seen, address=None, detail=f"{seen.address}: {problem}")


def _problem(seen: SeenAddress) -> str | None:
    if seen.address is None:
        return None
    address, server = _parsed(seen.address), _parsed(seen.server_address)
    if address is None or address.is_unspecified or address.is_multicast or address.is_reserved:
        return NOT_PUBLIC
    if server is None:
        return None
    if address == server:
        return None if server.is_loopback else THE_EDGES_OWN
    return INNER if _is_inner(address) and not _is_inner(server) else None


def _is_inner(address: IPv4Address | IPv6Address) -> bool:
    """Return whether an address is of a network of one's own, of a link, or of this host."""
    return any(address in network for network in map(ip_network, _INNER) if network.version == address.version)


def _agree(addresses: list[str]) -> bool | None:
    """Return whether all addresses of the first one's family are the same; None where there are not two."""
    parsed = [one for one in map(_parsed, addresses) if one is not None]
    alike = [one for one in parsed if one.version == parsed[0].version]
    return None if len(alike) <= 1 else len(set(alike)) == 1


def _parsed(text: str | None) -> IPv4Address | IPv6Address | None:
    try:
        return None if text is None else ip_address(text.partition("%")[0])
    except ValueError:
        return None
