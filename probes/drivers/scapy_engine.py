"""The portable engine: probes carried by scapy's sockets. The only module that imports scapy (GPL-2.0-only, an extra).

What goes out and what is believed are the raw drivers': the same identities in the same places. scapy brings the way
to the wire and back. On Linux probes leave by its layer 3 raw socket, which obeys the kernel's routes, neighbours and
firewall; elsewhere by what scapy holds for best there. docs/engines.md says what it was tested on.
"""

from __future__ import annotations

import logging
import os
import socket
import struct
from contextlib import ExitStack
from typing import Any
from typing import Protocol as Interface

from scapy.config import conf
from scapy.consts import LINUX
from scapy.error import Scapy_Exception
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.packet import Raw

from probes.drivers.base import IP_HEADER_LENGTH, MOST_AT_ONCE, in_order
from probes.drivers.endpoint import Endpoint, bind_source, find_endpoint
from probes.drivers.netlink import Netlink, NetlinkError
from probes.drivers.own_host import own_verdict
from probes.drivers.sending import send_bounded
from probes.drivers.sockets import keep_whole
from probes.drivers.source_ports import SourcePorts
from probes.drivers.stamps import StampReader
from probes.drivers.udp import destination_port
from probes.facts import Answer, Clocks, Family, FlowKind, Method, Protocol, Refusal, RejectReason, StampSource
from probes.failure import Failure, Operation, failure_of
from probes.seam import Flow, Received, Unreadable
from probes.wire import echo, numbers, tcp, udp
from probes.wire.datagrams import read_reply
from probes.wire.malformed import MalformedDatagram
from probes.wire.numbers import protocol_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Final

    from probes.clock import Clock
    from probes.seam import Driver, Event, Probe, Quote, Stamp

    RandomBytes = Callable[[int], bytes]

_SECOND_NS: Final = 1_000_000_000
# What each listening socket asks the kernel for; scapy's own 64 KiB hold some 150 replies.
_RECEIVE_BUFFER: Final = 4 * 2**20
_LAYERS: Final = {Family.IPV4: IP, Family.IPV6: IPv6}
_FOREIGN: Final = Unreadable(RejectReason.FOREIGN_FLOW)
_MALFORMED: Final = Unreadable(RejectReason.MALFORMED)


def open_driver(
    protocol: Protocol,
    family: Family,
    destination: str,
    port: int | None,
    *,
    clock: Clock,
    random_bytes: RandomBytes,
    source: str | None = None,
    interface: str | None = None,
    tos: int = 0,
    source_port: int = 0,
) -> tuple[Driver | None, tuple[Refusal, ...]]:
    """Return a driver over scapy, or the refusal that says why there is none; arguments as the ladder's."""
    endpoint = find_endpoint(
        family, protocol, destination, port, source=source, interface=interface, tos=tos, source_port=source_port
    )
    if not isinstance(endpoint, Endpoint):
        failure, detail = endpoint
        return None, (_refusal(protocol, failure, detail),)
    try:
        return ScapyDriver(endpoint, _SPEECHES[protocol](endpoint, random_bytes), clock), ()
    except OSError as error:
        failure = failure_of(error, Operation.OPEN)
        words = "need root or CAP_NET_RAW" if failure is Failure.NOT_PERMITTED else f"do not open: {error.strerror}"
        return None, (_refusal(protocol, failure, f"scapy's sockets {words}"),)


def _refusal(protocol: Protocol, failure: Failure, detail: str) -> Refusal:
    return Refusal(protocol=protocol, method=Method.SCAPY, failure=failure, detail=detail)


class ScapyDriver:
    """One socket of scapy's to send by, and one to listen by for each interface of interest; OSError without rights."""

    method: Method = Method.SCAPY
    clocks: Clocks = Clocks(sent=StampSource.USER, received=StampSource.KERNEL)

    def __init__(self, endpoint: Endpoint, speech: _Speech, clock: Clock) -> None:
        """Open scapy's sockets, and take the speech over."""
        logging.getLogger("scapy").setLevel(logging.CRITICAL)
        conf.bufsize = _RECEIVE_BUFFER
        self.flow = speech.flow
        self.flow_kind = speech.flow_kind
        self._endpoint = endpoint
        self._speech = speech
        self._stamps = StampReader(clock)
        with ExitStack() as opening:
            opening.callback(speech.close)
            self._sender = opening.enter_context(_open_sender(endpoint))
            wanted = _filter(endpoint, speech.ports)
            self._listeners = [opening.enter_context(_open_listener(name, wanted)) for name in _interfaces(endpoint)]
            self._opened = opening.pop_all()

    def filenos(self) -> Sequence[int]:
        """Return the descriptors of the sockets that listen."""
        return tuple(each.fileno() for each in self._listeners)

    def close(self) -> None:
        """Close every socket."""
        self._opened.close()

    def send(self, probe: Probe) -> Stamp | Failure:
        """Send one probe; return when, read right before the call that sent it."""
        packet = _header(self._endpoint, probe.probe_ttl) / Raw(self._speech.segment(probe))
        stamp = self._stamps.now()

        def attempt() -> None:
            nonlocal stamp
            stamp = self._stamps.now()
            _hand_over(self._sender, packet, self._endpoint)

        return send_bounded(attempt, self._endpoint) or stamp

    def receive(self, *, hurried: bool = False) -> Sequence[Event]:
        """Return what has arrived, hurried or not: it is read by now."""
        del hurried
        self._stamps.start_batch()
        events: list[Event] = []
        while len(events) < MOST_AT_ONCE and (ready := conf.L2socket.select(self._listeners, 0)):
            packets = [listener.recv() for listener in ready]
            events += [event for packet in packets if packet is not None and (event := self._heard(packet))]
        return in_order(events)

    def _heard(self, packet: Any) -> Event | None:
        """Return what one captured packet says, None for one that is for somebody else or answers nothing."""
        layer = packet.getlayer(_LAYERS[self.flow.family])
        if layer is None:
            return None
        try:
            received = read_reply(self.flow, bytes(layer.original), self._stamps.at(int(packet.time * _SECOND_NS)))
        except MalformedDatagram:
            return _MALFORMED
        if received is None:
            return None
        if not self._speech.is_ours(received.quote):
            return _FOREIGN
        self._speech.note(received)
        return own_verdict(received, self.flow)


# --- what the protocols say -------------------------------------------------------------------------------------------


class _Speech(Interface):
    """One protocol's probes: their flow, their bytes, and which replies may be meant for them."""

    flow: Flow
    flow_kind: FlowKind
    ports: Sequence[int]

    def segment(self, probe: Probe) -> bytes:
        """Return a probe from its transport header on."""
        ...

    def is_ours(self, quote: Quote) -> bool:
        """Return whether a reply or quote may be of this flow; one cut too early is left to the matcher."""
        ...

    def note(self, received: Received) -> None:
        """Learn from a reply."""
        ...

    def close(self) -> None:
        """Give back what is held."""
        ...


class _Echoes:
    """Echo requests with a random identifier; checksums are the same for all of them."""

    flow_kind: FlowKind = FlowKind.PARIS
    ports: Sequence[int] = ()

    def __init__(self, endpoint: Endpoint, random_bytes: RandomBytes) -> None:
        self.flow = endpoint.flow(icmp_id=int.from_bytes(random_bytes(2), "big"))
        self._packed = endpoint.packed_source, endpoint.packed_destination

    def segment(self, probe: Probe) -> bytes:
        identity = probe.identity
        padding = _padding(self.flow, probe, echo.ECHO_PROBE_LENGTH)
        head = self.flow.family, self.flow.icmp_id or 0, identity.sequence, identity.token
        blank = echo.build_echo_probe(*head, padding)
        return echo.checksummed(blank, self.flow.family, *self._packed)

    def is_ours(self, quote: Quote) -> bool:
        number = numbers.ICMP[self.flow.family]
        return quote.icmp_id in {self.flow.icmp_id, None} and quote.protocol in {number, None}

    def note(self, received: Received) -> None:
        """Learn nothing."""

    def close(self) -> None:
        """Hold nothing."""


class _Datagrams:
    """UDP probes whose checksum is their sequence.

    An ordinary socket that nobody reads holds the source port: without it the kernel would refuse direct replies.
    """

    flow_kind: FlowKind = FlowKind.PARIS

    def __init__(self, endpoint: Endpoint, _random_bytes: RandomBytes) -> None:
        self._held = socket.socket(endpoint.numbers.address_family, socket.SOCK_DGRAM)
        try:
            self.flow = endpoint.flow(source_port=bind_source(self._held, endpoint))
        except OSError:
            self._held.close()
            raise
        self.ports: Sequence[int] = (self.flow.source_port or 0,)
        self._packed = endpoint.packed_source, endpoint.packed_destination

    def segment(self, probe: Probe) -> bytes:
        ports = self.ports[0], destination_port(self.flow, probe)
        padding = _padding(self.flow, probe, udp.PROBE_LENGTH)
        return udp.build_udp_probe(*self._packed, *ports, probe.identity.token, probe.identity.sequence, padding)

    def is_ours(self, quote: Quote) -> bool:
        return quote.protocol == udp.PROTOCOL and quote.source_port in {self.flow.source_port, None}

    def note(self, received: Received) -> None:
        """Learn nothing."""

    def close(self) -> None:
        self._held.close()


class _Syns:
    """SYN probes; the kernel resets what the destination opens on the ports that are held for them."""

    flow_kind: FlowKind = FlowKind.PER_ROUND

    def __init__(self, endpoint: Endpoint, _random_bytes: RandomBytes) -> None:
        self._source_ports = SourcePorts(endpoint)
        self.ports: Sequence[int] = self._source_ports.numbers
        self.flow = endpoint.flow()
        self._packed = endpoint.packed_source, endpoint.packed_destination

    def segment(self, probe: Probe) -> bytes:
        ports = self._source_ports.port_of(probe), self.flow.destination_port or 0
        return tcp.build_syn(*self._packed, *ports, probe.identity.tcp_sequence)

    def is_ours(self, quote: Quote) -> bool:
        return quote.protocol == tcp.PROTOCOL and (quote.source_port is None or quote.source_port in self.ports)

    def note(self, received: Received) -> None:
        if received.answer is Answer.SYN_ACK and received.sender == self.flow.destination:
            self._source_ports.taken(received.quote.tcp_sequence or 0)

    def close(self) -> None:
        self._source_ports.close()


def _padding(flow: Flow, probe: Probe, used: int) -> bytes:
    """Return what brings a probe to its size, where `used` octets stand behind its IP header already."""
    return b"" if probe.size is None else os.urandom(max(0, probe.size - IP_HEADER_LENGTH[flow.family] - used))


_SPEECHES: Final[dict[Protocol, Callable[[Endpoint, RandomBytes], _Speech]]] = {
    Protocol.ICMP: _Echoes,
    Protocol.UDP: _Datagrams,
    Protocol.TCP: _Syns,
}


# --- scapy's sockets --------------------------------------------------------------------------------------------------


def _header(endpoint: Endpoint, probe_ttl: int) -> Any:
    """Return scapy's IP header; the kernel fills in an IPv4 identification of zero (ip(7), IP_HDRINCL)."""
    number = protocol_number(endpoint.family, endpoint.protocol)
    ends = {"src": endpoint.source, "dst": endpoint.destination}
    if endpoint.family is Family.IPV6:
        return IPv6(**ends, hlim=probe_ttl, tc=endpoint.tos, nh=number)
    return IP(**ends, ttl=probe_ttl, tos=endpoint.tos, proto=number, id=0, flags="DF")


def _open_sender(endpoint: Endpoint) -> Any:
    """Return a socket of scapy's that takes datagrams, IP header first."""
    if not LINUX:
        kind = conf.L3socket6 if endpoint.family is Family.IPV6 else conf.L3socket
        return kind(iface=_interfaces(endpoint)[0], promisc=False)
    # What scapy defines on systems with such sockets only.
    from scapy.supersocket import L3RawSocket, L3RawSocket6  # noqa: PLC0415

    sender = L3RawSocket6() if endpoint.family is Family.IPV6 else L3RawSocket()
    # Its other half would keep a copy of everything that the host receives; the listeners have a filter instead.
    sender.ins.close()
    # Whatever the kernel has heard of the path's MTU: a probe of some size is there to find that out.
    keep_whole(sender.outs, endpoint.numbers)
    if endpoint.interface_index:
        index = struct.pack("!I", endpoint.interface_index)
        sender.outs.setsockopt(endpoint.numbers.level, endpoint.numbers.unicast_interface, index)
    return sender


def _hand_over(sender: Any, packet: Any, endpoint: Endpoint) -> None:
    """Send a packet; OSError where the host refuses, which scapy's own raw sockets write into their log instead."""
    if LINUX:
        sender.outs.sendto(bytes(packet), endpoint.remote(0))
    else:
        sender.send(packet)


def _open_listener(interface: str, wanted: str) -> Any:
    """Return a socket of scapy's that gets what comes in by an interface; where nothing compiles filters, all of it."""
    try:
        return conf.L2socket(iface=interface, promisc=False, filter=wanted)
    except (Scapy_Exception, ImportError):
        return conf.L2socket(iface=interface, promisc=False, nofilter=True)


def _interfaces(endpoint: Endpoint) -> tuple[str, ...]:
    """Return where replies come in: where probes leave, and the loopback, by which the host speaks of itself."""
    way = endpoint.interface or (_kernels_way(endpoint) if LINUX else None) or _scapys_way(endpoint)
    return tuple(dict.fromkeys((way, conf.loopback_name)))


def _kernels_way(endpoint: Endpoint) -> str | None:
    """Return the interface that the kernel's routes and policy rules lead to, None where it cannot be asked."""
    zone = f"%{socket.if_indextoname(endpoint.zone)}" if endpoint.zone else ""
    try:
        with Netlink() as asking:
            return asking.route_to(f"{endpoint.destination}{zone}", source=endpoint.source).interface
    except NetlinkError:
        return None


def _scapys_way(endpoint: Endpoint) -> str:
    """Return the interface that the main table leads to, as scapy reads it on this system, anew."""
    known = conf.route6 if endpoint.family is Family.IPV6 else conf.route
    known.resync()
    return str(known.route(endpoint.destination, verbose=0)[0])


def _filter(endpoint: Endpoint, ports: Sequence[int]) -> str:
    """Return what can answer a flow, as a filter: ICMP, and from the destination's port to these ports the rest."""
    family = ("icmp", "ip") if endpoint.family is Family.IPV4 else ("icmp6", "ip6")
    direct = " or ".join(f"{endpoint.protocol} dst port {port}" for port in ports)
    answers = f"{family[0]} or ({direct})" if direct else family[0]
    return f"{family[1]} and dst host {endpoint.source} and ({answers})"
