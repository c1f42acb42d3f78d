"""Whole messages to the seam's words, for each protocol and as far as the quote reaches."""

from collections.abc import Callable

import pytest

from probes.facts import Answer, Family, Icmp, MplsLabel, Protocol, StampSource
from probes.seam import Extensions, Flow, Quote, Received, Stamp
from probes.wire import echo, icmp, tcp, udp
from probes.wire.answers import read_icmp, read_quote, read_quoted_icmp, read_tcp
from probes.wire.icmp_extensions import build_mpls
from probes.wire.ipv4 import Ipv4Header, build_ipv4
from probes.wire.ipv6 import Ipv6Header, build_ipv6
from probes.wire.malformed import MalformedDatagram
from probes.wire.numbers import protocol_number

STAMP = Stamp(1.0, 2, StampSource.KERNEL)
TOKEN = b"\x01\x02\x03\x04\x05\x06\x07\x08"
SOURCES = {Family.IPV4: bytes([10, 0, 0, 1]), Family.IPV6: bytes(15) + b"\1"}
DESTINATIONS = {Family.IPV4: bytes([192, 0, 2, 80]), Family.IPV6: bytes(15) + b"\2"}
ADDRESSES = {Family.IPV4: ("10.0.0.1", "192.0.2.80"), Family.IPV6: ("::1", "::2")}
HEADER_LENGTHS = {Family.IPV4: 20, Family.IPV6: 40}


def echo_probe(family: Family) -> bytes:
    return echo.build_echo_probe(family, 0x1111, 0x2222, TOKEN)


def udp_probe(family: Family) -> bytes:
    return udp.build_udp_probe(SOURCES[family], DESTINATIONS[family], 40000, 33434, TOKEN, 0x2222)


def tcp_probe(family: Family) -> bytes:
    return tcp.build_syn(SOURCES[family], DESTINATIONS[family], 40000, 443, int.from_bytes(TOKEN[:4], "big"))


PROBES: dict[Protocol, tuple[Callable[[Family], bytes], Quote]] = {
    Protocol.ICMP: (echo_probe, Quote(icmp_id=0x1111, sequence=0x2222, token=TOKEN)),
    Protocol.UDP: (udp_probe, Quote(source_port=40000, destination_port=33434, sequence=0x2222, token=TOKEN)),
    Protocol.TCP: (tcp_probe, Quote(source_port=40000, destination_port=443, tcp_sequence=0x01020304)),
}


def datagram_of(family: Family, protocol: Protocol, *, ttl: int = 1) -> bytes:
    segment = PROBES[protocol][0](family)
    number = protocol_number(family, protocol)
    if family is Family.IPV4:
        header = Ipv4Header(
            header_length=20,
            tos=0,
            total_length=20 + len(segment),
            identification=0,
            ttl=ttl,
            protocol=number,
            source=SOURCES[family],
            destination=DESTINATIONS[family],
        )
        return build_ipv4(header) + segment
    header6 = Ipv6Header(
        traffic_class=0,
        flow_label=0,
        payload_length=len(segment),
        next_header=number,
        hop_limit=ttl,
        source=SOURCES[family],
        destination=DESTINATIONS[family],
    )
    return build_ipv6(header6) + segment


def identity(quote: Quote) -> tuple[object, ...]:
    return (
        quote.source_port,
        quote.destination_port,
        quote.icmp_id,
        quote.sequence,
        quote.tcp_sequence,
        quote.token,
    )


def time_exceeded(family: Family, body: bytes, rest: bytes = bytes(4)) -> Received | None:
    message = icmp.IcmpMessage(type=11 if family is Family.IPV4 else 3, code=0, checksum=0, rest=rest, body=body)
    return read_icmp(family, icmp.build_icmp(message), sender="198.51.100.1", reply_ttl=64, stamp=STAMP)


@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("family", Family)
def test_a_whole_quote_tells_everything(family: Family, protocol: Protocol) -> None:
    received = time_exceeded(family, datagram_of(family, protocol, ttl=7))
    assert received is not None
    assert (received.sender, received.answer, received.reply_ttl) == ("198.51.100.1", Answer.TIME_EXCEEDED, 64)
    assert received.icmp == Icmp(type=11 if family is Family.IPV4 else 3, code=0)
    quote = received.quote
    assert (quote.source, quote.destination) == ADDRESSES[family]
    assert (quote.protocol, quote.quoted_ttl) == (protocol_number(family, protocol), 7)
    assert identity(quote) == identity(PROBES[protocol][1])


@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("family", Family)
def test_eight_bytes_of_transport_still_name_the_probe(family: Family, protocol: Protocol) -> None:
    quote = read_quote(family, datagram_of(family, protocol)[: HEADER_LENGTHS[family] + 8])
    expected = PROBES[protocol][1]
    assert identity(quote)[:5] == identity(expected)[:5]
    assert quote.token is None


@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("family", Family)
def test_a_quote_cut_before_that_tells_of_addresses_only(family: Family, protocol: Protocol) -> None:
    quote = read_quote(family, datagram_of(family, protocol)[: HEADER_LENGTHS[family] + 7])
    assert quote.destination == ADDRESSES[family][1]
    assert identity(quote) == (None,) * 6


@pytest.mark.parametrize("family", Family)
def test_a_quote_without_its_ip_header_is_malformed(family: Family) -> None:
    with pytest.raises(MalformedDatagram):
        read_quote(family, datagram_of(family, Protocol.UDP)[: HEADER_LENGTHS[family] - 1])


@pytest.mark.parametrize("family", Family)
def test_labels_come_with_the_answer(family: Family) -> None:
    labels = (MplsLabel(label=24001, traffic_class=0, bottom=True, mpls_ttl=1),)
    rest = b"\0\x20\0\0" if family is Family.IPV4 else b"\x10\0\0\0"
    received = time_exceeded(family, datagram_of(family, Protocol.UDP).ljust(128, b"\0") + build_mpls(labels), rest)
    assert received is not None
    assert received.extensions == Extensions(mpls=labels)


@pytest.mark.parametrize("family", Family)
def test_an_echo_reply_gives_the_identity_back(family: Family) -> None:
    reply = bytes([echo.ECHO_REPLY[family]]) + echo_probe(family)[1:]
    received = read_icmp(family, reply, sender="192.0.2.80", reply_ttl=None, stamp=STAMP)
    assert received is not None
    assert received.answer is Answer.ECHO_REPLY
    assert identity(received.quote) == identity(PROBES[Protocol.ICMP][1])


@pytest.mark.parametrize("family", Family)
def test_a_request_answers_nothing(family: Family) -> None:
    assert read_icmp(family, echo_probe(family), sender="192.0.2.80", reply_ttl=None, stamp=STAMP) is None


def test_a_queue_that_starts_at_the_icmp_header() -> None:
    assert read_quoted_icmp(echo_probe(Family.IPV4)) == PROBES[Protocol.ICMP][1]
    assert read_quoted_icmp(echo_probe(Family.IPV4)[:8]) == Quote(icmp_id=0x1111, sequence=0x2222)
    assert read_quoted_icmp(b"") == Quote()


FLOW = Flow(
    family=Family.IPV4, protocol=Protocol.TCP, source="10.0.0.1", destination="192.0.2.80", destination_port=443
)


def segment(flags: int, acknowledgement: int) -> Received | None:
    header = tcp.TcpHeader(
        source_port=443, destination_port=40000, sequence=9, acknowledgement=acknowledgement, flags=flags
    )
    data = tcp.build_tcp(DESTINATIONS[Family.IPV4], SOURCES[Family.IPV4], header)
    return read_tcp(FLOW, data, sender="192.0.2.80", reply_ttl=60, stamp=STAMP)


@pytest.mark.parametrize(
    ("flags", "acknowledgement", "answer", "sequence"),
    [
        (tcp.SYN | tcp.ACK, 0x01020305, Answer.SYN_ACK, 0x01020304),
        (tcp.RST | tcp.ACK, 0x01020305, Answer.RST, 0x01020304),
        (tcp.RST | tcp.ACK, 0, Answer.RST, 0xFFFFFFFF),
        (tcp.RST, 0, Answer.RST, None),
    ],
    ids=["SYN-ACK", "RST", "RST of the highest number", "RST that names nothing"],
)
def test_what_the_destination_itself_says(
    flags: int, acknowledgement: int, answer: Answer, sequence: int | None
) -> None:
    received = segment(flags, acknowledgement)
    assert received is not None
    assert (received.answer, received.quote.tcp_sequence) == (answer, sequence)
    assert (received.quote.source_port, received.quote.destination_port) == (40000, 443)


@pytest.mark.parametrize("flags", [tcp.ACK, tcp.SYN, 0], ids=["challenge ACK", "SYN", "null"])
def test_other_segments_answer_nothing(flags: int) -> None:
    assert segment(flags, 0x01020305) is None
