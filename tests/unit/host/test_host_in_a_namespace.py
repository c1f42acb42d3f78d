"""Real kernels: what the host says of its routes, its neighbours and who answers."""

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from probes.clock import SystemClock
from probes.drivers import host_fallback
from probes.drivers.host import HostPaths, HostReader
from probes.drivers.icmp_echo import echo
from probes.drivers.netlink import Netlink, NetlinkError
from probes.drivers.tcp_check import connect
from probes.facts import Answer, Icmp, Reachability, Role
from probes.failure import Failure
from probes.host_facts import NeighbourState, Network, Route
from tests.unit.watch.own_namespace import OwnNamespace

pytestmark = pytest.mark.lab

# The router in the second namespace: it forwards nothing, so it can say "unreachable".
CLIENT = """
address add 10.77.1.2/24 dev eth0
address add fd77:1::2/64 dev eth0 nodad
link set eth0 up
route add default via 10.77.1.1 dev eth0 metric 50
route add default via fd77:1::1 dev eth0
route add unreachable 198.51.100.1/32
route add prohibit 198.51.100.2/32
route add blackhole 198.51.100.3/32
route add unreachable 2001:db8:bad::1/128
route add prohibit 2001:db8:bad::2/128
route add blackhole 2001:db8:bad::3/128
route add 203.0.113.0/24 via 10.77.1.9 dev eth0 table 77
rule add to 203.0.113.0/24 lookup 77
rule add fwmark 7 lookup 77
"""
ROUTER = """
address add 10.77.1.1/24 dev eth0
address add fd77:1::1/64 dev eth0 nodad
link set eth0 up
route add unreachable 192.0.2.0/24
"""


GATEWAYS = ["10.77.1.1", "fd77:1::1"]


@pytest.fixture(scope="module")
def router() -> Iterator[OwnNamespace]:
    with OwnNamespace() as own:
        own.shell("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
        yield own


@pytest.fixture(scope="module")
def client(router: OwnNamespace) -> Iterator[OwnNamespace]:
    with OwnNamespace() as own:
        own.ip(f"link add eth0 type veth peer name eth0 netns {router.name}")
        own.ip(CLIENT)
        router.ip(ROUTER)
        for gateway in GATEWAYS:
            # The neighbours have to find each other first, and the kernel has to let its own addresses be used.
            own.shell(f"ping -c 1 -w 5 {gateway}")
        yield own


def route(
    client: OwnNamespace,
    address: str,
    *,
    source: str | None = None,
    interface: str | None = None,
    mark: int | None = None,
) -> Route:
    def ask() -> Route:
        with Netlink() as kernel:
            return kernel.route_to(address, source=source, interface=interface, mark=mark)

    return client.call(ask)


def test_a_look_up_names_the_whole_way(client: OwnNamespace) -> None:
    found = route(client, "192.0.2.9")
    assert (found.interface, found.source, found.gateway, found.table, found.failure) == (
        "eth0",
        "10.77.1.2",
        "10.77.1.1",
        254,
        None,
    )
    found = route(client, "2001:db8::9")
    assert (found.source, found.gateway, found.failure) == ("fd77:1::2", "fd77:1::1", None)


def test_a_look_up_on_the_link_has_no_gateway(client: OwnNamespace) -> None:
    assert route(client, "10.77.1.1").gateway is None
    assert route(client, "fd77:1::1").gateway is None
    assert route(client, "fe80::1%eth0").interface == "eth0"


def test_a_look_up_follows_the_policy_rules(client: OwnNamespace) -> None:
    assert (route(client, "203.0.113.5").gateway, route(client, "203.0.113.5").table) == ("10.77.1.9", 77)


def test_the_hosts_own_address_is_one_answer_with_or_without_rules() -> None:
    with OwnNamespace() as own:
        before = route(own, "127.0.0.1")
        own.ip("rule add to 192.0.2.0/24 lookup 77")
        assert route(own, "127.0.0.1") == before
        assert before.table == 255


@pytest.mark.parametrize(
    ("address", "failure"),
    [
        ("198.51.100.1", Failure.HOST_UNREACHABLE),
        ("198.51.100.2", Failure.ROUTE_PROHIBITED),
        ("198.51.100.3", Failure.ROUTE_BLACKHOLE),
        ("2001:db8:bad::1", Failure.HOST_UNREACHABLE),
        ("2001:db8:bad::2", Failure.ROUTE_PROHIBITED),
        ("2001:db8:bad::3", Failure.ROUTE_BLACKHOLE),
    ],
)
def test_routes_that_refuse_have_a_name_each_and_sending_agrees(
    client: OwnNamespace, address: str, failure: Failure
) -> None:
    assert route(client, address).failure is failure
    assert client.call(host_fallback.route_to, address).failure is failure


@pytest.mark.parametrize("address", ["192.0.2.9", "2001:db8::9"])
def test_no_route_at_all(address: str) -> None:
    with OwnNamespace() as own:
        assert route(own, address).failure is Failure.NETWORK_UNREACHABLE
        assert own.call(host_fallback.route_to, address).failure is Failure.NETWORK_UNREACHABLE


@pytest.mark.parametrize(("address", "source"), [("192.0.2.9", "203.0.113.1"), ("2001:db8::9", "2001:db8::1")])
def test_a_source_that_the_host_does_not_have(client: OwnNamespace, address: str, source: str) -> None:
    assert route(client, address, source=source).failure is Failure.ADDRESS_NOT_AVAILABLE
    assert client.call(host_fallback.route_to, address, source=source).failure is Failure.ADDRESS_NOT_AVAILABLE


def test_an_interface_that_is_not_there(client: OwnNamespace) -> None:
    assert route(client, "192.0.2.9", interface="eth9").failure is Failure.NO_SUCH_INTERFACE
    assert client.call(host_fallback.route_to, "192.0.2.9", interface="eth9").failure is Failure.NO_SUCH_INTERFACE


def network(client: OwnNamespace, *addresses: str) -> Network:
    return client.call(HostReader(HostPaths(resolv_conf=Path("/nonexistent"))).network, addresses)


def test_the_whole_network(client: OwnNamespace) -> None:
    found = network(client, "192.0.2.9", "2001:db8::9")
    assert [one.destination for one in found.routes] == ["192.0.2.9", "2001:db8::9"]
    assert [(one.destination, one.gateway, one.metric) for one in found.default_routes] == [
        ("0.0.0.0/0", "10.77.1.1", 50),
        ("::/0", "fd77:1::1", 1024),
    ]
    assert [one.name for one in found.interfaces] == ["lo", "eth0"]
    assert (found.resolvers, found.search_domains, found.changes) == ((), (), ())


def test_psutil_sees_the_same_interfaces(client: OwnNamespace) -> None:
    def both() -> tuple[dict[str, tuple[object, ...]], dict[str, tuple[object, ...]]]:
        ours: dict[str, tuple[object, ...]] = {
            one.name: (one.mtu, sorted(address.address for address in one.addresses))
            for one in HostReader().interfaces()
        }
        addresses = psutil.net_if_addrs()
        kinds = {socket.AF_INET, socket.AF_INET6}
        theirs: dict[str, tuple[object, ...]] = {
            name: (
                stats.mtu,
                sorted(one.address.partition("%")[0] for one in addresses.get(name, ()) if one.family in kinds),
            )
            for name, stats in psutil.net_if_stats().items()
        }
        return ours, theirs

    ours, theirs = client.call(both)
    assert ours == theirs


def test_the_fallback_sees_the_same_interfaces(client: OwnNamespace) -> None:
    def without_flags(interfaces: Callable[[], tuple[object, ...]]) -> object:
        return sorted(
            (one.name, one.index, one.up, one.carrier, one.loopback, {two.address for two in one.addresses})  # type: ignore[attr-defined]
            for one in interfaces()
        )

    assert client.call(without_flags, host_fallback.interfaces) == client.call(without_flags, HostReader().interfaces)


def test_a_gateway_that_does_not_answer_becomes_failed(client: OwnNamespace) -> None:
    reader = HostReader()
    start = client.call(reader.network, ["203.0.113.5"])
    assert [one for one in start.neighbours if one.address == "10.77.1.9"] == []
    tried = client.call(connect, Role.CONTROL, "203.0.113.5", 80, 0.2, clock=SystemClock())
    assert (tried.answered, tried.failure) == (False, Failure.TIMED_OUT)
    (found,) = [one for one in client.call(reader.neighbours, start) if one.address == "10.77.1.9"]
    assert found.state in {NeighbourState.INCOMPLETE, NeighbourState.FAILED}


def tcp(client: OwnNamespace, address: str, port: int, *, timeout_s: float = 0.3) -> Reachability:
    return client.call(connect, Role.CONTROL, address, port, timeout_s, clock=SystemClock())


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_a_listening_port_a_closed_one_and_silence(client: OwnNamespace, router: OwnNamespace, gateway: str) -> None:
    kind = socket.AF_INET6 if ":" in gateway else socket.AF_INET
    with router.call(socket.create_server, (gateway, 8080), family=kind):
        found = tcp(client, gateway, 8080)
        assert (found.answered, found.answer, found.received, found.failure) == (True, Answer.SYN_ACK, 1, None)
        assert 0 < found.rtt_us[0] < 300_000
    found = tcp(client, gateway, 8080)
    assert (found.answered, found.answer, found.offender) == (True, Answer.RST, None)
    router.shell("nft add table inet t; nft 'add chain inet t c { type filter hook input priority 0; }'")
    try:
        router.shell("nft add rule inet t c tcp dport 8081 drop")
        found = tcp(client, gateway, 8081)
        assert (found.answered, found.failure, found.sent, found.rtt_us) == (False, Failure.TIMED_OUT, 1, ())
        router.shell("nft add rule inet t c tcp dport 8082 reject with icmpx type admin-prohibited")
        found = tcp(client, gateway, 8082)
        assert (found.answer, found.offender) == (Answer.DESTINATION_UNREACHABLE, gateway)
    finally:
        router.shell("nft delete table inet t")


def test_a_router_that_says_no_is_named(client: OwnNamespace) -> None:
    found = tcp(client, "192.0.2.9", 80)
    assert (found.answered, found.offender, found.icmp) == (False, "10.77.1.1", Icmp(type=3, code=1))
    assert found.failure is Failure.HOST_UNREACHABLE


@pytest.mark.parametrize(
    ("address", "failure"),
    [("198.51.100.2", Failure.ROUTE_PROHIBITED), ("198.51.100.3", Failure.ROUTE_BLACKHOLE)],
)
def test_what_the_host_refuses_to_send_is_no_answer_of_the_address(
    client: OwnNamespace, address: str, failure: Failure
) -> None:
    found = tcp(client, address, 80)
    assert (found.answered, found.sent, found.failure) == (None, 0, failure)


def test_a_local_firewall_is_told_from_the_network(client: OwnNamespace) -> None:
    client.shell("nft add table inet t; nft 'add chain inet t c { type filter hook output priority 0; }'")
    try:
        client.shell("nft add rule inet t c meta l4proto icmp reject")
        found = client.call(echo, Role.GATEWAY, "10.77.1.1", count=1, timeout_s=0.2, clock=SystemClock())
    finally:
        client.shell("nft delete table inet t")
    assert (found.answered, found.failure) == (None, Failure.BLOCKED_LOCALLY)


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_echoes(client: OwnNamespace, gateway: str) -> None:
    found = client.call(echo, Role.GATEWAY, gateway, count=3, timeout_s=0.5, clock=SystemClock())
    assert (found.answered, found.sent, found.received, found.answer) == (True, 3, 3, Answer.ECHO_REPLY)
    assert all(0 < one < 500_000 for one in found.rtt_us)


def test_an_echo_that_a_router_refuses_names_it(client: OwnNamespace) -> None:
    found = client.call(echo, Role.CONTROL, "192.0.2.9", count=3, timeout_s=0.5, clock=SystemClock())
    assert (found.answered, found.sent, found.offender) == (False, 1, "10.77.1.1")
    assert (found.icmp, found.failure) == (Icmp(type=3, code=1), Failure.HOST_UNREACHABLE)


def test_an_echo_into_silence_takes_as_long_as_allowed(client: OwnNamespace) -> None:
    client.ip("neighbour replace 10.77.1.200 lladdr 02:00:00:00:02:00 dev eth0 nud permanent")
    started = time.monotonic()
    found = client.call(echo, Role.CONTROL, "10.77.1.200", count=2, timeout_s=0.2, clock=SystemClock())
    assert (found.answered, found.sent, found.failure) == (False, 2, Failure.TIMED_OUT)
    assert 0.4 <= time.monotonic() - started < 0.7


def test_an_echo_by_an_interface_that_is_not_there(client: OwnNamespace) -> None:
    found = client.call(echo, Role.CONTROL, "10.77.1.1", count=1, timeout_s=0.2, clock=SystemClock(), interface="eth9")
    assert (found.answered, found.failure) == (None, Failure.NO_SUCH_INTERFACE)


def _as_nobody(gateway: str) -> list[object]:
    """Return what echoes of a process without rights bring; in a child, so that the test keeps its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgid(65534)
        os.setuid(65534)
        found = echo(Role.GATEWAY, gateway, count=2, timeout_s=0.5, clock=SystemClock())
        os.write(writing, json.dumps([found.answered, found.sent, found.received, found.failure]).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    answered, sent, received, failure = json.loads(text)
    return [answered, sent, received, failure]


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_echoes_without_rights(client: OwnNamespace, gateway: str) -> None:
    client.shell("sysctl -qw net.ipv4.ping_group_range='1 0'")
    assert client.call(_as_nobody, gateway) == [None, 0, 0, "not_permitted"]
    client.shell("sysctl -qw net.ipv4.ping_group_range='0 65535'")
    assert client.call(_as_nobody, gateway) == [True, 2, 2, None]


def test_a_host_without_netlink_is_read_another_way(client: OwnNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.socket

    def refuse(family: int = -1, *args: int, **kwargs: int) -> socket.socket:
        if family == socket.AF_NETLINK:
            raise PermissionError(97, "Address family not supported by protocol")
        return real(family, *args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr("probes.drivers.netlink.socket.socket", refuse)
        reader = HostReader(HostPaths(ipv4_routes=Path("/proc/thread-self/net/route")))
        found = client.call(reader.network, ["192.0.2.9"])
        with pytest.raises(NetlinkError):
            Netlink()
    assert reader.netlink_failure is not None
    assert reader.netlink_failure.failure is Failure.FAMILY_UNSUPPORTED
    assert [(one.interface, one.source, one.failure) for one in found.routes] == [("eth0", "10.77.1.2", None)]
    assert ("0.0.0.0/0", "10.77.1.1") in {(one.destination, one.gateway) for one in found.default_routes}
