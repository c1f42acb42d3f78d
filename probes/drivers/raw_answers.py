"""What raw sockets heard: ICMP messages and TCP segments, plainly foreign ones as such."""

from __future__ import annotations

from probes.answer_facts import Answer, RejectReason
from probes.drivers.own_host import own_verdict
from probes.flow_facts import Family
from probes.seam import Unreadable
from probes.wire.answers import read_icmp, read_tcp
from probes.wire.icmp import verify_icmp_checksum
from probes.wire.ipv4 import parse_ipv4
from probes.wire.malformed import MalformedDatagram

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from probes.drivers.linux import Numbers
    from probes.drivers.sockets import Datagram
    from probes.seam import Event, Flow, Quote, Stamp


_FOREIGN: Final = Unreadable(RejectReason.FOREIGN_FLOW)
_MALFORMED: Final = Unreadable(RejectReason.MALFORMED)


def icmp_event(
    datagram: Datagram, stamp: Stamp, flow: Flow, numbers: Numbers, is_ours: Callable[[Quote], bool]
) -> Event | None:
    """Return what one ICMP message says, None for one that answers nothing."""
    try:
        message, reply_ttl, tos = _payload_and_marks(datagram, flow.family, numbers)
        if flow.family is Family.IPV4:
            # The kernel checks ICMPv6 before raw sockets get it, and ICMP after (RFC 3542 section 3.1) [measured].
            verify_icmp_checksum(message)
        received = read_icmp(
            flow.family, message, sender=datagram.address, reply_ttl=reply_ttl, stamp=stamp, reply_tos=tos
        )
    except MalformedDatagram:
        return _MALFORMED
    if received is None:
        return None
    return own_verdict(received, flow) if is_ours(received.quote) else _FOREIGN


def tcp_event(
    datagram: Datagram, stamp: Stamp, flow: Flow, numbers: Numbers, taken: Callable[[int], None]
) -> Event | None:
    """Return what one segment says, None for one that answers nothing.

    `taken` gets the sequence number of a SYN that the destination took; a reset leaves nothing behind.
    """
    try:
        segment, reply_ttl, tos = _payload_and_marks(datagram, flow.family, numbers)
        received = read_tcp(flow, segment, sender=datagram.address, reply_ttl=reply_ttl, stamp=stamp, reply_tos=tos)
    except MalformedDatagram:
        return _MALFORMED
    if received is not None and received.answer is Answer.SYN_ACK and received.sender == flow.destination:
        taken(received.quote.tcp_sequence or 0)
    return received


def _payload_and_marks(datagram: Datagram, family: Family, numbers: Numbers) -> tuple[bytes, int | None, int | None]:
    """Return what a raw socket got behind the IP header, which only IPv4's give, and the TTL and class it came with.

    Raises:
        MalformedDatagram: The IPv4 header is not one.
    """
    if family is Family.IPV6:
        return datagram.data, datagram.ttl(numbers), datagram.tos(numbers)
    header = parse_ipv4(datagram.data)
    return datagram.data[header.header_length : header.total_length], header.ttl, header.tos
