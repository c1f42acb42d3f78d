"""A burst of news as the few changes that a person reads, with a clock of our own."""

import pytest

from probes.facts import Family
from probes.frozen import replace
from probes.host_facts import ChangeKind, Interface, InterfaceAddress, Network, NetworkChange, Resolver, Route
from probes.network_burst import HostChange
from probes.network_epochs import LONGEST_S, QUIET_S, NetworkEpochs
from probes.network_watch import NetworkEvent, ResolversRead, Slept
from probes.wire.netlink_entries import RTN_UNICAST, AddressEntry, LinkEntry, NextHop, RouteEntry

UP = 0x1 | 0x40 | 0x10000
NOW_TEXT = "2026-01-01T00:00:00.000Z"
TARGET = "198.51.100.9"
DEFAULT = Route(
    destination="0.0.0.0/0", family=Family.IPV4, interface="eth0", gateway="10.0.0.1", table=254, metric=100
)
BY_DEFAULT = "via 10.0.0.1 dev eth0 table 254"
TO_TARGET = Route(
    destination=TARGET, family=Family.IPV4, interface="eth0", source="10.0.0.2", gateway="10.0.0.1", table=254
)


def interface(name: str, index: int, *addresses: str, up: bool = True) -> Interface:
    return Interface(
        name=name,
        index=index,
        up=up,
        carrier=up or None,
        loopback=False,
        mtu=1500,
        addresses=tuple(InterfaceAddress(address=address, prefix_length=24) for address in addresses),
    )


START = Network(
    epoch="before",
    interfaces=(interface("eth0", 2, "10.0.0.2"), interface("eth1", 3, "10.0.1.2")),
    routes=(TO_TARGET,),
    default_routes=(DEFAULT,),
    resolvers=(Resolver(address="10.0.0.1"),),
)


def link(name: str, index: int, flags: int, *, removed: bool = False) -> LinkEntry:
    return LinkEntry(index=index, name=name, flags=flags, removed=removed)


def default_lost(metric: int = 100) -> RouteEntry:
    return RouteEntry(
        family=Family.IPV4,
        prefix="0.0.0.0",
        prefix_length=0,
        table=254,
        type=RTN_UNICAST,
        metric=metric,
        next_hops=(NextHop(index=2, gateway="10.0.0.1"),),
        removed=True,
    )


class Story:
    """What happens, second by second."""

    def __init__(self) -> None:
        self.epochs = NetworkEpochs(START, 0.0)
        self.now = 0.0

    def at(self, now: float) -> "Story":
        self.now = now
        return self

    def told(self, *events: NetworkEvent) -> "Story":
        self.epochs.observe(events, self.now, NOW_TEXT)
        return self

    def read(self, network: Network) -> "Story":
        self.epochs.read(network, self.now, NOW_TEXT)
        return self

    def ended(self) -> tuple[HostChange, ...]:
        return self.epochs.ended(self.now, NOW_TEXT)


def only(changes: tuple[HostChange, ...]) -> HostChange:
    (change,) = changes
    return change


def test_a_quiet_network_has_nothing_to_tell() -> None:
    story = Story().at(100.0).read(START)
    assert story.epochs.ends_at() is None
    assert story.ended() == ()
    assert story.epochs.settled(100.0)
    assert story.epochs.settles_at(100.0) == 100.0


def test_a_link_that_flaps_is_one_change_that_came_back() -> None:
    story = Story().at(5.0).told(link("eth0", 2, 0), link("eth0", 2, UP), link("eth0", 2, 0), link("eth0", 2, UP))
    assert not story.epochs.settled(5.5)
    assert story.at(5.5).read(START).ended() == ()
    change = only(story.at(5.0 + QUIET_S).ended())
    assert (change.kind, change.subject, change.what) == (ChangeKind.LINK, "eth0", "changed and came back")
    assert (change.before, change.after, change.times, change.matters) == ("up", "up", 4, True)
    assert change.epoch_before == change.epoch_after == "before"


def test_another_gateway_is_told_once_however_many_ways_it_moves() -> None:
    moved = replace(
        START,
        epoch="after",
        default_routes=(replace(DEFAULT, gateway="10.0.0.7"),),
        routes=(replace(TO_TARGET, gateway="10.0.0.7"), replace(TO_TARGET, destination="192.0.2.1")),
    )
    story = Story().at(1.0).read(moved).at(2.0)
    default, target = story.ended()
    assert (default.subject, default.before, default.after) == (
        "default route, IPv4",
        BY_DEFAULT,
        "via 10.0.0.7 dev eth0 table 254",
    )
    assert target.subject == TARGET
    assert {(change.epoch_before, change.epoch_after) for change in (default, target)} == {("before", "after")}


def test_ways_that_change_alike_are_one_change() -> None:
    others = [f"198.51.100.{n}" for n in range(10, 15)]
    start = replace(START, routes=tuple(replace(TO_TARGET, destination=one) for one in others))
    epochs = NetworkEpochs(start, 0.0)
    by_vpn = tuple(replace(one, interface="tun0", gateway=None, source="10.9.0.2") for one in start.routes)
    epochs.read(replace(start, routes=by_vpn), 1.0, NOW_TEXT)
    change = only(epochs.ended(2.0, NOW_TEXT))
    assert (change.kind, change.subject) == (ChangeKind.TUNNEL, "198.51.100.10 and 4 more")


def test_a_default_route_that_goes_and_comes_back_between_two_readings_is_told() -> None:
    story = Story().at(1.0).told(default_lost()).read(START).at(2.0)
    change = only(story.ended())
    assert (change.before, change.after, change.what) == (BY_DEFAULT, BY_DEFAULT, "changed and came back")


def test_another_metric_is_no_change() -> None:
    story = Story().at(1.0).read(replace(START, default_routes=(replace(DEFAULT, metric=50),)))
    assert story.at(2.0).ended() == ()
    assert story.at(3.0).told(default_lost(metric=77)).at(4.0).ended() == ()


@pytest.mark.parametrize("order", [("10.0.0.2", "10.0.0.9"), ("10.0.0.9", "10.0.0.2")])
def test_an_exchanged_address_is_one_change_in_either_order(order: tuple[str, str]) -> None:
    after = replace(START, interfaces=(interface("eth0", 2, "10.0.0.9"), START.interfaces[1]))
    news = [
        AddressEntry(index=2, family=Family.IPV4, address=one, prefix_length=24, removed=one == "10.0.0.2")
        for one in order
    ]
    change = only(Story().at(1.0).told(*news).read(after).at(2.0).ended())
    assert (change.kind, change.subject) == (ChangeKind.ADDRESS, "eth0")
    assert (change.before, change.after, change.matters, change.times) == ("10.0.0.2", "10.0.0.9", True, 2)


def test_one_more_address_does_not_matter() -> None:
    after = replace(START, interfaces=(interface("eth0", 2, "10.0.0.2", "10.0.0.9"), START.interfaces[1]))
    story = Story().at(1.0).read(after)
    assert story.epochs.settled(1.0)
    assert not only(story.at(2.0).ended()).matters


def test_a_link_that_nothing_uses_does_not_matter_and_delays_nobody() -> None:
    story = Story().at(1.0).told(link("eth1", 3, 0))
    assert story.epochs.settled(1.0)
    story.read(replace(START, interfaces=(START.interfaces[0], interface("eth1", 3, "10.0.1.2", up=False))))
    change = only(story.at(2.0).ended())
    assert (change.matters, change.before, change.after) == (False, "up", "down")


def test_resolvers_and_sleep_matter() -> None:
    other = (Resolver(address="192.0.2.53"),)
    story = Story().at(1.0).told(ResolversRead(resolvers=other, search_domains=()), Slept(seconds=600.0))
    resolvers, slept = story.read(replace(START, resolvers=other)).at(2.0).ended()
    assert (resolvers.kind, resolvers.before, resolvers.after) == (ChangeKind.RESOLVER, "10.0.0.1", "192.0.2.53")
    assert (slept.kind, slept.what) == (ChangeKind.SUSPEND, "the host slept for 600.0 s")
    assert resolvers.matters
    assert slept.matters


def test_a_network_that_flaps_without_end_is_told_of_every_ten_seconds_and_not_waited_for_longer() -> None:
    story, told, settled = Story(), 0, []
    for step in range(60):
        now = 10 + step / 2
        story.at(now).told(link("eth0", 2, 0 if step % 2 == 0 else UP))
        settled.append(story.epochs.settled(now))
        told += len(story.ended())
    assert told == 2
    assert settled.index(True) == 2 * LONGEST_S


def test_what_a_burst_ended_is_named_where_it_matters() -> None:
    story = Story().at(1.0).told(link("eth0", 2, 0), link("eth1", 3, 0))
    story.epochs.abort("crm")
    story.epochs.abort("crm")
    used, unused = (
        story.read(replace(START, interfaces=(interface("eth0", 2, up=False), interface("eth1", 3, up=False))))
        .at(2.0)
        .ended()[::2]
    )
    assert used.aborted == ("crm",)
    assert unused.aborted == ()


def test_a_sample_may_end_before_the_change_is_read() -> None:
    moved = replace(START, default_routes=(replace(DEFAULT, gateway="10.0.0.7"),))
    story = Story().at(1.0)
    story.epochs.abort("crm")
    assert story.at(1.1).read(moved).at(2.1).ended()[0].aborted == ("crm",)
    story.epochs.abort("mail")
    story.at(5.0).read(moved)
    assert story.at(6.0).read(START).at(7.0).ended()[0].aborted == ()


def test_containers_that_come_and_go_are_counted_and_not_told_one_by_one() -> None:
    story = Story().at(1.0)
    for index in range(1000):
        story.told(link(f"veth{index}", 100 + index, UP), link(f"veth{index}", 100 + index, UP, removed=True))
    change = only(story.read(START).at(2.0).ended())
    assert (change.matters, change.times) == (False, 2000)
    assert change.what == "2000 further changes of what nothing here uses"


def test_what_stays_is_told_twenty_times_an_hour() -> None:
    story, told = Story(), list[HostChange]()
    for hour in range(3):
        network = START
        for n in range(100):
            at = 3600.0 * hour + 36.0 * n
            network = replace(network, interfaces=(*START.interfaces, interface(f"veth{hour}-{n}", 100 + n)))
            told += story.at(at).read(network).at(at + 2).ended()
    assert all(not change.matters for change in told)
    assert 60 <= len(told) <= 80
    # Every interface came, and all but the last one went.
    counted = sum(change.times for change in told)
    assert 540 <= counted <= 2 * 300


def test_what_others_saw_is_told_too() -> None:
    story = Story().at(1.0)
    change = NetworkChange(
        at=NOW_TEXT,
        kind=ChangeKind.PROXY,
        subject="/etc/proxy.pac",
        what="script changed",
        before="10 bytes, 00000000",
        after="11 bytes, 11111111",
        affects_sample=True,
    )
    story.epochs.note(change, 1.0)
    found = only(story.at(2.0).ended())
    assert (found.kind, found.before, found.after) == (ChangeKind.PROXY, change.before, change.after)
