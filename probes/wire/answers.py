"""What a datagram says of a probe: headers and quotes to the seam's words, believed in nothing."""

from __future__ import annotations

from probes.answer_facts import Answer, Icmp
from probes.flow_facts import Family
from probes.frozen import replace
from probes.seam import Quote, Received
from probes.wire import echo, icmp, numbers, tcp, udp
from probes.wire.icmp_extensions import read_extensions, split_quote
from probes.wire.ipv4 import ipv4_text, parse_ipv4
from probes.wire.ipv6 import find_transport, ipv6_text, parse_ipv6

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from probes.seam import Flow, Stamp


_SYN_ACK: Final = tcp.SYN | tcp.ACK
# "The first 64 bits of the original datagram's data" (RFC 792 p. 4): ports and sequence, or identifier and sequence.
_SHORTEST_QUOTE: Final = 8


def read_icmp(
    family: Family,
    message: bytes,
    *,
    sender: str,
    reply_ttl: int | None,
    stamp: Stamp,
    reply_tos: int | None = None,
) -> Received | None:
    """Return what an ICMP or ICMPv6 message says; None for one that answers nothing (a request, a redirect).

    Raises:
        MalformedDatagram: The message or its quote break their format; extensions that do are only marked so.
    """
    parsed = icmp.parse_icmp(message)
    if parsed.type == echo.ECHO_REPLY[family]:
        quote, structure = _echoed(parsed), b""
    elif icmp.is_error(family, parsed.type):
        datagram, structure = split_quote(family, parsed.type, parsed.rest, parsed.body)
        quote = read_quote(family, datagram)
    else:
        return None
    return Received(
        sender=sender,
        answer=icmp.answer_kind(family, parsed.type, parsed.code),
        stamp=stamp,
        quote=quote,
        icmp=Icmp(type=parsed.type, code=parsed.code),
        reply_ttl=reply_ttl,
        reply_tos=reply_tos,
        next_hop_mtu=icmp.next_hop_mtu(family, parsed),
        extensions=read_extensions(structure),
    )


def read_quote(family: Family, datagram: bytes) -> Quote:
    """Return what an ICMP error quotes, as far as it reaches.

    Raises:
        MalformedDatagram: Not even the quoted IP header is whole.
    """
    return _quoted_ipv4(datagram) if family is Family.IPV4 else _quoted_ipv6(datagram)


def read_quoted_icmp(segment: bytes) -> Quote:
    """Return what a quote from the ICMP header on tells: identifier, sequence and token."""
    if len(segment) < _SHORTEST_QUOTE:
        return Quote()
    identifier, sequence = icmp.parse_echo(icmp.parse_icmp(segment))
    return Quote(icmp_id=identifier, sequence=sequence, token=token_at(segment, icmp.HEADER_LENGTH))


def token_at(data: bytes, offset: int) -> bytes | None:
    """Return the eight bytes at `offset`, None where the data ends before."""
    token = data[offset : offset + udp.TOKEN_LENGTH]
    return token if len(token) == udp.TOKEN_LENGTH else None


def read_tcp(
    flow: Flow, segment: bytes, *, sender: str, reply_ttl: int | None, stamp: Stamp, reply_tos: int | None = None
) -> Received | None:
    """Return what a SYN-ACK or RST says; None for any other segment, such as the challenge ACK of RFC 5961.

    Raises:
        MalformedDatagram: The header is cut or longer than the segment.

    Source: RFC 9293 section 3.10.7: a reset of a SYN acknowledges its number plus one. A reset without
    acknowledgement names no probe.
    """
    header = tcp.parse_tcp(segment)
    if header.flags & tcp.RST:
        answer = Answer.RST
    elif header.flags & _SYN_ACK == _SYN_ACK:
        answer = Answer.SYN_ACK
    else:
        return None
    acknowledged = (header.acknowledgement - 1) % 2**32 if header.flags & tcp.ACK else None
    quote = Quote(
        source=flow.source,
        destination=sender,
        protocol=tcp.PROTOCOL,
        source_port=header.destination_port,
        destination_port=header.source_port,
        tcp_sequence=acknowledged,
    )
    return Received(sender=sender, answer=answer, stamp=stamp, quote=quote, reply_ttl=reply_ttl, reply_tos=reply_tos)


def _echoed(message: icmp.IcmpMessage) -> Quote:
    """Return what an echo reply gives back (RFC 792 p. 14)."""
    identifier, sequence = icmp.parse_echo(message)
    return Quote(icmp_id=identifier, sequence=sequence, token=token_at(message.body, 0))


def _quoted_ipv4(datagram: bytes) -> Quote:
    """Return the quote of an IPv4 datagram."""
    header = parse_ipv4(datagram)
    return replace(
        _quoted_transport(header.protocol, datagram[header.header_length :]),
        source=ipv4_text(header.source),
        destination=ipv4_text(header.destination),
        protocol=header.protocol,
        quoted_ttl=header.ttl,
        quoted_tos=header.tos,
    )


def _quoted_ipv6(datagram: bytes) -> Quote:
    """Return the quote of an IPv6 datagram, behind any extension headers that a router put in."""
    header = parse_ipv6(datagram)
    protocol, offset = find_transport(header, datagram)
    return replace(
        _quoted_transport(protocol, datagram[offset:]),
        source=ipv6_text(header.source),
        destination=ipv6_text(header.destination),
        protocol=protocol,
        quoted_ttl=header.hop_limit,
        quoted_tos=header.traffic_class,
    )


def _quoted_transport(protocol: int, segment: bytes) -> Quote:
    """Return what a quoted transport header tells; nothing where the quote is cut before its eighth byte."""
    reader = _TRANSPORTS.get(protocol)
    return reader(segment) if reader and len(segment) >= _SHORTEST_QUOTE else Quote()


def _quoted_udp(segment: bytes) -> Quote:
    """Return ports, checksum and token."""
    header = udp.parse_udp(segment)
    return Quote(
        source_port=header.source_port,
        destination_port=header.destination_port,
        sequence=header.checksum,
        token=token_at(segment, udp.HEADER_LENGTH),
    )


def _quoted_tcp(segment: bytes) -> Quote:
    """Return ports and sequence number."""
    source_port, destination_port, sequence = tcp.parse_quoted_tcp(segment)
    return Quote(source_port=source_port, destination_port=destination_port, tcp_sequence=sequence)


_TRANSPORTS: Final[dict[int, Callable[[bytes], Quote]]] = {
    numbers.ICMP[Family.IPV4]: read_quoted_icmp,
    numbers.ICMP[Family.IPV6]: read_quoted_icmp,
    udp.PROTOCOL: _quoted_udp,
    tcp.PROTOCOL: _quoted_tcp,
}
