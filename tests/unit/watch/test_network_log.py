"""The service's own watch of the network, on real kernels."""

import errno
import select
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from agent.daemon.network_log import NetworkLog
from probes.clock import SystemClock
from probes.drivers.host import HostPaths
from probes.host_facts import ChangeKind
from probes.network_burst import HostChange
from tests.unit.watch.own_namespace import OwnNamespace
from tests.unit.watch.test_watch_in_a_namespace import wait_for_carriers

pytestmark = pytest.mark.lab

# Without IPv6: its own addresses come up to two seconds late, and would be news.
WITHOUT_IPV6 = "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6"
NETWORK = """
link add eth0 type veth peer name far0
link add eth1 type veth peer name far1
link set eth0 up
link set far0 up
link set eth1 up
link set far1 up
address add 10.77.1.2/24 dev eth0
address add 10.77.2.2/24 dev eth1
route add default via 10.77.1.1 dev eth0
"""
GATEWAY, OTHER_GATEWAY = "via 10.77.1.1 dev eth0 table 254", "via 10.77.2.1 dev eth1 table 254"


# How often files are looked at here.
FILES_S = 0.2
# How often the network is read here where nobody tells of it.
POLL_ALONE_S = 0.5


class Host:
    """A namespace, the files that are read there, and the service's loop as far as it watches the network."""

    def __init__(self, namespace: OwnNamespace, directory: Path) -> None:
        self.namespace = namespace
        self.paths = HostPaths(resolv_conf=directory / "resolv.conf", hosts=directory / "hosts")
        self.paths.resolv_conf.write_text("nameserver 10.77.1.1\n")
        self.paths.hosts.write_text("127.0.0.1 localhost\n")
        self.clock = SystemClock()
        self.turns = 0
        self.log = namespace.call(NetworkLog, self.clock, paths=self.paths, files_s=FILES_S, poll_alone_s=POLL_ALONE_S)

    def turn_until(
        self, seconds: float, *, first: bool = False, enough: Callable[[list[HostChange]], bool] = bool
    ) -> list[HostChange]:
        """Return what is told within so many seconds; with `first` only until that is enough: anything."""
        return self.namespace.call(self._turn_until, seconds, enough if first else lambda _: False)

    def _turn_until(self, seconds: float, enough: Callable[[list[HostChange]], bool]) -> list[HostChange]:
        told: list[HostChange] = []
        poll = select.poll()
        if (fileno := self.log.fileno()) is not None:
            poll.register(fileno, select.POLLIN)
        until = time.monotonic() + seconds
        while (now := time.monotonic()) < until and not enough(told):
            poll.poll(max(0.0, min(until, self.log.next_deadline()) - now) * 1000 + 0.5)
            self.turns += 1
            told += self.log.turn(time.monotonic())
        return told


def set_up(namespace: OwnNamespace) -> None:
    namespace.shell(WITHOUT_IPV6)
    namespace.ip(NETWORK)
    namespace.call(wait_for_carriers)


class Spare:
    """A network that is set up while the test before it runs: the kernel tells of a new carrier up to a second late."""

    def __init__(self) -> None:
        self._next = self._made()

    def take(self) -> OwnNamespace:
        """Return a network that is quiet; whoever takes it leaves it."""
        (namespace, quiet_at), self._next = self._next, self._made()
        time.sleep(max(0.0, quiet_at - time.monotonic()))
        return namespace

    def close(self) -> None:
        """Give back the one that nobody took."""
        self._next[0].__exit__(None, None, None)

    @staticmethod
    def _made() -> tuple[OwnNamespace, float]:
        namespace = OwnNamespace().__enter__()
        set_up(namespace)
        return namespace, time.monotonic() + 1.1


@pytest.fixture(scope="module")
def spare() -> Iterator[Spare]:
    with closing(Spare()) as found:
        yield found


@pytest.fixture
def namespace(spare: Spare) -> Iterator[OwnNamespace]:
    with ExitStack() as stack:
        found = spare.take()
        stack.push(found.__exit__)
        yield found


@pytest.fixture
def host(namespace: OwnNamespace, tmp_path: Path) -> Iterator[Host]:
    found = Host(namespace, tmp_path)
    yield found
    found.log.close()


def only(changes: list[HostChange]) -> HostChange:
    (change,) = changes
    return change


def test_a_quiet_network_wakes_nobody(host: Host) -> None:
    log = host.namespace.call(NetworkLog, host.clock, paths=host.paths, files_s=0.8)
    host.log.close()
    host.log = log
    began = time.process_time()
    assert host.turn_until(2.0) == []
    # One look at the files every 0.8 seconds.
    assert host.turns <= 3
    assert time.process_time() - began < 0.1


def test_another_default_route_is_told_with_both_epochs_and_the_same_network_has_its_name_again(host: Host) -> None:
    first = host.log.epoch
    host.namespace.ip("route replace default via 10.77.2.1 dev eth1")
    change = only(host.turn_until(5, first=True))
    assert (change.kind, change.before, change.after) == (ChangeKind.ROUTE, GATEWAY, OTHER_GATEWAY)
    assert (change.epoch_before, change.epoch_after, change.matters) == (first, host.log.epoch, True)
    assert host.log.epoch != first
    host.namespace.ip("route replace default via 10.77.1.1 dev eth0")
    back = only(host.turn_until(5, first=True))
    assert (back.epoch_before, back.epoch_after) == (change.epoch_after, first)


def test_a_route_that_flaps_between_two_looks_is_told(host: Host) -> None:
    host.namespace.ip_batch("route delete default\nroute add default via 10.77.1.1 dev eth0")
    change = only(host.turn_until(5, first=True))
    assert (change.before, change.after, change.what) == (GATEWAY, GATEWAY, "changed and came back")


def test_nothing_has_settled_for_a_second_after_a_change_that_matters(host: Host) -> None:
    host.namespace.ip("address delete 10.77.2.2/24 dev eth1")
    # News are looked at within half a second; until then nobody knows what they mean.
    host.turn_until(0.7)
    assert host.log.settled(time.monotonic())
    host.namespace.ip("link set eth0 down")
    host.turn_until(0.2)
    now = time.monotonic()
    assert not host.log.settled(now)
    assert now < host.log.settles_at(now) <= now + 1.0
    host.log.abort("crm")
    told = host.turn_until(3, first=True)
    assert [change.aborted for change in told if change.subject == "eth0" and change.kind is ChangeKind.LINK] == [
        ("crm",)
    ]
    assert host.log.settled(time.monotonic())


def test_the_resolvers_are_seen_through_a_link_to_another_file(host: Host, tmp_path: Path) -> None:
    generated = tmp_path / "run"
    generated.write_text("nameserver 192.0.2.53\n")
    temporary = tmp_path / "new"
    temporary.symlink_to(generated)
    temporary.rename(host.paths.resolv_conf)
    change = only(host.turn_until(5, first=True))
    assert (change.kind, change.before, change.after) == (ChangeKind.RESOLVER, "10.77.1.1", "192.0.2.53")
    generated.write_text("nameserver 192.0.2.54\n")
    assert only(host.turn_until(5, first=True)).after == "192.0.2.54"


def test_the_table_of_hosts_is_for_information(host: Host) -> None:
    host.paths.hosts.write_text("127.0.0.1 localhost\n192.0.2.1 app\n")
    change = only(host.turn_until(5, first=True))
    assert (change.kind, change.subject, change.matters) == (ChangeKind.RESOLVER, str(host.paths.hosts), False)
    assert change.before != change.after


def test_a_script_is_watched_as_long_as_it_is_used(host: Host, tmp_path: Path) -> None:
    script = tmp_path / "proxy.pac"
    script.write_text("one")
    host.log.follow_scripts([script])
    script.write_text("one")
    assert host.turn_until(2 * FILES_S) == []
    script.write_text("another")
    # Had the same text been news, it would be told with this.
    change = only(host.turn_until(5, first=True))
    assert (change.kind, change.subject, change.matters) == (ChangeKind.PROXY, str(script), True)
    assert str(change.before).startswith("3 bytes, ")
    assert str(change.after).startswith("7 bytes, ")
    script.unlink()
    assert only(host.turn_until(5, first=True)).after is None
    host.log.follow_scripts([])
    script.write_text("third")
    assert host.turn_until(1.3) == []


def test_another_proxy_of_the_configuration_is_told_once(host: Host) -> None:
    host.log.proxy_changed("proxy", "http://a:3128", "http://a:3128")
    assert host.turn_until(1.2) == []
    host.log.proxy_changed("proxy", "http://a:3128", None)
    change = only(host.turn_until(5, first=True))
    assert (change.kind, change.before, change.after) == (ChangeKind.PROXY, "http://a:3128", None)
    assert host.log.moved()
    assert not host.log.moved()


def test_the_way_to_a_target_is_looked_up_as_long_as_it_is_followed(host: Host) -> None:
    host.log.follow_targets(["crm"])
    host.log.follow("crm", ["198.51.100.9"])
    host.turn_until(0.1)
    host.namespace.call(host.log.read_now)
    host.namespace.ip("route add 198.51.100.0/24 via 10.77.2.1")
    change = only(host.turn_until(5, first=True))
    assert (change.subject, change.matters) == ("198.51.100.9", True)
    assert change.before == "via 10.77.1.1 dev eth0 src 10.77.1.2 table 254"
    host.log.follow_targets([])
    # Its last sample ends after a reload took it away.
    host.log.follow("crm", ["198.51.100.9"])
    host.namespace.ip("route delete 198.51.100.0/24 via 10.77.2.1")
    assert host.turn_until(1.5) == []


def test_a_storm_of_containers_is_counted_and_costs_little(host: Host) -> None:
    came = "".join(f"link add ct{n} type veth peer name cu{n}\n" for n in range(100))
    went = "".join(f"link delete ct{n}\n" for n in range(100))
    began = time.process_time()
    with ThreadPoolExecutor(1) as others:
        others.submit(host.namespace.ip_batch, came + went)
        told = host.turn_until(10, first=True, enough=lambda told: sum(change.times for change in told) >= 200)
    assert not any(change.matters for change in told)
    assert sum(change.times for change in told) >= 200
    assert len(told) <= 21
    assert time.process_time() - began < 1.0


def test_news_that_the_kernel_had_to_drop_are_looked_up(host: Host) -> None:
    # Nobody reads meanwhile; the queue holds some two hundred messages.
    host.namespace.ip("link set eth0 down")
    host.namespace.ip_batch("".join(f"link add ct{n} type veth peer name cu{n}\n" for n in range(200)))
    told = host.turn_until(10, first=True)
    link = next(change for change in told if change.subject == "eth0" and change.kind is ChangeKind.LINK)
    assert (link.before, link.after, link.matters) == ("up", "down", True)


def test_a_network_without_netlink_is_polled(
    namespace: OwnNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = socket.socket

    def refused(family: int = -1, *rest: Any, **options: Any) -> socket.socket:
        if family == socket.AF_NETLINK:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return opened(family, *rest, **options)

    monkeypatch.setattr(socket, "socket", refused)
    host = Host(namespace, tmp_path)
    assert host.log.fileno() is None
    assert not host.log.woken
    namespace.ip("link set eth0 down")
    told = host.turn_until(8, first=True)
    monkeypatch.undo()
    link = next(change for change in told if change.subject == "eth0" and change.kind is ChangeKind.LINK)
    assert (link.before, link.after, link.matters) == ("up", "down", True)


class Asleep:
    """The host's clocks, and hours of sleep that they can be given."""

    def __init__(self) -> None:
        self._real = SystemClock()
        self.slept_s = 0.0

    def monotonic(self) -> float:
        return self._real.monotonic()

    def realtime_ns(self) -> int:
        return self._real.realtime_ns()

    def boottime(self) -> float:
        return self._real.boottime() + self.slept_s


def test_a_host_that_slept_is_told(host: Host) -> None:
    clock = Asleep()
    log = host.namespace.call(NetworkLog, clock, paths=host.paths, files_s=FILES_S)
    host.log.close()
    host.log = log
    clock.slept_s = 3600.0
    change = only(host.turn_until(5, first=True))
    assert (change.kind, change.what, change.matters) == (ChangeKind.SUSPEND, "the host slept for 3600.0 s", True)
