"""The filter of a capture, run by the kernel on datagrams that scapy builds: what it lets in, and what it keeps out."""

import socket
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6, IPv6ExtHdrHopByHop
from scapy.packet import Raw

from probes.drivers.bpf import attach
from probes.drivers.packet_filter import trace_filter

HERE, THERE, ELSEWHERE = "192.0.2.1", "198.51.100.2", "203.0.113.3"
HERE6, THERE6, ELSEWHERE6 = "2001:db8::1", "2001:db8:2::2", "2001:db8:3::3"
PAIRS: Final = ((HERE, THERE), (HERE6, THERE6))


def passed(pairs: tuple[tuple[str, str], ...], datagrams: list[bytes]) -> list[bool]:
    """Return which datagrams a socket with the filter gets: any socket's filter sees what was sent to it."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with here, there:
        there.setblocking(False)
        attach(there, trace_filter(pairs))
        return [arrives(here, there, data) for data in datagrams]


def arrives(here: socket.socket, there: socket.socket, data: bytes) -> bool:
    here.send(data)
    try:
        return there.recv(4096) == data
    except BlockingIOError:
        return False


def between(source: str, destination: str) -> Any:
    return (IPv6 if ":" in source else IP)(src=source, dst=destination)


def echo(source: str, destination: str) -> Any:
    return between(source, destination) / (ICMPv6EchoRequest() if ":" in source else ICMP()) / Raw(b"x" * 50)


@pytest.mark.parametrize(("here", "there", "elsewhere"), [(HERE, THERE, ELSEWHERE), (HERE6, THERE6, ELSEWHERE6)])
def test_only_what_may_belong_to_the_trace_passes(here: str, there: str, elsewhere: str) -> None:
    wanted = [
        echo(here, there),
        echo(there, here),
        # An error comes from anybody on the way.
        echo(elsewhere, here),
        between(here, there) / UDP() / Raw(bytes(10)),
        between(there, here) / UDP() / Raw(bytes(10)),
        between(here, there) / TCP(flags="S", options=[("MSS", 1460)]),
        between(there, here) / TCP(flags="SA"),
        between(there, here) / TCP(flags="R"),
    ]
    unwanted = [
        echo(here, elsewhere),
        echo(there, elsewhere),
        between(elsewhere, here) / UDP() / Raw(bytes(10)),
        between(elsewhere, here) / TCP(flags="SA"),
        between(here, elsewhere) / TCP(flags="S"),
        # An application's data, between the very addresses.
        between(here, there) / TCP(flags="PA") / Raw(b"secret"),
        between(there, here) / TCP(flags="A"),
        between(there, here) / TCP(flags="FA"),
    ]
    assert passed(PAIRS, [bytes(packet) for packet in wanted]) == [True] * len(wanted)
    assert passed(PAIRS, [bytes(packet) for packet in unwanted]) == [False] * len(unwanted)


def test_flags_are_found_behind_ip_options() -> None:
    packet = IP(src=HERE, dst=THERE, options=[b"\x01"] * 8)
    datagrams = [bytes(packet / TCP(flags=flags)) for flags in ("S", "A")]
    assert passed(PAIRS, datagrams) == [True, False]


def test_extension_headers_are_let_in() -> None:
    packet = IPv6(src=THERE6, dst=HERE6) / IPv6ExtHdrHopByHop() / UDP()
    assert passed(PAIRS, [bytes(packet)]) == [True]


def test_nothing_passes_before_somebody_is_followed() -> None:
    assert passed((), [bytes(echo(HERE, THERE)), bytes(echo(HERE6, THERE6)), b"", b"\x45"]) == [False] * 4


def test_a_host_that_traces_itself_is_let_in_once_for_each_packet() -> None:
    assert passed(((HERE, HERE),), [bytes(echo(HERE, HERE)), bytes(echo(HERE, THERE))]) == [True, False]


@given(st.lists(st.sampled_from([HERE, THERE, ELSEWHERE, HERE6, THERE6, ELSEWHERE6]), min_size=2, max_size=2))
def test_addresses_decide_alone_of_datagrams(ends: list[str]) -> None:
    source, destination = ends
    if (":" in source) != (":" in destination):
        return
    expected = any({source, destination} == set(pair) for pair in PAIRS)
    assert passed(PAIRS, [bytes(between(source, destination) / UDP())]) == [expected]


@given(st.binary(max_size=60))
def test_short_and_strange_datagrams_do_no_harm(data: bytes) -> None:
    if data:
        passed(PAIRS, [data])


def test_many_pairs_fit() -> None:
    """No jump reaches out of its own part, however many there are; the kernel takes 4,096 instructions."""
    pairs = tuple((f"10.0.{number}.1", f"10.1.{number}.1") for number in range(60))
    datagrams = [bytes(echo(*pair)) for pair in pairs]
    assert passed(pairs, datagrams) == [True] * 60
    assert passed(pairs[:59], datagrams[59:]) == [False]
