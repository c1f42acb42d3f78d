"""The error queue: ICMP errors told to the socket that sent, without any privilege (ip(7), IP_RECVERR)."""

from __future__ import annotations

import _socket as socket
import struct

from probes.answer_facts import Icmp, RejectReason
from probes.drivers.linux import EXTENDED_ERROR, EXTENDED_ERROR_LENGTH, MSG_ERRQUEUE, ORIGIN_LOCAL
from probes.drivers.sockets import read_datagram
from probes.failure import Failure, Operation, failure_of
from probes.frozen import frozen_positional, replace
from probes.seam import LocalError, Received, Unreadable
from probes.wire.icmp import answer_kind, is_too_big
from probes.wire.icmp_extensions import read_extensions
from probes.wire.malformed import MalformedDatagram
from probes.wire.numbers import protocol_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from probes.drivers.linux import Numbers
    from probes.drivers.sockets import Datagram
    from probes.seam import Event, Flow, Quote, Stamp


_EXTENDED: Final = struct.Struct(EXTENDED_ERROR)


@frozen_positional
class QueuedError:
    """One entry of an error queue; `offender` is None where the kernel names none."""

    datagram: Datagram
    errno: int
    origin: int
    icmp: Icmp
    info: int
    extensions_at: int
    offender: str | None


def read_queued_error(opened: socket.socket, numbers: Numbers) -> QueuedError | None:
    """Return the next entry of a socket's error queue, None where it is empty."""
    datagram = read_datagram(opened, MSG_ERRQUEUE)
    return None if datagram is None else queued_error(datagram, numbers)


def queued_error(datagram: Datagram, numbers: Numbers) -> QueuedError:
    """Return what a datagram of an error queue says, with the kernel's words beside it."""
    control = datagram.control.get((numbers.level, numbers.receive_errors), b"")
    if len(control) < EXTENDED_ERROR_LENGTH:
        return QueuedError(datagram, 0, ORIGIN_LOCAL, Icmp(type=0, code=0), 0, 0, None)
    errno, origin, kind, code, info, extensions_at = _EXTENDED.unpack_from(control)
    offender = _offender(control, numbers)
    return QueuedError(datagram, errno, origin, Icmp(type=kind, code=code), info, extensions_at, offender)


def event_of(error: QueuedError, flow: Flow, numbers: Numbers, stamp: Stamp, quoted: Callable[[bytes], Quote]) -> Event:
    """Return what an entry says.

    Args:
        error: The entry.
        flow: Whose socket it came from; the kernel matched its addresses and ports.
        numbers: The family's.
        stamp: When it came.
        quoted: Reads the queued bytes, which start where the socket's own data starts (behind the UDP header, at the
            ICMP or TCP header).
    """
    if error.origin == ORIGIN_LOCAL:
        failure = failure_of(OSError(error.errno, ""), Operation.RECEIVE)
        mtu = error.info if failure is Failure.MESSAGE_TOO_LONG else None
        return LocalError(failure, error.offender, None, mtu)
    if error.offender is None:
        return Unreadable(RejectReason.NOT_AN_ANSWER)
    extensions_at = error.extensions_at or len(error.datagram.data)
    try:
        quote = quoted(error.datagram.data[:extensions_at])
    except MalformedDatagram:
        return Unreadable(RejectReason.MALFORMED)
    return Received(
        sender=error.offender,
        answer=answer_kind(flow.family, error.icmp.type, error.icmp.code),
        stamp=stamp,
        quote=replace(
            quote,
            source=flow.source,
            destination=error.datagram.address or None,
            protocol=protocol_number(flow.family, flow.protocol),
        ),
        icmp=error.icmp,
        reply_ttl=error.datagram.ttl(numbers),
        reply_tos=error.datagram.tos(numbers),
        next_hop_mtu=error.info if is_too_big(flow.family, error.icmp.type, error.icmp.code) else None,
        extensions=read_extensions(error.datagram.data[extensions_at:]),
    )


def _offender(control: bytes, numbers: Numbers) -> str | None:
    """Return the address behind an extended error, None where its family says that there is none."""
    sockaddr = control[EXTENDED_ERROR_LENGTH:]
    end = numbers.address_offset + numbers.address_length
    if len(sockaddr) < end or struct.unpack_from("=H", sockaddr)[0] != numbers.address_family:
        return None
    return socket.inet_ntop(numbers.address_family, sockaddr[numbers.address_offset : end])
