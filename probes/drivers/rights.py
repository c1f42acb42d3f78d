"""What this host lets the agent do: which sockets open, whose interfaces and addresses exist, how its clock is kept."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from probes.drivers.linux import NUMBERS
from probes.facts import Family, Method, Protocol
from probes.failure import Failure, Operation, failure_of
from probes.rights import Rights, SocketRight

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final


_ICMP: Final = {Family.IPV4: socket.IPPROTO_ICMP, Family.IPV6: socket.IPPROTO_ICMPV6}
_ANY: Final = {Family.IPV4: "0.0.0.0", Family.IPV6: "::"}

# linux/timex.h: what adjtimex returns for a clock that nothing keeps; and, in struct timex, the estimated largest
# error in microseconds, the fourth of its long words (the first is an int, padded to one).
_TIME_ERROR: Final = 5
_TIMEX_LENGTH: Final = 208
_TIMEX_MAXERROR_WORD: Final = 3


def read_rights() -> Rights:
    """Return what this process may do here; opens sockets for a moment and sends nothing."""
    synchronised, error_us = _clock()
    groups = _numbers(Path("/proc/sys/net/ipv4/ping_group_range"))
    buffer = _numbers(Path("/proc/sys/net/core/rmem_max"))
    return Rights(
        sockets=tuple(_sockets()),
        ping_groups=(groups[0], groups[1]) if len(groups) == 2 else None,  # noqa: PLR2004 - first and last
        receive_buffer_bytes=buffer[0] if buffer else None,
        clock_synchronised=synchronised,
        clock_error_us=error_us,
        python_version=".".join(map(str, sys.version_info[:3])),
    )


def interface_names() -> tuple[str, ...]:
    """Return the names of this host's interfaces, in the kernel's order."""
    return tuple(name for _, name in socket.if_nameindex())


def own_address_failure(address: str) -> Failure | None:
    """Return why nothing can be sent from an address (a literal, with its zone if it has one), or None if it can."""
    family = Family.IPV6 if ":" in address else Family.IPV4
    operation = Operation.OPEN
    try:
        with socket.socket(NUMBERS[family].address_family, socket.SOCK_DGRAM) as asking:
            operation = Operation.BIND
            asking.bind(socket.getaddrinfo(address, 0, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)[0][4])
    except socket.gaierror:
        # A zone that is no interface.
        return Failure.NO_SUCH_INTERFACE
    except OSError as error:
        return failure_of(error, operation)
    return None


def _sockets() -> Iterator[SocketRight]:
    for family in Family:
        yield _right(Protocol.ICMP, family, Method.RAW, socket.SOCK_RAW, _ICMP[family])
        yield _right(Protocol.ICMP, family, Method.PING_SOCKET, socket.SOCK_DGRAM, _ICMP[family])
        yield _right(Protocol.UDP, family, Method.RAW, socket.SOCK_RAW, socket.IPPROTO_UDP)
        yield _right(Protocol.UDP, family, Method.ERROR_QUEUE, socket.SOCK_DGRAM, 0)
        yield _right(Protocol.TCP, family, Method.RAW, socket.SOCK_RAW, socket.IPPROTO_TCP)
        yield _right(Protocol.TCP, family, Method.CONNECT, socket.SOCK_STREAM, 0)


def _right(protocol: Protocol, family: Family, method: Method, kind: socket.SocketKind, number: int) -> SocketRight:
    return SocketRight(protocol=protocol, family=family, method=method, failure=_opening(family, kind, number))


def _opening(family: Family, kind: socket.SocketKind, number: int) -> Failure | None:
    """Return why a socket with an error queue cannot be opened and bound, or None if it can."""
    numbers, operation = NUMBERS[family], Operation.OPEN
    try:
        with socket.socket(numbers.address_family, kind, number) as opened:
            opened.setsockopt(numbers.level, numbers.receive_errors, 1)
            operation = Operation.BIND
            opened.bind((_ANY[family], 0))
    except OSError as error:
        return failure_of(error, operation)
    return None


def _numbers(path: Path) -> tuple[int, ...]:
    """Return the numbers in a file of /proc/sys, none where the host hides it."""
    try:
        return tuple(int(word) for word in path.read_text("ascii").split())
    except (OSError, ValueError):
        return ()


def _clock() -> tuple[bool | None, int | None]:
    """Return whether the kernel believes its clock is kept in step, and its bound on the error in microseconds."""
    # 10 ms, and only `doctor` asks.
    import ctypes  # noqa: PLC0415

    timex = ctypes.create_string_buffer(_TIMEX_LENGTH)
    try:
        state = ctypes.CDLL(None).adjtimex(timex)
    except (OSError, AttributeError):
        return None, None
    if state < 0:
        return None, None
    words = ctypes.cast(timex, ctypes.POINTER(ctypes.c_long))
    return state != _TIME_ERROR, words[_TIMEX_MAXERROR_WORD]
