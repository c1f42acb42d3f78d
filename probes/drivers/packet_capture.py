"""Captures a trace's own packets beside it, as the kernel passes them: outgoing and incoming, stamped, unchanged."""

from __future__ import annotations

import socket
import struct
import time
from contextlib import ExitStack, suppress
from itertools import islice

from probes.captured import Capture, Packet, SentProbe
from probes.drivers.bpf import attach
from probes.drivers.linux import SO_TIMESTAMPNS
from probes.drivers.packet_filter import trace_filter
from probes.failure import Failure, Operation, failure_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from probes.facts import Clocks, FlowKind, Method
    from probes.seam import Driver, Event, Flow, Probe, Stamp

# linux/if_ether.h, linux/if_packet.h, linux/if_arp.h, linux/socket.h.
_ALL_PROTOCOLS: Final = 3
_SOL_PACKET: Final = 263
_STATISTICS: Final = 6
_LOOPBACK: Final = 772
_TPACKET_STATS: Final = struct.Struct("=II")
_TIMESPEC: Final = struct.Struct("@ll")
# The longest datagram there is, and room for one control message.
_LONGEST: Final = 65_535
_CONTROL: Final = 64
_RECEIVE_BUFFER: Final = 8 * 2**20
_MOST_AT_ONCE: Final = 512
# More than the buffer holds, twice its size in packets of 768 octets with all that the kernel keeps of each: who floods
# this host does not hold the end.
_MOST_WAITING: Final = 32_768
# A trace and its path MTU are some hundred packets; all ICMP to this host is let in with them.
_MOST_ENTRIES: Final = 100_000
# The kernel starts stamping some milliseconds after the first socket that asks; until then a packet's stamp is the time
# of its reading (docs/adr/0009-how-probes-leave-without-rights.md) [measured: 5.6 ms].
_STAMPING_S: Final = 0.05
_STAMPING_STEP_S: Final = 0.0005


def open_capture() -> PacketCapture | Failure:
    """Return a capture that gets nothing before it follows a driver, or why the host refuses it (CAP_NET_RAW)."""
    try:
        return PacketCapture()
    except OSError as error:
        return failure_of(error, Operation.OPEN)


class PacketCapture:
    """One packet socket over all interfaces; it lets in what may belong to the flows that it follows."""

    def __init__(self) -> None:
        """Open the socket; OSError without CAP_NET_RAW."""
        self._buffer = bytearray(_LONGEST)
        self._pairs: set[tuple[str, str]] = set()
        self._entries: list[Packet | SentProbe] = []
        self._no_room = 0
        with ExitStack() as opening:
            opened = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL_PROTOCOLS))
            self._socket = opening.enter_context(opened)
            opened.setblocking(False)
            opened.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            self._forget_what_came()
            opening.pop_all()

    def follow(self, driver: Driver) -> Driver:
        """Return a driver that does what `driver` does, and whose packets are captured."""
        pair = driver.flow.source, driver.flow.destination
        if pair not in self._pairs:
            if not self._pairs:
                _await_stamps()
            self._pairs.add(pair)
            # A filter that finds no memory costs the capture, which says what it lacks, and never the trace.
            with suppress(OSError):
                self._let_in()
        return Tap(driver, self)

    def note(self, sent: SentProbe) -> None:
        """Remember a probe that the host took."""
        self._entries.append(sent)

    def drain(self) -> None:
        """Take what has arrived, as much as does not hold the loop."""
        self._take(_MOST_AT_ONCE)

    def close(self) -> Capture:
        """Return everything, and give the socket back."""
        self._take(_MOST_WAITING)
        dropped = self._statistics() + self._no_room
        self._socket.close()
        return Capture(entries=tuple(self._entries), dropped=dropped)

    def _take(self, most: int) -> None:
        for packet in islice(iter(self._read, None), most):
            if len(self._entries) < _MOST_ENTRIES:
                self._entries.append(packet)
            else:
                self._no_room += 1

    def _let_in(self) -> None:
        """Let the followed flows' packets in, from now on."""
        attach(self._socket, trace_filter(sorted(self._pairs)))

    def _forget_what_came(self) -> None:
        """Let nothing in, and throw away what came before anybody could say so."""
        self._let_in()
        for _ in iter(self._read, None):
            continue
        self._statistics()

    def _statistics(self) -> int:
        """Return for how many packets there was no room since the last time that this was asked (packet(7))."""
        _, dropped = _TPACKET_STATS.unpack(self._socket.getsockopt(_SOL_PACKET, _STATISTICS, _TPACKET_STATS.size))
        return int(dropped)

    def _read(self) -> Packet | None:
        """Return the next packet, None where there is none."""
        while True:
            try:
                length, control, _, address = self._socket.recvmsg_into([self._buffer], _CONTROL)
            except BlockingIOError:
                return None
            except OSError:
                # An interface that goes down is reported once (packet(7), ENETDOWN); the others go on.
                continue
            if not _is_echo_of_loopback(address):
                return self._packet(length, control, address)

    def _packet(self, length: int, control: list[tuple[int, int, bytes]], address: _PacketAddress) -> Packet:
        interface, _, kind, _, _ = address
        seconds, nanoseconds = _TIMESPEC.unpack(next(data for _, what, data in control if what == SO_TIMESTAMPNS))
        return Packet(
            interface=interface,
            outgoing=kind == socket.PACKET_OUTGOING,
            realtime_ns=seconds * 1_000_000_000 + nanoseconds,
            data=bytes(self._buffer[:length]),
        )


class Tap:
    """A driver, and beside it the capture: it notes what leaves, and is emptied whenever the driver is read."""

    def __init__(self, driver: Driver, capture: PacketCapture) -> None:
        self._driver = driver
        self._capture = capture

    @property
    def flow(self) -> Flow:
        """Return the flow that every probe shares."""
        return self._driver.flow

    @property
    def method(self) -> Method:
        """Return how probes leave and replies arrive."""
        return self._driver.method

    @property
    def flow_kind(self) -> FlowKind:
        """Return whether load balancers see one flow or many."""
        return self._driver.flow_kind

    @property
    def clocks(self) -> Clocks:
        """Return who stamps sending and receiving."""
        return self._driver.clocks

    def send(self, probe: Probe) -> Stamp | Failure:
        """Send one probe, and note it if it left."""
        outcome = self._driver.send(probe)
        if not isinstance(outcome, Failure):
            self._capture.note(SentProbe(self._driver.flow, probe, outcome))
        return outcome

    def receive(self, *, hurried: bool = False) -> Sequence[Event]:
        """Return what has arrived; the capture saw all of it before."""
        events = self._driver.receive(hurried=hurried)
        self._capture.drain()
        return events

    def filenos(self) -> Sequence[int]:
        """Return the descriptors to wait on."""
        return self._driver.filenos()

    def close(self) -> None:
        """Give everything back but the capture."""
        self._capture.drain()
        self._driver.close()


# As Python has a sockaddr_ll: interface, protocol, kind of packet, kind of link, link address.
_PacketAddress = tuple[str, int, int, int, bytes]


def _is_echo_of_loopback(address: _PacketAddress) -> bool:
    """Return whether a packet is the loopback's outgoing copy, which comes in again as the same."""
    return address[2] == socket.PACKET_OUTGOING and address[3] == _LOOPBACK


def _await_stamps() -> None:
    """Wait until the kernel stamps packets as they pass; a host whose loopback is down is waited for in vain."""
    until = time.monotonic() + _STAMPING_S
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.setblocking(False)
            asking.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            asking.bind(("127.0.0.1", 0))
            while not _is_stamped_in_passing(asking) and time.monotonic() < until:
                continue
    except OSError:
        return


def _is_stamped_in_passing(asking: socket.socket) -> bool:
    """Return whether a datagram to oneself was stamped before it was read."""
    asking.sendto(b"", asking.getsockname())
    time.sleep(_STAMPING_STEP_S)
    before_ns = time.time_ns()
    _, control, _, _ = asking.recvmsg(1, _CONTROL)
    seconds, nanoseconds = _TIMESPEC.unpack(control[0][2])
    return bool(seconds * 1_000_000_000 + nanoseconds < before_ns)
