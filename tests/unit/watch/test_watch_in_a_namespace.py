"""Real kernels: what counts as a change of the network under a sample, and what does not."""

import select
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from probes.clock import SystemClock, utc_text
from probes.drivers.host import HostPaths, HostReader
from probes.drivers.network_events import NetworkEvents
from probes.host_facts import ChangeKind, NetworkChange
from probes.network_watch import FullRead, NetworkWatch
from tests.unit.watch.own_namespace import OwnNamespace

pytestmark = pytest.mark.lab

TARGET = "198.51.100.9"
TARGET_6 = "2001:db8:9::9"

# The client has two ways out; the far ends are in the same namespace, so that their carrier can be taken away.
NETWORK = """
link add eth0 type veth peer name far0
link add eth1 type veth peer name far1
link set eth0 up
link set far0 up
link set eth1 up
link set far1 up
address add 10.77.1.2/24 dev eth0
address add 10.77.2.2/24 dev eth1
address add fd77:1::2/64 dev eth0 nodad
address add fd77:2::2/64 dev eth1 nodad
route add default via 10.77.1.1 dev eth0
route add default via fd77:1::1 dev eth0
"""


@dataclass(slots=True)
class Host:
    """The namespace, and the files that the agent reads there."""

    namespace: OwnNamespace
    resolv_conf: Path
    addresses: tuple[str, ...] = (TARGET, TARGET_6)
    clock: SystemClock = field(default_factory=SystemClock)

    def changes(self, action: Callable[[], None]) -> tuple[bool, tuple[NetworkChange, ...]]:
        """Return whether a sample was disturbed before its end, and all its changes, while `action` ran."""
        return self.namespace.call(self._sample, action)

    def _sample(self, action: Callable[[], None]) -> tuple[bool, tuple[NetworkChange, ...]]:
        paths = HostPaths(resolv_conf=self.resolv_conf)
        reader = HostReader(paths)
        with NetworkEvents(self.clock, paths) as events:
            start = reader.network(self.addresses)
            assert reader.netlink_failure is None
            watch = NetworkWatch(start)
            events.follow(start.routes)
            watch.observe(events.drain(time.monotonic()), self._now())
            assert not watch.disturbed()
            action()
            self._wait(events, watch, 0.3)
            disturbed = watch.disturbed()
            watch.observe(events.drain(time.monotonic(), final=True), self._now())
            return disturbed, watch.changes(reader.network(self.addresses), self._now())

    def _wait(self, events: NetworkEvents, watch: NetworkWatch, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (now := time.monotonic()) < until:
            select.select([events], [], [], max(0.0, min(until, events.next_deadline() or until) - now))
            watch.observe(events.drain(time.monotonic()), self._now())

    def _now(self) -> str:
        return utc_text(self.clock.realtime_ns())


def wait_for_carriers() -> None:
    """Return when every interface runs: the kernel may tell of a new carrier up to a second late."""
    until = time.monotonic() + 5
    while not all(one.carrier for one in HostReader().interfaces()):
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    resolv_conf = tmp_path / "resolv.conf"
    resolv_conf.write_text("nameserver 10.77.1.1\nsearch corp.example\n")
    with OwnNamespace() as namespace:
        namespace.ip(NETWORK)
        namespace.call(wait_for_carriers)
        yield Host(namespace, resolv_conf)


COUNTS = {
    "the link goes down": ("link set eth0 down", ChangeKind.LINK, "eth0"),
    "the link goes down and comes up": ("link set eth0 down\nlink set eth0 up", ChangeKind.LINK, "eth0"),
    "the interface is gone": ("link delete eth0", ChangeKind.LINK, "eth0"),
    "the source address is removed": ("address delete 10.77.1.2/24 dev eth0", ChangeKind.ADDRESS, "eth0"),
    "the source address comes back": (
        """
        address delete 10.77.1.2/24 dev eth0
        address add 10.77.1.2/24 dev eth0
        route replace default via 10.77.1.1 dev eth0
        """,
        ChangeKind.ADDRESS,
        "eth0",
    ),
    "the source address is exchanged": (
        """
        address add 10.77.1.3/24 dev eth0
        address delete 10.77.1.2/24 dev eth0
        """,
        ChangeKind.ADDRESS,
        "eth0",
    ),
    "the default route is removed": ("route delete default", ChangeKind.ROUTE, TARGET),
    "the IPv6 default route is removed": ("-6 route delete default", ChangeKind.ROUTE, TARGET_6),
    "the gateway changes": ("route replace default via 10.77.1.9 dev eth0", ChangeKind.ROUTE, TARGET),
    "the default route moves to the other interface": (
        "route replace default via 10.77.2.1 dev eth1",
        ChangeKind.ROUTE,
        TARGET,
    ),
    "a better metric steals the target": (
        """
        route add default via 10.77.2.1 dev eth1 metric 50
        route delete default via 10.77.1.1 dev eth0
        """,
        ChangeKind.ROUTE,
        TARGET,
    ),
    "half of a split default steals the target": (
        "route add 128.0.0.0/1 via 10.77.2.1 dev eth1",
        ChangeKind.ROUTE,
        TARGET,
    ),
    "a host route steals the target": (f"route add {TARGET}/32 via 10.77.2.1 dev eth1", ChangeKind.ROUTE, TARGET),
    "a host route makes the target unreachable": (f"route add unreachable {TARGET}/32", ChangeKind.ROUTE, TARGET),
    "a policy rule steals the target": (
        f"""
        route add default via 10.77.2.1 dev eth1 table 77
        rule add to {TARGET} lookup 77
        """,
        ChangeKind.ROUTE,
        TARGET,
    ),
    "an IPv6 prefix steals the target": ("route add 2001:db8::/32 via fd77:2::1 dev eth1", ChangeKind.ROUTE, TARGET_6),
    "a tunnel takes over": (
        """
        tuntap add wg0 mode tun
        link set wg0 up
        address add 10.99.0.2/32 dev wg0
        route add 128.0.0.0/1 dev wg0
        """,
        ChangeKind.TUNNEL,
        TARGET,
    ),
}


@pytest.mark.parametrize(("commands", "kind", "subject"), COUNTS.values(), ids=COUNTS.keys())
def test_what_touches_the_sample_disturbs_it(host: Host, commands: str, kind: ChangeKind, subject: str) -> None:
    disturbed, changes = host.changes(lambda: host.namespace.ip(commands))
    assert disturbed
    assert (kind, subject) in {(change.kind, change.subject) for change in changes if change.affects_sample}


FLAPS = {
    "to another gateway and back": """
        route replace default via 10.77.2.1 dev eth1
        route replace default via 10.77.1.1 dev eth0
        """,
    "removed, elsewhere, and back": """
        route delete default
        route add default via 10.77.2.1 dev eth1
        route delete default
        route add default via 10.77.1.1 dev eth0
        """,
    "removed and back": """
        route delete default
        route add default via 10.77.1.1 dev eth0
        """,
    "a half of a split default comes and goes": """
        route add 128.0.0.0/1 via 10.77.2.1 dev eth1
        route delete 128.0.0.0/1
        """,
    "a better metric comes and goes (IPv6)": """
        route add default via fd77:2::1 dev eth1 metric 10
        route delete default via fd77:2::1 dev eth1 metric 10
        """,
    "an unreachable host route comes and goes": f"""
        route add unreachable {TARGET}/32
        route delete unreachable {TARGET}/32
        """,
}


@pytest.mark.parametrize("commands", FLAPS.values(), ids=FLAPS.keys())
def test_a_flap_that_neither_start_nor_end_shows_disturbs_it(host: Host, commands: str) -> None:
    disturbed, changes = host.changes(lambda: host.namespace.ip_batch(commands))
    assert disturbed
    assert any(change.kind is ChangeKind.ROUTE and change.affects_sample for change in changes)


def test_a_lost_carrier_disturbs_it(host: Host) -> None:
    disturbed, changes = host.changes(lambda: host.namespace.ip("link set far0 down"))
    assert disturbed
    assert [(one.kind, one.subject, one.before, one.after) for one in changes if one.affects_sample] == [
        (ChangeKind.LINK, "eth0", "up", "no carrier")
    ]


def test_a_carrier_that_flaps_faster_than_the_kernel_tells_shows_in_its_counter(host: Host) -> None:
    _, changes = host.changes(lambda: host.namespace.ip_batch("link set far0 down\nlink set far0 up\n" * 2))
    assert [one.subject for one in changes if one.affects_sample and one.kind is ChangeKind.LINK][:1] == ["eth0"]


def test_a_new_set_of_resolvers_disturbs_it(host: Host) -> None:
    disturbed, changes = host.changes(lambda: _write(host.resolv_conf, "nameserver 10.77.2.1\nsearch corp.example\n"))
    assert disturbed
    assert [(one.kind, one.before, one.after) for one in changes] == [(ChangeKind.RESOLVER, "10.77.1.1", "10.77.2.1")]


def _write(path: Path, text: str) -> None:
    path.write_text(text)


DOES_NOT_COUNT = {
    "veth pairs come and go": """
        link add veth7a type veth peer name veth7b
        link set veth7a up
        link set veth7b up
        address add 172.17.0.1/16 dev veth7a
        link delete veth7a
        """,
    "a bridge is made, filled and removed": """
        link add docker0 type bridge
        link set docker0 up
        link add veth8a type veth peer name veth8b
        link set veth8a master docker0
        link set veth8a up
        address add 172.18.0.1/16 dev docker0
        link set veth8a nomaster
        link delete docker0
        """,
    "an unrelated prefix comes and goes": """
        route add 203.0.113.0/24 via 10.77.2.1 dev eth1
        route delete 203.0.113.0/24
        """,
    "an unrelated prefix moves to the interface used": "route add 203.0.113.0/24 via 10.77.1.1 dev eth0",
    "the other interface goes down": "link set eth1 down",
    "a second address on the interface used": "address add 10.77.1.50/24 dev eth0",
    "the lifetime of the source address is refreshed": """
        address change 10.77.1.2/24 dev eth0 valid_lft 3600 preferred_lft 1800
        address change 10.77.1.2/24 dev eth0 valid_lft 7200 preferred_lft 3600
        """,
    "the default route is replaced by itself": "route replace default via 10.77.1.1 dev eth0",
    "the metric changes, the new before the old": """
        route add default via 10.77.1.1 dev eth0 metric 100
        route delete default via 10.77.1.1 dev eth0 metric 0
        """,
    "the metric changes, the old before the new": """
        route delete default via 10.77.1.1 dev eth0 metric 0
        route add default via 10.77.1.1 dev eth0 metric 100
        """,
    "a worse default comes and goes": """
        route add default via 10.77.2.1 dev eth1 metric 500
        route delete default via 10.77.2.1 dev eth1 metric 500
        """,
    "neighbours come and go": """
        neighbour add 10.77.1.1 lladdr 02:00:00:00:00:01 dev eth0 nud permanent
        neighbour change 10.77.1.1 lladdr 02:00:00:00:00:02 dev eth0 nud permanent
        neighbour delete 10.77.1.1 dev eth0
        """,
    "a tunnel comes up that the target does not take": """
        tuntap add tun7 mode tun
        link set tun7 up
        address add 10.98.0.2/24 dev tun7
        """,
    "promiscuous mode and the queue length of the interface used": """
        link set eth0 promisc on
        link set eth0 promisc off
        link set eth0 txqueuelen 500
        """,
    "a policy rule that looks into the same table": f"rule add to {TARGET} lookup main",
}


@pytest.mark.parametrize("commands", DOES_NOT_COUNT.values(), ids=DOES_NOT_COUNT.keys())
def test_what_does_not_touch_the_sample_lets_it_be(host: Host, commands: str) -> None:
    disturbed, changes = host.changes(lambda: host.namespace.ip(commands))
    assert not disturbed
    assert [change for change in changes if change.affects_sample] == []


def test_leaving_a_bridge_is_not_leaving_the_host(host: Host) -> None:
    host.namespace.ip("link add br7 type bridge\nlink set br7 up\nlink set eth1 master br7")
    host.addresses = ("10.77.2.1",)
    disturbed, changes = host.changes(lambda: host.namespace.ip("link set eth1 nomaster"))
    assert (disturbed, [one for one in changes if one.affects_sample]) == (False, [])


def test_temporary_addresses_rotate_beside_an_ipv4_sample(host: Host) -> None:
    host.addresses = (TARGET,)
    disturbed, changes = host.changes(
        lambda: host.namespace.ip(
            """
            address add fd77:1::abcd/64 dev eth0 nodad mngtmpaddr
            address delete fd77:1::2/64 dev eth0
            """
        )
    )
    assert (disturbed, [one for one in changes if one.affects_sample]) == (False, [])


def test_the_same_resolvers_written_again_are_no_change(host: Host) -> None:
    disturbed, changes = host.changes(lambda: _write(host.resolv_conf, "search corp.example\nnameserver 10.77.1.1\n"))
    assert (disturbed, changes) == (False, ())


def test_a_sample_bound_to_an_interface_does_not_mind_a_way_round_it(host: Host) -> None:
    def sample() -> bool:
        reader = HostReader(HostPaths(resolv_conf=host.resolv_conf))
        with NetworkEvents(host.clock, reader.paths) as events:
            start = reader.network([TARGET], interface="eth0")
            watch = NetworkWatch(start, bound_to="eth0")
            events.follow(start.routes, interface="eth0")
            watch.observe(events.drain(time.monotonic()), "t")
            host.namespace.ip("route add 128.0.0.0/1 via 10.77.2.1 dev eth1")
            watch.observe(events.drain(time.monotonic(), final=True), "t")
            return watch.disturbed()

    assert not host.namespace.call(sample)


def test_dropped_events_are_made_up_for_by_a_full_read(host: Host) -> None:
    assert FullRead in host.namespace.call(_kinds_after_a_flood, host)

    def churn() -> None:
        add = "".join(f"address add 10.66.{n // 250}.{n % 250 + 1}/32 dev eth1\n" for n in range(2000))
        host.namespace.ip_batch(add)
        host.namespace.ip("address delete 10.77.1.2/24 dev eth0")

    disturbed, changes = host.changes(churn)
    assert disturbed
    assert (ChangeKind.ADDRESS, "eth0") in {(one.kind, one.subject) for one in changes if one.affects_sample}
    assert len(changes) < 40


def _kinds_after_a_flood(host: Host) -> set[type]:
    """Return the kinds of events that a socket has which nobody drained in time."""
    with NetworkEvents(host.clock, HostPaths(resolv_conf=host.resolv_conf)) as events:
        for _ in range(6):
            lines = [f"address {{}} 10.67.{n // 250}.{n % 250 + 1}/32 dev eth1\n" for n in range(500)]
            host.namespace.ip_batch("".join(line.format("add") for line in lines))
            host.namespace.ip_batch("".join(line.format("delete") for line in lines))
        return {type(event) for event in events.drain(time.monotonic())}
