"""The filter drops what is plainly another's, and passes everything that the parser could make something of.

The kernel runs the program over whatever a socket gets: here over datagrams of a socket pair, header first, as a raw
socket would get them from the network.
"""

import socket
import struct
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.drivers.socket_filter import pass_answers, pass_echoes
from probes.facts import Family, Protocol
from probes.seam import Flow, Stamp
from probes.wire.answers import read_icmp
from probes.wire.malformed import MalformedDatagram
from probes.wire.numbers import protocol_number

IDENTIFIERS = (4711, 33000)
OURS, FOREIGN = IDENTIFIERS[1], 4712
OUTER = {Family.IPV4: bytes([0x45, 0]) + bytes(18), Family.IPV6: b""}
ERROR = {Family.IPV4: bytes([11, 0]) + bytes(6), Family.IPV6: bytes([3, 0]) + bytes(6)}
# An ICMP header, the quoted IP header, and eight bytes of what it carries.
LEAST = {Family.IPV4: 8 + 20 + 8, Family.IPV6: 8 + 40 + 8}
EXTENSION_HEADERS = {"hop-by-hop": 0, "routing": 43, "fragment": 44, "destination": 60}

Case = tuple[Family, Protocol]
CASES = [(family, protocol) for family in Family for protocol in Protocol]


def passes(
    case: Case, message: bytes, outer: bytes | None = None, *, let_in: Callable[[socket.socket], None] | None = None
) -> bool:
    """Return whether an ICMP message reaches a socket with the filter of a flow, or another one."""
    family, _ = case
    reading, sending = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with reading, sending:
        reading.setblocking(False)
        if let_in is None:
            pass_answers(reading, flow_of(case), IDENTIFIERS)
        else:
            let_in(reading)
        sending.send((OUTER[family] if outer is None else outer) + message)
        try:
            reading.recv(2048)
        except BlockingIOError:
            return False
        return True


def flow_of(case: Case) -> Flow:
    return Flow(family=case[0], protocol=case[1], source="192.0.2.1", destination="192.0.2.2")


def transport(protocol: Protocol, identifier: int) -> bytes:
    """Return a transport header with an identifier or source port."""
    if protocol is Protocol.ICMP:
        return struct.pack("!BBHHH", 8, 0, 0, identifier, 1) + bytes(8)
    return struct.pack("!HHI", identifier, 443, 1) + bytes(12)


def quote(case: Case, number: int, segment: bytes, *, options: int = 0) -> bytes:
    """Return a quoted packet; IPv4 may have words of options."""
    if case[0] is Family.IPV4:
        head = struct.pack("!BBHHHBBH", 0x45 + options, 0, 0, 0, 0, 1, number, 0)
        return head + bytes([192, 0, 2, 1, 192, 0, 2, 2]) + bytes(4 * options) + segment
    return struct.pack("!IHBB", 6 << 28, len(segment), number, 1) + bytes(32) + segment


def error(case: Case, identifier: int, *, options: int = 0) -> bytes:
    """Return an error about a packet of the flow's protocol."""
    family, protocol = case
    number = protocol_number(family, protocol)
    return ERROR[family] + quote(case, number, transport(protocol, identifier), options=options)


@pytest.mark.parametrize("case", CASES, ids="-".join)
class TestErrors:
    """What quotes a packet."""

    @pytest.mark.parametrize("identifier", IDENTIFIERS)
    def test_ours_passes(self, case: Case, identifier: int) -> None:
        assert passes(case, error(case, identifier))

    def test_another_port_or_identifier_does_not(self, case: Case) -> None:
        assert not passes(case, error(case, FOREIGN))

    def test_another_protocol_does_not(self, case: Case) -> None:
        assert not passes(case, ERROR[case[0]] + quote(case, 132, transport(case[1], OURS)))

    @pytest.mark.parametrize("missing", [1, 7, 8, 9, 28])
    def test_a_quote_that_does_not_reach_passes(self, case: Case, missing: int) -> None:
        assert passes(case, error(case, FOREIGN)[: LEAST[case[0]] - missing])

    def test_a_quote_of_the_least_length_is_judged(self, case: Case) -> None:
        least = LEAST[case[0]]
        assert passes(case, error(case, OURS)[:least])
        assert not passes(case, error(case, FOREIGN)[:least])


@pytest.mark.parametrize("options", [1, 5, 10])
@pytest.mark.parametrize("protocol", Protocol)
def test_options_in_the_quoted_header_are_skipped(protocol: Protocol, options: int) -> None:
    case = Family.IPV4, protocol
    assert passes(case, error(case, OURS, options=options))
    assert not passes(case, error(case, FOREIGN, options=options))


@pytest.mark.parametrize("protocol", Protocol)
def test_options_in_the_outer_header_are_skipped(protocol: Protocol) -> None:
    case, outer = (Family.IPV4, protocol), bytes([0x4F]) + bytes(59)
    assert passes(case, error(case, OURS), outer)
    assert not passes(case, error(case, FOREIGN), outer)


@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("kind", EXTENSION_HEADERS.values(), ids=EXTENSION_HEADERS)
def test_a_quote_with_extension_headers_is_left_to_the_parser(kind: int, protocol: Protocol) -> None:
    case = Family.IPV6, protocol
    behind = bytes([protocol_number(*case), 0]) + bytes(6) + transport(protocol, OURS)
    assert passes(case, ERROR[Family.IPV6] + quote(case, kind, behind))


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_echo_replies_pass_by_identifier_and_only_where_echoes_are_sent(case: Case) -> None:
    kind = {Family.IPV4: 0, Family.IPV6: 129}[case[0]]
    ours, foreign = (struct.pack("!BBHHH", kind, 0, 0, each, 1) + bytes(8) for each in (OURS, FOREIGN))
    assert passes(case, ours) is (case[1] is Protocol.ICMP)
    assert not passes(case, foreign)


@pytest.mark.parametrize("family", Family)
def test_many_flows_have_a_block_of_identifiers(family: Family) -> None:
    case, kind = (family, Protocol.ICMP), {Family.IPV4: 0, Family.IPV6: 129}[family]

    def block(opened: socket.socket) -> None:
        pass_echoes(opened, family, 0x1238, 0xFFF8)

    def judged(identifier: int) -> tuple[bool, bool]:
        reply = struct.pack("!BBHHH", kind, 0, 0, identifier, 1) + bytes(8)
        return passes(case, error(case, identifier), let_in=block), passes(case, reply, let_in=block)

    assert [judged(identifier) for identifier in (0x1238, 0x123B, 0x123F)] == [(True, True)] * 3
    assert [judged(identifier) for identifier in (0x1237, 0x1240, 0x0238, 0)] == [(False, False)] * 4


def messages() -> Iterator[st.SearchStrategy[tuple[Case, bytes]]]:
    """Yield strategies of messages that are nearly right: cut, with other bytes here and there."""
    for case in CASES:
        whole = st.sampled_from([error(case, each) for each in (*IDENTIFIERS, FOREIGN)])
        mutated = st.builds(
            lambda data, at, byte, end: (data[: at % len(data)] + bytes([byte]) + data[at % len(data) + 1 :])[
                : end + 1
            ],
            whole,
            st.integers(0, 100),
            st.integers(0, 255),
            st.integers(0, 120),
        )
        yield st.tuples(st.just(case), whole | mutated)


@given(st.one_of(*messages()))
def test_whatever_the_parser_would_take_for_ours_passes(given_: tuple[Case, bytes]) -> None:
    """The law behind all of the above: the filter is never stricter than the driver."""
    case, message = given_
    stamp = Stamp.__new__(Stamp)
    try:
        received = read_icmp(case[0], message, sender="192.0.2.3", reply_ttl=None, stamp=stamp, reply_tos=None)
    except MalformedDatagram:
        return
    if received is None or received.quote.protocol != protocol_number(*case):
        return
    named = received.quote.icmp_id if case[1] is Protocol.ICMP else received.quote.source_port
    if named is None or named in IDENTIFIERS:
        assert passes(case, message)
