"""A capture beside a driver: what it sees, when it starts to, and that it says what it had no room for."""

import socket
import time
from contextlib import closing
from io import BytesIO
from pathlib import Path

import pytest
from scapy.utils import PcapNgReader

from agent.packet_file import packet_file
from probes.captured import Packet, SentProbe
from probes.drivers import packet_capture
from probes.drivers.packet_capture import PacketCapture, open_capture
from probes.facts import Family, Protocol
from probes.failure import Failure
from tests.unit.drivers.chain import CLIENT, HOPS, SERVER, Chain, without_rights
from tests.unit.drivers.driving import answers, opened, probes, send_all

pytestmark = pytest.mark.lab


@pytest.mark.usefixtures("chain")
@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("family", Family)
def test_probes_and_answers_are_captured_as_they_pass(family: Family, protocol: Protocol) -> None:
    capture = PacketCapture()
    driver = opened(protocol, family, SERVER[family], None if protocol is Protocol.ICMP else 444)
    with closing(capture.follow(driver)) as tap:
        assert (tap.flow, tap.method, tap.flow_kind, tap.clocks) == (
            *(driver.flow, driver.method, driver.flow_kind, driver.clocks),
        )
        assert tap.filenos() == driver.filenos()
        before_ns = time.time_ns()
        sent = probes([1, 2])
        send_all(tap, sent)
        answers(tap, 2)
    entries = capture.close().entries
    assert [entry.probe for entry in entries if isinstance(entry, SentProbe)] == sent
    packets = [entry for entry in entries if isinstance(entry, Packet)]
    assert [packet.outgoing for packet in packets].count(True) == 2
    assert len(packets) == 4
    assert {packet.interface for packet in packets} == {"right1"}
    assert all(before_ns < packet.realtime_ns < time.time_ns() for packet in packets)


@pytest.mark.usefixtures("chain")
def test_nothing_is_kept_from_before_a_driver_is_followed() -> None:
    capture = PacketCapture()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.sendto(b"somebody's secret", (SERVER[Family.IPV4], 9))
    assert capture.close().entries == ()


@pytest.mark.usefixtures("chain")
def test_nothing_is_kept_of_what_came_before_the_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    let_in = PacketCapture._let_in

    def after_three_packets(capture: PacketCapture) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            for _ in range(3):
                other.sendto(b"somebody's secret", (CLIENT[Family.IPV4], 9))
        let_in(capture)

    monkeypatch.setattr(PacketCapture, "_let_in", after_three_packets)
    assert PacketCapture().close().entries == ()


@pytest.mark.usefixtures("chain")
def test_everything_that_waits_at_the_end_is_kept() -> None:
    """One reading takes 512 packets; a flood leaves more behind."""
    capture = PacketCapture()
    with closing(opened(Protocol.ICMP, Family.IPV4, CLIENT[Family.IPV4])) as driver:
        tap = capture.follow(driver)
        for probe in probes([1] * 400):
            assert not isinstance(tap.send(probe), Failure)
        captured = capture.close()
    packets = [entry for entry in captured.entries if isinstance(entry, Packet)]
    # Requests and replies, as the loopback gives them back.
    assert (len(packets), captured.dropped) == (800, 0)


@pytest.mark.usefixtures("chain")
def test_a_flood_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packet_capture, "_MOST_ENTRIES", 50)
    capture = PacketCapture()
    with closing(opened(Protocol.ICMP, Family.IPV4, CLIENT[Family.IPV4])) as driver:
        tap = capture.follow(driver)
        for probe in probes([1] * 40):
            assert not isinstance(tap.send(probe), Failure)
        captured = capture.close()
    assert (len(captured.entries), captured.dropped) == (50, 70)


@pytest.mark.usefixtures("chain")
def test_packets_that_cannot_be_let_in_cost_the_capture_and_not_the_trace() -> None:
    capture = PacketCapture()
    with closing(opened(Protocol.ICMP, Family.IPV4, SERVER[Family.IPV4])) as driver:
        # So many octets do for a filter of one instruction (net/core/filter.c, sk_filter_charge) [measured].
        Path("/proc/sys/net/core/optmem_max").write_text("300", encoding="ascii")
        tap = capture.follow(driver)
        send_all(tap, probes([1]))
        answers(tap, 1)
    complaint = packet_file(capture.close()).complaint
    assert complaint is not None
    assert complaint.startswith("1 of 1 probes were not captured")


@pytest.mark.usefixtures("chain")
def test_two_targets_are_captured_by_one_socket() -> None:
    capture = PacketCapture()
    targets = SERVER[Family.IPV4], HOPS[Family.IPV4][0]
    for target in targets:
        with closing(capture.follow(opened(Protocol.ICMP, Family.IPV4, target))) as tap:
            send_all(tap, probes([8]))
            answers(tap, 1)
    entries = capture.close().entries
    seen = [entry.data[16:20] for entry in entries if isinstance(entry, Packet) and entry.outgoing]
    assert [".".join(map(str, address)) for address in seen] == list(targets)


@pytest.mark.usefixtures("chain")
def test_what_had_no_room_is_counted_and_said() -> None:
    capture = PacketCapture()
    with closing(capture.follow(opened(Protocol.ICMP, Family.IPV4, SERVER[Family.IPV4]))) as tap:
        # The least that the kernel gives: a few packets.
        capture._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        send_all(tap, probes([4] * 40))
        answers(tap, 40)
    captured = capture.close()
    file = packet_file(captured)
    assert captured.dropped > 40
    assert file.complaint is not None
    assert file.complaint.endswith(
        f"of 40 probes were not captured; the kernel had no room for {captured.dropped} packets."
    )
    with PcapNgReader(BytesIO(file.data)) as reader:
        assert all(b"icmp probe" in packet.comment for packet in reader)


def test_an_interface_that_goes_down_ends_nothing(chain: Chain) -> None:
    capture = PacketCapture()
    with closing(capture.follow(opened(Protocol.ICMP, Family.IPV4, CLIENT[Family.IPV4]))) as tap:
        chain.ip("client", "link set right1 down")
        send_all(tap, probes([1]))
        answers(tap, 1)
    packets = [entry for entry in capture.close().entries if isinstance(entry, Packet)]
    # The loopback's outgoing copies are left out.
    assert [(packet.interface, packet.outgoing) for packet in packets] == [("lo", False)] * 2


@pytest.mark.usefixtures("chain")
def test_without_rights_it_is_refused() -> None:
    with without_rights():
        assert open_capture() is Failure.NOT_PERMITTED
