"""Asks an edge which source it saw: by a STUN request over UDP and over TCP (RFC 8489), and by an echo with a nonce."""

from __future__ import annotations

import os
import socket

from probes.drivers.edge_client import seen_echo
from probes.drivers.edge_http import Stopped, Way, send_by
from probes.edge_answers import read_seen
from probes.egress_facts import EgressSource, SeenAddress
from probes.facts import Role
from probes.facts_reader import UnfitError
from probes.failure import Failure, Operation, failure_of
from probes.frozen import replace
from probes.wire.malformed import MalformedDatagram
from probes.wire.stun import (
    LONGEST_MESSAGE,
    TRANSACTION_LENGTH,
    build_binding_request,
    message_length,
    parse_binding_response,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from probes.clock import Clock
    from probes.edge_access import EdgeAccess
    from probes.egress_facts import ServiceData
    from probes.name_facts import DnsCheck


# One question, all its repetitions included; echoes take longer.
SEEN_S: Final = 1.2
# RFC 8489 section 6.2.1: the first wait is 500 ms or more, each further one twice as long. Its seven requests would
# take 39.5 s: nobody waits so long for a verdict, so there are two here, and a lost one costs half a second.
_FIRST_WAIT_S: Final = 0.5
_ECHOES: Final = 3
_ECHO_WAIT_S: Final = 0.2
# Echoes may pass one way only, so the edge is asked even where none was answered: that takes four round trips more.
_ECHO_S: Final = 1.5
_NONCE_LENGTH: Final = 16
_OK: Final = 200
_NOT_FOUND: Final = 404

_PACKETS: Final = {
    EgressSource.STUN: "UDP packets",
    EgressSource.TCP: "TCP connections",
    EgressSource.ICMP: "echo requests",
}
_LONGEST_S: Final = {EgressSource.ICMP: _ECHO_S}
_OFFERED: Final[dict[EgressSource, Callable[[ServiceData], bool]]] = {
    EgressSource.STUN: lambda data: data.udp_port is not None,
    EgressSource.TCP: lambda data: data.tcp_port is not None,
    EgressSource.ICMP: lambda data: bool(data.icmp),
}


class _NoAnswer(Exception):  # noqa: N818 - a way out of the steps, never seen outside this file
    def __init__(self, failure: Failure, detail: str) -> None:
        super().__init__(failure)
        self.failure = failure
        self.detail = detail


def seen_by(
    source: EgressSource,
    access: EdgeAccess,
    data: ServiceData,
    *,
    clock: Clock,
    resolve: Callable[[str], DnsCheck],
    source_address: str | None = None,
    interface: str | None = None,
) -> SeenAddress:
    """Return the source address that an edge saw of a packet of one protocol, or why it saw none; in 1.2 s, echoes 1.5.

    Where this edge does not offer it, or cannot be asked for it, nothing is sent: no address and no failure.

    Args:
        source: `stun` over UDP, `tcp` for STUN over TCP, or `icmp`.
        access: The edge.
        data: Its service data, which says where and whether it tells.
        clock: The clock.
        resolve: Looks up the API's host.
        source_address: The address to send from, None for the kernel's choice.
        interface: The interface to send by, None for the kernel's choice.
    """
    way = Way(addresses_of=resolve, source=source_address, interface=interface, ca_file=access.ca_file)
    asking = _Asking(access, data, clock, way, _PACKETS[source])
    unasked = None if _OFFERED[source](data) else f"this edge does not tell the source of {_PACKETS[source]}"
    if unasked is None and data.server_address is None:
        unasked = "the edge's own address is not known: it was asked through a proxy"
    found = SeenAddress(edge=access.host, server_address=data.server_address, detail=unasked)
    if unasked is not None:
        return found
    began = clock.monotonic()
    try:
        found = replace(found, address=_ASKING[source](asking, began + _LONGEST_S.get(source, SEEN_S)))
    except _NoAnswer as none:
        found = replace(found, failure=none.failure, detail=none.detail)
    return replace(found, duration_us=round((clock.monotonic() - began) * 1_000_000))


class _Asking:
    """One edge that is asked about one kind of packets."""

    def __init__(self, access: EdgeAccess, data: ServiceData, clock: Clock, way: Way, packets: str) -> None:
        self.access = access
        self.data = data
        self.clock = clock
        self.way = way
        self.packets = packets

    def opened(self, kind: socket.SocketKind, port: int) -> socket.socket:
        """Return a socket connected to the edge, so that the kernel drops what others send; _NoAnswer if that fails."""
        opened: socket.socket | None = None
        try:
            ((family, _, number, _, remote), *_) = socket.getaddrinfo(
                self.data.server_address, port, type=kind, flags=socket.AI_NUMERICHOST
            )
            opened = socket.socket(family, kind, number)
            send_by(opened, self.way.source, self.way.interface)
            opened.settimeout(SEEN_S)
            opened.connect(remote)
        except OSError as error:
            if opened is not None:
                opened.close()
            raise self.no_answer(error, Operation.CONNECT) from error
        return opened

    def left_s(self, until: float) -> float:
        """Return how long it is until monotonic time `until`; TimeoutError where that is over."""
        left_s = until - self.clock.monotonic()
        if left_s <= 0:
            raise TimeoutError
        return left_s

    def no_answer(self, error: OSError, operation: Operation) -> _NoAnswer:
        """Return an error of the socket's as the end of the asking."""
        why = "no answer in time" if isinstance(error, TimeoutError) else (error.strerror or str(error)).lower()
        words = f"{self.packets} to {self.data.server_address}: {why}"
        return _NoAnswer(failure_of(error, operation), words)


def _over_udp(asking: _Asking, until: float) -> str:
    """Return what a STUN request in a datagram is answered; it is sent again after half a second."""
    transaction = os.urandom(TRANSACTION_LENGTH)
    with asking.opened(socket.SOCK_DGRAM, asking.data.udp_port or 0) as opened:
        try:
            wait_s = _FIRST_WAIT_S
            while True:
                opened.send(build_binding_request(transaction))
                address = _datagram(asking, opened, transaction, min(until, asking.clock.monotonic() + wait_s))
                if address is not None:
                    return address
                # Ends here where the time is over.
                asking.left_s(until)
                wait_s *= 2
        except OSError as error:
            raise asking.no_answer(error, Operation.RECEIVE) from error


def _datagram(asking: _Asking, opened: socket.socket, transaction: bytes, until: float) -> str | None:
    """Return the address in the answer that comes by monotonic time `until`, None where none comes."""
    try:
        while True:
            opened.settimeout(asking.left_s(until))
            address = _told(opened.recv(LONGEST_MESSAGE + 1), transaction)
            if address is not None:
                return address
    except TimeoutError:
        return None


def _over_tcp(asking: _Asking, until: float) -> str:
    """Return what a STUN request over a connection is answered."""
    transaction = os.urandom(TRANSACTION_LENGTH)
    with asking.opened(socket.SOCK_STREAM, asking.data.tcp_port or 0) as opened:
        try:
            opened.sendall(build_binding_request(transaction))
            message = _message(asking, opened, until)
        except OSError as error:
            raise asking.no_answer(error, Operation.RECEIVE) from error
    address = _told(message, transaction)
    if address is None:
        raise _NoAnswer(Failure.MALFORMED_REPLY, "the answer is not to this question")
    return address


def _message(asking: _Asking, opened: socket.socket, until: float) -> bytes:
    """Return the first message of a stream (RFC 8489 section 6.2.2)."""
    message = b""
    while (length := _length(message)) is None or len(message) < length:
        opened.settimeout(asking.left_s(until))
        data = opened.recv(LONGEST_MESSAGE)
        if not data:
            words = f"who accepts TCP connections to {asking.data.server_address} closes them without an answer"
            raise _NoAnswer(Failure.CONNECTION_RESET, words)
        message += data
    return message[:length]


def _by_echo(asking: _Asking, until: float) -> str:
    """Return whose the echo requests with a nonce were, as the edge says over HTTPS."""
    nonce = os.urandom(_NONCE_LENGTH)
    _send_echoes(asking, nonce)
    try:
        reply = seen_echo(asking.access, nonce, asking.way, clock=asking.clock, until=until)
        if reply.status == _OK:
            return read_seen(reply.body)
    except Stopped as stopped:
        raise _NoAnswer(stopped.failure, stopped.detail or "the edge could not be asked") from stopped
    except UnfitError as error:
        raise _NoAnswer(Failure.MALFORMED_REPLY, str(error)) from error
    if reply.status == _NOT_FOUND:
        raise _NoAnswer(Failure.TIMED_OUT, f"no echo request arrived at {asking.data.server_address}")
    raise _NoAnswer(Failure.UNEXPECTED_STATUS, f"HTTP {reply.status}")


def _send_echoes(asking: _Asking, nonce: bytes) -> None:
    """Send echo requests until one is answered: the requests matter, an answer says that no more are needed."""
    from probes.drivers import icmp_echo  # noqa: PLC0415 - 18 ms, for those whose sample uses ICMP

    for _ in range(_ECHOES):
        result = icmp_echo.echo(
            Role.SERVICE_EDGE,
            asking.data.server_address or "",
            count=1,
            timeout_s=_ECHO_WAIT_S,
            clock=asking.clock,
            source=asking.way.source,
            interface=asking.way.interface,
            payload=nonce,
        )
        if result.answered:
            return
        if not result.sent:
            failure = result.failure or Failure.OTHER
            raise _NoAnswer(failure, f"this host sends no echo requests: {failure.value.replace('_', ' ')}")


_ASKING: Final[dict[EgressSource, Callable[[_Asking, float], str]]] = {
    EgressSource.STUN: _over_udp,
    EgressSource.TCP: _over_tcp,
    EgressSource.ICMP: _by_echo,
}


def _told(message: bytes, transaction: bytes) -> str | None:
    """Return the address that a message tells, None where it is no answer to this request: somebody else's noise.

    _NoAnswer where the edge answers with an error.
    """
    try:
        response = parse_binding_response(message, transaction)
    except MalformedDatagram:
        return None
    if response.address is None:
        raise _NoAnswer(Failure.UNEXPECTED_STATUS, f"the edge answers with STUN error {response.error_code}")
    return response.address


def _length(message: bytes) -> int | None:
    try:
        return message_length(message)
    except MalformedDatagram as error:
        raise _NoAnswer(Failure.MALFORMED_REPLY, str(error)) from error
