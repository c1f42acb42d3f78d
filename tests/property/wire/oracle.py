"""scapy as the oracle of the codecs: it shares no line with them. What both directions of the comparison need."""

from typing import Any, Final

from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Raw

from probes.facts import Family, MplsLabel, Protocol, StampSource
from probes.seam import Flow, Stamp

SOURCES: Final = {
    Family.IPV4: ("192.0.2.1", bytes([192, 0, 2, 1])),
    Family.IPV6: ("2001:db8::1", bytes.fromhex("20010db8" + "0" * 23 + "1")),
}
TARGETS: Final = {
    Family.IPV4: ("192.0.2.80", bytes([192, 0, 2, 80])),
    Family.IPV6: ("2001:db8::80", bytes.fromhex("20010db8" + "0" * 22 + "80")),
}
ICMP_NUMBERS: Final = {Family.IPV4: 1, Family.IPV6: 58}
STAMP: Final = Stamp(0.0, 0, StampSource.USER)

BYTE, WORD, LONG = (st.integers(0, 2**bits - 1) for bits in (8, 16, 32))
PORTS: Final = st.integers(1, 0xFFFF)
TOKENS: Final = st.binary(min_size=8, max_size=8)
FAMILIES: Final = st.sampled_from(tuple(Family))
PADDINGS: Final = st.binary(max_size=64)
STACKS: Final = st.lists(st.tuples(st.integers(0, 2**20 - 1), st.integers(0, 7), BYTE), min_size=1, max_size=4).map(
    lambda entries: [
        MplsLabel(label=label, traffic_class=traffic_class, bottom=index == len(entries), mpls_ttl=ttl)
        for index, (label, traffic_class, ttl) in enumerate(entries, 1)
    ]
)
# What scapy writes into a TCP header as it is told to; (RFC 9293 section 3.2, RFC 2018, RFC 7323).
TCP_OPTIONS: Final = st.lists(
    st.one_of(
        st.just(("NOP", None)),
        st.tuples(st.just("MSS"), WORD),
        st.tuples(st.just("WScale"), BYTE),
        st.just(("SAckOK", b"")),
        st.tuples(st.just("Timestamp"), st.tuples(LONG, LONG)),
    ),
    max_size=3,
)


def flow_of(family: Family, protocol: Protocol = Protocol.ICMP) -> Flow:
    """Return the flow between the two ends."""
    return Flow(family=family, protocol=protocol, source=SOURCES[family][0], destination=TARGETS[family][0])


def below(family: Family, protocol: int, ttl: int = 1, tos: int = 0) -> Any:
    """Return scapy's IP header of the flow."""
    ends = {"src": SOURCES[family][0], "dst": TARGETS[family][0]}
    if family is Family.IPV4:
        return IP(**ends, proto=protocol, ttl=ttl, tos=tos)
    return IPv6(**ends, nh=protocol, hlim=ttl, tc=tos)


def backwards(family: Family, protocol: int, ttl: int = 64, tos: int = 0) -> Any:
    """Return scapy's IP header of an answer from the target."""
    packet = below(family, protocol, ttl, tos)
    packet.src, packet.dst = packet.dst, packet.src
    return packet


def reread(family: Family, protocol: int, segment: bytes) -> Any:
    """Return what scapy makes of a segment in its datagram."""
    return below(family, 0).__class__(bytes(below(family, protocol) / Raw(segment)))


def rebuilt(packet: Any, layer: Any, field: str) -> int:
    """Return the checksum that scapy itself would have put there."""
    copy = packet.copy()
    delattr(copy[layer], field)
    return int(getattr(copy.__class__(bytes(copy))[layer], field))


def udp_probe(family: Family, ttl: int = 1, token: bytes = bytes(8), checksum: int = 0x1234) -> Any:
    """Return a UDP probe as scapy builds it."""
    return below(family, 17, ttl) / UDP(sport=4321, dport=33434, chksum=checksum) / Raw(token)


def tcp_probe(family: Family, sequence: int, options: list[Any]) -> Any:
    """Return a SYN as scapy builds it."""
    return below(family, 6) / TCP(sport=4321, dport=443, seq=sequence, flags="S", options=options)
