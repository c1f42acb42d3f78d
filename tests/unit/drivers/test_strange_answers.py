"""What odd or lying routers send, put on the wire byte by byte: cut quotes, labels, wrong lengths, foreign probes."""

import socket
from contextlib import nullcontext

import pytest

from probes.facts import Answer, Family, Method, MplsLabel, Protocol
from probes.seam import Event, Extensions, Probe, Received
from probes.wire import echo, icmp, numbers
from probes.wire.icmp_extensions import build_mpls
from probes.wire.numbers import protocol_number
from tests.unit.drivers.chain import CLIENT, HOPS, SERVER, Chain, without_rights
from tests.unit.drivers.driving import listen, opened, probes, send_all

pytestmark = [
    pytest.mark.lab,
    pytest.mark.parametrize("family", Family),
    pytest.mark.parametrize("protocol", Protocol),
    pytest.mark.parametrize("rights", [True, False], ids=["root", "nobody"]),
]

PORT = 33434
KINDS = {Family.IPV4: socket.AF_INET, Family.IPV6: socket.AF_INET6}
ETHER_TYPES = {Family.IPV4: 0x0800, Family.IPV6: 0x86DD}
HEADER_LENGTHS = {Family.IPV4: 20, Family.IPV6: 40}
PROTOCOL_AT = {Family.IPV4: 9, Family.IPV6: 6}
TIME_EXCEEDED = {Family.IPV4: 11, Family.IPV6: 3}
LABELS = (MplsLabel(label=24001, traffic_class=1, bottom=True, mpls_ttl=1),)
# The length of a quote of 128 octets, and one beyond any message, in each family's unit and place.
DECLARED = {Family.IPV4: b"\0\x20\0\0", Family.IPV6: b"\x10\0\0\0"}
TOO_LONG = {Family.IPV4: b"\0\xff\0\0", Family.IPV6: b"\xff\0\0\0"}


class Talk:
    """One probe that a router swallows, as the router saw it, and what the router says of it."""

    def __init__(self, chain: Chain, protocol: Protocol, family: Family, *, rights: bool) -> None:
        self._family = family
        self._header = HEADER_LENGTHS[family]
        # The identifier of an echo stands behind its checksum, ports stand first.
        self._identifier = self._header + (5 if protocol is Protocol.ICMP else 1)
        chain.nft("r1", "table inet t { chain f { type filter hook forward priority 0; drop\n}\n}")
        with chain.inside("r1"):
            seeing = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETHER_TYPES[family]))
            self._saying = socket.socket(KINDS[family], socket.SOCK_RAW, numbers.ICMP[family])
        self._saying.bind((HOPS[family][0], 0))
        with nullcontext() if rights else without_rights():
            self.driver = opened(protocol, family, SERVER[family], None if protocol is Protocol.ICMP else PORT)
        self.sent = probes([9])
        send_all(self.driver, self.sent)
        with seeing:
            seeing.settimeout(2)
            self.datagram = self._seen(seeing, protocol_number(family, protocol))

    def _seen(self, seeing: socket.socket, protocol: int) -> bytes:
        """Return the probe; neighbour discovery goes by on the same link."""
        target = socket.inet_pton(KINDS[self._family], SERVER[self._family])
        while True:
            datagram = seeing.recv(2000)
            if datagram[PROTOCOL_AT[self._family]] == protocol and target in datagram[: self._header]:
                return datagram

    def cut(self) -> bytes:
        """Return what the oldest routers quote: the IP header and eight bytes."""
        return self.datagram[: self._header + 8]

    def foreign(self) -> bytes:
        """Return the probe as another process's would be: another identifier or source port."""
        return _changed(self.datagram, self._identifier)

    def say(self, quoted: bytes, *, rest: bytes = bytes(4)) -> None:
        """Send a time-exceeded to the client; the kernel fills in ICMPv6 checksums."""
        message = icmp.IcmpMessage(type=TIME_EXCEEDED[self._family], code=0, checksum=0, rest=rest, body=quoted)
        data = echo.checksummed(icmp.build_icmp(message), Family.IPV4, b"", b"")
        self._saying.sendto(data, (CLIENT[self._family], 0))

    def hear(self) -> list[Event]:
        """Return what the driver hears first, nothing after a while."""
        events = listen(self.driver, bool, for_s=0.3)
        self.driver.close()
        self._saying.close()
        return events


def _changed(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def named_by(received: Received, probe: Probe) -> set[str]:
    """Return which of a probe's identities an answer carries."""
    quote, identity = received.quote, probe.identity
    return {
        name
        for name, carried in {
            "number": quote.number == probe.number,
            "token": quote.token == identity.token,
            "sequence": quote.sequence == identity.sequence,
            "tcp_sequence": quote.tcp_sequence == identity.tcp_sequence,
        }.items()
        if carried
    }


def test_a_quote_of_eight_bytes_names_the_probe_where_the_channel_lets_it(
    chain: Chain, family: Family, protocol: Protocol, *, rights: bool
) -> None:
    talk = Talk(chain, protocol, family, rights=rights)
    talk.say(talk.cut())
    (received,) = talk.hear()
    assert isinstance(received, Received)
    assert (received.sender, received.answer) == (HOPS[family][0], Answer.TIME_EXCEEDED)
    expected = {
        Method.RAW: {"tcp_sequence"} if protocol is Protocol.TCP else {"sequence"},
        Method.PING_SOCKET: {"sequence"},
        Method.CONNECT: {"number"},
        # The matcher needs a port of the probe's own here, or refuses: the quote is short.
        Method.ERROR_QUEUE: set[str](),
    }
    assert named_by(received, talk.sent[0]) == expected[talk.driver.method]
    assert received.quote.token is None


def test_labels_are_read(chain: Chain, family: Family, protocol: Protocol, *, rights: bool) -> None:
    talk = Talk(chain, protocol, family, rights=rights)
    talk.say(talk.datagram.ljust(128, b"\0") + build_mpls(LABELS), rest=DECLARED[family])
    (received,) = talk.hear()
    assert isinstance(received, Received)
    assert received.extensions == Extensions(mpls=LABELS)
    assert named_by(received, talk.sent[0])


def test_an_object_whose_length_lies_costs_no_answer(
    chain: Chain, family: Family, protocol: Protocol, *, rights: bool
) -> None:
    talk = Talk(chain, protocol, family, rights=rights)
    structure = b"\x20\0\0\0\0\xff\1\1"
    talk.say(talk.datagram.ljust(128, b"\0") + structure, rest=DECLARED[family])
    (received,) = talk.hear()
    assert isinstance(received, Received)
    assert named_by(received, talk.sent[0])
    assert received.extensions is not None
    assert received.extensions.malformed


def test_a_length_that_promises_too_much_costs_no_answer(
    chain: Chain, family: Family, protocol: Protocol, *, rights: bool
) -> None:
    talk = Talk(chain, protocol, family, rights=rights)
    talk.say(talk.datagram.ljust(128, b"\0"), rest=TOO_LONG[family])
    (received,) = talk.hear()
    assert isinstance(received, Received)
    assert named_by(received, talk.sent[0])
    assert received.extensions is None


def test_another_process_probe_is_not_ours(chain: Chain, family: Family, protocol: Protocol, *, rights: bool) -> None:
    talk = Talk(chain, protocol, family, rights=rights)
    talk.say(talk.foreign())
    # The kernel keeps it from both: by a filter, or because no socket of ours sent it.
    assert talk.hear() == []
