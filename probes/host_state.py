"""The host's network as facts: what the kernel's entries amount to, with nothing read here."""

from __future__ import annotations

from _blake2 import blake2s  # what `hashlib` gives out, without 3 ms of OpenSSL [measured]

from probes.facts import Family
from probes.host_facts import Interface, InterfaceAddress, Neighbour, NeighbourState, Route
from probes.wire.netlink_entries import RT_TABLE_LOCAL, RT_TABLE_MAIN, RTN_UNICAST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Final

    from probes.host_facts import Resolver
    from probes.wire.netlink_entries import AddressEntry, LinkEntry, NeighbourEntry, RouteEntry, RuleEntry


# One NUD_* bit each (linux/neighbour.h).
_STATES: Final = {
    0x01: NeighbourState.INCOMPLETE,
    0x02: NeighbourState.REACHABLE,
    0x04: NeighbourState.STALE,
    0x08: NeighbourState.DELAY,
    0x10: NeighbourState.PROBE,
    0x20: NeighbourState.FAILED,
    0x40: NeighbourState.NOARP,
    0x80: NeighbourState.PERMANENT,
}
# Tables that are looked into without a rule of the operator's own; `default` (253) is the kernel's third rule.
_TABLES_ALWAYS_ASKED: Final = frozenset({RT_TABLE_MAIN, 253})
# The two prefixes of length one that together are everything, as VPN clients write them.
_HALVES: Final = {
    Family.IPV4: frozenset({"0.0.0.0", "128.0.0.0"}),
    Family.IPV6: frozenset({"::", "8000::"}),
}
_EPOCH_BYTES: Final = 8


def interfaces_of(links: Iterable[LinkEntry], addresses: Sequence[AddressEntry]) -> tuple[Interface, ...]:
    """Return every interface with its addresses, by index."""
    by_index: dict[int, list[InterfaceAddress]] = {}
    for one in addresses:
        found = InterfaceAddress(address=one.address, prefix_length=one.prefix_length, temporary=one.temporary)
        by_index.setdefault(one.index, []).append(found)
    return tuple(
        Interface(
            name=link.name,
            index=link.index,
            up=link.up,
            carrier=link.carrier,
            loopback=link.loopback,
            mtu=link.mtu,
            addresses=tuple(by_index.get(link.index, ())),
            kind=link.kind,
        )
        for link in sorted(links, key=lambda link: link.index)
    )


def default_routes_of(
    entries: Iterable[RouteEntry], rules: Sequence[RuleEntry], names: Mapping[int, str]
) -> tuple[Route, ...]:
    """Return the table entries that lead every packet of a family somewhere: defaults, and both halves of a split one.

    Looks into every table that a policy rule looks into. An entry that refuses (`unreachable`, `prohibit`, `blackhole`)
    leads nowhere and is left out; so is one half without the other, and one for some sources only.

    Args:
        entries: Entries of all tables.
        rules: The policy rules of both families.
        names: Interface names by index.
    """
    usable = [
        entry
        for entry in entries
        if entry.type == RTN_UNICAST and not entry.narrowed and not entry.cached and _asked(entry, rules)
    ]
    return tuple(route for entry in usable if _covers_all(entry, usable) for route in _routes(entry, names))


def _asked(entry: RouteEntry, rules: Sequence[RuleEntry]) -> bool:
    if entry.table == RT_TABLE_LOCAL:
        return False
    of_family = [rule for rule in rules if rule.family is entry.family]
    return (
        entry.table in _TABLES_ALWAYS_ASKED
        or any(rule.table == entry.table for rule in of_family)
        or any(rule.l3mdev for rule in of_family)
    )


def _covers_all(entry: RouteEntry, usable: Sequence[RouteEntry]) -> bool:
    if entry.prefix_length != 1:
        return entry.prefix_length == 0
    halves = {one.prefix for one in usable if one.prefix_length == 1 and _same_table(one, entry)}
    return halves >= _HALVES[entry.family]


def _same_table(one: RouteEntry, other: RouteEntry) -> bool:
    return one.family is other.family and one.table == other.table


def _routes(entry: RouteEntry, names: Mapping[int, str]) -> Iterator[Route]:
    for way in entry.next_hops:
        yield Route(
            destination=f"{entry.prefix}/{entry.prefix_length}",
            family=entry.family,
            interface=None if way.index is None else names.get(way.index),
            source=entry.source,
            gateway=way.gateway,
            table=entry.table,
            metric=entry.metric,
        )


def neighbours_of(
    entries: Iterable[NeighbourEntry], routes: Iterable[Route], names: Mapping[int, str]
) -> tuple[Neighbour, ...]:
    """Return the neighbour entries of the next hops of `routes`: their gateways, or the address itself on the link."""
    wanted = {(route.gateway or route.destination.partition("%")[0], route.interface) for route in routes}
    return tuple(
        Neighbour(
            address=entry.address,
            interface=names[entry.index],
            state=_STATES.get(entry.state, NeighbourState.NONE),
            link_layer_address=entry.link_layer_address,
        )
        for entry in entries
        if (entry.address, names.get(entry.index)) in wanted
    )


def epoch_of(
    interfaces: Iterable[Interface],
    default_routes: Sequence[Route],
    resolvers: Iterable[Resolver],
    search_domains: Iterable[str],
) -> str:
    """Return a short fingerprint (16 hexadecimal digits) of the network that the host is on.

    It is the same for two samples on one network whatever their targets, and through lifetime refreshes, rotation of
    temporary addresses, metrics, and the comings and goings of interfaces that no default route uses. Where there is no
    default route every interface with an address of more than link scope counts.
    """
    leaving = {route.interface for route in default_routes}
    parts = [
        f"{one.name} {one.up} {one.carrier} {address.address}/{address.prefix_length}"
        for one in interfaces
        if not one.loopback and (one.name in leaving or not leaving)
        for address in one.addresses
        if not address.temporary and not address.address.startswith("fe80:")
    ]
    parts += [f"{one.destination} {one.gateway} {one.interface} {one.table}" for one in default_routes]
    parts += [f"{one.address} {one.port}" for one in resolvers]
    text = "\n".join([*sorted(parts), *search_domains])
    return blake2s(text.encode(), digest_size=_EPOCH_BYTES).hexdigest()
