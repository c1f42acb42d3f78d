"""Whether private access carries the target: by the configuration, or by where the name leads; pure."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from probes.facts import Role
from probes.name_facts import NameSource
from probes.session_facts import PrivateAccess

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from ipaddress import IPv4Network, IPv6Network
    from typing import Final

    from probes.host_facts import Interface, Network
    from probes.name_facts import DnsCheck

    Range = IPv4Network | IPv6Network

# What the product's client answers names with, and routes to its own interface, where nobody configured another range
# [doc: public descriptions of the client's DNS; the product's portal calls it the synthetic IP range].
DEFAULT_RANGES: Final = ("100.64.0.0/16",)

# Kernel drivers (IFLA_INFO_KIND) of which such a client may make its tunnel. PPP is not among them: it is how a carrier
# reaches its customers, and carriers give out addresses of 100.64.0.0/10 (RFC 6598).
_TUNNEL_KINDS: Final = frozenset({"tun", "wireguard"})
# Who looked a name up; a hosts file and a literal were nobody's tunnel.
_LOOKED_UP: Final = frozenset({NameSource.RESOLVER, NameSource.SYSTEM})


def private_access_of(
    *, configured: bool, ranges: Sequence[str], interface: str | None, dns: Iterable[DnsCheck], network: Network
) -> PrivateAccess | None:
    """Return whether private access carries the target, and why; None where nothing speaks for it.

    Args:
        configured: The administrator says so.
        ranges: Prefixes that the tunnel's resolver answers from; none stand for the usual one.
        interface: The tunnel's name, where the administrator knows it; None for any that the kernel calls a tunnel.
        dns: The name checks; those of the destination count.
        network: The host's network, with the look-up of the destination's address.
    """
    prefixes = tuple(ranges) or DEFAULT_RANGES
    found = _synthetic_address(dns, [ip_network(prefix) for prefix in prefixes])
    if not configured and found is None:
        return None
    return PrivateAccess(
        configured=configured,
        synthetic_ranges=prefixes,
        resolved_into=str(found[1]) if found else None,
        interface=_tunnel_to(*found, interface, network) if found else None,
    )


def _synthetic_address(dns: Iterable[DnsCheck], ranges: Sequence[Range]) -> tuple[str, Range] | None:
    """Return the address that would be traced if it is in one of the ranges, and that range."""
    for check in dns:
        if check.role is Role.DESTINATION and check.addresses and check.source in _LOOKED_UP:
            address = ip_address(check.addresses[0].partition("%")[0])
            return next(((str(address), prefix) for prefix in ranges if address in prefix), None)
    return None


def _tunnel_to(address: str, prefix: Range, named: str | None, network: Network) -> str | None:
    """Return the name of the tunnel interface that leads to the address, None where none does."""
    way = next((route.interface for route in network.routes if route.destination == address), None)
    out = next((one for one in network.interfaces if one.name == way), None)
    if out is None or not (out.name == named if named else out.kind in _TUNNEL_KINDS):
        return None
    others = [one for one in network.interfaces if one.name != out.name]
    if any(_addresses_in(one, prefix) for one in others):
        # The host itself lives in the range: a carrier's translator gives such addresses out.
        return None
    return out.name if _keeps_the_range(out, address, prefix) else None


def _keeps_the_range(tunnel: Interface, address: str, prefix: Range) -> bool:
    """Return whether the tunnel's own addresses leave it possible that the range is its own.

    A mesh network gives each machine a single address of 100.64.0.0/10 on a tunnel: then the target is a machine of the
    mesh. The client of private access has the range itself on its interface, or an address elsewhere.
    """
    own = _addresses_in(tunnel, prefix)
    return not own or any(ip_address(address) in network for network in own)


def _addresses_in(interface: Interface, prefix: Range) -> list[Range]:
    """Return the networks of those of an interface's own addresses that are in a range."""
    return [
        ip_network(f"{one.address}/{one.prefix_length}", strict=False)
        for one in interface.addresses
        if "%" not in one.address and ip_address(one.address) in prefix
    ]
