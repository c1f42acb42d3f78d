"""The portable engine over three real hops: each way that it can send and listen, and what it does not hear."""

import fcntl
import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from scapy.config import conf
from scapy.layers.inet import ICMP, IP
from scapy.layers.inet6 import IPv6  # noqa: F401 - scapy knows IPv6 frames only once it is loaded

from probes.drivers import scapy_engine
from probes.facts import Answer, Clocks, Family, FlowKind, Method, Protocol, RejectReason, StampSource
from probes.failure import Failure
from probes.seam import Driver, LocalError, Unreadable
from tests.unit.drivers.chain import CLIENT, HOPS, SERVER, Chain, without_rights
from tests.unit.drivers.driving import CLOCK, answered, answers, listen, probes, send_all
from tests.unit.drivers.test_path import CLOSED_PORT, REACHED_BY, listening

pytestmark = pytest.mark.lab

OPEN_PORT: Final = 443
# linux/if_tun.h
TUNSETIFF: Final = 0x400454CA
IFF_TUN: Final = 0x0001
IFF_NO_PI: Final = 0x1000


def opened(protocol: Protocol, destination: str, port: int | None = None, **options: Any) -> Driver:
    family = Family.IPV6 if ":" in destination else Family.IPV4
    ends = protocol, family, destination, None if protocol is Protocol.ICMP else port or OPEN_PORT
    driver, refused = scapy_engine.open_driver(*ends, clock=CLOCK, random_bytes=os.urandom, **options)
    assert driver is not None, refused
    return driver


def descriptors() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def no_compiler(*_: object) -> None:
    raise ImportError("libpcap is not available")


@pytest.mark.parametrize("way", ["linux", "without_libpcap", "elsewhere"])
@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("family", Family)
def test_each_hop_answers_its_own_probe(
    chain: Chain, monkeypatch: pytest.MonkeyPatch, family: Family, protocol: Protocol, way: str
) -> None:
    if way == "without_libpcap":
        monkeypatch.setattr("scapy.arch.linux.attach_filter", no_compiler)
    if way == "elsewhere":
        # What scapy holds for best on this system stands for what it holds for best on others.
        monkeypatch.setattr(scapy_engine, "LINUX", False)
        # The chain before had the same addresses on other cards.
        conf.ifaces.reload()
        conf.netcache.flush()
    driver = opened(protocol, SERVER[family])
    sent = probes([1, 2, 3, 4])
    with listening(chain, family), closing(driver):
        stamps = send_all(driver, sent)
        received = answers(driver, 4)
    by_ttl = {answered(each, sent).probe_ttl: each for each in received}
    assert {ttl: each.sender for ttl, each in by_ttl.items()} == dict(enumerate((*HOPS[family], SERVER[family]), 1))
    assert [by_ttl[ttl].answer for ttl in (1, 2)] == [Answer.TIME_EXCEEDED] * 2
    assert {by_ttl[ttl].answer for ttl in (3, 4)} == {REACHED_BY[protocol]}
    for probe, stamp in zip(sent, stamps, strict=True):
        assert 0 < by_ttl[probe.probe_ttl].stamp.monotonic_s - stamp.monotonic_s < 5
    assert [by_ttl[ttl].reply_ttl for ttl in (1, 2)] == [64, 63]


@pytest.mark.usefixtures("chain")
@pytest.mark.parametrize("family", Family)
def test_a_closed_port_resets_every_probe(family: Family) -> None:
    with closing(opened(Protocol.TCP, SERVER[family], CLOSED_PORT)) as driver:
        sent = probes([3, 4, 5])
        send_all(driver, sent)
        received = answers(driver, 3)
    assert {each.answer for each in received} == {Answer.RST}
    assert {answered(each, sent).number for each in received} == {0, 1, 2}


@pytest.mark.usefixtures("chain")
@pytest.mark.parametrize(
    ("protocol", "flow_kind"),
    [(Protocol.ICMP, FlowKind.PARIS), (Protocol.UDP, FlowKind.PARIS), (Protocol.TCP, FlowKind.PER_ROUND)],
)
def test_what_it_says_of_itself(protocol: Protocol, flow_kind: FlowKind) -> None:
    with closing(opened(protocol, SERVER[Family.IPV4], tos=184)) as driver:
        assert (driver.method, driver.flow_kind) == (Method.SCAPY, flow_kind)
        assert driver.clocks == Clocks(sent=StampSource.USER, received=StampSource.KERNEL)
        assert (driver.flow.source, driver.flow.tos) == (CLIENT[Family.IPV4], 184)
        assert len(driver.filenos()) == 2


@pytest.mark.usefixtures("chain")
@pytest.mark.parametrize("family", Family)
def test_the_class_that_was_asked_for_is_quoted(family: Family) -> None:
    with closing(opened(Protocol.UDP, SERVER[family], tos=184)) as driver:
        send_all(driver, probes([1]))
        (received,) = answers(driver, 1)
    assert (received.quote.quoted_tos, received.quote.quoted_ttl) == (184, 1)


@pytest.mark.usefixtures("chain")
@pytest.mark.parametrize("family", Family)
def test_without_rights_it_is_refused(family: Family) -> None:
    for protocol in Protocol:
        with without_rights():
            ends = protocol, family, SERVER[family], 7
            driver, (refusal,) = scapy_engine.open_driver(*ends, clock=CLOCK, random_bytes=os.urandom)
        assert driver is None
        assert (refusal.method, refusal.failure) == (Method.SCAPY, Failure.NOT_PERMITTED)
        assert refusal.detail == "scapy's sockets need root or CAP_NET_RAW"


@pytest.mark.usefixtures("chain")
def test_a_refused_driver_leaves_no_descriptor_open() -> None:
    before = descriptors()
    for protocol in Protocol:
        with without_rights():
            scapy_engine.open_driver(
                protocol, Family.IPV4, SERVER[Family.IPV4], 7, clock=CLOCK, random_bytes=os.urandom
            )
        opened(protocol, SERVER[Family.IPV4]).close()
    assert descriptors() == before


@pytest.mark.parametrize("protocol", Protocol)
def test_the_local_firewall_is_named(chain: Chain, protocol: Protocol) -> None:
    with closing(opened(protocol, SERVER[Family.IPV4])) as driver:
        chain.nft("client", "table inet t { chain o { type filter hook output priority 0; ip daddr 10.9.3.2 drop\n}\n}")
        assert driver.send(probes([1])[0]) is Failure.BLOCKED_LOCALLY


def test_a_route_that_refuses_is_named_at_opening_and_at_sending(chain: Chain) -> None:
    with closing(opened(Protocol.UDP, SERVER[Family.IPV4])) as driver:
        chain.ip("client", f"route add prohibit {SERVER[Family.IPV4]}/32")
        assert driver.send(probes([1])[0]) is Failure.ROUTE_PROHIBITED
    ends = Protocol.UDP, Family.IPV4, SERVER[Family.IPV4], None
    nothing, (refusal,) = scapy_engine.open_driver(*ends, clock=CLOCK, random_bytes=os.urandom)
    assert (nothing, refusal.failure) == (None, Failure.ROUTE_PROHIBITED)


@pytest.mark.parametrize("family", Family)
def test_a_gateway_that_is_gone_is_the_hosts_own_verdict(chain: Chain, family: Family) -> None:
    """Heard by the loopback, which is where the host speaks to itself."""
    chain.ip("r1", "addr flush dev left1")
    chain.ip("client", "neigh flush dev right1")
    with closing(opened(Protocol.ICMP, SERVER[family])) as driver:
        send_all(driver, probes([5]))
        events = listen(driver, lambda events: any(isinstance(event, LocalError) for event in events), for_s=6)
    assert {event for event in events if isinstance(event, LocalError)} == {
        LocalError(Failure.HOST_UNREACHABLE, CLIENT[family], None)
    }


@pytest.mark.usefixtures("chain")
def test_a_message_with_a_wrong_checksum_is_malformed() -> None:
    """Nobody has looked at the checksum before a capture gets the packet."""
    with closing(opened(Protocol.ICMP, CLIENT[Family.IPV4])) as driver:
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as forger:
            identifier = (driver.flow.icmp_id or 0).to_bytes(2, "big")
            forger.sendto(b"\0\0\xba\xad" + identifier + bytes(10), (CLIENT[Family.IPV4], 0))
        events = listen(driver, bool)
    assert events == [Unreadable(RejectReason.MALFORMED)]


@pytest.mark.usefixtures("chain")
def test_somebody_elses_echo_is_foreign() -> None:
    with closing(opened(Protocol.ICMP, CLIENT[Family.IPV4])) as driver:
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as other:
            foreign = (driver.flow.icmp_id or 0) ^ 1
            other.sendto(bytes(ICMP(type=0, id=foreign, seq=1)), (CLIENT[Family.IPV4], 0))
        events = listen(driver, bool)
    assert events == [Unreadable(RejectReason.FOREIGN_FLOW)]


@contextmanager
def tunnel() -> Iterator[None]:
    """Have a TUN interface here, behind which 10.77.0.2 answers echo requests."""
    with Path("/dev/net/tun").open("r+b", buffering=0) as device:
        fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", b"vpn0", IFF_TUN | IFF_NO_PI))
        answering = threading.Thread(target=answer_echoes, args=(device,), daemon=True)
        answering.start()
        yield
        # The thread's read ends with the first packet that is not for it.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ending:
            ending.sendto(b"end", ("10.77.0.3", 9))
        answering.join(5)
        assert not answering.is_alive()


def answer_echoes(device: Any) -> None:
    while True:
        packet = IP(device.read(2048))
        if packet.version == 4 and packet.dst == "10.77.0.3":
            return
        if packet.version == 4 and packet.haslayer(ICMP):
            reply = IP(src=packet.dst, dst=packet.src) / ICMP(type=0, id=packet[ICMP].id, seq=packet[ICMP].seq)
            device.write(bytes(reply / packet[ICMP].payload))


def test_a_link_without_ethernet_is_heard(chain: Chain) -> None:
    with tunnel():
        chain.ip("client", "addr add 10.77.0.1/24 dev vpn0")
        chain.ip("client", "link set vpn0 up")
        with closing(opened(Protocol.ICMP, "10.77.0.2")) as driver:
            sent = probes([1, 2])
            send_all(driver, sent)
            received = answers(driver, 2)
    assert [(each.answer, each.sender) for each in received] == [(Answer.ECHO_REPLY, "10.77.0.2")] * 2
    assert {answered(each, sent).number for each in received} == {0, 1}
