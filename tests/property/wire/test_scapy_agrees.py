"""scapy, which shares no line with the codecs, reads what they build and builds what they read."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from scapy.contrib.mpls import MPLS, ICMPExtension_MPLS
from scapy.layers.inet import ICMP, IP, TCP, UDP, ICMPExtension_Header
from scapy.layers.inet6 import ICMPv6EchoRequest, ICMPv6TimeExceeded, IPv6
from scapy.packet import Raw

from probes.facts import Answer, Family, MplsLabel, StampSource
from probes.seam import Quote, Received, Stamp
from probes.wire import icmp, tcp, udp
from probes.wire.answers import read_icmp
from probes.wire.icmp_extensions import build_mpls

SOURCES = {
    Family.IPV4: ("192.0.2.1", bytes([192, 0, 2, 1])),
    Family.IPV6: ("2001:db8::1", bytes.fromhex("20010db8" + "0" * 23 + "1")),
}
TARGETS = {
    Family.IPV4: ("192.0.2.80", bytes([192, 0, 2, 80])),
    Family.IPV6: ("2001:db8::80", bytes.fromhex("20010db8" + "0" * 22 + "80")),
}
ECHO_NUMBERS = {Family.IPV4: 1, Family.IPV6: 58}
WORD = st.integers(0, 0xFFFF)
TOKENS = st.binary(min_size=8, max_size=8)
FAMILIES = st.sampled_from(Family)
STAMP = Stamp(0.0, 0, StampSource.USER)
STACKS = st.lists(
    st.tuples(st.integers(0, 2**20 - 1), st.integers(0, 7), st.integers(0, 255)), min_size=1, max_size=4
).map(
    lambda entries: [
        MplsLabel(label=label, traffic_class=traffic_class, bottom=index == len(entries), mpls_ttl=ttl)
        for index, (label, traffic_class, ttl) in enumerate(entries, 1)
    ]
)


def below(family: Family, protocol: int, ttl: int = 1) -> Any:
    """Return scapy's IP header of the flow."""
    if family is Family.IPV4:
        return IP(src=SOURCES[family][0], dst=TARGETS[family][0], proto=protocol, ttl=ttl)
    return IPv6(src=SOURCES[family][0], dst=TARGETS[family][0], nh=protocol, hlim=ttl)


def reread(family: Family, protocol: int, segment: bytes) -> Any:
    """Return what scapy makes of a segment in its datagram, checksum included."""
    return below(family, 0).__class__(bytes(below(family, protocol) / Raw(segment)))


def rebuilt(packet: Any, layer: Any, field: str) -> int:
    """Return the checksum that scapy itself would have put there."""
    copy = packet.copy()
    delattr(copy[layer], field)
    return int(getattr(copy.__class__(bytes(copy))[layer], field))


@given(FAMILIES, st.integers(1, 0xFFFF), st.integers(1, 0xFFFF), TOKENS, st.integers(1, 0xFFFF))
def test_scapy_reads_our_udp_probe(family: Family, source_port: int, port: int, token: bytes, checksum: int) -> None:
    probe = udp.build_udp_probe(SOURCES[family][1], TARGETS[family][1], source_port, port, token, checksum)
    packet = reread(family, 17, probe)
    assert (packet[UDP].sport, packet[UDP].dport, packet[UDP].len) == (source_port, port, len(probe))
    assert packet[UDP].chksum == checksum == rebuilt(packet, UDP, "chksum")


@given(FAMILIES, WORD, WORD, st.integers(0, 2**32 - 1))
def test_scapy_reads_our_syn(family: Family, source_port: int, port: int, sequence: int) -> None:
    packet = reread(family, 6, tcp.build_syn(SOURCES[family][1], TARGETS[family][1], source_port, port, sequence))
    assert (packet[TCP].sport, packet[TCP].dport, packet[TCP].seq) == (source_port, port, sequence)
    assert str(packet[TCP].flags) == "S"
    assert dict(packet[TCP].options)["MSS"] == 1460
    assert packet[TCP].chksum == rebuilt(packet, TCP, "chksum")


@given(FAMILIES, WORD, WORD, TOKENS)
def test_scapy_reads_our_echo_probe(family: Family, identifier: int, sequence: int, token: bytes) -> None:
    blank = icmp.build_echo_probe(family, identifier, sequence, token)
    segment = icmp.checksummed(blank, family, SOURCES[family][1], TARGETS[family][1])
    layer, field = (ICMP, "chksum") if family is Family.IPV4 else (ICMPv6EchoRequest, "cksum")
    packet = reread(family, ECHO_NUMBERS[family], segment)
    assert (packet[layer].id, packet[layer].seq) == (identifier, sequence)
    assert getattr(packet[layer], field) == rebuilt(packet, layer, field)


def heard(family: Family, message: Any) -> Received:
    """Return what the codecs make of an ICMP message that scapy built."""
    packet = below(family, ECHO_NUMBERS[family]) / message
    segment = bytes(packet.__class__(bytes(packet)).payload)
    if family is Family.IPV4:
        icmp.verify_icmp_checksum(segment)
    received = read_icmp(family, segment, sender="x", reply_ttl=None, stamp=STAMP)
    assert received is not None
    return received


@given(FAMILIES, st.integers(0, 255), WORD, WORD, TOKENS)
def test_we_read_scapys_time_exceeded(family: Family, ttl: int, source_port: int, port: int, token: bytes) -> None:
    quoted = below(family, 17, ttl) / UDP(sport=source_port, dport=port, chksum=0x1234) / Raw(token)
    error = ICMP(type=11, code=0) if family is Family.IPV4 else ICMPv6TimeExceeded(code=0)
    received = heard(family, error / Raw(bytes(quoted)))
    assert received.answer is Answer.TIME_EXCEEDED
    assert received.quote == Quote(
        source=SOURCES[family][0],
        destination=TARGETS[family][0],
        protocol=17,
        source_port=source_port,
        destination_port=port,
        sequence=0x1234,
        token=token,
        quoted_ttl=ttl,
    )


@given(FAMILIES, STACKS)
def test_we_read_scapys_labels(family: Family, labels: list[MplsLabel]) -> None:
    stack = [MPLS(label=each.label, cos=each.traffic_class, s=each.bottom, ttl=each.mpls_ttl) for each in labels]
    extension = ICMPExtension_Header() / ICMPExtension_MPLS(stack=stack)
    error = ICMP(type=11, code=0, ext=extension) if family is Family.IPV4 else ICMPv6TimeExceeded(ext=extension)
    received = heard(family, error / Raw(bytes(below(family, 17) / UDP(sport=1, dport=2) / Raw(bytes(8)))))
    assert received.mpls == tuple(labels)
    assert received.quote.destination_port == 2


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
