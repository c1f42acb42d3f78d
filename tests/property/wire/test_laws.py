"""Laws of the codecs: bytes and headers round-trip, checksums are what was asked for, nothing else ever leaves."""

import socket
from collections.abc import Callable
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from probes.facts import ExtensionObject, Family, InterfaceInformation, InterfaceRole, MplsLabel, Protocol, StampSource
from probes.seam import Extensions, Flow, Stamp
from probes.wire import echo, icmp, tcp, udp
from probes.wire.answers import read_icmp, read_quote, read_quoted_icmp, read_tcp
from probes.wire.checksum import compensation, internet_checksum, ones_complement_sum, pseudo_header
from probes.wire.icmp_extensions import build_extensions, build_mpls, read_extensions, split_quote
from probes.wire.interface_information import build_interface, parse_interface
from probes.wire.ipv4 import Ipv4Header, build_ipv4, ipv4_text, parse_ipv4
from probes.wire.ipv6 import Ipv6Header, build_ipv6, ipv6_text, parse_ipv6
from probes.wire.malformed import MalformedDatagram

BYTE, WORD, LONG = (st.integers(0, 2**bits - 1) for bits in (8, 16, 32))
TOKENS = st.binary(min_size=8, max_size=8)
IPV4_ADDRESSES = st.binary(min_size=4, max_size=4)
# Mostly zeros, so that runs of them meet every rule of the text form.
IPV6_ADDRESSES = st.one_of(
    st.binary(min_size=16, max_size=16),
    st.lists(st.sampled_from([b"\0\0", b"\0\0", b"\0\1", b"\xff\xff", b"\x0d\xb8"]), min_size=8, max_size=8).map(
        b"".join
    ),
)
ADDRESS_PAIRS = st.one_of(st.tuples(IPV4_ADDRESSES, IPV4_ADDRESSES), st.tuples(IPV6_ADDRESSES, IPV6_ADDRESSES))
LABELS = st.builds(
    MplsLabel, label=st.integers(0, 2**20 - 1), traffic_class=st.integers(0, 7), bottom=st.booleans(), mpls_ttl=BYTE
)
STAMP = Stamp(0.0, 0, StampSource.USER)
FLOWS = {family: Flow(family=family, protocol=Protocol.TCP, source="", destination="") for family in Family}


@given(st.binary(max_size=99))
def test_the_sum_is_the_one_of_end_around_carry(data: bytes) -> None:
    total = 0
    for index in range(0, len(data), 2):
        total += int.from_bytes(data[index : index + 2].ljust(2, b"\0"), "big")
        total = (total & 0xFFFF) + (total >> 16)
    assert ones_complement_sum(data) == total


@given(st.binary(max_size=40).map(lambda half: half + half), WORD)
def test_compensation_reaches_every_sum(data: bytes, wanted: int) -> None:
    assert ones_complement_sum(data + compensation(data, wanted)) % 0xFFFF == wanted % 0xFFFF


@given(
    st.builds(
        Ipv4Header,
        header_length=st.just(20),
        tos=BYTE,
        total_length=WORD,
        identification=WORD,
        ttl=BYTE,
        protocol=BYTE,
        source=IPV4_ADDRESSES,
        destination=IPV4_ADDRESSES,
    )
)
def test_ipv4_round_trip(header: Ipv4Header) -> None:
    assert parse_ipv4(build_ipv4(header)) == header


@given(
    st.builds(
        Ipv6Header,
        traffic_class=BYTE,
        flow_label=st.integers(0, 2**20 - 1),
        payload_length=WORD,
        next_header=BYTE,
        hop_limit=BYTE,
        source=IPV6_ADDRESSES,
        destination=IPV6_ADDRESSES,
    )
)
def test_ipv6_round_trip(header: Ipv6Header) -> None:
    assert parse_ipv6(build_ipv6(header)) == header


@given(IPV4_ADDRESSES)
def test_ipv4_text_is_the_system_libraries(packed: bytes) -> None:
    assert ipv4_text(packed) == socket.inet_ntop(socket.AF_INET, packed)


@given(IPV6_ADDRESSES)
def test_ipv6_text_is_the_system_libraries(packed: bytes) -> None:
    assert ipv6_text(packed) == socket.inet_ntop(socket.AF_INET6, packed)


@given(ADDRESS_PAIRS, WORD, WORD, TOKENS, st.integers(1, 0xFFFF))
def test_a_udp_probe_has_the_checksum_asked_for_and_it_is_right(
    addresses: tuple[bytes, bytes], source_port: int, destination_port: int, token: bytes, checksum: int
) -> None:
    datagram = udp.build_udp_probe(*addresses, source_port, destination_port, token, checksum)
    header = udp.parse_udp(datagram)
    assert header == udp.UdpHeader(
        source_port=source_port, destination_port=destination_port, length=len(datagram), checksum=checksum
    )
    assert datagram[8:16] == token
    assert internet_checksum(pseudo_header(*addresses, 17, len(datagram)) + datagram) == 0


@given(
    ADDRESS_PAIRS,
    st.builds(tcp.TcpHeader, source_port=WORD, destination_port=WORD, sequence=LONG, acknowledgement=LONG, flags=BYTE),
)
def test_tcp_round_trip_with_a_right_checksum(addresses: tuple[bytes, bytes], header: tcp.TcpHeader) -> None:
    segment = tcp.build_tcp(*addresses, header)
    assert tcp.parse_tcp(segment) == header
    assert internet_checksum(pseudo_header(*addresses, 6, len(segment)) + segment) == 0


@given(st.sampled_from(list(Family)), WORD, st.lists(st.tuples(WORD, TOKENS), min_size=2, max_size=5))
def test_all_echo_probes_of_a_flow_have_one_checksum(
    family: Family, identifier: int, identities: list[tuple[int, bytes]]
) -> None:
    probes = [
        echo.checksummed(echo.build_echo_probe(family, identifier, *each), family, bytes(16), bytes(16))
        for each in identities
    ]
    assert len({probe[2:4] for probe in probes}) == 1


@given(st.lists(LABELS, max_size=8).map(tuple))
def test_labels_round_trip(labels: tuple[MplsLabel, ...]) -> None:
    assert read_extensions(build_mpls(labels)) == Extensions(mpls=labels)


@given(
    st.sampled_from(list(InterfaceRole)),
    st.one_of(st.none(), LONG),
    st.one_of(st.none(), IPV4_ADDRESSES, IPV6_ADDRESSES),
    # What pads a name is no part of it, and 63 octets are the most that fit.
    st.one_of(st.none(), st.text(max_size=63).filter(lambda name: len(name.encode()) < 64 and not name.endswith("\0"))),
    st.one_of(st.none(), LONG),
)
def test_interfaces_round_trip(
    role: InterfaceRole, index: int | None, address: bytes | None, name: str | None, mtu: int | None
) -> None:
    made = build_interface(role, index=index, address=address, name=name, mtu=mtu)
    family = socket.AF_INET6 if address is not None and len(address) == 16 else socket.AF_INET
    text = None if address is None else socket.inet_ntop(family, address)
    expected = InterfaceInformation(role=role, index=index, address=text, name=name, mtu=mtu)
    read = read_extensions(build_extensions((made,)))
    assert read == Extensions(interfaces=(expected,))


@given(st.lists(st.tuples(st.integers(3, 255), BYTE, st.binary(max_size=40)), min_size=1, max_size=16).map(tuple))
def test_unknown_objects_are_kept(objects: tuple[tuple[int, int, bytes], ...]) -> None:
    kept = tuple(ExtensionObject(class_number=kind, c_type=sub, octets=len(data)) for kind, sub, data in objects)
    assert read_extensions(build_extensions(objects)) == Extensions(others=kept)


@given(
    st.sampled_from([(Family.IPV4, 11, 1, 4), (Family.IPV6, 3, 0, 8)]),
    st.binary(min_size=128, max_size=128),
    BYTE,
    st.binary(max_size=80),
)
def test_no_extension_costs_the_quote(
    form: tuple[Family, int, int, int], quote: bytes, length: int, behind: bytes
) -> None:
    """Whatever the length field and the octets behind the quote say, the quote's own start is read as it is."""
    family, kind, at, _ = form
    rest = bytes(length if index == at else 0 for index in range(4))
    read, structure = split_quote(family, kind, rest, quote + behind)
    assert (quote + behind).startswith(read)
    assert read + structure == quote + behind
    read_extensions(structure)


def _near_messages() -> st.SearchStrategy[bytes]:
    """Messages that begin like real ones, so that the inner parsers are reached, and go on at random."""
    kinds = st.sampled_from([0, 3, 11, 12, 1, 2, 4, 129]).map(lambda kind: bytes([kind]))
    heads = st.sampled_from(
        [b"", b"\x45" + bytes(8) + b"\x11", b"\x4f", b"\x60" + bytes(5) + b"\x06", b"\x60" + bytes(5) + b"\0"]
    )
    return st.builds(
        lambda kind, middle, head, rest: kind + middle + head + rest,
        kinds,
        st.binary(min_size=7, max_size=7),
        heads,
        st.binary(max_size=300),
    )


def _readers(family: Family, data: bytes) -> tuple[Callable[[], object], ...]:
    """Every reader of the outside's bytes."""
    return (
        lambda: read_icmp(family, data, sender="x", reply_ttl=None, stamp=STAMP),
        lambda: read_tcp(FLOWS[family], data, sender="x", reply_ttl=None, stamp=STAMP),
        lambda: read_quote(family, data),
        lambda: read_quoted_icmp(data),
        lambda: parse_interface(data[0] if data else 0, data[1:]),
        lambda: udp.parse_udp(data),
        lambda: icmp.verify_icmp_checksum(data),
    )


@given(st.sampled_from(list(Family)), st.one_of(st.binary(max_size=300), _near_messages()))
def test_nothing_at_all_leaves_the_readers_of_extensions(family: Family, data: bytes) -> None:
    split_quote(family, data[0] if data else 0, data[4:8].ljust(4, b"\0"), data[8:])
    read_extensions(data)
    read_extensions(b"\x20\0\0\0" + data)


@given(st.sampled_from(list(Family)), st.one_of(st.binary(max_size=300), _near_messages()))
def test_nothing_but_malformed_ever_leaves_the_readers(family: Family, data: bytes) -> None:
    for read in _readers(family, data):
        with suppress(MalformedDatagram):
            read()
