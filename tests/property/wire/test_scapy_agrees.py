"""scapy reads what the codecs build: every field as meant, every checksum as scapy would have computed it."""

from io import BytesIO

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
    in4_chksum,
)
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6, in6_chksum
from scapy.utils import PcapNgReader, checksum

from agent.formats.pcapng import pcapng
from probes.captured import Packet
from probes.facts import Family, InterfaceRole, MplsLabel
from probes.wire import echo, icmp, tcp, udp
from probes.wire.checksum import internet_checksum, pseudo_header
from probes.wire.icmp_extensions import build_extensions, build_mpls
from probes.wire.interface_information import build_interface
from probes.wire.ipv4 import Ipv4Header, build_ipv4, ipv4_text
from probes.wire.ipv6 import Ipv6Header, build_ipv6, ipv6_text
from tests.property.wire.oracle import (
    BYTE,
    FAMILIES,
    ICMP_NUMBERS,
    LONG,
    PADDINGS,
    PORTS,
    SOURCES,
    STACKS,
    TARGETS,
    TOKENS,
    WORD,
    below,
    rebuilt,
    reread,
)

IPV4 = st.binary(min_size=4, max_size=4)
IPV6 = st.binary(min_size=16, max_size=16)
# scapy reads past the end of a timestamp message that is shorter (RFC 792 p. 16).
BODIES = st.binary(min_size=12, max_size=64)


@given(st.binary(max_size=200))
def test_the_checksum_is_scapys(data: bytes) -> None:
    assert internet_checksum(data) == checksum(data)


@given(FAMILIES, st.sampled_from([6, 17, 58]), st.binary(min_size=8, max_size=99))
def test_the_checksum_over_the_pseudo_header_is_scapys(family: Family, protocol: int, segment: bytes) -> None:
    ours = internet_checksum(pseudo_header(SOURCES[family][1], TARGETS[family][1], protocol, len(segment)) + segment)
    packet = below(family, protocol)
    if family is Family.IPV4:
        assert ours == in4_chksum(protocol, packet, segment)
    else:
        assert ours == in6_chksum(protocol, packet, segment)


@given(
    st.builds(
        Ipv4Header,
        header_length=st.just(20),
        tos=BYTE,
        total_length=st.integers(20, 0xFFFF),
        identification=WORD,
        ttl=BYTE,
        protocol=BYTE,
        source=IPV4,
        destination=IPV4,
    )
)
def test_scapy_reads_our_ipv4_header(header: Ipv4Header) -> None:
    packet = IP(build_ipv4(header))
    assert (packet.version, packet.ihl, packet.tos, packet.len, packet.id) == (
        *(4, 5, header.tos, header.total_length, header.identification),
    )
    assert (packet.ttl, packet.proto, packet.chksum) == (header.ttl, header.protocol, 0)
    assert (packet.src, packet.dst) == (ipv4_text(header.source), ipv4_text(header.destination))


@given(
    st.builds(
        Ipv6Header,
        traffic_class=BYTE,
        flow_label=st.integers(0, 2**20 - 1),
        payload_length=WORD,
        next_header=st.integers(143, 252),
        hop_limit=BYTE,
        source=IPV6,
        destination=IPV6,
    )
)
def test_scapy_reads_our_ipv6_header(header: Ipv6Header) -> None:
    packet = IPv6(build_ipv6(header))
    assert (packet.version, packet.tc, packet.fl) == (6, header.traffic_class, header.flow_label)
    assert (packet.plen, packet.nh, packet.hlim) == (header.payload_length, header.next_header, header.hop_limit)
    assert (packet.src, packet.dst) == (ipv6_text(header.source), ipv6_text(header.destination))


@given(FAMILIES, PORTS, PORTS, TOKENS, st.integers(1, 0xFFFF), PADDINGS)
def test_scapy_reads_our_udp_probe(
    family: Family, source_port: int, port: int, token: bytes, forced: int, padding: bytes
) -> None:
    ends = SOURCES[family][1], TARGETS[family][1]
    probe = udp.build_udp_probe(*ends, source_port, port, token, forced, padding)
    packet = reread(family, 17, probe)
    assert (packet[UDP].sport, packet[UDP].dport, packet[UDP].len) == (source_port, port, len(probe))
    assert packet[UDP].chksum == forced == rebuilt(packet, UDP, "chksum")
    assert bytes(packet[UDP].payload)[:8] == token


@given(FAMILIES, WORD, WORD, LONG)
def test_scapy_reads_our_syn(family: Family, source_port: int, port: int, sequence: int) -> None:
    packet = reread(family, 6, tcp.build_syn(SOURCES[family][1], TARGETS[family][1], source_port, port, sequence))
    assert (packet[TCP].sport, packet[TCP].dport, packet[TCP].seq) == (source_port, port, sequence)
    assert str(packet[TCP].flags) == "S"
    assert dict(packet[TCP].options)["MSS"] == 1460
    assert {"SAckOK", "WScale"} <= dict(packet[TCP].options).keys()
    assert packet[TCP].chksum == rebuilt(packet, TCP, "chksum")


@given(
    FAMILIES,
    st.builds(tcp.TcpHeader, source_port=WORD, destination_port=WORD, sequence=LONG, acknowledgement=LONG, flags=BYTE),
    st.integers(0, 10).map(lambda words: b"\x01\x01\x01\x01" * words),
)
def test_scapy_reads_our_tcp_segment(family: Family, header: tcp.TcpHeader, options: bytes) -> None:
    packet = reread(family, 6, tcp.build_tcp(SOURCES[family][1], TARGETS[family][1], header, options))
    found = packet[TCP]
    assert (found.sport, found.dport, found.seq, found.ack) == (
        *(header.source_port, header.destination_port, header.sequence, header.acknowledgement),
    )
    assert (found.flags.value & 0xFF, found.dataofs * 4) == (header.flags, 20 + len(options))
    assert found.chksum == rebuilt(packet, TCP, "chksum")


@given(FAMILIES, WORD, WORD, TOKENS, PADDINGS)
def test_scapy_reads_our_echo_probe(
    family: Family, identifier: int, sequence: int, token: bytes, padding: bytes
) -> None:
    blank = echo.build_echo_probe(family, identifier, sequence, token, padding)
    segment = echo.checksummed(blank, family, SOURCES[family][1], TARGETS[family][1])
    layer, field = (ICMP, "chksum") if family is Family.IPV4 else (ICMPv6EchoRequest, "cksum")
    packet = reread(family, ICMP_NUMBERS[family], segment)
    assert (packet[layer].id, packet[layer].seq) == (identifier, sequence)
    assert getattr(packet[layer], field) == rebuilt(packet, layer, field)
    assert segment[8:16] == token


@given(
    st.builds(
        icmp.IcmpMessage, type=BYTE, code=BYTE, checksum=WORD, rest=st.binary(min_size=4, max_size=4), body=BODIES
    )
)
def test_scapy_reads_our_icmp_message(message: icmp.IcmpMessage) -> None:
    packet = ICMP(icmp.build_icmp(message))
    assert (packet.type, packet.code, packet.chksum) == (message.type, message.code, message.checksum)


@given(STACKS)
def test_scapy_reads_our_labels(labels: list[MplsLabel]) -> None:
    structure = ICMPExtension_Header(build_mpls(tuple(labels)))
    # scapy takes each entry for the payload of the one before.
    entry, entries = structure[ICMPExtension_MPLS].stack[0], []
    while isinstance(entry, MPLS):
        entries.append(entry)
        entry = entry.payload
    assert [
        MplsLabel(label=each.label, traffic_class=each.cos, bottom=bool(each.s), mpls_ttl=each.ttl) for each in entries
    ] == labels
    assert structure.chksum == rebuilt(structure, ICMPExtension_Header, "chksum")


@given(
    st.sampled_from(tuple(InterfaceRole)),
    st.one_of(st.none(), LONG),
    st.one_of(st.none(), IPV4, IPV6),
    st.one_of(st.none(), LONG),
)
def test_scapy_reads_our_interface(
    role: InterfaceRole, index: int | None, address: bytes | None, mtu: int | None
) -> None:
    """Without a name: scapy takes its length octet for that of the text alone (RFC 5837 section 4.3 counts both)."""
    structure = build_extensions((build_interface(role, index=index, address=address, name=None, mtu=mtu),))
    found = ICMPExtension_Header(structure)[ICMPExtension_InterfaceInformation]
    assert (found.classnum, found.classtype) == (2, tuple(InterfaceRole).index(role))
    assert (found.ifindex if found.has_ifindex else None, found.mtu if found.has_mtu else None) == (index, mtu)
    assert bool(found.has_ipaddr) is (address is not None)
    if address is not None:
        text = ipv4_text(address) if len(address) == 4 else ipv6_text(address)
        assert (found.ip4 if found.afi == 1 else found.ip6) == text


@given(st.integers(4, 255), BYTE, st.binary(max_size=40))
def test_scapy_reads_our_other_objects(class_number: int, c_type: int, payload: bytes) -> None:
    found = ICMPExtension_Header(build_extensions(((class_number, c_type, payload),)))[ICMPExtension_Object]
    assert (found.len, found.classnum, found.classtype) == (4 + len(payload), class_number, c_type)
    assert bytes(found.payload) == payload


PACKETS = st.builds(
    Packet,
    interface=st.sampled_from(["eth0", "lo", "wg-verylongname"]),
    outgoing=st.booleans(),
    realtime_ns=st.integers(0, 2**63 - 1),
    data=st.binary(min_size=1, max_size=99),
)


@given(st.lists(st.tuples(PACKETS, st.text(max_size=30)), max_size=6))
def test_scapy_reads_our_packet_file(packets: list[tuple[Packet, str]]) -> None:
    with PcapNgReader(BytesIO(pcapng(packets, application="ours", comment="a whole file"))) as reader:
        found = [
            (each.sniffed_on, each.direction, int(each.time * 10**9), bytes(each), each.comment) for each in reader
        ]
    assert found == [
        (packet.interface, 2 if packet.outgoing else 1, packet.realtime_ns, packet.data, said.encode())
        for packet, said in packets
    ]
