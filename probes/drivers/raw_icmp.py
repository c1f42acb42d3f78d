"""The raw ICMP socket: what it hears for every protocol, and echo probes sent by it (CAP_NET_RAW)."""

from __future__ import annotations

import _socket as socket

from probes.drivers.base import MOST_AT_ONCE, SocketDriver
from probes.drivers.own_host import own_verdict
from probes.drivers.socket_filter import pass_answers, pass_nothing, pass_wanted_icmp
from probes.drivers.sockets import Together, open_socket
from probes.facts import Family, Method, Protocol, RejectReason
from probes.seam import Flow, Received, Unreadable
from probes.wire.answers import protocol_number, read_icmp
from probes.wire.icmp import ECHO_PROBE_LENGTH, PROTOCOL, build_echo_probe, checksummed, verify_icmp_checksum
from probes.wire.ipv4 import parse_ipv4
from probes.wire.malformed import MalformedDatagram

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Final

    from probes.clock import Clock
    from probes.drivers.endpoint import Endpoint
    from probes.drivers.linux import Numbers
    from probes.drivers.sockets import Datagram
    from probes.drivers.stamps import StampReader
    from probes.failure import Failure
    from probes.seam import Event, Probe, Quote, Stamp


_FOREIGN: Final = Unreadable(RejectReason.FOREIGN_FLOW)
_MALFORMED: Final = Unreadable(RejectReason.MALFORMED)


def open_raw_icmp(endpoint: Endpoint) -> socket.socket:
    """Return a raw socket for what ICMP says to the flow's source, deaf until `pass_answers`.

    Raises:
        OSError: There is no CAP_NET_RAW.
    """
    with Together() as opening:
        opened = opening.add(open_socket(endpoint, socket.SOCK_RAW, PROTOCOL[endpoint.family]))
        pass_wanted_icmp(opened, endpoint.family)
        # Until `pass_answers` says what, for a flood needs no more than that to fill the queue.
        pass_nothing(opened)
        opened.bind(endpoint.local(0))
    return opened


def hear_icmp(
    opened: socket.socket,
    numbers: Numbers,
    flow: Flow,
    stamps: StampReader,
    is_ours: Callable[[Quote], bool],
    read: Callable[[socket.socket], Datagram | None],
) -> list[Event]:
    """Return what has arrived at a raw ICMP socket, plainly foreign messages as such; `read` takes the next one off."""
    events: list[Event] = []
    for _ in range(MOST_AT_ONCE):
        datagram = read(opened)
        if datagram is None:
            break
        event = _heard(datagram, numbers, flow, stamps)
        if isinstance(event, Received) and not is_ours(event.quote):
            event = _FOREIGN
        if event is not None:
            events.append(own_verdict(event, flow))
    return events


def payload_and_marks(datagram: Datagram, family: Family, numbers: Numbers) -> tuple[bytes, int | None, int | None]:
    """Return what a raw socket got behind the IP header, which only IPv4's give, and the TTL and class it came with.

    Raises:
        MalformedDatagram: The IPv4 header is not one.
    """
    if family is Family.IPV6:
        return datagram.data, datagram.ttl(numbers), datagram.tos(numbers)
    header = parse_ipv4(datagram.data)
    return datagram.data[header.header_length : header.total_length], header.ttl, header.tos


def _heard(datagram: Datagram, numbers: Numbers, flow: Flow, stamps: StampReader) -> Event | None:
    """Return what one datagram says, None for one that answers nothing."""
    try:
        message, reply_ttl, tos = payload_and_marks(datagram, flow.family, numbers)
        if flow.family is Family.IPV4:
            # The kernel checks ICMPv6 before raw sockets get it, and ICMP after (RFC 3542 section 3.1) [measured].
            verify_icmp_checksum(message)
        stamp = stamps.at(datagram.stamp_ns())
        return read_icmp(flow.family, message, sender=datagram.address, reply_ttl=reply_ttl, stamp=stamp, reply_tos=tos)
    except MalformedDatagram:
        return _MALFORMED


class RawIcmp(SocketDriver):
    """Carries echo requests with a random identifier; checksums are the same for all of them."""

    method: Method = Method.RAW

    def __init__(self, endpoint: Endpoint, clock: Clock, random_bytes: Callable[[int], bytes]) -> None:
        """Open the socket; OSError without CAP_NET_RAW."""
        self._identifier = int.from_bytes(random_bytes(2), "big")
        self._number = protocol_number(endpoint.family, Protocol.ICMP)
        self._packed = endpoint.packed_source, endpoint.packed_destination
        flow = endpoint.flow(icmp_id=self._identifier)
        with Together() as opening:
            self._socket = opening.add(open_raw_icmp(endpoint))
            pass_answers(self._socket, flow, (self._identifier,))
        super().__init__(endpoint, flow, clock, hearing=[self._socket])

    def send(self, probe: Probe) -> Stamp | Failure:
        """Send one echo request."""
        identity = probe.identity
        padding = self._padding(probe, ECHO_PROBE_LENGTH)
        blank = build_echo_probe(self.flow.family, self._identifier, identity.sequence, identity.token, padding)
        return self._send(self._socket, probe.probe_ttl, checksummed(blank, self.flow.family, *self._packed), 0)

    def receive(self) -> Sequence[Event]:
        """Return what has arrived."""
        self._stamps.start_batch()
        self._drain_departures()
        events = hear_icmp(self._socket, self._numbers, self.flow, self._stamps, self._is_ours, self._read)
        return [*events, *self._unread()]

    def _is_ours(self, quote: Quote) -> bool:
        """Return whether a reply or quote may be of this flow; one cut before its identifier is left to the matcher."""
        return quote.icmp_id in {self._identifier, None} and quote.protocol in {self._number, None}
