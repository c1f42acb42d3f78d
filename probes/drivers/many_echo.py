"""Echo probes of many traces by one set of sockets: what the raw carrier and the ping carrier share."""

from __future__ import annotations

import _socket as socket
import errno
import struct
import sys

from probes.drivers.endpoint import Endpoint, find_endpoint
from probes.drivers.linux import NUMBERS, SO_TIMESTAMPNS
from probes.drivers.own_host import own_verdict
from probes.drivers.sending import refusal
from probes.facts import Clocks, Family, Protocol, RejectReason, StampSource
from probes.failure import Failure, Operation
from probes.many_seam import Lane
from probes.seam import Flow, Unreadable
from probes.wire.checksum import internet_checksum, ones_complement_sum
from probes.wire.echo import ECHO_REQUEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Final, TypedDict

    from probes.clock import Clock
    from probes.facts import Method
    from probes.many_seam import Sighting
    from probes.seam import Event, Stamp

    class CarrierOptions(TypedDict):
        """What a carrier is made of, besides family and clock."""

        opened: socket.socket
        identifier: int
        blocks: int
        source: str | None
        interface: str | None
        tos: int


# Messages taken off in one call, so that a flood cannot hold the loop.
MOST_AT_ONCE: Final = 256
SEQUENCES: Final = 65536
# Type to identifier; sequence; token; and what makes the sum over sequence and token zero (Paris).
PACKET: Final = struct.Struct("!6sH8sH")
TIMESPEC: Final = struct.Struct("@ll")
MODULUS: Final = 0xFFFF
_HEAD: Final = struct.Struct("!BBHH")
# asm-generic/socket.h, linux/sock_diag.h: SK_MEMINFO_DROPS is the ninth word.
_SO_RCVBUFFORCE: Final = 33
_SO_MEMINFO: Final = 55
_MEMINFO: Final = struct.Struct("=9I")
_RECEIVE_BUFFER: Final = 8 * 2**20
_STEP_NS: Final = 5_000_000
# No datagram lies unread for so long: a stamp older than this is told on another clock.
_OLDEST_S: Final = 60.0
_HOP_LIMITS: Final = {(each.level, each.ttl_message) for each in NUMBERS.values()}
_CLASSES: Final = {(each.level, each.traffic_class) for each in NUMBERS.values()}
# The byte of a native int that holds a value below 256.
_LOW: Final = 0 if sys.byteorder == "little" else -1
_SEND_ATTEMPTS: Final = 4
# Where an IPv6 socket address has its zone (RFC 4007); IPv4's end before.
_ZONE_AT: Final = 3


class EchoCarrier:
    """What does not depend on the kind of socket: lanes, the clock of arrivals, reading evidence again."""

    method: Method
    clocks: Clocks = Clocks(sent=StampSource.USER, received=StampSource.KERNEL)
    # Reads evidence whole; a subclass sets it.
    _parse: Callable[[bytes, Stamp, Flow], Event | None]
    # Errors that an earlier probe left pending, and that the next call reports instead of sending.
    _pending: frozenset[int] = frozenset()

    def __init__(
        self,
        family: Family,
        clock: Clock,
        *,
        opened: socket.socket,
        identifier: int,
        blocks: int,
        source: str | None,
        interface: str | None,
        tos: int,
    ) -> None:
        """Take over the socket."""
        self.family = family
        self.slots = blocks * SEQUENCES
        # Messages that were not even handed on, by reason.
        self.rejected: dict[RejectReason, int] = {}
        self._numbers = NUMBERS[family]
        self._clock = clock
        self._monotonic = clock.monotonic
        self._socket = opened
        self._identifier = identifier
        self._source = source
        self._interface = interface
        self._tos = tos
        self._ttl = 0
        self._heads = [self._head(identifier + block) for block in range(blocks)]
        self._offset_ns = clock.realtime_ns() - round(clock.monotonic() * 1e9)

    def lane(self, destination: str, token: bytes) -> Lane | tuple[Failure, str]:
        """Return the way to a destination as the host's routes decide it, or why there is none."""
        found = self._way(destination)
        if not isinstance(found, Endpoint):
            return found
        flow = found.flow(icmp_id=self._identifier)
        return Lane(
            address=found.remote(0),
            flow=flow,
            source=found.packed_source,
            destination=found.packed_destination,
            token=token,
            remainder=-ones_complement_sum(token),
        )

    def send(self, lane: Lane, probe_ttl: int, slot: int) -> float | Failure | None:
        """Send one echo request; None where the socket's own queue is full."""
        sequence = slot & 0xFFFF
        packet = PACKET.pack(self._heads[slot >> 16], sequence, lane.token, (lane.remainder - sequence) % MODULUS)
        try:
            # Asking for the TTL beside the packet (a control message) or writing the IP header costs more than this
            # call, and sockets with a TTL each gain 0.8 of 4.2 us and hear everything thirty times [measured].
            if probe_ttl != self._ttl:
                self._socket.setsockopt(self._numbers.level, self._numbers.probe_ttl, probe_ttl)
                self._ttl = probe_ttl
            at = self._monotonic()
            self._socket.sendto(packet, lane.address)
        except BlockingIOError:
            return None
        except OSError as error:
            return self._settle(error, packet, lane)
        return at

    def read(self, lane: Lane, evidence: bytes, stamp: Stamp) -> Event:
        """Return everything that a message says, read as for a single trace."""
        event = self._parse(evidence, stamp, lane.flow)
        return Unreadable(RejectReason.NOT_AN_ANSWER) if event is None else own_verdict(event, lane.flow)

    def lost(self) -> int:
        """Return how many messages the kernel dropped because nobody read them in time."""
        words = _MEMINFO.unpack(self._socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size))
        return int(words[8])

    def filenos(self) -> Sequence[int]:
        """Return the socket's descriptor."""
        return (self._socket.fileno(),)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _way(self, destination: str) -> Endpoint | tuple[Failure, str]:
        return find_endpoint(
            self.family,
            Protocol.ICMP,
            destination,
            None,
            source=self._source,
            interface=self._interface,
            tos=self._tos,
        )

    # --- for subclasses -----------------------------------------------------------------------------------------------

    def _settle(self, error: OSError, packet: bytes, lane: Lane) -> float | Failure | None:
        """Send again what an older probe's error kept back; else return what the host means."""
        refused = error
        for _ in range(_SEND_ATTEMPTS):
            if refused.errno not in self._pending:
                break
            try:
                at = self._monotonic()
                self._socket.sendto(packet, lane.address)
            except BlockingIOError:
                return None
            except OSError as again:
                refused = again
            else:
                return at
        # ENOBUFS: a queue on the way out of the host is full; IPv6 says so where IPv4 is silent [measured].
        return None if refused.errno == errno.ENOBUFS else self._refused(refused, lane)

    def _refuse(self, reason: RejectReason) -> Sighting | None:
        """Count a message that is not handed on, and return none."""
        self.rejected[reason] = self.rejected.get(reason, 0) + 1
        return None

    def _refused(self, error: OSError, lane: Lane) -> Failure | None:
        zone = next(iter(lane.address[_ZONE_AT:]), 0)
        endpoint = self._way(f"{lane.flow.destination}%{zone}" if zone else lane.flow.destination)
        if isinstance(endpoint, Endpoint):
            return refusal(error, endpoint, Operation.SEND)
        return endpoint[0]

    def _arrival(self, control: list[tuple[int, int, bytes]]) -> float:
        """Return the kernel's stamp in monotonic seconds; the present where the wall clock was set in between."""
        now = self._monotonic()
        for level, kind, value in control:
            if kind == SO_TIMESTAMPNS and level == socket.SOL_SOCKET:
                seconds, nanoseconds = TIMESPEC.unpack(value)
                at = float(seconds * 1_000_000_000 + nanoseconds - self._offset_ns) * 1e-9
                return at if now - _OLDEST_S <= at <= now + _STEP_NS * 1e-9 else now
        return now

    def _look_at_clocks(self) -> bool:
        """Return whether stamps of the wall clock can be told in monotonic time: it was not set meanwhile."""
        offset_ns = self._clock.realtime_ns() - round(self._monotonic() * 1e9)
        steady = abs(offset_ns - self._offset_ns) <= _STEP_NS
        self._offset_ns = offset_ns
        return steady

    def _head(self, identifier: int) -> bytes:
        """Return type, code, checksum and identifier; the kernel fills in ICMPv6's checksum itself (RFC 3542)."""
        kind = ECHO_REQUEST[self.family]
        blank = _HEAD.pack(kind, 0, 0, identifier)
        checksum = internet_checksum(blank) if self.family is Family.IPV4 else 0
        return _HEAD.pack(kind, 0, checksum, identifier)


def marks(control: list[tuple[int, int, bytes]]) -> bytes:
    """Return the hop limit and the traffic class that the kernel tells beside a message, an octet each."""
    hop_limit = traffic_class = 0
    for level, kind, value in control:
        if (level, kind) in _HOP_LIMITS:
            hop_limit = value[_LOW]
        elif (level, kind) in _CLASSES:
            traffic_class = value[_LOW] if len(value) > 1 else value[0]
    return bytes((hop_limit, traffic_class))


def tune(opened: socket.socket, family: Family, *, interface: str | None, tos: int, header_seen: bool) -> None:
    """Set what every socket of a carrier needs: stamps, hop limits, the largest buffer, interface and TOS.

    `header_seen`: what arrives begins with its IP header, and needs no words beside it.

    Raises:
        OSError: The host refuses.
    """
    numbers = NUMBERS[family]
    opened.setblocking(False)
    opened.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    if not header_seen:
        opened.setsockopt(numbers.level, numbers.receive_ttl, 1)
        opened.setsockopt(numbers.level, numbers.receive_traffic_class, 1)
    opened.setsockopt(numbers.level, numbers.traffic_class, tos)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    if interface is not None:
        index = struct.pack("!I", socket.if_nametoindex(interface))
        opened.setsockopt(numbers.level, numbers.unicast_interface, index)
    try:
        # Beyond net.core.rmem_max, for whoever may (CAP_NET_ADMIN).
        opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
    except OSError:
        return
