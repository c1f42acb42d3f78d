"""Where packets themselves are answered: STUN over UDP and TCP, and the echo requests that bear a nonce."""

# The overridden methods are asyncio's; typing.override came with Python 3.12.
# mypy: disable-error-code="explicit-override"

import asyncio
import socket
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, cast
from typing import Protocol as Interface

from edge.limits import Sprinkler, owner_of
from edge.messages import Peer
from edge.seen import EchoLog, SeenEcho, stun_answer
from probes.wire.malformed import MalformedDatagram
from probes.wire.stun import LONGEST_MESSAGE, message_length

if TYPE_CHECKING:
    from collections.abc import Callable

    from probes.clock import Clock

# An answer is a quarter longer than its question on the wire, so forged sources gain next to nothing, and no more than
# this a second.
PER_SOURCE_PER_S: Final = 20.0
PER_SOURCE_BURST: Final = 60
TOTAL_PER_S: Final = 5_000.0
_DATAGRAMS_AT_ONCE: Final = 128
# linux/in.h and linux/in6.h: which of the host's addresses a datagram was sent to, so that the answer comes from there.
_IP_PKTINFO: Final = 8
_IPV4_INFO: Final = struct.Struct("@i4s4s")
_IPV6_INFO: Final = struct.Struct("@16sI")
_CONTROL: Final = 64

_STREAM_S: Final = 5.0
_MOST_STREAMS: Final = 512
_MOST_STREAMS_OF_ONE: Final = 32


class UdpStun:
    """Answers STUN datagrams on one socket, each from the address that it was sent to."""

    def __init__(self, opened: socket.socket, clock: "Clock") -> None:
        """Take a bound socket, and ask the kernel where datagrams were sent to."""
        self._socket = opened
        self._clock = clock
        self._sprinkler = Sprinkler(per_s=PER_SOURCE_PER_S, burst=PER_SOURCE_BURST, total_per_s=TOTAL_PER_S)
        if opened.family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        else:
            opened.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Answer from now on."""
        loop.add_reader(self._socket, self._read)

    def close(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give the socket back."""
        loop.remove_reader(self._socket)
        self._socket.close()

    def _read(self) -> None:
        for _ in range(_DATAGRAMS_AT_ONCE):
            try:
                data, control, _, source = self._socket.recvmsg(LONGEST_MESSAGE + 1, _CONTROL)
            except BlockingIOError:
                return
            except OSError:
                # An ICMP error for an answer that nobody wanted.
                continue
            self._answer(data, control, source)

    def _answer(self, data: bytes, control: Sequence[tuple[int, int, bytes]], source: tuple[str, int]) -> None:
        peer = Peer.of(source)
        answer = stun_answer(data, peer.address.partition("%")[0], peer.port)
        if answer is None or not self._sprinkler.take(owner_of(peer.address), self._clock.monotonic()):
            return
        try:
            self._socket.sendmsg([answer], _reply_from(control), 0, source)
        except OSError:
            # The way back is gone, or the queue is full: the caller asks again (RFC 8489 section 6.2.1).
            return


def _reply_from(control: Sequence[tuple[int, int, bytes]]) -> list[tuple[int, int, bytes]]:
    """Return the control message that sends from where a datagram was sent to (ip(7), ipv6(7))."""
    for level, kind, value in control:
        if level == socket.IPPROTO_IP and kind == _IP_PKTINFO:
            _, local, _ = _IPV4_INFO.unpack(value)
            return [(level, kind, _IPV4_INFO.pack(0, local, bytes(4)))]
        if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
            local, index = _IPV6_INFO.unpack(value)
            return [(level, kind, _IPV6_INFO.pack(local, index))]
    return []


class TcpStun(asyncio.Protocol):
    """One connection to the port for probes: it is accepted, STUN is answered on it, and it ends after five seconds."""

    def __init__(self, streams: dict[str, int]) -> None:
        """Count among `streams`, by owner."""
        self._streams = streams
        self._waiting = b""
        self._owner: str | None = None
        self._peer: Peer | None = None
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, unless there are too many."""
        self._transport = cast("asyncio.Transport", transport)
        named = transport.get_extra_info("peername")
        if not named:
            # A probe's connection, reset before anybody looked.
            self._transport.abort()
            return
        self._peer = Peer.of(named)
        owner = owner_of(self._peer.address)
        if sum(self._streams.values()) >= _MOST_STREAMS or self._streams.get(owner, 0) >= _MOST_STREAMS_OF_ONE:
            self._transport.abort()
            return
        self._owner = owner
        self._streams[owner] = self._streams.get(owner, 0) + 1
        self._timer = asyncio.get_running_loop().call_later(_STREAM_S, self._transport.abort)

    def data_received(self, data: bytes) -> None:
        """Answer every whole request; who sends anything else is left alone."""
        self._waiting += data
        transport, peer = self._transport, self._peer
        if transport is None or peer is None or transport.is_closing():
            return
        try:
            while (length := message_length(self._waiting)) is not None and len(self._waiting) >= length:
                message, self._waiting = self._waiting[:length], self._waiting[length:]
                answer = stun_answer(message, peer.address.partition("%")[0], peer.port)
                if answer is None or transport.get_write_buffer_size():
                    transport.abort()
                    return
                transport.write(answer)
        except MalformedDatagram:
            transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        """Count no longer."""
        del error
        if self._timer is not None:
            self._timer.cancel()
        if self._owner is not None:
            self._streams[self._owner] -= 1
            if not self._streams[self._owner]:
                del self._streams[self._owner]


class SeenRequest(Interface):
    """One echo request: the first 16 octets of its payload, who sent it, and when it came."""

    @property
    def nonce(self) -> bytes:
        """Return the octets."""
        ...

    @property
    def address(self) -> str:
        """Return the sender, bare."""
        ...

    @property
    def realtime_ns(self) -> int:
        """Return nanoseconds since the epoch."""
        ...


class Watch(Interface):
    """Who hears echo requests: a driver, or a test."""

    def fileno(self) -> int:
        """Return what to wait on."""
        ...

    def receive(self) -> Sequence[SeenRequest]:
        """Return what has come, oldest first."""
        ...

    def close(self) -> None:
        """Give it back."""
        ...


class Echoes:
    """The echo requests that bear a nonce, read when they come and once more before somebody asks for one."""

    def __init__(self, watches: Sequence[Watch], clock: "Clock") -> None:
        """Take the watches, one for each family."""
        self._watches = watches
        self._clock = clock
        self._log = EchoLog()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read from now on."""
        for watch in self._watches:
            loop.add_reader(watch.fileno(), self._read, watch)

    def close(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give the sockets back."""
        for watch in self._watches:
            loop.remove_reader(watch.fileno())
            watch.close()

    def find(self, nonce: bytes) -> SeenEcho | None:
        """Return who sent the echo request with this nonce."""
        for watch in self._watches:
            self._read(watch)
        return self._log.find(nonce, self._clock.monotonic())

    def _read(self, watch: Watch) -> None:
        now = self._clock.monotonic()
        for echo in watch.receive():
            self._log.add(echo.nonce, echo.address, echo.realtime_ns, now)


def stream_maker() -> "Callable[[], TcpStun]":
    """Return what makes the protocol of each connection to one port for probes."""
    streams: dict[str, int] = {}
    return lambda: TcpStun(streams)
