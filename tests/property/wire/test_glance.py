"""Laws of the first sight: it says what the careful reading says, or leaves it to that; no bytes make it fail."""

from hypothesis import given
from hypothesis import strategies as st

from probes.facts import Family, StampSource
from probes.seam import Quote, Stamp
from probes.wire.answers import read_icmp
from probes.wire.checksum import ones_complement_sum
from probes.wire.echo import build_echo_probe
from probes.wire.glance import glance_ipv4, glance_ipv6, sound_checksum
from probes.wire.ipv4 import Ipv4Header, build_ipv4, ipv4_text
from probes.wire.ipv6 import Ipv6Header, build_ipv6, ipv6_text

BYTE, WORD = st.integers(0, 255), st.integers(0, 65535)
TOKENS = st.binary(min_size=8, max_size=8)
ADDRESSES4, ADDRESSES6 = st.binary(min_size=4, max_size=4), st.binary(min_size=16, max_size=16)
STAMP = Stamp(0.0, 0, StampSource.KERNEL)
# How much of the probe an error quotes behind the IP header: RFC 792's eight octets, more, or all of it.
CUTS = st.sampled_from([8, 10, 12, 14, 16, 18])


def quote_of(family: Family, message: bytes) -> Quote:
    received = read_icmp(family, message, sender="", reply_ttl=None, stamp=STAMP)
    assert received is not None
    return received.quote


@given(
    kind=st.sampled_from([0x0B00, 0x0300, 0x0301, 0x030D, 0x0C00]),
    sender=ADDRESSES4,
    source=ADDRESSES4,
    destination=ADDRESSES4,
    identifier=WORD,
    sequence=WORD,
    token=TOKENS,
    cut=CUTS,
)
def test_an_ipv4_error_says_at_first_sight_what_it_says(
    kind: int, sender: bytes, source: bytes, destination: bytes, identifier: int, sequence: int, token: bytes, cut: int
) -> None:
    probe = build_echo_probe(Family.IPV4, identifier, sequence, token)
    quoted = build_ipv4(header4(source, destination, 20 + len(probe))) + probe[:cut]
    message = kind.to_bytes(2, "big") + bytes(6) + quoted
    seen = glance_ipv4(build_ipv4(header4(sender, source, 20 + len(message))) + message)
    assert seen is not None
    careful = quote_of(Family.IPV4, message)
    assert seen[:2] == (kind, sender)
    assert seen[2:4] == (source, destination)
    assert (careful.source, careful.destination) == (ipv4_text(source), ipv4_text(destination))
    assert seen[4:6] == (careful.icmp_id, careful.sequence) == (identifier, sequence)
    check_token(seen[6], careful.token, token, cut)


@given(
    kind=st.sampled_from([0x0300, 0x0100, 0x0104, 0x0200, 0x0400]),
    source=ADDRESSES6,
    destination=ADDRESSES6,
    identifier=WORD,
    sequence=WORD,
    token=TOKENS,
    cut=CUTS,
)
def test_an_ipv6_error_says_at_first_sight_what_it_says(
    kind: int, source: bytes, destination: bytes, identifier: int, sequence: int, token: bytes, cut: int
) -> None:
    probe = build_echo_probe(Family.IPV6, identifier, sequence, token)
    message = kind.to_bytes(2, "big") + bytes(6) + build_ipv6(header6(len(probe), source, destination)) + probe[:cut]
    seen = glance_ipv6(message)
    assert seen is not None
    careful = quote_of(Family.IPV6, message)
    assert seen[:3] == (kind, source, destination)
    assert (careful.source, careful.destination) == (ipv6_text(source), ipv6_text(destination))
    assert seen[3:5] == (careful.icmp_id, careful.sequence) == (identifier, sequence)
    check_token(seen[5], careful.token, token, cut)


@given(sender=ADDRESSES4, identifier=WORD, sequence=WORD, token=TOKENS)
def test_an_echo_reply_says_at_first_sight_what_it_says(
    sender: bytes, identifier: int, sequence: int, token: bytes
) -> None:
    probe4, probe6 = (build_echo_probe(family, identifier, sequence, token) for family in Family)
    reply4, reply6 = b"\0" + probe4[1:], b"\x81" + probe6[1:]
    datagram = build_ipv4(header4(sender, bytes(4), 20 + len(reply4))) + reply4
    assert glance_ipv4(datagram) == (0, sender, None, None, identifier, sequence, token)
    assert glance_ipv6(reply6) == (0x8100, None, None, identifier, sequence, token)
    for family, message in ((Family.IPV4, reply4), (Family.IPV6, reply6)):
        careful = quote_of(family, message)
        assert (careful.icmp_id, careful.sequence, careful.token) == (identifier, sequence, token)


@given(family=st.sampled_from(list(Family)), kind=st.sampled_from([3, 11, 1]), length=BYTE, cut=CUTS)
def test_a_length_within_the_quote_is_left_to_the_careful_reading(
    family: Family, kind: int, length: int, cut: int
) -> None:
    """A router may say that its quote ends earlier than it does (RFC 4884 section 4): by then nothing is quoted."""
    probe = build_echo_probe(family, 1, 2, b"8 octets")[:cut]
    if family is Family.IPV4:
        quoted, word = build_ipv4(header4(bytes(4), bytes(4), 20 + len(probe))) + probe, bytes((0, length, 0, 0))
    else:
        quoted, word = build_ipv6(header6(len(probe))) + probe, bytes((length, 0, 0, 0))
    message = bytes((kind, 0, 0, 0)) + word + quoted
    whole = build_ipv4(header4(bytes(4), bytes(4), 20 + len(message))) + message
    seen = glance_ipv6(message) if family is Family.IPV6 else glance_ipv4(whole)
    if seen is not None:
        careful = quote_of(family, message)
        assert (careful.icmp_id, careful.sequence) == (1, 2)
        check_token(seen[-1], careful.token, b"8 octets", cut)


@given(options=st.integers(1, 10))
def test_options_are_left_to_the_careful_reading(options: int) -> None:
    plain = build_ipv4(header4(bytes(4), bytes(4), 60)) + b"\x0b" + bytes(39)
    assert glance_ipv4(bytes([0x45 + options]) + plain[1:]) is None
    assert glance_ipv4(plain[:28] + bytes([0x45 + options]) + plain[29:]) is None


@given(asked=BYTE)
def test_a_quote_of_something_else_than_our_echo_is_left_to_the_careful_reading(asked: int) -> None:
    quoted = build_ipv4(header4(bytes(4), bytes(4), 28)) + bytes([asked]) + bytes(7)
    seen = glance_ipv4(build_ipv4(header4(bytes(4), bytes(4), 56)) + b"\x0b" + bytes(7) + quoted)
    assert (seen is None) is (asked != 8)


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail(data: bytes) -> None:
    glance_ipv4(data)
    glance_ipv6(data)
    assert sound_checksum(data) is (ones_complement_sum(data) == 0xFFFF)


def check_token(seen: bytes | None, careful: bytes | None, sent: bytes, cut: int) -> None:
    """At first sight four bytes of a token count; read with care, eight do."""
    carried = sent[: max(0, cut - 8)]
    assert seen == (carried if len(carried) >= 4 else None)
    assert careful == (sent if len(carried) == 8 else None)


def header4(source: bytes, destination: bytes, length: int) -> Ipv4Header:
    return Ipv4Header(
        header_length=20,
        tos=0,
        total_length=length,
        identification=0,
        ttl=64,
        protocol=1,
        source=source,
        destination=destination,
    )


def header6(length: int, source: bytes = bytes(16), destination: bytes = bytes(16)) -> Ipv6Header:
    return Ipv6Header(
        traffic_class=0,
        flow_label=0,
        payload_length=length,
        next_header=58,
        hop_limit=1,
        source=source,
        destination=destination,
    )
