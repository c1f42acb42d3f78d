"""The watch by itself: what no namespace can show."""

from dataclasses import dataclass

import pytest

from probes.drivers.network_events import NetworkEvents
from probes.facts import Family
from probes.failure import Failure
from probes.frozen import replace
from probes.host_facts import ChangeKind, Interface, InterfaceAddress, Network, Route
from probes.network_watch import DefaultsRead, NetworkEvent, NetworkWatch, Slept
from probes.route_watch import RouteLookup
from probes.wire.netlink_entries import RTN_UNICAST, AddressEntry, LinkEntry, NextHop, RouteEntry

TARGET = "198.51.100.9"
WAY = Route(destination=TARGET, family=Family.IPV4, interface="eth0", source="10.0.0.2", gateway="10.0.0.1", table=254)
START = Network(
    epoch="e",
    interfaces=(
        Interface(
            name="eth0",
            index=2,
            up=True,
            carrier=True,
            loopback=False,
            mtu=1500,
            addresses=(InterfaceAddress(address="10.0.0.2", prefix_length=24),),
        ),
    ),
    routes=(WAY,),
)
UP = 0x1 | 0x40 | 0x10000


def default(gateway: str = "10.0.0.1", *, metric: int = 100, removed: bool = False, index: int = 2) -> RouteEntry:
    return RouteEntry(
        family=Family.IPV4,
        prefix="0.0.0.0",
        prefix_length=0,
        table=254,
        type=RTN_UNICAST,
        metric=metric,
        next_hops=(NextHop(index=index, gateway=gateway),),
        removed=removed,
    )


def watch_of(*events: NetworkEvent) -> NetworkWatch:
    watch = NetworkWatch(START)
    watch.observe([RouteLookup(route=WAY, entry=default()), *events], "2026-01-01T00:00:00.000Z")
    return watch


def test_nothing_happened() -> None:
    watch = watch_of()
    assert not watch.disturbed()
    assert watch.changes(START, "t") == ()


def test_half_a_look_up_is_no_change() -> None:
    half = Route(destination=TARGET, family=Family.IPV4, interface="eth0", source="10.0.0.2")
    assert not watch_of(RouteLookup(route=half), RouteLookup(route=WAY, entry=default())).disturbed()
    elsewhere = Route(destination=TARGET, family=Family.IPV4, interface="eth1", source="10.0.0.2")
    assert watch_of(RouteLookup(route=elsewhere)).disturbed()


def test_sleep_is_a_change() -> None:
    watch = watch_of(Slept(seconds=12.34))
    assert watch.disturbed()
    (change,) = watch.changes(START, "t")
    assert (change.kind, change.what, change.at) == (
        ChangeKind.SUSPEND,
        "the host slept for 12.3 s",
        "2026-01-01T00:00:00.000Z",
    )


METRIC_CHANGES = {
    "new before old": [default(metric=50), default(metric=100, removed=True)],
    "old before new": [default(metric=100, removed=True), default(metric=50)],
    "worse, new before old": [default(metric=500), default(metric=100, removed=True)],
    "there and back": [
        default(metric=50),
        default(metric=100, removed=True),
        default(metric=100),
        default(metric=50, removed=True),
    ],
}


@pytest.mark.parametrize("events", METRIC_CHANGES.values(), ids=METRIC_CHANGES.keys())
def test_a_metric_is_no_way(events: list[RouteEntry]) -> None:
    watch = watch_of(*events)
    assert not watch.disturbed()
    assert {one.what for one in watch.changes(START, "t")} <= {"metric changed"}


def test_a_route_that_left_and_came_back_counts_once() -> None:
    watch = watch_of(default(removed=True), default(), RouteLookup(route=WAY, entry=default()))
    assert watch.disturbed()
    assert [one.what for one in watch.changes(START, "t")] == ["route was removed and came back"]


def test_a_route_that_left_counts_when_a_look_up_says_so() -> None:
    watch = watch_of(default(removed=True))
    assert not watch.disturbed()
    gone = Route(destination=TARGET, family=Family.IPV4)
    watch.observe([RouteLookup(route=gone)], "t")
    assert watch.disturbed()


def test_a_default_that_left_while_another_entry_leads_the_same_way_does_not_count() -> None:
    watch = watch_of(default(removed=True), RouteLookup(route=WAY, entry=default(metric=200)))
    assert not watch.disturbed()


def test_the_first_sight_of_a_new_way_does_not_count_twice() -> None:
    stolen = default("10.0.0.9", metric=1)
    after = Route(
        destination=TARGET, family=Family.IPV4, interface="eth0", source="10.0.0.7", gateway="10.0.0.9", table=254
    )
    watch = watch_of(stolen, RouteLookup(route=after, entry=stolen))
    (change,) = watch.changes(Network(epoch="e", interfaces=START.interfaces, routes=(after,)), "t")
    assert (change.before, change.after) == (
        "via 10.0.0.1 dev eth0 src 10.0.0.2 table 254",
        "via 10.0.0.9 dev eth0 table 254",
    )


def test_routes_for_some_packets_only_do_not_count() -> None:
    narrowed = RouteEntry(
        family=Family.IPV4,
        prefix=TARGET,
        prefix_length=32,
        table=254,
        type=RTN_UNICAST,
        metric=0,
        next_hops=(NextHop(index=2, gateway="10.0.0.9"),),
        narrowed=True,
    )
    assert not watch_of(narrowed).disturbed()


def test_unrelated_changes_do_not_fill_the_record() -> None:
    churn = [LinkEntry(index=n, name=f"veth{n}", flags=0) for n in range(100, 200)]
    watch = watch_of(
        *churn, AddressEntry(index=2, family=Family.IPV4, address="10.0.0.2", prefix_length=24, removed=True)
    )
    changes = watch.changes(START, "t")
    assert watch.disturbed()
    assert len([one for one in changes if not one.affects_sample]) == 20
    assert {one.subject for one in changes if one.affects_sample} == {"eth0"}


def test_a_renumbered_counter_without_a_known_start_is_no_flap() -> None:
    assert not watch_of(LinkEntry(index=2, name="eth0", flags=UP, carrier_changes=7)).disturbed()
    known = LinkEntry(index=2, name="eth0", flags=UP, carrier_changes=7)
    later = LinkEntry(index=2, name="eth0", flags=UP, carrier_changes=9)
    assert watch_of(known, later).disturbed()


def test_only_the_end_shows_what_happened_when_there_are_no_events() -> None:
    watch = NetworkWatch(START)
    end = Network(
        epoch="f",
        interfaces=(Interface(name="eth0", index=2, up=True, carrier=False, loopback=False, mtu=1500),),
        routes=(Route(destination=TARGET, family=Family.IPV4),),
    )
    changes = watch.changes(end, "t")
    assert watch.disturbed()
    assert {one.kind for one in changes if one.affects_sample} == {
        ChangeKind.LINK,
        ChangeKind.ADDRESS,
        ChangeKind.ROUTE,
    }


@dataclass(slots=True)
class SleepingClock:
    """A host that was suspended between two readings."""

    now_s: float = 100.0
    asleep_s: float = 5.0

    def monotonic(self) -> float:
        self.now_s += 0.000_001
        return self.now_s

    def realtime_ns(self) -> int:
        return 0

    def boottime(self) -> float:
        return self.monotonic() + self.asleep_s


def test_a_suspended_host_is_seen_by_its_two_clocks() -> None:
    clock = SleepingClock()
    with NetworkEvents(clock) as events:
        assert [one for one in events.drain(clock.monotonic()) if isinstance(one, Slept)] == []
        clock.asleep_s += 2.0
        (slept,) = [one for one in events.drain(clock.monotonic()) if isinstance(one, Slept)]
        assert slept.seconds == pytest.approx(2.0, abs=0.001)
        assert [one for one in events.drain(clock.monotonic()) if isinstance(one, Slept)] == []


# --- before the way to the target is known ----------------------------------------------------------------------------

DEFAULT = Route(
    destination="0.0.0.0/0", family=Family.IPV4, interface="eth0", gateway="10.0.0.1", table=254, metric=100
)
NAMES_FIRST = Network(
    epoch="e",
    interfaces=(*START.interfaces, Interface(name="eth1", index=3, up=True, carrier=True, loopback=False, mtu=1500)),
    default_routes=(DEFAULT,),
)
LATER = Network(epoch="e", interfaces=NAMES_FIRST.interfaces, default_routes=(DEFAULT,), routes=(WAY,))
DOWN = LinkEntry(index=2, name="eth0", flags=0)
OTHER_DOWN = LinkEntry(index=3, name="eth1", flags=0)
TO_RESOLVER = Route(destination="10.0.1.53", family=Family.IPV4, interface="eth1", source="10.0.1.2", table=254)


def test_what_happened_to_the_interface_before_its_look_up_counts() -> None:
    watch = NetworkWatch(NAMES_FIRST)
    watch.observe([DOWN, LinkEntry(index=2, name="eth0", flags=UP)], "t1")
    assert not watch.disturbed()
    watch.look_up(LATER, "t2")
    assert watch.disturbed()
    first, second = watch.changes(LATER, "t3")
    assert (first.at, first.before, first.after, first.affects_sample) == ("t1", "up", "down", True)
    assert (second.before, second.after) == ("down", "up")


def test_what_happened_to_another_interface_before_the_look_up_does_not_count() -> None:
    watch = NetworkWatch(NAMES_FIRST)
    watch.observe([OTHER_DOWN], "t1")
    watch.look_up(LATER, "t2")
    assert not watch.disturbed()


def test_a_look_up_that_finds_no_way_any_more_counts() -> None:
    watch = NetworkWatch(NAMES_FIRST)
    lost = Route(destination=TARGET, family=Family.IPV4, failure=Failure.NETWORK_UNREACHABLE)
    watch.look_up(Network(epoch="e", interfaces=NAMES_FIRST.interfaces, routes=(lost,)), "t2")
    (change,) = [one for one in watch.changes(NAMES_FIRST, "t3") if one.affects_sample][:1]
    assert (change.kind, change.subject) == (ChangeKind.ROUTE, TARGET)
    assert (change.before, change.after) == ("via 10.0.0.1 dev eth0 table 254", "network_unreachable")


def test_a_look_up_that_never_found_a_way_does_not_count() -> None:
    nowhere = Network(epoch="e", interfaces=NAMES_FIRST.interfaces)
    lost = Route(destination=TARGET, family=Family.IPV4, failure=Failure.NETWORK_UNREACHABLE)
    watch = NetworkWatch(nowhere)
    watch.look_up(Network(epoch="e", interfaces=NAMES_FIRST.interfaces, routes=(lost,)), "t2")
    assert not watch.disturbed()


def test_the_way_to_the_resolvers_counts_until_the_target_has_one() -> None:
    watch = NetworkWatch(NAMES_FIRST)
    watch.use_meanwhile([TO_RESOLVER])
    watch.observe([OTHER_DOWN], "t1")
    assert watch.disturbed()
    later = NetworkWatch(NAMES_FIRST)
    later.use_meanwhile([TO_RESOLVER])
    later.look_up(LATER, "t2")
    later.observe([OTHER_DOWN], "t3")
    assert not later.disturbed()


def test_without_a_resolver_elsewhere_the_default_routes_count() -> None:
    watch = NetworkWatch(NAMES_FIRST)
    watch.use_meanwhile([])
    watch.observe([OTHER_DOWN, DefaultsRead(default_routes=(replace(DEFAULT, metric=50),))], "t1")
    assert not watch.disturbed()
    watch.observe([DefaultsRead(default_routes=())], "t2")
    (change,) = [one for one in watch.changes(NAMES_FIRST, "t3") if one.affects_sample][:1]
    assert (change.kind, change.before, change.after) == (ChangeKind.ROUTE, "via 10.0.0.1 dev eth0 table 254", None)


def test_a_script_that_changes_counts() -> None:
    watch = watch_of()
    watch.script_changed("/etc/proxy.pac", "1 bytes, aa", "2 bytes, bb", "t1")
    (change,) = watch.changes(START, "t2")
    assert (change.kind, change.subject, change.affects_sample) == (ChangeKind.PROXY, "/etc/proxy.pac", True)
    assert (change.before, change.after) == ("1 bytes, aa", "2 bytes, bb")
