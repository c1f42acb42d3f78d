"""The drivers that need no rights, on the loopback: identities, orders, bounds, and giving up in time."""

import os
import resource
import socket
import time

import pytest

from probes.drivers.ladder import open_driver
from probes.drivers.ping_socket import PingSocket
from probes.drivers.raw_icmp import RawIcmp
from probes.drivers.raw_tcp import RawTcp
from probes.drivers.raw_udp import RawUdp
from probes.drivers.tcp_connect import _GIVE_UP_S, TcpConnect
from probes.drivers.unprivileged_udp import UnprivilegedUdp
from probes.drivers.waiter import _LONGEST_S, PollWaiter
from probes.facts import Answer, Clocks, Family, FlowKind, Method, Protocol, RejectReason, StampSource
from probes.failure import Failure
from probes.seam import Driver, Received, Stamp, Unreadable, Waiter
from tests.unit.drivers.driving import CLOCK, answered, answers, listen, opened, probes, send_all

LOOPBACK = {Family.IPV4: "127.0.0.1", Family.IPV6: "::1"}
# RFC 6298 section 2.1: the first retransmission timeout.
SECOND_SYN_S = 1.0
KINDS = {Family.IPV4: socket.AF_INET, Family.IPV6: socket.AF_INET6}


def free_port(family: Family, kind: socket.SocketKind) -> int:
    with socket.socket(KINDS[family], kind) as asking:
        asking.bind((LOOPBACK[family], 0))
        port = asking.getsockname()[1]
    assert isinstance(port, int)
    return port


def every_driver_fits(drivers: tuple[type[Driver], ...], waiter: type[Waiter]) -> None:
    """The type checker holds each class to the seam."""


every_driver_fits((RawIcmp, RawUdp, RawTcp, PingSocket, UnprivilegedUdp, TcpConnect), PollWaiter)


@pytest.mark.parametrize("family", Family)
def test_a_closed_udp_port_gives_the_token_back(family: Family) -> None:
    port = free_port(family, socket.SOCK_DGRAM)
    driver = opened(Protocol.UDP, family, LOOPBACK[family], port, privileged=False)
    sent = probes([1, 2, 3])
    stamps = send_all(driver, sent)
    received = answers(driver, 3)
    driver.close()
    assert [answered(each, sent).number for each in received] == [0, 1, 2]
    for each, stamp in zip(received, stamps, strict=True):
        assert (each.sender, each.answer) == (LOOPBACK[family], Answer.DESTINATION_UNREACHABLE)
        assert 0 <= each.stamp.monotonic_s - stamp.monotonic_s < 0.1
        assert (each.quote.source_port, each.quote.destination_port) == (driver.flow.source_port, port)


@pytest.mark.parametrize("family", Family)
def test_an_open_tcp_port_is_a_syn_ack_with_the_kernels_rtt(family: Family) -> None:
    with socket.create_server((LOOPBACK[family], 0), family=KINDS[family]) as listener:
        driver = opened(Protocol.TCP, family, LOOPBACK[family], listener.getsockname()[1], privileged=False)
        stamps = send_all(driver, probes([4, 5]))
        # However late it is read, the time is the kernel's.
        time.sleep(0.2)
        received = answers(driver, 2)
        driver.close()
    assert {each.answer for each in received} == {Answer.SYN_ACK}
    for each in received:
        assert each.quote.number is not None
        assert 0 < each.stamp.monotonic_s - stamps[each.quote.number].monotonic_s < 0.1
        assert each.stamp.source is StampSource.KERNEL


@pytest.mark.parametrize("family", Family)
def test_a_closed_tcp_port_is_a_reset(family: Family) -> None:
    port = free_port(family, socket.SOCK_STREAM)
    driver = opened(Protocol.TCP, family, LOOPBACK[family], port, privileged=False)
    send_all(driver, probes([4]))
    (received,) = answers(driver, 1)
    driver.close()
    assert (received.answer, received.quote.number, received.stamp.source) == (Answer.RST, 0, StampSource.USER)


def test_an_older_error_does_not_swallow_a_probe() -> None:
    # Each send finds the error of the one before pending, and the kernel then sends nothing.
    port = free_port(Family.IPV4, socket.SOCK_DGRAM)
    driver = opened(Protocol.UDP, Family.IPV4, "127.0.0.1", port, privileged=False)
    sent = probes([9] * 100)
    send_all(driver, sent)
    received = answers(driver, 100)
    driver.close()
    assert [answered(each, sent).number for each in received] == list(range(100))


def test_one_call_reads_no_more_than_256() -> None:
    port = free_port(Family.IPV4, socket.SOCK_DGRAM)
    driver = opened(Protocol.UDP, Family.IPV4, "127.0.0.1", port, privileged=False)
    for probe in probes([9] * 300):
        driver.send(probe)
    first, second, third = driver.receive(), driver.receive(), driver.receive()
    driver.close()
    assert (len(first), len(second), len(third)) == (256, 44, 0)


def test_replies_and_errors_come_in_the_order_of_their_arrival() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as service:
        service.bind(("127.0.0.1", 0))
        driver = opened(Protocol.UDP, Family.IPV4, "127.0.0.1", service.getsockname()[1], privileged=False)
        sent = probes([9, 9])
        driver.send(sent[0])
        data, sender = service.recvfrom(100)
        service.sendto(data, sender)
    time.sleep(0.02)
    driver.send(sent[1])
    time.sleep(0.02)
    received = answers(driver, 2)
    driver.close()
    assert [each.answer for each in received] == [Answer.UDP_REPLY, Answer.DESTINATION_UNREACHABLE]
    assert [answered(each, sent).number for each in received] == [0, 1]


def test_nothing_has_arrived() -> None:
    for protocol in (Protocol.UDP, Protocol.TCP):
        driver = opened(protocol, Family.IPV4, "127.0.0.1", 9, privileged=False)
        assert list(driver.receive()) == []
        driver.close()


def test_a_silent_connection_is_given_up_before_the_second_syn() -> None:
    # A listener whose backlog is full drops SYNs.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            driver = opened(Protocol.TCP, Family.IPV4, "127.0.0.1", port, privileged=False)
            assert isinstance(driver, TcpConnect)
            sent = driver.send(probes([9])[0])
            assert isinstance(sent, Stamp)
            waiter, begun_s, over_s = PollWaiter(), [0.0], [0.0]
            while driver._in_flight and over_s[-1] < 2:
                waiter.wait([driver], sent.monotonic_s + 2)
                begun_s.append(CLOCK.monotonic() - sent.monotonic_s)
                assert list(driver.receive()) == []
                over_s.append(CLOCK.monotonic() - sent.monotonic_s)
            waiter.close()
            driver.close()
    # In the first turn that it gets when the time is up, however late a busy machine gives that; and turns come often
    # enough to be there before the kernel's second SYN.
    assert begun_s[-2] < _GIVE_UP_S <= over_s[-1]
    assert _GIVE_UP_S + _LONGEST_S < SECOND_SYN_S


def test_what_connect_made_is_gone_after_closing() -> None:
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are enough
    with socket.create_server(("127.0.0.1", 0)) as listener:
        driver = opened(Protocol.TCP, Family.IPV4, "127.0.0.1", listener.getsockname()[1], privileged=False)
        send_all(driver, probes([9] * 5))
        driver.close()
    assert set(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


@pytest.mark.parametrize(
    ("protocol", "method", "flow_kind", "sent"),
    [
        (Protocol.UDP, Method.ERROR_QUEUE, FlowKind.PARIS, StampSource.KERNEL),
        (Protocol.TCP, Method.CONNECT, FlowKind.PER_PROBE, StampSource.USER),
    ],
)
def test_what_a_driver_says_of_itself(
    protocol: Protocol, method: Method, flow_kind: FlowKind, sent: StampSource
) -> None:
    driver = opened(protocol, Family.IPV4, "127.0.0.1", 9, privileged=False)
    flow = driver.flow
    driver.close()
    assert (driver.method, driver.flow_kind) == (method, flow_kind)
    assert driver.clocks == Clocks(sent=sent, received=StampSource.KERNEL)
    assert (flow.source, flow.destination, flow.destination_port) == ("127.0.0.1", "127.0.0.1", 9)
    assert (flow.source_port is None) is (protocol is Protocol.TCP)


@pytest.mark.parametrize(("protocol", "port"), [(Protocol.UDP, 33434), (Protocol.TCP, 443)])
def test_usual_ports(protocol: Protocol, port: int) -> None:
    driver = opened(protocol, Family.IPV4, "127.0.0.1", privileged=False)
    driver.close()
    assert driver.flow.destination_port == port


@pytest.mark.parametrize(
    ("destination", "options", "failure", "words"),
    [
        ("127.0.0.1", {"interface": "nosuch0"}, Failure.NO_SUCH_INTERFACE, "by interface nosuch0: no such interface"),
        ("127.0.0.1", {"source": "192.0.2.1"}, Failure.ADDRESS_NOT_AVAILABLE, "from 192.0.2.1"),
        ("fe80::1", {}, Failure.NO_SUCH_INTERFACE, "say which, as in fe80::1%eth0"),
        ("fe80::1%nosuch0", {}, Failure.NO_SUCH_INTERFACE, "no way to fe80::1%nosuch0"),
    ],
)
@pytest.mark.parametrize("protocol", Protocol)
def test_no_way_there_is_one_refusal_in_words(
    protocol: Protocol, destination: str, options: dict[str, str], failure: Failure, words: str
) -> None:
    driver, refused = open_driver(
        protocol,
        Family.IPV6 if ":" in destination else Family.IPV4,
        destination,
        None,
        clock=CLOCK,
        random_bytes=os.urandom,
        source=options.get("source"),
        interface=options.get("interface"),
    )
    assert driver is None
    assert [each.failure for each in refused] == [failure]
    assert words in refused[0].detail


def test_too_many_open_files_is_a_refusal() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as highest:
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest.fileno(), hard))
        try:
            driver, refused = open_driver(
                Protocol.UDP, Family.IPV4, "127.0.0.1", None, clock=CLOCK, random_bytes=os.urandom
            )
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert driver is None
    assert {each.failure for each in refused} == {Failure.TOO_MANY_FILES}


def test_a_driver_that_cannot_open_another_socket_says_so_when_sending() -> None:
    driver = opened(Protocol.TCP, Family.IPV4, "127.0.0.1", 9, privileged=False)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as highest:
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest.fileno(), hard))
        try:
            failure = driver.send(probes([9])[0])
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    driver.close()
    assert failure is Failure.TOO_MANY_FILES


def test_the_source_asked_for_is_the_flows() -> None:
    driver = opened(Protocol.UDP, Family.IPV4, "127.0.0.1", 9, privileged=False, source="127.0.0.77")
    send_all(driver, probes([9]))
    events = listen(driver, bool)
    driver.close()
    assert driver.flow.source == "127.0.0.77"
    assert [each.quote.source for each in events if isinstance(each, Received)] == ["127.0.0.77"]


@pytest.mark.parametrize("family", Family)
def test_the_kernel_says_when_a_probe_left(family: Family) -> None:
    driver = opened(Protocol.UDP, family, LOOPBACK[family], free_port(family, socket.SOCK_DGRAM), privileged=False)
    before_ns = time.time_ns()
    stamps = send_all(driver, probes([9] * 3))
    driver.close()
    assert {(stamp.source, stamp.off_by_s) for stamp in stamps} == {(StampSource.KERNEL, 0)}
    assert before_ns < stamps[0].realtime_ns < stamps[1].realtime_ns < stamps[2].realtime_ns < time.time_ns()


def test_what_finds_no_room_is_counted() -> None:
    driver = opened(Protocol.UDP, Family.IPV4, "127.0.0.1", 9, privileged=False)
    assert isinstance(driver, UnprivilegedUdp)
    driver._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)  # the kernel makes it its least: 2304 bytes
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flooding:
        for _ in range(100):
            flooding.sendto(b"x" * 64, ("127.0.0.1", driver.flow.source_port))
        read = [event for event in driver.receive() if isinstance(event, Received)]
        # The count comes with the next datagram.
        flooding.sendto(b"x" * 64, ("127.0.0.1", driver.flow.source_port))
        *counted, last = driver.receive()
    driver.close()
    assert isinstance(last, Received)
    assert counted == [Unreadable(RejectReason.UNREAD, 100 - len(read))]
