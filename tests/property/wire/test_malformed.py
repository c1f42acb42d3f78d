"""What scapy builds, cut, bent and filled with noise: the readers give what they can, or say MalformedDatagram."""

from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from scapy.contrib.mpls import MPLS, ICMPExtension_MPLS
from scapy.layers.inet import ICMP, IP, TCP, ICMPExtension_Header, ICMPExtension_InterfaceInformation
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6PacketTooBig, ICMPv6TimeExceeded, IPv6ExtHdrHopByHop, PadN
from scapy.packet import Raw

from probes.facts import Family, Protocol
from probes.seam import Received
from probes.wire.answers import read_quote
from probes.wire.checksum import internet_checksum, pseudo_header
from probes.wire.datagrams import read_reply, split_datagram
from probes.wire.icmp import parse_icmp
from probes.wire.icmp_extensions import read_extensions, split_quote
from probes.wire.interface_information import parse_interface
from probes.wire.malformed import MalformedDatagram
from tests.property.wire.oracle import BYTE, FAMILIES, ICMP_NUMBERS, STAMP, backwards, flow_of, tcp_probe, udp_probe

LABELS = ICMPExtension_Header() / ICMPExtension_MPLS(stack=[MPLS(label=7, s=0), MPLS(label=8, s=1)])
INTERFACE = ICMPExtension_Header() / ICMPExtension_InterfaceInformation(
    has_ifindex=1, ifindex=7, has_ipaddr=1, afi=1, ip4="192.0.2.9", has_ifname=1, ifname_len=8, ifname=b"eth0\0\0\0"
)


def real(family: Family) -> list[bytes]:
    """Return datagrams of every kind that a trace may hear."""
    old = family is Family.IPV4
    probe, syn = bytes(udp_probe(family)), bytes(tcp_probe(family, 7, [("MSS", 1460)]))
    exceeded = ICMP(type=11) if old else ICMPv6TimeExceeded()
    labelled = ICMP(type=11, ext=LABELS) if old else ICMPv6TimeExceeded(ext=LABELS)
    told = ICMP(type=11, ext=INTERFACE) if old else ICMPv6TimeExceeded(ext=INTERFACE)
    narrow = ICMP(type=3, code=4, nexthopmtu=1280) if old else ICMPv6PacketTooBig(mtu=1280)
    echoed = ICMP(type=0, id=7, seq=8) if old else ICMPv6EchoReply(id=7, seq=8)
    way = backwards(family, ICMP_NUMBERS[family])
    answers = [exceeded / Raw(probe), labelled / Raw(probe), told / Raw(syn), narrow / Raw(syn), echoed / Raw(bytes(8))]
    built = [bytes(way / answer) for answer in answers]
    built.append(bytes(backwards(family, 6) / TCP(sport=443, dport=4321, flags="SA", options=[("MSS", 1460)])))
    if not old:
        detour = way.copy()
        del detour.nh
        built.append(bytes(detour / IPv6ExtHdrHopByHop(options=[PadN(optdata=bytes(9))]) / exceeded / Raw(probe)))
    return built


REAL = {family: real(family) for family in Family}


def bent(data: bytes, cuts: tuple[int, int], changes: list[tuple[int, int]], noise: bytes) -> bytes:
    """Return a datagram with a stretch of it replaced by noise and some octets changed."""
    first, last = sorted(cut % (len(data) + 1) for cut in cuts)
    made = bytearray(data[:first] + noise + data[last:])
    for place, value in changes:
        if made:
            made[place % len(made)] = value
    return bytes(made)


BENT = st.tuples(
    st.tuples(st.integers(0, 400), st.integers(0, 400)),
    st.lists(st.tuples(st.integers(0, 400), BYTE), max_size=4),
    st.binary(max_size=20),
)


def repaired(family: Family, data: bytes) -> bytes:
    """Return a datagram whose ICMP checksum is right again, so that what lies behind it is read at all."""
    header = 20 if family is Family.IPV4 else 40
    if len(data) < header + 8:
        return data
    message = data[header : header + 2] + b"\0\0" + data[header + 4 :]
    above = b"" if family is Family.IPV4 else pseudo_header(data[8:24], data[24:40], 58, len(message))
    right = internet_checksum(above + message).to_bytes(2, "big")
    return data[:header] + message[:2] + right + message[4:]


@given(
    FAMILIES, st.integers(0, 99), BENT, st.sampled_from(tuple(Protocol)), st.booleans().map(lambda mend: {"mend": mend})
)
def test_a_bent_datagram_is_read_or_malformed(
    family: Family, which: int, how: Any, protocol: Protocol, repair: dict[str, bool]
) -> None:
    data = bent(REAL[family][which % len(REAL[family])], *how)
    data = repaired(family, data) if repair["mend"] else data
    with suppress(MalformedDatagram):
        split_datagram(data)
    with suppress(MalformedDatagram):
        answer = read_reply(flow_of(family, protocol), data, STAMP)
        assert answer is None or isinstance(answer, Received)


@given(FAMILIES, st.integers(0, 99), BENT)
def test_a_bent_quote_is_read_or_malformed(family: Family, which: int, how: Any) -> None:
    header = 20 if family is Family.IPV4 else 40
    message = bent(REAL[family][which % len(REAL[family])][header:], *how)
    with suppress(MalformedDatagram):
        parsed = parse_icmp(message)
        quoted, structure = split_quote(family, parsed.type, parsed.rest, parsed.body)
        assert quoted + structure == parsed.body
        # Extensions never cost the answer that they came with.
        read_extensions(structure)
        read_quote(family, quoted)


@given(BENT)
def test_bent_extensions_never_raise(how: Any) -> None:
    for structure in (LABELS, INTERFACE):
        read_extensions(bent(bytes(structure), *how))


@given(BYTE, st.binary(max_size=80))
def test_an_interface_of_any_bytes_is_read_or_malformed(c_type: int, payload: bytes) -> None:
    with suppress(MalformedDatagram):
        parse_interface(c_type, payload)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_datagram_or_malformed(data: bytes) -> None:
    for family in Family:
        with suppress(MalformedDatagram):
            read_reply(flow_of(family), data, STAMP)


def test_what_is_bent_here_is_read_when_it_is_straight() -> None:
    for family, datagrams in REAL.items():
        for protocol in Protocol:
            answers = [read_reply(flow_of(family, protocol), data, STAMP) for data in datagrams]
            assert all(answers), [
                IP(data).summary() for data, answer in zip(datagrams, answers, strict=True) if not answer
            ]
