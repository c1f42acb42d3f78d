"""The codecs read what scapy builds: headers, options, extension headers, errors with quotes of every length."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from scapy.contrib.mpls import MPLS, ICMPExtension_MPLS
from scapy.layers.inet import (
    ICMP,
    IP,
    TCP,
    UDP,
    ICMPExtension_Header,
    ICMPExtension_InterfaceInformation,
    ICMPExtension_Object,
    IPOption_NOP,
    IPOption_RR,
    IPOption_Timestamp,
)
from scapy.layers.inet6 import (
    HBHOptUnknown,
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    ICMPv6PacketTooBig,
    ICMPv6ParamProblem,
    ICMPv6TimeExceeded,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    PadN,
    RouterAlert,
)
from scapy.packet import Raw

from probes.facts import Answer, ExtensionObject, Family, InterfaceInformation, InterfaceRole, MplsLabel, Protocol
from probes.seam import Extensions, Quote, Received
from probes.wire import tcp, udp
from probes.wire.answers import read_quote, read_tcp
from probes.wire.datagrams import Datagram, read_reply, split_datagram
from probes.wire.ipv4 import parse_ipv4
from probes.wire.ipv6 import find_transport, parse_ipv6
from tests.property.wire.oracle import (
    BYTE,
    FAMILIES,
    ICMP_NUMBERS,
    LONG,
    PORTS,
    SOURCES,
    STACKS,
    STAMP,
    TARGETS,
    TCP_OPTIONS,
    TOKENS,
    WORD,
    backwards,
    below,
    flow_of,
    tcp_probe,
    udp_probe,
)

IP_OPTIONS = st.lists(st.sampled_from([IPOption_NOP(), IPOption_RR(), IPOption_Timestamp()]), max_size=3)
EXTENSION_HEADERS = st.lists(
    st.sampled_from(
        [
            IPv6ExtHdrHopByHop(options=[RouterAlert()]),
            IPv6ExtHdrHopByHop(options=[HBHOptUnknown(otype=30, optdata=b"x" * 20), PadN(optdata=b"\0\0")]),
            IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(9))]),
            IPv6ExtHdrRouting(addresses=["2001:db8::7", "2001:db8::8"]),
            IPv6ExtHdrFragment(offset=0, m=1, id=7),
        ]
    ),
    max_size=4,
)
# What errors quote of a probe of each protocol, and what is said with it.
ERRORS = {
    (Family.IPV4, 11, 0): Answer.TIME_EXCEEDED,
    (Family.IPV4, 11, 1): Answer.REASSEMBLY_TIME_EXCEEDED,
    (Family.IPV4, 12, 0): Answer.PARAMETER_PROBLEM,
    **{(Family.IPV4, 3, code): Answer.DESTINATION_UNREACHABLE for code in range(16)},
    (Family.IPV6, 3, 0): Answer.TIME_EXCEEDED,
    (Family.IPV6, 3, 1): Answer.REASSEMBLY_TIME_EXCEEDED,
    (Family.IPV6, 2, 0): Answer.PACKET_TOO_BIG,
    **{(Family.IPV6, 4, code): Answer.PARAMETER_PROBLEM for code in range(3)},
    **{(Family.IPV6, 1, code): Answer.DESTINATION_UNREACHABLE for code in range(8)},
}
ICMPV6 = {1: ICMPv6DestUnreach, 2: ICMPv6PacketTooBig, 3: ICMPv6TimeExceeded, 4: ICMPv6ParamProblem}


def error_of(family: Family, kind: int, code: int, quoted: bytes, **more: Any) -> bytes:
    """Return the datagram with which scapy's target reports a packet."""
    layer = ICMP(type=kind, code=code, **more) if family is Family.IPV4 else ICMPV6[kind](code=code, **more)
    return bytes(backwards(family, ICMP_NUMBERS[family], ttl=61) / layer / Raw(quoted))


def heard(family: Family, datagram: bytes) -> Received:
    """Return what the codecs make of a datagram that scapy built, its checksum included."""
    received = read_reply(flow_of(family), datagram, STAMP)
    assert received is not None
    assert (received.sender, received.reply_ttl) == (TARGETS[family][0], 61)
    return received


# --- headers ----------------------------------------------------------------------------------------------------------


@given(BYTE, WORD, BYTE, BYTE, IP_OPTIONS, st.binary(max_size=40), st.binary(max_size=8))
def test_we_read_scapys_ipv4(
    tos: int, identification: int, ttl: int, protocol: int, options: list[Any], data: bytes, trailer: bytes
) -> None:
    ends = {"src": SOURCES[Family.IPV4][0], "dst": TARGETS[Family.IPV4][0]}
    packet = IP(**ends, tos=tos, id=identification, ttl=ttl, proto=protocol, options=options) / Raw(data)
    built = bytes(packet)
    header = parse_ipv4(built)
    assert (header.tos, header.identification, header.ttl, header.protocol) == (tos, identification, ttl, protocol)
    assert (header.source, header.destination) == (SOURCES[Family.IPV4][1], TARGETS[Family.IPV4][1])
    assert (header.header_length, header.total_length) == (len(built) - len(data), len(built))
    # An Ethernet frame of less than 60 bytes is filled up behind the datagram (IEEE 802.3).
    split = split_datagram(built + trailer)
    assert split == Datagram(Family.IPV4, ends["src"], ends["dst"], ttl, tos, protocol, data)


@given(BYTE, st.integers(0, 2**20 - 1), BYTE, EXTENSION_HEADERS, PORTS, st.binary(max_size=40), st.binary(max_size=8))
def test_we_read_scapys_ipv6_behind_extension_headers(
    traffic_class: int, label: int, hops: int, extensions: list[Any], port: int, data: bytes, trailer: bytes
) -> None:
    ends = {"src": SOURCES[Family.IPV6][0], "dst": TARGETS[Family.IPV6][0]}
    packet = IPv6(**ends, tc=traffic_class, fl=label, hlim=hops)
    for extension in extensions:
        packet /= extension
    built = bytes(packet / UDP(dport=port) / Raw(data))
    header = parse_ipv6(built)
    assert (header.traffic_class, header.flow_label, header.hop_limit) == (traffic_class, label, hops)
    assert (header.source, header.destination) == (SOURCES[Family.IPV6][1], TARGETS[Family.IPV6][1])
    assert header.payload_length == len(built) - 40
    assert find_transport(header, built) == (17, len(built) - 8 - len(data))
    split = split_datagram(built + trailer)
    assert (split.protocol, split.ttl, split.tos) == (17, hops, traffic_class)
    assert (udp.parse_udp(split.payload).destination_port, split.payload[8:]) == (port, data)


@given(FAMILIES, PORTS, PORTS, TOKENS)
def test_we_read_scapys_udp(family: Family, source_port: int, port: int, token: bytes) -> None:
    packet = backwards(family, 17, ttl=61) / UDP(sport=port, dport=source_port) / Raw(token)
    received = heard(family, bytes(packet))
    assert (received.answer, received.quote.token) == (Answer.UDP_REPLY, token)
    assert (received.quote.source_port, received.quote.destination_port) == (source_port, port)


@given(PORTS, PORTS, LONG, LONG, st.integers(0, 0xFF), TCP_OPTIONS)
def test_we_read_scapys_tcp(
    source_port: int, port: int, sequence: int, acknowledged: int, flags: int, options: list[Any]
) -> None:
    segment = TCP(sport=port, dport=source_port, seq=sequence, ack=acknowledged, flags=flags, options=options)
    header = tcp.parse_tcp(bytes(segment))
    assert header == tcp.TcpHeader(
        source_port=port, destination_port=source_port, sequence=sequence, acknowledgement=acknowledged, flags=flags
    )
    assert tcp.parse_quoted_tcp(bytes(segment)[:8]) == (port, source_port, sequence)


@given(FAMILIES, st.sampled_from(["SA", "R", "RA", "A", "S", "FA", "PA", "SAE"]), LONG, TCP_OPTIONS)
def test_we_tell_scapys_answers_to_a_syn_apart(family: Family, flags: str, sequence: int, options: list[Any]) -> None:
    expected = {"SA": Answer.SYN_ACK, "SAE": Answer.SYN_ACK, "R": Answer.RST, "RA": Answer.RST}.get(flags)
    answer = TCP(sport=443, dport=4321, seq=9, ack=(sequence + 1) % 2**32, flags=flags, options=options)
    flow = flow_of(family, Protocol.TCP)
    received = read_tcp(flow, bytes(answer), sender=flow.destination, reply_ttl=61, stamp=STAMP)
    assert (None if received is None else received.answer) == expected
    if received is not None:
        assert received.quote.tcp_sequence == (sequence if "A" in flags else None)


# --- errors and what they quote ---------------------------------------------------------------------------------------


@given(st.sampled_from(tuple(ERRORS)), BYTE, BYTE, WORD, TOKENS, st.integers(0, 64))
def test_we_read_every_error_of_scapys(
    error: tuple[Family, int, int], ttl: int, tos: int, checksum: int, token: bytes, quoted_octets: int
) -> None:
    family, kind, code = error
    probe = below(family, 17, ttl, tos) / UDP(sport=4321, dport=33434, chksum=checksum) / Raw(token)
    # RFC 792: eight octets behind the header at least; RFC 1812 section 4.3.2.3 and RFC 4443: as much as fits.
    header = 20 if family is Family.IPV4 else 40
    quoted = bytes(probe)[: header + 8 + quoted_octets]
    received = heard(family, error_of(family, kind, code, quoted))
    assert received.answer is ERRORS[error]
    assert received.icmp is not None
    assert (received.icmp.type, received.icmp.code) == (kind, code)
    assert received.quote == Quote(
        source=SOURCES[family][0],
        destination=TARGETS[family][0],
        protocol=17,
        source_port=4321,
        destination_port=33434,
        sequence=checksum,
        token=token if quoted_octets >= 8 else None,
        quoted_ttl=ttl,
        quoted_tos=tos,
    )


@given(WORD, LONG)
def test_we_read_the_mtu_that_scapy_names(narrow: int, narrow6: int) -> None:
    old = error_of(Family.IPV4, 3, 4, bytes(udp_probe(Family.IPV4)), nexthopmtu=narrow)
    new = error_of(Family.IPV6, 2, 0, bytes(udp_probe(Family.IPV6)), mtu=narrow6)
    assert (heard(Family.IPV4, old).next_hop_mtu, heard(Family.IPV6, new).next_hop_mtu) == (narrow, narrow6)


@given(FAMILIES, WORD, WORD, TOKENS)
def test_we_read_a_quoted_echo_request_and_an_echo_reply(
    family: Family, identifier: int, sequence: int, token: bytes
) -> None:
    request = 8 if family is Family.IPV4 else 128
    asked = bytes([request, 0, 0, 0]) + identifier.to_bytes(2, "big") + sequence.to_bytes(2, "big") + token
    quoted = bytes(below(family, ICMP_NUMBERS[family]) / Raw(asked))
    kind = 11 if family is Family.IPV4 else 3
    fields = {"id": identifier, "seq": sequence}
    reply = ICMP(type=0, **fields) if family is Family.IPV4 else ICMPv6EchoReply(**fields)
    answered = bytes(backwards(family, ICMP_NUMBERS[family], ttl=61) / reply / Raw(token))
    for received in (heard(family, error_of(family, kind, 0, quoted)), heard(family, answered)):
        assert (received.quote.icmp_id, received.quote.sequence) == (identifier, sequence)
        assert received.quote.token == token


@given(FAMILIES, LONG, TCP_OPTIONS, st.integers(8, 60))
def test_we_read_a_quoted_syn(family: Family, sequence: int, options: list[Any], quoted_octets: int) -> None:
    header = 20 if family is Family.IPV4 else 40
    quote = read_quote(family, bytes(tcp_probe(family, sequence, options))[: header + quoted_octets])
    assert (quote.source_port, quote.destination_port, quote.tcp_sequence) == (4321, 443, sequence)


@given(IP_OPTIONS, EXTENSION_HEADERS, TOKENS)
def test_we_read_a_quote_behind_options_and_extension_headers(
    options: list[Any], extensions: list[Any], token: bytes
) -> None:
    old = below(Family.IPV4, 17)
    old.options = options
    new = below(Family.IPV6, 17)
    # scapy fills in what follows, once nothing is set.
    del new.nh
    for extension in extensions:
        new /= extension
    for family, packet in ((Family.IPV4, old), (Family.IPV6, new)):
        quote = read_quote(family, bytes(packet / UDP(sport=4321, dport=33434) / Raw(token)))
        assert (quote.protocol, quote.source_port, quote.destination_port, quote.token) == (17, 4321, 33434, token)


# --- extensions -------------------------------------------------------------------------------------------------------


def extended(family: Family, *objects: Any, declared: bool) -> Extensions:
    """Return what the codecs read of a time-exceeded with these objects, its quote's length declared or not."""
    structure = ICMPExtension_Header()
    for each in objects:
        structure /= each
    quoted = bytes(udp_probe(family, token=b"\xa5" * 8)).ljust(128, b"\0")
    kind = 11 if family is Family.IPV4 else 3
    # RFC 4884 section 4: 32-bit words for ICMP, 64-bit words for ICMPv6.
    length = (128 // 4 if family is Family.IPV4 else 128 // 8) if declared else 0
    body = quoted + bytes(structure)
    received = heard(family, error_of(family, kind, 0, body, length=length))
    assert received.quote.token == b"\xa5" * 8
    assert received.extensions is not None
    return received.extensions


@given(family=FAMILIES, labels=STACKS, declared=st.booleans())
def test_we_read_scapys_labels(family: Family, labels: list[MplsLabel], *, declared: bool) -> None:
    stack = [MPLS(label=each.label, cos=each.traffic_class, s=each.bottom, ttl=each.mpls_ttl) for each in labels]
    assert extended(family, ICMPExtension_MPLS(stack=stack), declared=declared) == Extensions(mpls=tuple(labels))


@given(FAMILIES, STACKS)
def test_we_read_scapys_labels_where_scapy_puts_them(family: Family, labels: list[MplsLabel]) -> None:
    """With padding and offset as scapy computes them."""
    stack = [MPLS(label=each.label, cos=each.traffic_class, s=each.bottom, ttl=each.mpls_ttl) for each in labels]
    structure = ICMPExtension_Header() / ICMPExtension_MPLS(stack=stack)
    kind = 11 if family is Family.IPV4 else 3
    received = heard(family, error_of(family, kind, 0, bytes(udp_probe(family)), ext=structure))
    assert received.extensions == Extensions(mpls=tuple(labels))


NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


@given(
    FAMILIES,
    st.sampled_from(tuple(InterfaceRole)),
    st.one_of(st.none(), LONG),
    st.one_of(st.none(), st.sampled_from(["192.0.2.33", "2001:db8::33"])),
    st.one_of(st.none(), NAMES),
    st.one_of(st.none(), LONG),
)
def test_we_read_scapys_interface(
    family: Family, role: InterfaceRole, index: int | None, address: str | None, name: str | None, mtu: int | None
) -> None:
    fields: dict[str, Any] = {"classtype": tuple(InterfaceRole).index(role)}
    if index is not None:
        fields |= {"has_ifindex": 1, "ifindex": index}
    if address is not None:
        fields |= {"has_ipaddr": 1, **({"afi": 2, "ip6": address} if ":" in address else {"afi": 1, "ip4": address})}
    if name is not None:
        # RFC 5837 section 4.3: the length counts itself and the zeros that fill up whole words.
        length = (1 + len(name) + 3) // 4 * 4
        fields |= {"has_ifname": 1, "ifname_len": length, "ifname": name.encode().ljust(length - 1, b"\0")}
    if mtu is not None:
        fields |= {"has_mtu": 1, "mtu": mtu}
    read = extended(family, ICMPExtension_InterfaceInformation(**fields), declared=True)
    told = InterfaceInformation(role=role, index=index, address=address, name=name, mtu=mtu)
    assert read == Extensions(interfaces=(told,))


@given(FAMILIES, st.integers(3, 255), BYTE, st.integers(0, 10))
def test_we_count_scapys_other_objects(family: Family, class_number: int, c_type: int, words: int) -> None:
    strange = ICMPExtension_Object(classnum=class_number, classtype=c_type) / Raw(bytes(4 * words))
    read = extended(family, strange, declared=True)
    assert read == Extensions(others=(ExtensionObject(class_number=class_number, c_type=c_type, octets=4 * words),))
