"""Private access is recognised by name, route and kind of interface together; carriers and meshes are none."""

import pytest

from probes.facts import Family, Role
from probes.host_facts import Interface, InterfaceAddress, Network, Route
from probes.name_facts import DnsCheck, NameSource
from probes.private_access import private_access_of
from probes.session_facts import PrivateAccess

ADDRESS = "100.64.7.9"


def interface(name: str, *prefixes: str, kind: str | None = None) -> Interface:
    addresses = tuple(
        InterfaceAddress(address=address, prefix_length=int(length))
        for address, length in (prefix.split("/") for prefix in prefixes)
    )
    return Interface(
        name=name, index=1, up=True, carrier=True, loopback=False, mtu=1500, addresses=addresses, kind=kind
    )


ETHERNET = interface("eth0", "192.0.2.5/24")
TUNNEL = interface("zcctun0", "100.64.0.1/16", kind="tun")


def found(
    *interfaces: Interface,
    by: str | None = "zcctun0",
    address: str = ADDRESS,
    source: NameSource = NameSource.RESOLVER,
    role: Role = Role.DESTINATION,
    configured: bool = False,
    ranges: tuple[str, ...] = (),
    named: str | None = None,
) -> PrivateAccess | None:
    network = Network(
        epoch="1",
        interfaces=interfaces or (ETHERNET, TUNNEL),
        routes=(Route(destination=address, family=Family.IPV4, interface=by),),
    )
    check = DnsCheck(role=role, name="crm.example.com", addresses=(address,), source=source)
    return private_access_of(configured=configured, ranges=ranges, interface=named, dns=(check,), network=network)


def proven(access: PrivateAccess | None) -> bool:
    return access is not None and access.resolved_into is not None and access.interface is not None


def test_a_name_in_the_usual_range_behind_a_tunnel() -> None:
    assert found() == PrivateAccess(
        configured=False,
        synthetic_ranges=("100.64.0.0/16",),
        resolved_into="100.64.0.0/16",
        interface="zcctun0",
        connector_hops=False,
    )


@pytest.mark.parametrize(
    "tunnel",
    [
        interface("zcctun0", kind="tun"),
        interface("zcctun0", "10.9.0.2/32", kind="tun"),
        interface("zcctun0", "100.64.0.1/16", "fe80::1/64", kind="wireguard"),
    ],
)
def test_the_tunnel_may_have_the_range_or_an_address_elsewhere(tunnel: Interface) -> None:
    assert proven(found(ETHERNET, tunnel))


@pytest.mark.parametrize("kind", [None, "veth", "bridge", "ppp", "vlan", "macvlan"])
def test_a_carrier_s_address_comes_over_no_tunnel(kind: str | None) -> None:
    access = found(ETHERNET, interface("wwan0", "100.64.3.7/32", kind=kind), by="wwan0")
    assert access is not None
    assert (access.resolved_into, access.interface) == ("100.64.0.0/16", None)


def test_a_host_that_lives_in_the_range_is_behind_a_carrier_s_translator() -> None:
    assert not proven(found(interface("eth0", "100.64.3.7/20"), TUNNEL))


def test_a_machine_of_a_mesh_is_no_private_access() -> None:
    assert not proven(found(ETHERNET, interface("zcctun0", "100.64.3.7/32", kind="tun")))


def test_an_address_outside_the_range_or_a_route_elsewhere_says_nothing() -> None:
    assert found(address="100.65.0.1") is None
    assert found(address="192.0.2.80") is None
    assert not proven(found(by="eth0"))
    assert not proven(found(by=None))
    assert not proven(found(by="gone0"))


@pytest.mark.parametrize("source", [NameSource.HOSTS_FILE, NameSource.LITERAL])
def test_what_nobody_looked_up_came_from_no_tunnel_s_resolver(source: NameSource) -> None:
    assert found(source=source) is None


def test_the_destination_alone_counts() -> None:
    assert found(role=Role.SERVICE_EDGE) is None


def test_the_administrator_may_name_ranges_and_the_tunnel() -> None:
    odd = interface("corp", kind=None)
    assert proven(found(ETHERNET, odd, by="corp", address="10.200.0.9", ranges=("10.200.0.0/16",), named="corp"))
    assert not proven(found(ETHERNET, odd, TUNNEL, named="corp"))
    assert found(ranges=("10.200.0.0/16",)) is None


def test_ipv6_ranges_are_ranges_too() -> None:
    access = found(interface("zcctun0", kind="tun"), address="2001:db8::9", ranges=("100.64.0.0/16", "2001:db8::/32"))
    assert access is not None
    assert (access.resolved_into, access.interface) == ("2001:db8::/32", "zcctun0")


def test_configured_is_enough_and_what_else_is_known_is_told() -> None:
    assert found(configured=True, address="192.0.2.80", by="eth0") == PrivateAccess(
        configured=True, synthetic_ranges=("100.64.0.0/16",)
    )
    assert proven(found(configured=True))
    unresolved = private_access_of(
        configured=True, ranges=("10.0.0.0/8",), interface=None, dns=(), network=Network(epoch="1")
    )
    assert unresolved == PrivateAccess(configured=True, synthetic_ranges=("10.0.0.0/8",))
