"""Headers written out byte by byte, and what is refused."""

import pytest

from probes.frozen import replace
from probes.wire.ipv4 import Ipv4Header, build_ipv4, ipv4_text, parse_ipv4
from probes.wire.ipv6 import Ipv6Header, build_ipv6, find_transport, ipv6_text, parse_ipv6
from probes.wire.malformed import MalformedDatagram
from probes.wire.tcp import ACK, RST, SYN, TcpHeader, build_syn, build_tcp, parse_quoted_tcp, parse_tcp
from probes.wire.udp import UdpHeader, parse_udp

IPV4 = Ipv4Header(
    header_length=20,
    tos=0x10,
    total_length=46,
    identification=0x1234,
    ttl=3,
    protocol=17,
    source=bytes([10, 0, 0, 1]),
    destination=bytes([192, 0, 2, 80]),
)
IPV6 = Ipv6Header(
    traffic_class=0x20,
    flow_label=0xABCDE,
    payload_length=18,
    next_header=17,
    hop_limit=3,
    source=bytes(15) + b"\1",
    destination=bytes.fromhex("20010db8") + bytes(11) + b"\x80",
)


def test_an_ipv4_header_byte_by_byte() -> None:
    datagram = bytes.fromhex("4510002e 1234 0000 0311 0000 0a000001 c0000250")
    assert parse_ipv4(datagram) == IPV4
    assert build_ipv4(IPV4) == datagram


def test_ipv4_options_make_the_header_longer() -> None:
    assert parse_ipv4(b"\x46" + build_ipv4(IPV4)[1:] + bytes(4)).header_length == 24


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        build_ipv4(IPV4)[:19],
        b"\x65" + build_ipv4(IPV4)[1:],
        b"\x44" + build_ipv4(IPV4)[1:],
        b"\x4f" + build_ipv4(IPV4)[1:],
    ],
    ids=["nothing", "cut", "version 6", "four words long", "longer than there is"],
)
def test_what_is_no_ipv4_header(datagram: bytes) -> None:
    with pytest.raises(MalformedDatagram):
        parse_ipv4(datagram)


def test_an_ipv6_header_byte_by_byte() -> None:
    datagram = bytes.fromhex("620abcde 0012 11 03") + IPV6.source + IPV6.destination
    assert parse_ipv6(datagram) == IPV6
    assert build_ipv6(IPV6) == datagram


@pytest.mark.parametrize("datagram", [b"", build_ipv6(IPV6)[:39], b"\x45" + build_ipv6(IPV6)[1:]])
def test_what_is_no_ipv6_header(datagram: bytes) -> None:
    with pytest.raises(MalformedDatagram):
        parse_ipv6(datagram)


def test_the_transport_is_found_behind_extension_headers() -> None:
    hop_by_hop = bytes([43, 0]) + bytes(6)
    routing = bytes([44, 1]) + bytes(14)
    fragment = bytes([6, 0]) + bytes(6)
    header = replace(IPV6, next_header=0)
    datagram = build_ipv6(header) + hop_by_hop + routing + fragment + b"segment"
    assert find_transport(header, datagram) == (6, 40 + 8 + 16 + 8)


def test_a_datagram_cut_inside_an_extension_header_has_its_transport_beyond_the_end() -> None:
    header = replace(IPV6, next_header=60)
    datagram = build_ipv6(header) + bytes([17, 3])
    protocol, offset = find_transport(header, datagram)
    assert (protocol, offset > len(datagram)) == (17, True)


@pytest.mark.parametrize(
    ("packed", "text"),
    [
        ("00000000000000000000000000000000", "::"),
        ("00000000000000000000000000000001", "::1"),
        ("20010db8000000000001000000000001", "2001:db8::1:0:0:1"),
        ("20010db8000000010001000100010001", "2001:db8:0:1:1:1:1:1"),
        ("fe800000000000000000000000000000", "fe80::"),
        ("00000000000000000000ffffc0000250", "::ffff:192.0.2.80"),
    ],
    ids=["any", "loopback", "first of two runs", "one zero is no run", "run at the end", "mapped"],
)
def test_ipv6_text_as_rfc_5952_has_it(packed: str, text: str) -> None:
    assert ipv6_text(bytes.fromhex(packed)) == text


def test_ipv4_text() -> None:
    assert ipv4_text(IPV4.destination) == "192.0.2.80"


def test_a_udp_header_byte_by_byte() -> None:
    expected = UdpHeader(source_port=0x8000, destination_port=33434, length=18, checksum=0xBEEF)
    assert parse_udp(bytes.fromhex("8000 829a 0012 beef") + b"rest") == expected
    with pytest.raises(MalformedDatagram):
        parse_udp(bytes(7))


def test_a_reset_byte_by_byte() -> None:
    segment = bytes.fromhex("01bb 8000 00000000 01020304 5014 0000 0000 0000")
    header = TcpHeader(
        source_port=443, destination_port=0x8000, sequence=0, acknowledgement=0x01020304, flags=RST | ACK
    )
    assert parse_tcp(segment) == header


@pytest.mark.parametrize(
    "segment",
    [bytes(19), bytes(12) + b"\x40" + bytes(7), bytes(12) + b"\x60" + bytes(7)],
    ids=["cut", "four words long", "longer than there is"],
)
def test_what_is_no_tcp_header(segment: bytes) -> None:
    with pytest.raises(MalformedDatagram):
        parse_tcp(segment)


def test_a_syn_is_a_syn_and_its_first_eight_bytes_name_it() -> None:
    segment = build_syn(IPV4.source, IPV4.destination, 40000, 443, 0xDEADBEEF)
    assert parse_tcp(segment).flags == SYN
    assert parse_quoted_tcp(segment[:8]) == (40000, 443, 0xDEADBEEF)
    with pytest.raises(MalformedDatagram):
        parse_quoted_tcp(segment[:7])


def test_a_segment_without_options_is_twenty_bytes() -> None:
    header = TcpHeader(source_port=1, destination_port=2, sequence=3, acknowledgement=4, flags=ACK)
    assert len(build_tcp(IPV4.source, IPV4.destination, header)) == 20
