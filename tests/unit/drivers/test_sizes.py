"""Packets of a chosen size: whole, whatever the kernel has heard of the path, and who says what of them."""

import socket
import struct
from dataclasses import replace

import pytest

from probes.facts import Answer, Family, Protocol
from probes.failure import Failure
from probes.seam import LocalError, Probe, Received
from tests.unit.drivers.chain import HOPS, SERVER, Chain
from tests.unit.drivers.driving import answered, answers, listen, probes, send_all
from tests.unit.drivers.test_path import open_best

pytestmark = pytest.mark.lab

NARROW, WIDE = 1400, 1500
CARRIERS = [Protocol.ICMP, Protocol.UDP]
ETHERTYPES = {Family.IPV4: 0x0800, Family.IPV6: 0x86DD}
DONT_FRAGMENT = 0x4000


def sized(*sizes: int) -> list[Probe]:
    """Return probes to the server, one of each size."""
    return [replace(probe, size=size) for probe, size in zip(probes([64] * len(sizes)), sizes, strict=True)]


@pytest.fixture
def narrow(chain: Chain) -> Chain:
    """Make the last link narrower than the others."""
    chain.ip("r2", f"link set right3 mtu {NARROW}")
    chain.ip("server", f"link set left3 mtu {NARROW}")
    return chain


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("rights", [True, False], ids=["root", "nobody"])
@pytest.mark.parametrize("protocol", CARRIERS)
@pytest.mark.parametrize("family", Family)
def test_a_router_names_its_next_links_mtu_each_time(family: Family, protocol: Protocol, *, rights: bool) -> None:
    """Also the second time, when the kernel itself would send nothing so large any more."""
    driver = open_best(protocol, family, rights=rights)
    sent = sized(NARROW + 1, NARROW, NARROW + 1)
    send_all(driver, sent)
    by_number = {answered(each, sent).number: each for each in answers(driver, 3)}
    driver.close()
    assert [(by_number[n].sender, by_number[n].next_hop_mtu) for n in (0, 2)] == [(HOPS[family][1], NARROW)] * 2
    assert (by_number[1].sender, by_number[1].next_hop_mtu) == (SERVER[family], None)
    assert by_number[0].answer in {Answer.DESTINATION_UNREACHABLE, Answer.PACKET_TOO_BIG}


@pytest.mark.usefixtures("chain")
@pytest.mark.parametrize("rights", [True, False], ids=["root", "nobody"])
@pytest.mark.parametrize("protocol", CARRIERS)
@pytest.mark.parametrize("family", Family)
def test_what_the_own_link_does_not_take_is_refused_at_once(
    family: Family, protocol: Protocol, *, rights: bool
) -> None:
    driver = open_best(protocol, family, rights=rights)
    too_long, fits = sized(WIDE + 1, WIDE)
    assert driver.send(too_long) is Failure.MESSAGE_TOO_LONG
    send_all(driver, [fits])
    events = listen(driver, lambda events: any(isinstance(event, Received) for event in events))
    driver.close()
    assert [event.sender for event in events if isinstance(event, Received)] == [SERVER[family]]
    said = [event for event in events if isinstance(event, LocalError)]
    # Raw sockets have no error queue: there the call's own word is all.
    assert bool(said) is not rights
    assert {(event.failure, event.mtu) for event in said} <= {(Failure.MESSAGE_TOO_LONG, WIDE)}


@pytest.mark.parametrize("rights", [True, False], ids=["root", "nobody"])
@pytest.mark.parametrize("protocol", CARRIERS)
@pytest.mark.parametrize("family", Family)
def test_packets_are_as_long_on_the_wire_as_asked_and_whole(
    chain: Chain, family: Family, protocol: Protocol, *, rights: bool
) -> None:
    with chain.inside("server"):
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETHERTYPES[family]))
        wire.bind(("left3", ETHERTYPES[family]))
        wire.settimeout(2)
    driver = open_best(protocol, family, rights=rights)
    sizes = (96, 577, 1281, WIDE)
    with wire:
        send_all(driver, sized(*sizes))
        arrived = [wire.recvfrom(4096)[0] for _ in sizes]
    driver.close()
    assert tuple(len(packet) for packet in arrived) == sizes
    assert all(len(set(packet[64:])) > 1 for packet in arrived[1:]), (
        "a link that compresses would seem wider than it is"
    )
    if family is Family.IPV4:
        assert {struct.unpack_from("!H", packet, 6)[0] for packet in arrived} == {DONT_FRAGMENT}


@pytest.mark.parametrize("rights", [True, False], ids=["root", "nobody"])
@pytest.mark.parametrize("family", Family)
def test_jumbo_echoes_come_back_whole(chain: Chain, family: Family, *, rights: bool) -> None:
    for number, (left, right) in enumerate((("client", "r1"), ("r1", "r2"), ("r2", "server")), 1):
        chain.ip(left, f"link set right{number} mtu 9000")
        chain.ip(right, f"link set left{number} mtu 9000")
    driver = open_best(Protocol.ICMP, family, rights=rights)
    sent = sized(9000)
    send_all(driver, sent)
    (received,) = answers(driver, 1)
    driver.close()
    assert answered(received, sent) is sent[0]
    assert received.answer is Answer.ECHO_REPLY
