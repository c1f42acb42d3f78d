"""Echo probes of many traces by one ping socket, without privilege, where net.ipv4.ping_group_range allows it."""

from __future__ import annotations

import _socket as socket
import struct

from probes.drivers.errqueue import event_of, queued_error
from probes.drivers.linux import EXTENDED_ERROR_LENGTH, MSG_ERRQUEUE, NUMBERS, ORIGIN_LOCAL
from probes.drivers.many_echo import MOST_AT_ONCE, EchoCarrier, marks, tune
from probes.drivers.sockets import PENDING_ERRNOS, Datagram, queue_errors
from probes.drivers.stamps import StampReader
from probes.facts import Method, RejectReason
from probes.wire.answers import read_icmp, read_quoted_icmp
from probes.wire.numbers import ICMP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Final, Unpack

    from probes.clock import Clock
    from probes.drivers.many_echo import CarrierOptions
    from probes.facts import Family
    from probes.many_seam import Sighting
    from probes.seam import Event, Flow, Stamp

    Control = list[tuple[int, int, bytes]]

_LONGEST: Final = 2048
_CONTROL: Final = 256
_BIND_ATTEMPTS: Final = 8
# Type and code, identifier, sequence: of a reply, or of the probe that the queue keeps.
_ECHO: Final = struct.Struct("!H2xHH")
_TOKEN: Final = slice(8, 16)
_LEAST_TOKEN: Final = 4
# linux/errqueue.h: origin, type and code of a struct sock_extended_err.
_ORIGIN_AT, _TYPE_AT, _CODE_AT = 4, 5, 6
# Evidence: which of the two it is, the hop limit and the class it came with, how long the words of the queue are.
_EVIDENCE: Final = struct.Struct("!BBBB")
_REPLY, _ERROR = 0, 1


class PingEcho(EchoCarrier):
    """Carries echo requests; the kernel writes identifier and checksum, and gives only what answers this socket.

    The error queue does not show the quoted IP header: the kernel has compared it (ping_err).
    """

    method: Method = Method.PING_SOCKET
    _pending = PENDING_ERRNOS

    def __init__(self, family: Family, clock: Clock, **options: Unpack[CarrierOptions]) -> None:
        """Take over the socket."""
        super().__init__(family, clock, **options)
        self._stamps = StampReader(clock)
        self._parse = self._read_evidence

    def receive(self) -> Sequence[Sighting]:
        """Return what the error queue and the socket hold, up to 256 messages of each."""
        steady = self._look_at_clocks()
        heard: list[Sighting] = []
        for flags, sight in ((MSG_ERRQUEUE, self._error), (0, self._reply)):
            for _ in range(MOST_AT_ONCE):
                try:
                    data, control, _, address = self._socket.recvmsg(_LONGEST, _CONTROL, flags)
                except BlockingIOError:
                    break
                except OSError:
                    continue
                at = self._arrival(control) if steady else self._monotonic()
                sighting = sight(data, control, self._packed(address[0]), at)
                if sighting is not None:
                    heard.append(sighting)
        return heard

    def _reply(self, data: bytes, control: Control, sender: bytes, at: float) -> Sighting | None:
        """Return what an echo reply says; the kernel gives none that bears another identifier."""
        token = data[_TOKEN]
        if len(token) < _LEAST_TOKEN:
            return self._refuse(RejectReason.SHORT_QUOTE)
        kind, _, sequence = _ECHO.unpack_from(data)
        evidence = _EVIDENCE.pack(_REPLY, *marks(control), 0) + sender + data
        return sequence, kind, sender, None, sender, token, at, evidence

    def _error(self, data: bytes, control: Control, destination: bytes, at: float) -> Sighting | None:
        """Return what an ICMP error says, which the kernel has found to quote a probe of this socket."""
        words = self._words(control)
        if len(words) < EXTENDED_ERROR_LENGTH or words[_ORIGIN_AT] == ORIGIN_LOCAL or len(data) < _ECHO.size:
            return self._refuse(RejectReason.NOT_AN_ANSWER)
        numbers = self._numbers
        offender_at = EXTENDED_ERROR_LENGTH + numbers.address_offset
        sender = words[offender_at : offender_at + numbers.address_length]
        _, _, sequence = _ECHO.unpack_from(data)
        token = data[_TOKEN]
        kind = words[_TYPE_AT] << 8 | words[_CODE_AT]
        evidence = _EVIDENCE.pack(_ERROR, *marks(control), len(words)) + destination + words + data
        return sequence, kind, sender, None, destination, token if len(token) >= _LEAST_TOKEN else None, at, evidence

    def _words(self, control: Control) -> bytes:
        """Return the extended error beside an entry of the queue, empty where there is none."""
        numbers = self._numbers
        for level, kind, value in control:
            if level == numbers.level and kind == numbers.receive_errors:
                return value
        return b""

    def _read_evidence(self, evidence: bytes, stamp: Stamp, flow: Flow) -> Event | None:
        which, hop_limit, traffic_class, length = _EVIDENCE.unpack_from(evidence)
        numbers = self._numbers
        address_end = _EVIDENCE.size + numbers.address_length
        address = socket.inet_ntop(numbers.address_family, evidence[_EVIDENCE.size : address_end])
        words, data = evidence[address_end : address_end + length], evidence[address_end + length :]
        if which == _REPLY:
            return read_icmp(
                self.family, data, sender=address, reply_ttl=hop_limit or None, stamp=stamp, reply_tos=traffic_class
            )
        control = {
            (numbers.level, numbers.receive_errors): words,
            (numbers.level, numbers.ttl_message): struct.pack("@i", hop_limit),
            (numbers.level, numbers.traffic_class): struct.pack("@i", traffic_class),
        }
        queued = queued_error(Datagram(data, address, 0, control), numbers)
        return event_of(queued, flow, numbers, stamp, read_quoted_icmp)

    def _packed(self, address: str) -> bytes:
        return socket.inet_pton(self._numbers.address_family, address.partition("%")[0])


def open_ping_echo(
    family: Family,
    clock: Clock,
    random_bytes: Callable[[int], bytes],
    *,
    source: str | None = None,
    interface: str | None = None,
    tos: int = 0,
) -> PingEcho:
    """Return a carrier for targets of one family; see `open_raw_echo` for the arguments.

    Raises:
        OSError: The group may not have ping sockets, or the host refuses an option.
    """
    opened = socket.socket(NUMBERS[family].address_family, socket.SOCK_DGRAM, ICMP[family])
    try:
        tune(opened, family, interface=interface, tos=tos, header_seen=False)
        queue_errors(opened, NUMBERS[family])
        identifier = _bind_random(opened, (source or "").partition("%")[0], random_bytes)
    except OSError:
        opened.close()
        raise
    return PingEcho(
        family,
        clock,
        opened=opened,
        identifier=identifier,
        blocks=1,
        source=source,
        interface=interface,
        tos=tos,
    )


def _bind_random(opened: socket.socket, source: str, random_bytes: Callable[[int], bytes]) -> int:
    """Bind to an unguessable identifier, the kernel's choice where all those tried are taken; return it."""
    for _ in range(_BIND_ATTEMPTS):
        try:
            opened.bind((source, int.from_bytes(random_bytes(2), "big") or 1))
            break
        except OSError:
            continue
    else:
        opened.bind((source, 0))
    return int(opened.getsockname()[1])
