"""Sees the echo requests that reach this host, whose payload begins with a nonce, and who sent them."""

from __future__ import annotations

import _socket as socket
import struct

from probes.drivers.bpf import assembled, attach, drop, let_in, line
from probes.drivers.linux import NUMBERS, SO_TIMESTAMPNS
from probes.drivers.sockets import Together, read_datagram
from probes.facts import Family
from probes.failure import Failure, Operation, failure_of
from probes.frozen import frozen_positional
from probes.wire.echo import ECHO_REQUEST
from probes.wire.icmp import HEADER_LENGTH, parse_icmp, verify_icmp_checksum
from probes.wire.ipv4 import parse_ipv4
from probes.wire.malformed import MalformedDatagram
from probes.wire.numbers import ICMP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from probes.clock import Clock

NONCE_LENGTH: Final = 16
_WHOLE: Final = HEADER_LENGTH + NONCE_LENGTH
# Enough for a burst; a flood overflows it, and is none of our callers'.
_RECEIVE_BUFFER: Final = 2**18
# A reader that takes turns with others reads no more at once.
_MOST_AT_ONCE: Final = 256


@frozen_positional
class Echo:
    """One echo request: the first 16 octets of its payload, who sent it, and when it came."""

    nonce: bytes
    address: str
    realtime_ns: int


class EchoWatch:
    """A raw socket that hears echo requests of one family, and nothing else; the kernel answers them all the same."""

    def __init__(self, family: Family, clock: Clock) -> None:
        """Open it; OSError where raw sockets are refused."""
        numbers = NUMBERS[family]
        self._family = family
        self._clock = clock
        with Together() as opening:
            opened = opening.add(socket.socket(numbers.address_family, socket.SOCK_RAW, ICMP[family]))
            opened.setblocking(False)
            opened.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            attach(opened, _program(family))
        self._socket = opened

    def fileno(self) -> int:
        """Return what to wait on."""
        return self._socket.fileno()

    def receive(self) -> list[Echo]:
        """Return the echo requests that have come, oldest first, at most 256."""
        echoes = []
        for _ in range(_MOST_AT_ONCE):
            datagram = read_datagram(self._socket)
            if datagram is None:
                break
            nonce = _nonce(self._family, datagram.data)
            if nonce is not None:
                at_ns = datagram.stamp_ns() or self._clock.realtime_ns()
                echoes.append(Echo(nonce, datagram.address.partition("%")[0], at_ns))
        return echoes

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()


def open_echo_watch(family: Family, clock: Clock) -> EchoWatch | Failure:
    """Return a watch, or why this host allows none."""
    try:
        return EchoWatch(family, clock)
    except OSError as error:
        return failure_of(error, Operation.OPEN)


def _program(family: Family) -> bytes:
    """Return the filter: echo requests with room for a nonce; IPv4 raw sockets see the IP header too (raw(7))."""
    behind = family is Family.IPV4
    return assembled(
        [
            *([line("x = ipv4 header length at", 0)] if behind else []),
            line("a = byte behind x at" if behind else "a = byte at", 0),
            line("if a ==", ECHO_REQUEST[family], otherwise="drop"),
            line("a = length"),
            *([line("a -= x")] if behind else []),
            line("if a >=", _WHOLE, otherwise="drop"),
            let_in(),
            drop(label="drop"),
        ]
    )


def _nonce(family: Family, data: bytes) -> bytes | None:
    """Return what the payload begins with, None where the message is damaged (RFC 792 p. 14, RFC 4443 section 4.1)."""
    try:
        if family is Family.IPV4:
            data = data[parse_ipv4(data).header_length :]
            verify_icmp_checksum(data)
        message = parse_icmp(data)
    except (MalformedDatagram, struct.error):
        return None
    return message.body[:NONCE_LENGTH] if message.type == ECHO_REQUEST[family] else None
