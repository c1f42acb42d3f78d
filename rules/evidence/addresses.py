"""What kind of address is this: the host's own, inside an organisation, or public."""

from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from probes.address_ranges import INSIDE, LOOPBACK, RFC1918

_INSIDE: Final = tuple(map(ip_network, INSIDE))
_RFC1918: Final = tuple(map(ip_network, RFC1918))
_SELF: Final = tuple(map(ip_network, LOOPBACK))
_NOWHERE: Final = tuple(ip_network(prefix) for prefix in ("0.0.0.0/32", "::/128"))

Network = IPv4Network | IPv6Network


@cache
def parsed(address: str) -> IPv4Address | IPv6Address | None:
    """Return an address without its zone, or None if the text is none."""
    try:
        return ip_address(address.partition("%")[0])
    except ValueError:
        return None


def same(one: str | None, other: str | None) -> bool:
    """Return whether two texts write the same address, zones left aside."""
    return one is not None and other is not None and parsed(one) is not None and parsed(one) == parsed(other)


def within(address: str, networks: tuple[Network, ...]) -> bool:
    """Return whether an address lies in one of the networks; a text that is no address lies nowhere."""
    value = parsed(address)
    return value is not None and any(value.version == network.version and value in network for network in networks)


def is_loopback(address: str) -> bool:
    """Return whether packets to this address never leave the host."""
    return within(address, _SELF)


def is_sinkhole(address: str) -> bool:
    """Return whether no name of another host can honestly have this address: 0.0.0.0, ::, 127/8 or ::1."""
    return within(address, _NOWHERE) or within(address, _SELF)


def is_inside(address: str) -> bool:
    """Return whether an address belongs to an organisation's own network and not to the Internet."""
    return within(address, _INSIDE) or within(address, _SELF)


def is_rfc1918(address: str) -> bool:
    """Return whether an address is of RFC 1918."""
    return within(address, _RFC1918)


def in_prefix(address: str, prefix_address: str, prefix_length: int) -> bool:
    """Return whether an address is on the link that an interface address of this prefix length spans."""
    own = parsed(prefix_address)
    return own is not None and within(address, (ip_network((own, prefix_length), strict=False),))
