"""The error queue: ICMP errors told to the socket that sent, without any privilege (ip(7), IP_RECVERR)."""

import socket
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Final, NamedTuple

from probes.drivers.linux import EXTENDED_ERROR, EXTENDED_ERROR_LENGTH, MSG_ERRQUEUE, ORIGIN_LOCAL, Numbers
from probes.drivers.sockets import Datagram, read_datagram
from probes.drivers.stamps import StampReader
from probes.facts import Icmp, RejectReason
from probes.failure import Operation, failure_of
from probes.seam import Event, Flow, LocalError, Quote, Received, Unreadable
from probes.wire.answers import protocol_number
from probes.wire.icmp import answer_kind
from probes.wire.icmp_extensions import parse_mpls
from probes.wire.malformed import MalformedDatagram

_EXTENDED: Final = struct.Struct(EXTENDED_ERROR)


class QueuedError(NamedTuple):
    """One entry of an error queue; `offender` is None where the kernel names none."""

    datagram: Datagram
    errno: int
    origin: int
    icmp: Icmp
    extensions_at: int
    offender: str | None


def read_queued_error(opened: socket.socket, numbers: Numbers) -> QueuedError | None:
    """Return the next entry of a socket's error queue, None where it is empty."""
    datagram = read_datagram(opened, MSG_ERRQUEUE)
    if datagram is None:
        return None
    control = datagram.control.get((numbers.level, numbers.receive_errors), b"")
    if len(control) < EXTENDED_ERROR_LENGTH:
        return QueuedError(datagram, 0, ORIGIN_LOCAL, Icmp(type=0, code=0), 0, None)
    errno, origin, kind, code, extensions_at = _EXTENDED.unpack_from(control)
    return QueuedError(datagram, errno, origin, Icmp(type=kind, code=code), extensions_at, _offender(control, numbers))


def event_of(
    error: QueuedError, flow: Flow, numbers: Numbers, stamps: StampReader, quoted: Callable[[bytes], Quote]
) -> Event:
    """Return what an entry says.

    Args:
        error: The entry.
        flow: Whose socket it came from; the kernel matched its addresses and ports.
        numbers: The family's.
        stamps: What the kernel's stamps mean now.
        quoted: Reads the queued bytes, which start where the socket's own data starts (behind the UDP header, at the
            ICMP or TCP header).
    """
    if error.origin == ORIGIN_LOCAL:
        failure = failure_of(OSError(error.errno, ""), Operation.RECEIVE)
        return LocalError(failure, error.offender, None)
    extensions_at = error.extensions_at or len(error.datagram.data)
    try:
        quote = quoted(error.datagram.data[:extensions_at])
        mpls = parse_mpls(error.datagram.data[extensions_at:])
    except MalformedDatagram:
        return Unreadable(RejectReason.MALFORMED)
    return Received(
        sender=error.offender or "",
        answer=answer_kind(flow.family, error.icmp.type, error.icmp.code),
        stamp=stamps.at(error.datagram.stamp_ns()),
        quote=replace(
            quote,
            source=flow.source,
            destination=error.datagram.address or None,
            protocol=protocol_number(flow.family, flow.protocol),
        ),
        icmp=error.icmp,
        reply_ttl=error.datagram.ttl(numbers),
        mpls=mpls,
    )


def _offender(control: bytes, numbers: Numbers) -> str | None:
    """Return the address behind an extended error, None where its family says that there is none."""
    sockaddr = control[EXTENDED_ERROR_LENGTH:]
    end = numbers.address_offset + numbers.address_length
    if len(sockaddr) < end or struct.unpack_from("=H", sockaddr)[0] != numbers.address_family:
        return None
    return socket.inet_ntop(numbers.address_family, sockaddr[numbers.address_offset : end])
