"""Opening sockets for probes, and reading one datagram with what the kernel says beside it."""

from __future__ import annotations

import _socket as socket
import errno
import struct

from probes.drivers.linux import (
    MSG_ERRQUEUE,
    ORIGIN_TIMESTAMPING,
    PMTUDISC_PROBE,
    SO_RXQ_OVFL,
    SO_TIMESTAMPING,
    SO_TIMESTAMPNS,
    STAMP_DEPARTURES,
)
from probes.frozen import frozen_positional

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Self, TypeVar
    from typing import Protocol as Interface

    from probes.drivers.endpoint import Endpoint
    from probes.drivers.linux import Numbers

    class Closable(Interface):
        """What can be given back."""

        def close(self) -> None:
            """Give it back."""

    _Opened = TypeVar("_Opened", bound=Closable)


# More than any sender of ICMP errors quotes (RFC 4443 section 3.1: 1280 octets), and room for three control messages.
LONGEST: Final = 2048
_CONTROL: Final = 256
# The kernel takes the smaller of this and net.core.rmem_max. The default holds 255 replies and overflows in silence
# [measured].
_RECEIVE_BUFFER: Final = 8 * 2**20
# How many pending errors one call takes off before it gives up until the next.
_ATTEMPTS: Final = 4
_TIMESPEC: Final = struct.Struct("@ll")
_INT: Final = struct.Struct("@i")
# linux/errqueue.h: behind the error number.
_ORIGIN_AT: Final = 4
_TYPE_AT: Final = 5
# Errors that ICMP leaves pending on a socket for its next call to report (net/ipv4/icmp.c, icmp_err_convert;
# net/ipv6/icmp.c, tab_unreach).
PENDING_ERRNOS: Final = frozenset(
    {
        errno.ENETUNREACH,
        errno.EHOSTUNREACH,
        errno.ENOPROTOOPT,
        errno.ECONNREFUSED,
        errno.EMSGSIZE,
        errno.EOPNOTSUPP,
        errno.EHOSTDOWN,
        errno.ENONET,
        errno.EPROTO,
        errno.EACCES,
    }
)


@frozen_positional
class Datagram:
    """One datagram as a socket gave it; `control` maps (level, type) to what the kernel said beside it."""

    data: bytes
    address: str
    port: int
    control: dict[tuple[int, int], bytes]

    def stamp_ns(self) -> int | None:
        """Return the kernel's receive stamp in nanoseconds of CLOCK_REALTIME."""
        return self._timespec_ns(SO_TIMESTAMPNS)

    def departed_ns(self) -> int | None:
        """Return when the packet left whose stamp an error queue gave back: nanoseconds of CLOCK_REALTIME.

        The control message has the option's number, and software's stamp first (linux/errqueue.h, scm_timestamping).
        """
        return self._timespec_ns(SO_TIMESTAMPING)

    def is_departure(self, numbers: Numbers) -> bool:
        """Return whether an error queue gave this for a packet that left, and not for an error."""
        control = self.control.get((numbers.level, numbers.receive_errors), b"")
        return len(control) > _ORIGIN_AT and control[_ORIGIN_AT] == ORIGIN_TIMESTAMPING

    def is_expiry(self, numbers: Numbers) -> bool:
        """Return whether an error queue gave this for an ICMP error that says that a probe expired on its way."""
        control = self.control.get((numbers.level, numbers.receive_errors), b"")
        return control[_ORIGIN_AT : _TYPE_AT + 1] == bytes((numbers.icmp_origin,)) + numbers.expiry

    def dropped(self) -> int:
        """Return how many datagrams the kernel dropped at the socket since it was opened, until this one came.

        They found no room there. At a raw ICMPv6 socket wrong checksums count, too (net/ipv6/raw.c, rawv6_rcv).
        """
        value = self.control.get((socket.SOL_SOCKET, SO_RXQ_OVFL))
        return int(_INT.unpack_from(value)[0]) & 0xFFFFFFFF if value else 0

    def _timespec_ns(self, message: int) -> int | None:
        timespec = self.control.get((socket.SOL_SOCKET, message))
        if timespec is None or len(timespec) < _TIMESPEC.size:
            return None
        seconds, nanoseconds = _TIMESPEC.unpack_from(timespec)
        return int(seconds) * 1_000_000_000 + int(nanoseconds)

    def ttl(self, numbers: Numbers) -> int | None:
        """Return the TTL or hop limit with which it arrived."""
        value = self.control.get((numbers.level, numbers.ttl_message))
        return int(_INT.unpack_from(value)[0]) if value and len(value) >= _INT.size else None

    def tos(self, numbers: Numbers) -> int | None:
        """Return the type of service or traffic class with which it arrived: one byte for IPv4, an int for IPv6."""
        value = self.control.get((numbers.level, numbers.traffic_class))
        if not value:
            return None
        return value[0] if len(value) < _INT.size else int(_INT.unpack_from(value)[0])


class Together:
    """Sockets that are opened one after the other, and all closed again where one of them is refused."""

    def __init__(self) -> None:
        self._opened: list[Closable] = []

    def add(self, opened: _Opened) -> _Opened:
        """Return what was opened, which is closed with the others if a later step fails."""
        self._opened.append(opened)
        return opened

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: object) -> None:
        if kind is not None:
            for each in self._opened:
                each.close()


def open_socket(endpoint: Endpoint, kind: int, protocol: int = 0) -> socket.socket:
    """Return a non-blocking socket with stamps both ways, reply TTLs and classes, the largest buffer, the flow's TOS.

    It sends by the flow's interface.

    Raises:
        OSError: The host refuses it.
    """
    numbers = endpoint.numbers
    with Together() as opening:
        opened = opening.add(socket.socket(numbers.address_family, kind, protocol))
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        opened.setsockopt(numbers.level, numbers.receive_ttl, 1)
        opened.setsockopt(numbers.level, numbers.receive_traffic_class, 1)
        opened.setsockopt(numbers.level, numbers.traffic_class, endpoint.tos)
        if kind is not socket.SOCK_STREAM:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            _ask_for_departures_and_drops(opened)
        _choose_interface(opened, kind, endpoint)
    return opened


def _ask_for_departures_and_drops(opened: socket.socket) -> None:
    """Have the kernel say when packets left, and how many it dropped; a kernel that does not is doubted instead."""
    for option, value in ((SO_TIMESTAMPING, STAMP_DEPARTURES), (SO_RXQ_OVFL, 1)):
        try:
            opened.setsockopt(socket.SOL_SOCKET, option, value)
        except OSError:
            continue


def queue_errors(opened: socket.socket, numbers: Numbers) -> None:
    """Let ICMP errors be read from the socket's error queue, extensions included."""
    opened.setsockopt(numbers.level, numbers.receive_errors, 1)
    try:
        opened.setsockopt(numbers.level, numbers.receive_extensions, 1)
    except OSError:
        return  # Linux before 5.9: the labels stay unseen, the answers do not


def keep_whole(opened: socket.socket, numbers: Numbers) -> None:
    """Send whole packets from here on, with Don't Fragment, whatever the kernel has heard of the path's MTU.

    A packet larger than the interface's own MTU is refused with EMSGSIZE (ip(7), ipv6(7)).
    """
    opened.setsockopt(numbers.level, numbers.path_mtu_discovery, PMTUDISC_PROBE)
    if numbers.never_fragment is not None:
        opened.setsockopt(numbers.level, numbers.never_fragment, 1)


def read_datagram(opened: socket.socket, flags: int = 0, longest: int = LONGEST) -> Datagram | None:
    """Return the next datagram, cut at `longest` octets, None where there is none.

    An error that is pending is taken off and passed over.
    """
    for _ in range(_ATTEMPTS):
        try:
            data, control, _, address = opened.recvmsg(longest, _CONTROL, flags)
        except BlockingIOError:
            return None
        except OSError:
            if flags & MSG_ERRQUEUE:
                return None
            continue
        messages = {(level, kind): value for level, kind, value in control}
        host, port = address[:2] if address else ("", 0)
        return Datagram(data, host, port, messages)
    return None


def _choose_interface(opened: socket.socket, kind: int, endpoint: Endpoint) -> None:
    """Send by the flow's interface."""
    if endpoint.interface is None:
        return
    if kind is socket.SOCK_STREAM:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, endpoint.interface.encode() + b"\0")
        return
    # Replies may come by any interface, and the host's own errors come by the loopback: only sending is bound.
    index = struct.pack("!I", endpoint.interface_index)
    opened.setsockopt(endpoint.numbers.level, endpoint.numbers.unicast_interface, index)
