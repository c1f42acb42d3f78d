from dataclasses import replace

import pytest

from probes.facts import Family
from probes.host_facts import Interface, InterfaceAddress, Neighbour, NeighbourState, Resolver, Route
from probes.host_state import default_routes_of, epoch_of, interfaces_of, neighbours_of
from probes.wire.netlink_entries import (
    RTN_BLACKHOLE,
    RTN_PROHIBIT,
    RTN_UNICAST,
    RTN_UNREACHABLE,
    AddressEntry,
    LinkEntry,
    NeighbourEntry,
    NextHop,
    RouteEntry,
    RuleEntry,
)

NAMES = {1: "lo", 2: "eth0", 3: "wg0"}
UP, RUNNING, LOWER_UP = 0x1, 0x40, 0x10000


def route(
    prefix: str,
    length: int,
    *,
    table: int = 254,
    gateway: str | None = "10.0.0.1",
    kind: int = RTN_UNICAST,
    index: int = 2,
) -> RouteEntry:
    return RouteEntry(
        family=Family.IPV6 if ":" in prefix else Family.IPV4,
        prefix=prefix,
        prefix_length=length,
        table=table,
        type=kind,
        metric=100,
        next_hops=() if kind != RTN_UNICAST else (NextHop(index=index, gateway=gateway),),
    )


RULES = [RuleEntry(family=family, table=table) for family in Family for table in (255, 254, 253)]


def defaults(*entries: RouteEntry, rules: list[RuleEntry] | None = None) -> list[tuple[str, int | None]]:
    return [(one.destination, one.table) for one in default_routes_of(entries, rules or RULES, NAMES)]


def test_a_default_route_with_all_that_is_known_of_it() -> None:
    assert default_routes_of([route("0.0.0.0", 0)], RULES, NAMES) == (
        Route(destination="0.0.0.0/0", family=Family.IPV4, interface="eth0", gateway="10.0.0.1", table=254, metric=100),
    )


def test_both_halves_are_a_default_and_one_alone_is_not() -> None:
    low, high = route("0.0.0.0", 1), route("128.0.0.0", 1)
    assert defaults(low, high) == [("0.0.0.0/1", 254), ("128.0.0.0/1", 254)]
    assert defaults(low) == []
    assert defaults(low, route("0.0.0.0", 1, index=3)) == []
    assert defaults(route("::", 1), route("8000::", 1)) == [("::/1", 254), ("8000::/1", 254)]
    assert defaults(route("::", 1), high) == []


def test_halves_in_two_tables_are_no_default() -> None:
    rules = [*RULES, RuleEntry(family=Family.IPV4, table=77)]
    assert defaults(route("0.0.0.0", 1), route("128.0.0.0", 1, table=77), rules=rules) == []


@pytest.mark.parametrize("kind", [RTN_UNREACHABLE, RTN_PROHIBIT, RTN_BLACKHOLE])
def test_an_entry_that_refuses_leads_nowhere(kind: int) -> None:
    assert defaults(route("0.0.0.0", 0, kind=kind)) == []


def test_another_table_counts_when_a_rule_of_the_family_looks_into_it() -> None:
    other = route("0.0.0.0", 0, table=77)
    assert defaults(other) == []
    assert defaults(other, rules=[*RULES, RuleEntry(family=Family.IPV6, table=77)]) == []
    assert defaults(other, rules=[*RULES, RuleEntry(family=Family.IPV4, table=77)]) == [("0.0.0.0/0", 77)]
    assert defaults(other, rules=[*RULES, RuleEntry(family=Family.IPV4, table=None, l3mdev=True)]) == [
        ("0.0.0.0/0", 77)
    ]


def test_entries_for_some_packets_only_are_no_default() -> None:
    assert defaults(replace(route("::", 0), narrowed=True), replace(route("::", 0), cached=True)) == []


def test_every_next_hop_of_a_balanced_default_is_shown() -> None:
    hops = (NextHop(index=2, gateway="10.0.0.1"), NextHop(index=3, gateway=None))
    found = default_routes_of([replace(route("0.0.0.0", 0), next_hops=hops)], RULES, NAMES)
    assert [(one.interface, one.gateway) for one in found] == [("eth0", "10.0.0.1"), ("wg0", None)]


@pytest.mark.parametrize(
    ("flags", "up", "carrier"),
    [
        (UP | RUNNING | LOWER_UP, True, True),
        (UP | LOWER_UP, True, False),
        (UP, True, False),
        (RUNNING | LOWER_UP, False, None),
        (0, False, None),
    ],
)
def test_up_and_carrier(flags: int, *, up: bool, carrier: bool | None) -> None:
    (found,) = interfaces_of([LinkEntry(index=2, name="eth0", flags=flags, mtu=1400)], [])
    assert (found.up, found.carrier, found.loopback, found.mtu) == (up, carrier, False, 1400)


def test_addresses_go_to_their_interface() -> None:
    links = [LinkEntry(index=2, name="eth0", flags=UP), LinkEntry(index=1, name="lo", flags=UP | 0x8)]
    addresses = [
        AddressEntry(index=2, family=Family.IPV4, address="10.0.0.2", prefix_length=24),
        AddressEntry(index=2, family=Family.IPV6, address="2001:db8::7", prefix_length=64, temporary=True),
    ]
    lo, eth0 = interfaces_of(links, addresses)
    assert (lo.name, lo.loopback, lo.addresses) == ("lo", True, ())
    assert eth0.addresses == (
        InterfaceAddress(address="10.0.0.2", prefix_length=24),
        InterfaceAddress(address="2001:db8::7", prefix_length=64, temporary=True),
    )


def test_the_kernel_s_name_of_the_driver_is_kept() -> None:
    links = [LinkEntry(index=2, name="eth0", flags=UP), LinkEntry(index=3, name="zcctun0", flags=UP, kind="tun")]
    assert [(found.name, found.kind) for found in interfaces_of(links, [])] == [("eth0", None), ("zcctun0", "tun")]


def test_only_next_hops_are_neighbours_of_interest() -> None:
    routes = [
        Route(destination="198.51.100.9", family=Family.IPV4, interface="eth0", gateway="10.0.0.1"),
        Route(destination="10.0.0.7", family=Family.IPV4, interface="eth0"),
    ]
    entries = [
        NeighbourEntry(index=2, address="10.0.0.1", state=0x20),
        NeighbourEntry(index=3, address="10.0.0.1", state=0x02),
        NeighbourEntry(index=2, address="10.0.0.7", state=0x04, link_layer_address="02:00:00:00:00:07"),
        NeighbourEntry(index=2, address="10.0.0.8", state=0x02),
    ]
    assert neighbours_of(entries, routes, NAMES) == (
        Neighbour(address="10.0.0.1", interface="eth0", state=NeighbourState.FAILED),
        Neighbour(
            address="10.0.0.7",
            interface="eth0",
            state=NeighbourState.STALE,
            link_layer_address="02:00:00:00:00:07",
        ),
    )


def interface(name: str, *addresses: str, temporary: bool = False, up: bool = True) -> Interface:
    return Interface(
        name=name,
        index=None,
        up=up,
        carrier=True,
        loopback=name == "lo",
        mtu=1500,
        addresses=tuple(InterfaceAddress(address=one, prefix_length=24, temporary=temporary) for one in addresses),
    )


DEFAULT = Route(destination="0.0.0.0/0", family=Family.IPV4, interface="eth0", gateway="10.0.0.1", table=254, metric=1)
ETH0 = interface("eth0", "10.0.0.2")
DNS = Resolver(address="10.0.0.53")
HOME = epoch_of([ETH0], [DEFAULT], [DNS], ["corp"])


def test_the_epoch_stays_through_what_does_not_matter() -> None:
    noisy = interface("eth0", "10.0.0.2", "fe80::1")
    others = [interface("docker0", "172.17.0.1"), interface("lo", "127.0.0.1"), interface("eth1", up=False)]
    assert epoch_of([*others, noisy], [replace(DEFAULT, metric=600)], [DNS], ["corp"]) == HOME
    assert len(HOME) == 16


@pytest.mark.parametrize(
    "elsewhere",
    [
        epoch_of([interface("eth0", "10.0.0.3")], [DEFAULT], [DNS], ["corp"]),
        epoch_of([ETH0], [replace(DEFAULT, gateway="10.0.0.9")], [DNS], ["corp"]),
        epoch_of([ETH0], [DEFAULT], [Resolver(address="10.0.0.54")], ["corp"]),
        epoch_of([ETH0], [DEFAULT], [DNS], ["home"]),
        epoch_of([ETH0], [], [DNS], ["corp"]),
        epoch_of([], [DEFAULT], [DNS], ["corp"]),
    ],
)
def test_the_epoch_changes_with_what_does(elsewhere: str) -> None:
    assert elsewhere != HOME


def test_temporary_addresses_do_not_change_the_epoch() -> None:
    rotated = [replace(ETH0, addresses=(*ETH0.addresses, *interface("x", "2001:db8::9", temporary=True).addresses))]
    assert epoch_of(rotated, [DEFAULT], [DNS], ["corp"]) == HOME


def test_without_a_default_route_every_interface_with_an_address_counts() -> None:
    lan, other = interface("eth0", "10.0.0.2"), interface("eth1", "10.1.0.2")
    assert epoch_of([lan], [], [], []) != epoch_of([lan, other], [], [], [])
    assert epoch_of([lan], [], [], []) == epoch_of([lan, interface("veth1", "fe80::1")], [], [], [])
