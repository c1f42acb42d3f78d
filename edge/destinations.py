"""What an edge may trace on to: the names, addresses and prefixes that its operator lists, and nothing else."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Self

from probes.address_ranges import INSIDE
from probes.frozen import frozen
from probes.target import is_address

Network = IPv4Network | IPv6Network

# Where a trace would look into somebody's inside, or at nobody (RFC 6890, RFC 6598, RFC 4193, RFC 4380, RFC 3056):
# listed by a prefix that lies in one of these, or not allowed. `0.0.0.0/0` means the Internet, not the edge's own
# network.
_INSIDE: Final = tuple(
    map(
        ip_network, (*INSIDE, "0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "::/127", "2001::/32", "2002::/16", "ff00::/8")
    )
)
# RFC 6052 section 2.1: behind a translator with the well-known prefix, the last 32 bits are the IPv4 address.
_TRANSLATED: Final = IPv6Network("64:ff9b::/96")


@frozen
class Destinations:
    """The names that are allowed as they are, and the networks whose addresses are."""

    names: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, listed: Iterable[str]) -> Self:
        """Return what a list of names, addresses and prefixes allows."""
        names, networks = set(), []
        for text in listed:
            if "/" in text or is_address(text):
                networks.append(ip_network(text))
            else:
                names.add(_bare(text))
        return cls(names=frozenset(names), networks=tuple(networks))

    def asks_for(self, host: str) -> bool:
        """Return whether a host may be asked for at all: an allowed address, or a name that is listed itself."""
        return self.allows_address(host) if is_address(host) else _bare(host) in self.names

    def allows_address(self, address: str) -> bool:
        """Return whether an address is listed."""
        parsed = _unmapped(address)
        if parsed is None:
            return False
        inside = _inside(parsed)
        return any(parsed in network and (inside is None or _within(network, inside)) for network in self.networks)

    def allows_answer(self, address: str) -> bool:
        """Return whether the address that a listed name resolved to may be traced to.

        Whoever answers for the name chooses it: only public addresses are theirs to choose.
        """
        parsed = _unmapped(address)
        return parsed is not None and (_inside(parsed) is None or self.allows_address(address))


def _bare(name: str) -> str:
    return name.rstrip(".").lower()


def _unmapped(address: str) -> IPv4Address | IPv6Address | None:
    """Return an address, an IPv4 one in IPv6 clothes as what it is; None with a zone.

    Source: RFC 4291 section 2.5.5.2 (mapped), RFC 6052 section 2.1 (behind a translator).
    """
    if "%" in address:
        return None
    parsed = ip_address(address)
    if not isinstance(parsed, IPv6Address):
        return parsed
    if parsed in _TRANSLATED:
        return IPv4Address(int(parsed) & 0xFFFFFFFF)
    return parsed.ipv4_mapped or parsed


def _inside(address: IPv4Address | IPv6Address) -> Network | None:
    return next((network for network in _INSIDE if address in network), None)


def _within(network: Network, outer: Network) -> bool:
    if isinstance(network, IPv4Network) and isinstance(outer, IPv4Network):
        return network.subnet_of(outer)
    if isinstance(network, IPv6Network) and isinstance(outer, IPv6Network):
        return network.subnet_of(outer)
    return False
