"""Echo probes of many traces by one raw ICMP socket (CAP_NET_RAW)."""

from __future__ import annotations

import _socket as socket

from probes.drivers.linux import NUMBERS
from probes.drivers.many_echo import MOST_AT_ONCE, SEQUENCES, EchoCarrier, marks, tune
from probes.drivers.socket_filter import pass_echoes, pass_wanted_icmp
from probes.facts import Family, Method, RejectReason, StampSource
from probes.seam import Stamp
from probes.wire.answers import read_icmp
from probes.wire.glance import glance_ipv4, glance_ipv6, sound_checksum
from probes.wire.icmp import verify_icmp_checksum
from probes.wire.ipv4 import ipv4_text, parse_ipv4
from probes.wire.ipv6 import ipv6_text
from probes.wire.malformed import MalformedDatagram
from probes.wire.numbers import ICMP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Final, Unpack

    from probes.clock import Clock
    from probes.drivers.many_echo import CarrierOptions
    from probes.many_seam import Sighting
    from probes.seam import Received

# More than any sender of ICMP errors quotes (RFC 4443 section 3.1: 1280 octets), and room for two control messages.
_LONGEST: Final = 2048
_CONTROL: Final = 96
_ICMP4_AT: Final = 20
_SENDER6_AT: Final = 2
_MESSAGE6_AT: Final = 18
# Senders are mostly the same few routers; the table of their packed addresses is begun anew when it gets this long.
_MOST_SENDERS: Final = 65536


class RawEcho(EchoCarrier):
    """Carries echo requests with random identifiers; the kernel drops whatever bears others."""

    method: Method = Method.RAW

    def __init__(self, family: Family, clock: Clock, **options: Unpack[CarrierOptions]) -> None:
        """Take over the socket."""
        super().__init__(family, clock, **options)
        message = parse_ipv4_evidence if family is Family.IPV4 else parse_ipv6_evidence
        self._message = message
        self._parse = lambda evidence, stamp, _: message(evidence, stamp)
        self._sight = self._sight4 if family is Family.IPV4 else self._sight6
        self._senders: dict[str, bytes] = {}

    def receive(self) -> Sequence[Sighting]:
        """Return what has arrived, up to 256 messages; what is plainly not ours is counted."""
        steady = self._look_at_clocks()
        heard: list[Sighting] = []
        for _ in range(MOST_AT_ONCE):
            try:
                data, control, _, address = self._socket.recvmsg(_LONGEST, _CONTROL)
            except BlockingIOError:
                break
            except OSError:
                continue
            at = self._arrival(control) if steady else self._monotonic()
            sighting = self._sight(data, control, address[0], at)
            if sighting is not None:
                heard.append(sighting)
        return heard

    def _sight4(self, data: bytes, control: list[tuple[int, int, bytes]], sender: str, at: float) -> Sighting | None:
        """Return what an IPv4 datagram says; the socket gives the IP header, and has not checked the ICMP checksum."""
        del control
        seen = glance_ipv4(data)
        if seen is None:
            return self._by_field(data, socket.inet_aton(sender), at)
        kind, packed, source, destination, identifier, sequence, token = seen
        if not sound_checksum(data[_ICMP4_AT:]):
            return self._refuse(RejectReason.MALFORMED)
        slot = (identifier - self._identifier) * SEQUENCES + sequence
        if not 0 <= slot < self.slots:
            return self._refuse(RejectReason.FOREIGN_FLOW)
        return slot, kind, packed, source, destination or packed, token, at, data

    def _sight6(self, data: bytes, control: list[tuple[int, int, bytes]], sender: str, at: float) -> Sighting | None:
        """Return what an ICMPv6 message says, whose checksum the kernel has checked (RFC 3542 section 3.1).

        Evidence is the hop limit (0: not told) and the traffic class, the sender's address, and the message.
        """
        packed = self._senders.get(sender) or self._learn(sender)
        evidence = marks(control) + packed + data
        seen = glance_ipv6(data)
        if seen is None:
            return self._by_field(evidence, packed, at)
        kind, source, destination, identifier, sequence, token = seen
        slot = (identifier - self._identifier) * SEQUENCES + sequence
        if not 0 <= slot < self.slots:
            return self._refuse(RejectReason.FOREIGN_FLOW)
        return slot, kind, packed, source, destination or packed, token, at, evidence

    def _learn(self, sender: str) -> bytes:
        """Return an address packed, and remember it; a zone is the host's own addition (RFC 4007)."""
        if len(self._senders) >= _MOST_SENDERS:
            self._senders.clear()
        packed = self._senders[sender] = socket.inet_pton(socket.AF_INET6, sender.partition("%")[0])
        return packed

    def _by_field(self, evidence: bytes, sender: bytes, at: float) -> Sighting | None:
        """Return what a message of an unusual shape says: options, extension headers, a cut quote."""
        try:
            received = self._message(evidence, Stamp(at, 0, StampSource.KERNEL))
        except MalformedDatagram:
            return self._refuse(RejectReason.MALFORMED)
        if received is None:
            return self._refuse(RejectReason.NOT_AN_ANSWER)
        quote, icmp = received.quote, received.icmp
        if quote.icmp_id is None or quote.sequence is None or icmp is None:
            return self._refuse(RejectReason.SHORT_QUOTE)
        slot = (quote.icmp_id - self._identifier) * SEQUENCES + quote.sequence
        if not 0 <= slot < self.slots:
            return self._refuse(RejectReason.FOREIGN_FLOW)
        source, destination = (self._packed(text) for text in (quote.source, quote.destination))
        return slot, icmp.type << 8 | icmp.code, sender, source, destination or sender, quote.token, at, evidence

    def _packed(self, address: str | None) -> bytes | None:
        return None if address is None else socket.inet_pton(self._numbers.address_family, address)


def parse_ipv4_evidence(evidence: bytes, stamp: Stamp) -> Received | None:
    """Return what an IPv4 datagram says; MalformedDatagram where it breaks its format."""
    header = parse_ipv4(evidence)
    message = evidence[header.header_length : header.total_length]
    verify_icmp_checksum(message)
    sender = ipv4_text(header.source)
    return read_icmp(Family.IPV4, message, sender=sender, reply_ttl=header.ttl, stamp=stamp, reply_tos=header.tos)


def parse_ipv6_evidence(evidence: bytes, stamp: Stamp) -> Received | None:
    """Return what an ICMPv6 message says, behind its marks and its sender."""
    return read_icmp(
        Family.IPV6,
        evidence[_MESSAGE6_AT:],
        sender=ipv6_text(evidence[_SENDER6_AT:_MESSAGE6_AT]),
        reply_ttl=evidence[0] or None,
        stamp=stamp,
        reply_tos=evidence[1],
    )


def open_raw_echo(
    family: Family,
    clock: Clock,
    random_bytes: Callable[[int], bytes],
    *,
    blocks: int = 1,
    source: str | None = None,
    interface: str | None = None,
    tos: int = 0,
) -> RawEcho:
    """Return a carrier for targets of one family.

    Args:
        family: Of every target.
        clock: Who tells the time.
        random_bytes: Where the identifier comes from.
        blocks: How many identifiers to use, a power of two up to 16: 65536 slots each.
        source: The address to send from, None for each route's.
        interface: The interface to send by, None for each route's.
        tos: The type of service or traffic class, 0..255.

    Raises:
        OSError: Without CAP_NET_RAW, or where the host refuses an option.
    """
    mask = 0x10000 - blocks
    identifier = int.from_bytes(random_bytes(2), "big") & mask
    opened = socket.socket(NUMBERS[family].address_family, socket.SOCK_RAW, ICMP[family])
    try:
        pass_wanted_icmp(opened, family)
        pass_echoes(opened, family, identifier, mask)
        tune(opened, family, interface=interface, tos=tos, header_seen=family is Family.IPV4)
        if source is not None:
            opened.bind((source.partition("%")[0], 0))
    except OSError:
        opened.close()
        raise
    return RawEcho(
        family,
        clock,
        opened=opened,
        identifier=identifier,
        blocks=blocks,
        source=source,
        interface=interface,
        tos=tos,
    )
