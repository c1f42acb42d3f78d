"""Every driver over three real hops: who answers which probe with what, how fast, and with whose rights."""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from probes.drivers.ladder import open_driver
from probes.drivers.waiter import PollWaiter
from probes.facts import Answer, Family, Method, Protocol, RejectReason, StampSource
from probes.failure import Failure
from probes.seam import Driver, Event, LocalError, Received, Unreadable
from tests.unit.drivers.chain import CLIENT, HOPS, SERVER, Chain, without_rights
from tests.unit.drivers.driving import CLOCK, answered, answers, listen, opened, probes, send_all

pytestmark = pytest.mark.lab

OPEN_PORT, CLOSED_PORT = 443, 444
METHODS = {
    (Protocol.ICMP, True): Method.RAW,
    (Protocol.UDP, True): Method.RAW,
    (Protocol.TCP, True): Method.RAW,
    (Protocol.ICMP, False): Method.PING_SOCKET,
    (Protocol.UDP, False): Method.ERROR_QUEUE,
    (Protocol.TCP, False): Method.CONNECT,
}
REACHED_BY = {
    Protocol.ICMP: Answer.ECHO_REPLY,
    Protocol.UDP: Answer.DESTINATION_UNREACHABLE,
    Protocol.TCP: Answer.SYN_ACK,
}


@contextmanager
def listening(chain: Chain, family: Family) -> Iterator[None]:
    """Let the server take TCP connections."""
    kind = socket.AF_INET if family is Family.IPV4 else socket.AF_INET6
    with chain.inside("server"):
        listener = socket.create_server((SERVER[family], OPEN_PORT), family=kind, backlog=64)
    with listener:
        yield


def open_best(protocol: Protocol, family: Family, *, rights: bool, port: int = OPEN_PORT) -> Driver:
    """Open the best driver that the rights allow."""
    with nullcontext() if rights else without_rights():
        driver = opened(protocol, family, SERVER[family], None if protocol is Protocol.ICMP else port)
    assert driver.method is METHODS[protocol, rights]
    return driver


@pytest.mark.parametrize("rights", [True, False], ids=["root", "nobody"])
@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("family", Family)
def test_each_hop_answers_its_own_probe(chain: Chain, family: Family, protocol: Protocol, *, rights: bool) -> None:
    driver = open_best(protocol, family, rights=rights)
    sent = probes([1, 2, 3, 4])
    with listening(chain, family):
        stamps = send_all(driver, sent)
        received = answers(driver, 4)
    driver.close()
    by_ttl = {answered(each, sent).probe_ttl: each for each in received}
    assert {ttl: each.sender for ttl, each in by_ttl.items()} == dict(enumerate((*HOPS[family], SERVER[family]), 1))
    assert [by_ttl[ttl].answer for ttl in (1, 2)] == [Answer.TIME_EXCEEDED] * 2
    assert {by_ttl[ttl].answer for ttl in (3, 4)} == {REACHED_BY[protocol]}
    for probe, stamp in zip(sent, stamps, strict=True):
        rtt_s = by_ttl[probe.probe_ttl].stamp.monotonic_s - stamp.monotonic_s
        assert 0 < rtt_s < 0.1
    hops_back = {ttl: each.reply_ttl for ttl, each in by_ttl.items() if each.answer is Answer.TIME_EXCEEDED}
    assert hops_back == {1: 64, 2: 63}


@pytest.mark.parametrize("rights", [True, False], ids=["root", "nobody"])
@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("family", Family)
def test_in_a_hurry_routers_are_left_until_the_target_answers(
    chain: Chain, family: Family, protocol: Protocol, *, rights: bool
) -> None:
    driver = open_best(protocol, family, rights=rights)
    sent = probes([1, 2, 3])
    with listening(chain, family):
        send_all(driver, sent[:2])
        assert hear_in_a_hurry(driver, for_s=0.1) == []
        stamp = send_all(driver, sent[2:])[0]
        received = hear_in_a_hurry(driver, for_s=2.0)
    driver.close()
    assert [answered(each, sent).probe_ttl for each in received if isinstance(each, Received)] == [1, 2, 3]
    # They were stamped when they came, and not when they were read.
    assert all(each.stamp.monotonic_s < stamp.monotonic_s for each in received[:2] if isinstance(each, Received))


@pytest.mark.usefixtures("chain")
@pytest.mark.parametrize("rights", [True, False], ids=["root", "nobody"])
@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("family", Family)
def test_what_was_left_in_a_hurry_is_there_without_it(family: Family, protocol: Protocol, *, rights: bool) -> None:
    driver = open_best(protocol, family, rights=rights)
    sent = probes([1, 2])
    send_all(driver, sent)
    assert hear_in_a_hurry(driver, for_s=0.1) == []
    events = driver.receive()
    driver.close()
    assert [answered(each, sent).probe_ttl for each in events if isinstance(each, Received)] == [1, 2]


def hear_in_a_hurry(driver: Driver, *, for_s: float) -> list[Event]:
    """Return what a driver tells in a hurry, as soon as that is anything."""
    waiter, events, end = PollWaiter(), list[Event](), CLOCK.monotonic() + for_s
    while not events and CLOCK.monotonic() < end:
        waiter.wait([driver], end)
        events.extend(driver.receive(hurried=True))
    waiter.close()
    return events


@pytest.mark.usefixtures("chain")
@pytest.mark.parametrize("rights", [True, False], ids=["root", "nobody"])
@pytest.mark.parametrize("family", Family)
def test_a_closed_tcp_port_resets_every_probe(family: Family, *, rights: bool) -> None:
    driver = open_best(Protocol.TCP, family, rights=rights, port=CLOSED_PORT)
    sent = probes([3, 4, 5])
    send_all(driver, sent)
    received = answers(driver, 3)
    driver.close()
    assert {each.answer for each in received} == {Answer.RST}
    assert {answered(each, sent).number for each in received} == {0, 1, 2}
    # The kernel tells connect() of a reset, and not when it came.
    assert {each.stamp.source for each in received} == {StampSource.KERNEL if rights else StampSource.USER}


@pytest.mark.parametrize("rights", [True, False], ids=["root", "nobody"])
@pytest.mark.parametrize("family", Family)
def test_a_filtering_router_is_named(chain: Chain, family: Family, *, rights: bool) -> None:
    kind = "icmp" if family is Family.IPV4 else "icmpv6"
    chain.nft(
        "r2",
        f"table inet t {{ chain f {{ type filter hook forward priority 0; reject with {kind} admin-prohibited\n}}\n}}",
    )
    for protocol in Protocol:
        driver = open_best(protocol, family, rights=rights)
        sent = probes([9])
        send_all(driver, sent)
        (received,) = answers(driver, 1)
        driver.close()
        assert (received.sender, received.answer) == (HOPS[family][1], Answer.DESTINATION_UNREACHABLE)
        assert received.icmp is not None
        assert received.icmp.code == (13 if family is Family.IPV4 else 1)
        assert answered(received, sent) == sent[0]


@pytest.mark.parametrize("rights", [True, False], ids=["root", "nobody"])
def test_a_udp_service_that_echoes_gives_the_token_back(chain: Chain, *, rights: bool) -> None:
    with chain.inside("server"):
        service = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        service.bind((SERVER[Family.IPV4], OPEN_PORT))
    driver = open_best(Protocol.UDP, Family.IPV4, rights=rights)
    sent = probes([8])
    send_all(driver, sent)
    data, sender = service.recvfrom(100)
    service.sendto(data, sender)
    service.close()
    (received,) = answers(driver, 1)
    driver.close()
    assert (received.answer, received.sender, received.reply_ttl) == (Answer.UDP_REPLY, SERVER[Family.IPV4], 62)
    assert received.quote.token == sent[0].identity.token


@pytest.mark.usefixtures("chain")
@pytest.mark.parametrize("family", Family)
def test_a_port_of_its_own_names_a_probe_without_rights(family: Family) -> None:
    driver = open_best(Protocol.UDP, family, rights=False, port=33434)
    sent = probes([1, 2, 3], own_port=True)
    send_all(driver, sent)
    received = answers(driver, 3)
    driver.close()
    assert [each.quote.destination_port for each in received] == [33434, 33435, 33436]
    assert [each.quote.destination for each in received] == [SERVER[family]] * 3


@pytest.mark.parametrize("rights", [True, False], ids=["root", "nobody"])
@pytest.mark.parametrize("family", Family)
def test_a_gateway_that_is_gone_is_the_hosts_own_verdict(chain: Chain, family: Family, *, rights: bool) -> None:
    # ARP gives up after 3.05 s [measured]; connect() is closed long before, so TCP without rights stays silent.
    chain.ip("r1", "addr flush dev left1")
    chain.ip("client", "neigh flush dev right1")
    protocols = [each for each in Protocol if rights or each is not Protocol.TCP]
    drivers = [open_best(protocol, family, rights=rights) for protocol in protocols]
    for driver in drivers:
        send_all(driver, probes([5]))
    for driver in drivers:
        events = listen(driver, lambda events: any(isinstance(event, LocalError) for event in events), for_s=6)
        verdicts = {event for event in events if isinstance(event, LocalError)}
        assert verdicts == {LocalError(Failure.HOST_UNREACHABLE, CLIENT[family], None)}
        driver.close()


@pytest.mark.parametrize("rights", [True, False], ids=["root", "nobody"])
@pytest.mark.parametrize(
    ("route", "failure"),
    [
        ("prohibit", Failure.ROUTE_PROHIBITED),
        ("unreachable", Failure.HOST_UNREACHABLE),
        ("blackhole", Failure.ROUTE_BLACKHOLE),
    ],
)
def test_a_route_that_refuses_is_named_at_opening_and_at_sending(
    chain: Chain, route: str, failure: Failure, *, rights: bool
) -> None:
    protocol = Protocol.UDP
    driver = open_best(protocol, Family.IPV4, rights=rights)
    chain.ip("client", f"route add {route} {SERVER[Family.IPV4]}/32")
    assert driver.send(probes([1])[0]) is failure
    driver.close()
    nothing, (refusal,) = open_driver(protocol, Family.IPV4, SERVER[Family.IPV4], None, clock=CLOCK, random_bytes=bytes)
    assert (nothing, refusal.failure) == (None, failure)
    assert SERVER[Family.IPV4] in refusal.detail


@pytest.mark.parametrize("rights", [True, False], ids=["root", "nobody"])
@pytest.mark.parametrize("protocol", [Protocol.ICMP, Protocol.UDP])
def test_the_local_firewall_is_named(chain: Chain, protocol: Protocol, *, rights: bool) -> None:
    driver = open_best(protocol, Family.IPV4, rights=rights)
    chain.nft("client", "table inet t { chain o { type filter hook output priority 0; ip daddr 10.9.3.2 drop\n}\n}")
    assert driver.send(probes([1])[0]) is Failure.BLOCKED_LOCALLY
    driver.close()


@pytest.mark.parametrize("rights", [True, False], ids=["root", "nobody"])
@pytest.mark.parametrize("protocol", Protocol)
def test_a_source_address_that_went_away_is_named(chain: Chain, protocol: Protocol, *, rights: bool) -> None:
    driver = open_best(protocol, Family.IPV4, rights=rights)
    chain.ip("client", "addr del 10.9.1.1/24 dev right1")
    chain.ip("client", "addr add 10.9.1.7/24 dev right1")
    chain.ip("client", "route replace default via 10.9.1.2")
    assert driver.send(probes([1])[0]) is Failure.ADDRESS_NOT_AVAILABLE
    driver.close()


@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("rights", [True, False], ids=["root", "nobody"])
def test_the_interface_asked_for_is_used(chain: Chain, family: Family, protocol: Protocol, *, rights: bool) -> None:
    with nullcontext() if rights else without_rights():
        driver = opened(protocol, family, SERVER[family], CLOSED_PORT, interface="right1")
    send_all(driver, probes([1]))
    assert [each.sender for each in answers(driver, 1)] == [HOPS[family][0]]
    driver.close()
    chain.ip("client", "link add other type veth peer name end")
    chain.ip("client", "addr add 10.55.0.1/24 dev other")
    chain.ip("client", "addr add fd55::1/64 dev other nodad")
    chain.ip("client", "link set other up")
    chain.ip("client", "link set end up")
    chain.ip("client", "-6 route add default dev other metric 9999")
    with nullcontext() if rights else without_rights():
        driver = opened(protocol, family, SERVER[family], CLOSED_PORT, interface="other")
    send_all(driver, probes([1]))
    assert driver.flow.source == ("10.55.0.1" if family is Family.IPV4 else "fd55::1")
    assert listen(driver, bool, for_s=0.2) == []
    driver.close()


@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("rights", [True, False], ids=["root", "nobody"])
def test_a_link_local_target_on_its_link(chain: Chain, protocol: Protocol, *, rights: bool) -> None:
    bare = chain.ip("r1", "-6 -o addr show dev left1 scope link").split()[3].split("/")[0]
    with nullcontext() if rights else without_rights():
        driver = opened(protocol, Family.IPV6, f"{bare}%right1", CLOSED_PORT)
    assert driver.flow.destination == bare
    sent = probes([1])
    send_all(driver, sent)
    (received,) = answers(driver, 1)
    driver.close()
    assert received.sender == bare
    assert answered(received, sent) == sent[0]


@pytest.mark.parametrize("family", Family)
def test_type_of_service_is_on_the_wire(chain: Chain, family: Family) -> None:
    matching = "ip dscp 46" if family is Family.IPV4 else "ip6 dscp 46"
    chain.nft(
        "r1",
        f"table inet t {{ chain f {{ type filter hook forward priority 0; iifname left1 {matching} counter\n}}\n}}",
    )
    for protocol in Protocol:
        for rights in (True, False):
            with nullcontext() if rights else without_rights():
                driver = opened(protocol, family, SERVER[family], CLOSED_PORT, tos=46 << 2)
            send_all(driver, probes([5]))
            answers(driver, 1)
            driver.close()
    assert chain.nft_counted("r1") == 6


def hold_resets_back(chain: Chain) -> None:
    """Keep what the server opens open, as a long way there does for a round trip."""
    chain.nft(
        "client", "table inet t { chain o { type filter hook output priority 0; tcp flags & rst == rst drop\n}\n}"
    )


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize(
    ("ttls", "own_port", "reaching"),
    [([3, 4, 5], False, [0]), ([3, 3, 3], False, [0, 1, 2]), ([3, 4, 5], True, [0, 1, 2])],
    ids=["one round has one answer", "each round has one", "ports of their own have one each"],
)
def test_a_destination_answers_one_syn_for_each_pair_of_ports(
    chain: Chain, family: Family, ttls: list[int], reaching: list[int], *, own_port: bool
) -> None:
    hold_resets_back(chain)
    driver = open_best(Protocol.TCP, family, rights=True)
    sent = probes(ttls, own_port=own_port)
    with listening(chain, family):
        send_all(driver, sent)
        received = [each for each in listen(driver, lambda _: False, for_s=0.3) if isinstance(each, Received)]
    driver.close()
    assert [answered(each, sent).number for each in received] == reaching


def test_once_the_destination_is_known_each_probe_beyond_it_is_answered(chain: Chain) -> None:
    hold_resets_back(chain)
    driver = open_best(Protocol.TCP, Family.IPV4, rights=True)
    sent = probes([3, 4, 5, 3])
    with listening(chain, Family.IPV4):
        send_all(driver, sent[:1])
        (first,) = answers(driver, 1)
        send_all(driver, sent[1:])
        received = answers(driver, 3)
    driver.close()
    assert [answered(each, sent).number for each in (first, *received)] == [0, 1, 2, 3]


def test_a_connection_sends_one_syn_only(chain: Chain) -> None:
    chain.nft("server", "table inet t { chain i { type filter hook input priority 0; tcp flags syn counter drop\n}\n}")
    driver = open_best(Protocol.TCP, Family.IPV4, rights=False)
    send_all(driver, probes([9]))
    assert listen(driver, bool, for_s=1.3) == []
    driver.close()
    assert chain.nft_counted("server") == 1


def test_a_reply_with_a_wrong_checksum_is_malformed(chain: Chain) -> None:
    driver = open_best(Protocol.ICMP, Family.IPV4, rights=True)
    with chain.inside("r1"), socket.socket(socket.AF_INET, socket.SOCK_RAW, 1) as saying:
        saying.sendto(struct.pack("!BBHHH", 0, 0, 0x1234, driver.flow.icmp_id, 1), (CLIENT[Family.IPV4], 0))
    assert listen(driver, bool) == [Unreadable(RejectReason.MALFORMED)]
    driver.close()


@pytest.mark.usefixtures("chain")
def test_ping_sockets_that_are_off_are_explained() -> None:
    Path("/proc/sys/net/ipv4/ping_group_range").write_text("1 0", "ascii")
    with without_rights():
        driver, refused = open_driver(
            Protocol.ICMP, Family.IPV4, SERVER[Family.IPV4], None, clock=CLOCK, random_bytes=bytes
        )
    assert driver is None
    assert [(each.method, each.failure, each.detail) for each in refused] == [
        (Method.RAW, Failure.NOT_PERMITTED, "raw sockets need root or CAP_NET_RAW"),
        (
            Method.PING_SOCKET,
            Failure.NOT_PERMITTED,
            "ping sockets are off for this group: net.ipv4.ping_group_range is 1 0",
        ),
    ]
