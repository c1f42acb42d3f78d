"""Every way that a path may take, told by the proxy's address and by who saw which public address."""

import pytest

from probes.egress_facts import Edge, Egress, EgressSource, SeenAddress, ServiceData, Tunnel, TunnelKind
from probes.facts import Node, RouteKind
from probes.host_facts import Interface, InterfaceAddress, Network
from probes.sample import Target, Topology, TopologyKind
from probes.session_facts import PrivateAccess
from probes.topology import topology_of, untraceable_legs
from probes.web_facts import Proxy, ProxyMode

OUTSIDE, INSIDE, ON_LINK = "203.0.113.9", "10.9.0.7", "198.51.100.7"
EDGE = Edge(host="edge.example.com", port=443)


def network() -> Network:
    addresses = (
        InterfaceAddress(address="10.0.0.2", prefix_length=24),
        InterfaceAddress(address="198.51.100.2", prefix_length=28),
        InterfaceAddress(address="fe80::1%eth0", prefix_length=64),
    )
    interface = Interface(name="eth0", index=2, up=True, carrier=True, loopback=False, mtu=1500, addresses=addresses)
    return Network(epoch="1", interfaces=(interface,))


def seen(*, direct: str | None = None, through: str | None = None) -> Egress:
    by = {"stun": SeenAddress(address=direct), "proxy": SeenAddress(address=through)}
    source = EgressSource.STUN if direct else None
    return Egress(address=direct, source=source, by=by)


def topology(
    address: str | None = None,
    egress: Egress | None = None,
    *,
    route: RouteKind = RouteKind.DIRECT,
    edges: tuple[Edge, ...] = (),
    private: PrivateAccess | None = None,
    host: str = "proxy.example.com",
) -> Topology:
    proxy = Proxy(mode=ProxyMode.EXPLICIT, host=host, port=3128, address=address)
    target = Target(name="crm", host="crm.example.com", route=route, edge_host="edge.example.com" if edges else None)
    return topology_of(
        target=target, proxy=proxy, egress=egress, edges=edges, private_access=private, network=network()
    )


@pytest.mark.parametrize(
    ("address", "direct", "through", "kind", "certain"),
    [
        # The address through the proxy is not the direct one.
        (OUTSIDE, "192.0.2.1", OUTSIDE, TopologyKind.CLOUD_PROXY, True),
        (OUTSIDE, "192.0.2.1", None, TopologyKind.CLOUD_PROXY, False),
        (OUTSIDE, None, OUTSIDE, TopologyKind.CLOUD_PROXY, False),
        (None, "192.0.2.1", "192.0.2.9", TopologyKind.CLOUD_PROXY, False),
        (INSIDE, "192.0.2.1", "192.0.2.9", TopologyKind.DATA_CENTER_PROXY, True),
        ("fd00::7", "2001:db8::1", "2001:db8:9::1", TopologyKind.DATA_CENTER_PROXY, True),
        # It is the same.
        (INSIDE, "192.0.2.1", "192.0.2.1", TopologyKind.ON_PREMISES_PROXY, True),
        (ON_LINK, "192.0.2.1", "192.0.2.1", TopologyKind.ON_PREMISES_PROXY, True),
        (OUTSIDE, "192.0.2.1", "192.0.2.1", TopologyKind.ON_PREMISES_PROXY, True),
        # It is not known, or of another family.
        (INSIDE, "192.0.2.1", None, TopologyKind.ON_PREMISES_PROXY, False),
        (INSIDE, None, None, TopologyKind.ON_PREMISES_PROXY, False),
        (INSIDE, "2001:db8::1", "192.0.2.1", TopologyKind.ON_PREMISES_PROXY, False),
        # An edge sees an inner address: the proxy's own, out of a tunnel.
        (INSIDE, "192.0.2.1", INSIDE, TopologyKind.PROXY_TO_EDGE, True),
    ],
)
def test_what_kind_of_proxy_it_is(
    address: str | None, direct: str | None, through: str | None, kind: TopologyKind, *, certain: bool
) -> None:
    found = topology(address, seen(direct=direct, through=through))
    assert (found.kind, found.certain) == (kind, certain)
    assert found.evidence


def test_without_any_word_of_the_egress_nothing_is_certain() -> None:
    assert not topology(INSIDE, None).certain
    assert not topology(OUTSIDE, None).certain


def test_a_configured_egress_counts_as_seen() -> None:
    egress = Egress(address="192.0.2.1", source=EgressSource.CONFIGURED, by={"proxy": SeenAddress(address="192.0.2.9")})
    assert topology(INSIDE, egress).kind is TopologyKind.DATA_CENTER_PROXY


def test_an_address_that_only_the_proxy_showed_is_no_direct_one() -> None:
    egress = Egress(address="192.0.2.9", source=EgressSource.PROXY, by={"proxy": SeenAddress(address="192.0.2.9")})
    assert topology(INSIDE, egress) == topology(INSIDE, seen(through="192.0.2.9"))
    assert not topology(INSIDE, egress).certain


@pytest.mark.parametrize(
    ("through", "kind", "certain"),
    [
        ("192.0.2.1", TopologyKind.PROXY_TO_EDGE, True),
        (None, TopologyKind.PROXY_TO_EDGE, False),
        ("192.0.2.9", TopologyKind.DATA_CENTER_PROXY, True),
    ],
)
def test_an_inner_proxy_and_a_route_through_the_edge(through: str | None, kind: TopologyKind, *, certain: bool) -> None:
    found = topology(INSIDE, seen(direct="192.0.2.1", through=through), route=RouteKind.SERVICE_EDGE, edges=(EDGE,))
    assert (found.kind, found.certain) == (kind, certain)


def test_an_edge_that_ends_the_sites_tunnel_saw_the_proxys_flow_too() -> None:
    data = ServiceData(url="https://edge", tunnel=Tunnel(kind=TunnelKind.GRE, inner="10.0.0.0/8"))
    told = Edge(host="edge.example.com", port=443, service_data=data)
    found = topology(INSIDE, seen(direct="192.0.2.1", through="192.0.2.1"), edges=(told,))
    assert (found.kind, found.certain) == (TopologyKind.PROXY_TO_EDGE, True)


@pytest.mark.parametrize(
    ("address", "host"),
    [("127.0.0.1", "127.0.0.1"), ("::1", "localhost"), ("10.0.0.2", "me.example.com"), (None, "localhost")],
)
def test_an_agent_on_this_host_is_no_external_proxy(address: str | None, host: str) -> None:
    assert topology(address, host=host).kind is TopologyKind.DIRECT
    routed = topology(address, host=host, route=RouteKind.SERVICE_EDGE, edges=(EDGE,))
    assert routed.kind is TopologyKind.SERVICE_EDGE


def test_a_proxy_that_is_the_edge_is_that_edge() -> None:
    found = topology(OUTSIDE, host="edge.example.com", route=RouteKind.SERVICE_EDGE, edges=(EDGE,))
    assert (found.kind, found.certain) == (TopologyKind.SERVICE_EDGE, True)
    assert topology("203.0.113.8", edges=(Edge(host="203.0.113.8", port=443),)).kind is TopologyKind.SERVICE_EDGE


def test_no_proxy() -> None:
    target = Target(name="crm", host="crm.example.com")
    for proxy in (None, Proxy(mode=ProxyMode.NONE), Proxy(mode=ProxyMode.PAC)):
        found = topology_of(target=target, proxy=proxy, egress=None, edges=(), private_access=None, network=network())
        assert (found.kind, found.certain) == (TopologyKind.DIRECT, True)


def test_private_access() -> None:
    assert topology(route=RouteKind.PRIVATE_ACCESS).kind is TopologyKind.PRIVATE_ACCESS
    target = Target(name="crm", host="crm.example.com")
    into = PrivateAccess(resolved_into="100.64.0.0/16", interface="tun0")
    by_name = topology_of(target=target, proxy=None, egress=None, edges=(), private_access=into, network=network())
    assert by_name.kind is TopologyKind.PRIVATE_ACCESS
    carrier = PrivateAccess(resolved_into="100.64.0.0/16")
    plain = topology_of(target=target, proxy=None, egress=None, edges=(), private_access=carrier, network=network())
    assert plain.kind is TopologyKind.DIRECT


def test_the_legs_that_nobody_can_trace() -> None:
    def ends(kind: TopologyKind, *, edge_after: bool = False) -> list[tuple[Node, Node]]:
        legs = untraceable_legs(Topology(kind=kind, certain=True, evidence=""), edge_after=edge_after)
        assert all(leg.reached is None and leg.hops == () and (leg.reason or "").startswith("not disc") for leg in legs)
        return [(leg.from_, leg.to) for leg in legs]

    proxy, egress, center, end = Node.EXTERNAL_PROXY, Node.EGRESS, Node.DATA_CENTER_EGRESS, Node.DESTINATION
    assert ends(TopologyKind.CLOUD_PROXY) == [(proxy, end)]
    assert ends(TopologyKind.ON_PREMISES_PROXY) == [(proxy, egress), (egress, end)]
    assert ends(TopologyKind.DATA_CENTER_PROXY) == [(proxy, center), (center, end)]
    assert ends(TopologyKind.DATA_CENTER_PROXY, edge_after=True) == [(proxy, center)]
    assert ends(TopologyKind.PROXY_TO_EDGE) == [(proxy, egress)]
    assert ends(TopologyKind.PRIVATE_ACCESS) == [(Node.PRIVATE_EDGE, end)]
    assert ends(TopologyKind.DIRECT) == ends(TopologyKind.SERVICE_EDGE) == []
