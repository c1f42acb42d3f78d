"""What a whole datagram, IP header first, says to the host that sent a flow's probes; believed in nothing."""

from __future__ import annotations

from typing import NamedTuple

from probes.facts import Answer, Family
from probes.seam import Quote, Received
from probes.wire import tcp, udp
from probes.wire.answers import read_icmp, read_tcp, token_at
from probes.wire.checksum import internet_checksum, pseudo_header
from probes.wire.icmp import verify_icmp_checksum
from probes.wire.ipv4 import ipv4_text, parse_ipv4
from probes.wire.ipv6 import HEADER_LENGTH, find_transport, ipv6_text, parse_ipv6
from probes.wire.malformed import MalformedDatagram
from probes.wire.numbers import ICMP as ICMP_NUMBERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from probes.seam import Flow, Stamp

_VERSIONS: Final = {4: Family.IPV4, 6: Family.IPV6}


class Datagram(NamedTuple):
    """One datagram: who to whom, with what TTL or hop limit and TOS or traffic class left, and what it carries."""

    family: Family
    source: str
    destination: str
    ttl: int
    tos: int
    protocol: int
    payload: bytes


def split_datagram(data: bytes) -> Datagram:
    """Return a datagram's headers and payload, without what a link padded it with.

    Raises:
        MalformedDatagram: It is neither IPv4 nor IPv6, or ends within its headers.

    Source: RFC 791 section 3.1; RFC 8200 sections 3 and 4.
    """
    family = _VERSIONS.get(data[0] >> 4) if data else None
    if family is None:
        raise MalformedDatagram("neither IPv4 nor IPv6")
    return _split_ipv4(data) if family is Family.IPV4 else _split_ipv6(data)


def read_reply(flow: Flow, data: bytes, stamp: Stamp) -> Received | None:
    """Return what a datagram says to a flow's source; None where it is for somebody else, or answers nothing.

    Raises:
        MalformedDatagram: A header, a quote or an ICMP checksum is wrong.

    A wrong checksum of TCP or UDP is let pass: whoever captures sees segments of the host's own machine before the
    checksum that a card would have put in, and a cut or changed one names no probe.
    """
    datagram = split_datagram(data)
    if datagram.family is not flow.family or datagram.destination != flow.source:
        return None
    if datagram.protocol == ICMP_NUMBERS[flow.family]:
        return _read_icmp(data, datagram, stamp)
    if datagram.protocol == tcp.PROTOCOL:
        marks = {"reply_ttl": datagram.ttl, "reply_tos": datagram.tos}
        return read_tcp(flow, datagram.payload, sender=datagram.source, stamp=stamp, **marks)
    return _read_udp(datagram, stamp) if datagram.protocol == udp.PROTOCOL else None


def _split_ipv4(data: bytes) -> Datagram:
    header = parse_ipv4(data)
    return Datagram(
        family=Family.IPV4,
        source=ipv4_text(header.source),
        destination=ipv4_text(header.destination),
        ttl=header.ttl,
        tos=header.tos,
        protocol=header.protocol,
        payload=data[header.header_length : header.total_length],
    )


def _split_ipv6(data: bytes) -> Datagram:
    header = parse_ipv6(data)
    protocol, offset = find_transport(header, data)
    return Datagram(
        family=Family.IPV6,
        source=ipv6_text(header.source),
        destination=ipv6_text(header.destination),
        ttl=header.hop_limit,
        tos=header.traffic_class,
        protocol=protocol,
        payload=data[offset : HEADER_LENGTH + header.payload_length],
    )


def _read_icmp(data: bytes, datagram: Datagram, stamp: Stamp) -> Received | None:
    """Return what an ICMP message says, its checksum verified: nobody has before (RFC 792; RFC 4443 section 2.3)."""
    message = datagram.payload
    if datagram.family is Family.IPV4:
        verify_icmp_checksum(message)
    else:
        packed = parse_ipv6(data)
        above = pseudo_header(packed.source, packed.destination, datagram.protocol, len(message))
        if internet_checksum(above + message):
            raise MalformedDatagram("wrong ICMPv6 checksum")
    marks = {"reply_ttl": datagram.ttl, "reply_tos": datagram.tos}
    return read_icmp(datagram.family, message, sender=datagram.source, stamp=stamp, **marks)


def _read_udp(datagram: Datagram, stamp: Stamp) -> Received:
    """Return what a UDP datagram says; only an echo of the probe holds its token."""
    header = udp.parse_udp(datagram.payload)
    return Received(
        sender=datagram.source,
        answer=Answer.UDP_REPLY,
        stamp=stamp,
        quote=Quote(
            source=datagram.destination,
            destination=datagram.source,
            protocol=udp.PROTOCOL,
            source_port=header.destination_port,
            destination_port=header.source_port,
            token=token_at(datagram.payload, udp.HEADER_LENGTH),
        ),
        reply_ttl=datagram.ttl,
        reply_tos=datagram.tos,
    )
