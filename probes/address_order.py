"""Which of several addresses to use first (RFC 6724 section 6), given the source that the host would use for each."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Final


# RFC 6724 section 2.1: prefix, precedence, label.
_POLICY: Final = (
    ("::1/128", 50, 0),
    ("::/0", 40, 1),
    ("::ffff:0:0/96", 35, 4),
    ("2002::/16", 30, 2),
    ("2001::/32", 5, 5),
    ("fc00::/7", 3, 13),
    ("::/96", 1, 3),
    ("fec0::/10", 1, 11),
    ("3ffe::/16", 1, 12),
)
# RFC 4291 section 2.7 as RFC 6724 section 3.1 applies it to unicast.
_LINK_LOCAL: Final = 2
_SITE_LOCAL: Final = 5
_GLOBAL: Final = 14
_BITS: Final = 128


def in_order_of_preference(addresses: Sequence[str], sources: Mapping[str, str | None]) -> tuple[str, ...]:
    """Return `addresses`, the one to use first at the front; those that nothing decides keep their order.

    Args:
        addresses: IP literals of either family.
        sources: The source address for each, None where no route leads there: those go to the end (rule 1).

    Source: RFC 6724 section 6, rules 1, 2, 5, 6, 8, 9 (IPv6 only, so that rotation of A records goes on working), 10.
    """
    return tuple(sorted(addresses, key=lambda address: _rank(address, sources.get(address))))


def _rank(address: str, source: str | None) -> tuple[int, ...]:
    destination = _mapped(address)
    precedence, label = _policy(destination)
    scope = _scope(destination)
    if source is None:
        return 1, 0, 0, -precedence, scope, 0
    own = _mapped(source)
    common = 0 if destination.ipv4_mapped else _BITS - (int(destination) ^ int(own)).bit_length()
    return 0, int(scope != _scope(own)), int(label != _policy(own)[1]), -precedence, scope, -common


def _mapped(text: str) -> IPv6Address:
    address = ip_address(text.partition("%")[0])
    return IPv6Address(f"::ffff:{address}") if isinstance(address, IPv4Address) else address


@lru_cache(maxsize=1)
def _networks() -> tuple[tuple[IPv6Network, int, int], ...]:
    rows = [(IPv6Network(prefix), precedence, label) for prefix, precedence, label in _POLICY]
    return tuple(sorted(rows, key=lambda row: row[0].prefixlen, reverse=True))


def _policy(address: IPv6Address) -> tuple[int, int]:
    return next((precedence, label) for network, precedence, label in _networks() if address in network)


def _scope(address: IPv6Address) -> int:
    inner = address.ipv4_mapped or address
    if inner.is_loopback or inner.is_link_local:
        return _LINK_LOCAL
    return _SITE_LOCAL if address.is_site_local else _GLOBAL
