"""Entries as syslog messages to a socket of this host, or over UDP or TCP."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import socket
import struct
import termios
import time
from datetime import datetime

from agent.sinks.sink import DELIVERED, Fate, Outcome, RefusedEntry, unavailable, words_of
from agent.sinks.syslog_message import counted, ended, local_message, message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Final

    from agent.daemon.plan import SinkPlan
    from agent.record import AgentIdentity
    from agent.store.entry import Batch, Entry
    from probes.clock import Clock

_TIMEOUT_S: Final = 10.0
_NAP_S: Final = 0.1
_CONNECT_S: Final = 3.0
# How long datagrams go to the address that a name had: nothing ever says that the receiver has moved.
_NAME_HOLDS_S: Final = 60.0


class SyslogSink:
    """Sends each entry as a message of its own."""

    def __init__(self, plan: SinkPlan, identity: AgentIdentity, clock: Clock) -> None:
        """Prepare; nothing is connected before the first batch."""
        self._transport, _, self._where = str(plan.options.get("address") or "unix:/dev/log").partition(":")
        self._facility = str(plan.options.get("facility") or "daemon")
        self._identity = identity
        self._clock = clock
        self._socket: socket.socket | None = None
        self._named_at = 0.0
        # How many messages of which batch a datagram socket has taken: they are not sent again.
        self._batch = ""
        self._done = 0
        self._too_large: list[RefusedEntry] = []

    def send(self, batch: Batch, stop: Callable[[], bool]) -> Outcome:
        """Return what became of the batch."""
        messages = [self._message(entry) for entry in batch.entries]
        try:
            opened = self._opened(stop)
            if opened.type == socket.SOCK_STREAM:
                self._streamed(opened, messages, stop)
            else:
                return self._one_by_one(opened, batch, messages, stop)
        except OSError as error:
            self.close()
            return unavailable(f"syslog {self._shown}: {_words(error)}")
        return DELIVERED

    def reach(self, stop: Callable[[], bool]) -> str | None:
        """Return why the receiver cannot be reached, None where it can, as far as one knows without sending."""
        try:
            self._opened(stop)
        except OSError as error:
            return f"syslog {self._shown}: {_words(error)}"
        finally:
            self.close()
        return None

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    @property
    def _shown(self) -> str:
        return f"{self._transport}:{self._where}"

    def _message(self, entry: Entry) -> bytes:
        if self._transport != "unix":
            return message(entry, self._identity, facility=self._facility, process_id=os.getpid())
        moment = time.localtime(datetime.fromisoformat(entry.at).timestamp())
        return local_message(entry, moment, facility=self._facility, process_id=os.getpid())

    # -- the socket

    def _opened(self, stop: Callable[[], bool]) -> socket.socket:
        if self._socket is not None and (_has_ended(self._socket) or self._is_stale(self._socket)):
            self.close()
        if self._socket is None:
            self._named_at = self._clock.monotonic()
            self._socket = _to_path(self._where) if self._transport == "unix" else self._to_host(stop)
        return self._socket

    def _is_stale(self, opened: socket.socket) -> bool:
        """Return whether the name is to be looked up again, and the way to it, of which UDP alone learns nothing."""
        old = self._transport == "udp" and self._clock.monotonic() >= self._named_at + _NAME_HOLDS_S
        # What came back of the datagrams before is told by the next one that is sent here.
        return old and not _has_error(opened)

    def _to_host(self, stop: Callable[[], bool]) -> socket.socket:
        kind = socket.SOCK_STREAM if self._transport == "tcp" else socket.SOCK_DGRAM
        host, _, port = self._where.rpartition(":")
        last: OSError = OSError(errno.EHOSTUNREACH, "no address")
        for family, _, protocol, _, address in socket.getaddrinfo(host.strip("[]"), int(port), type=kind):
            opened = socket.socket(family, kind, protocol)
            try:
                opened.settimeout(_CONNECT_S)
                opened.connect(address)
            except OSError as error:
                opened.close()
                last = error
            else:
                return opened
            if stop():
                break
        raise last

    # -- streams

    def _streamed(self, opened: socket.socket, messages: list[bytes], stop: Callable[[], bool]) -> None:
        """Send messages, and return once the other host's kernel has them all: syslog itself answers nothing."""
        until = self._clock.monotonic() + _TIMEOUT_S
        data = memoryview((ended if opened.family == socket.AF_UNIX else counted)(messages))
        opened.settimeout(_NAP_S)
        while data:
            try:
                data = data[opened.send(data) :]
            except TimeoutError:
                self._check(until, stop)
        while _unacknowledged(opened):
            self._check(until, stop)
            select.select([], [], [], 0.002)
        if _has_ended(opened):
            # It may have ended before it read.
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))

    def _check(self, until: float, stop: Callable[[], bool]) -> None:
        if stop() or self._clock.monotonic() >= until:
            raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))

    # -- datagrams

    def _one_by_one(
        self, opened: socket.socket, batch: Batch, messages: Sequence[bytes], stop: Callable[[], bool]
    ) -> Outcome:
        """Send each message in a datagram, those left out that were sent before; what is too large is refused alone."""
        if batch.id != self._batch:
            self._batch, self._done, self._too_large = batch.id, 0, []
        until = self._clock.monotonic() + _TIMEOUT_S
        opened.settimeout(_NAP_S)
        while self._done < len(messages):
            try:
                opened.send(messages[self._done])
            except TimeoutError:
                # A reader of a socket of this host that is behind.
                self._check(until, stop)
                continue
            except OSError as error:
                if error.errno != errno.EMSGSIZE:
                    raise
                why = f"syslog {self._shown}: a message of {len(messages[self._done])} bytes fits into no datagram"
                self._too_large.append(RefusedEntry(batch.entries[self._done].seq, why))
            self._done += 1
        return Outcome(fate=Fate.DELIVERED, refused=tuple(self._too_large))


def _to_path(path: str) -> socket.socket:
    """Return a socket to a path of this host: most syslogs have one of datagrams there, some a stream (syslog-ng)."""
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        opened.connect(path)
    except OSError as error:
        opened.close()
        if error.errno != errno.EPROTOTYPE:
            raise
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            opened.connect(path)
        except OSError:
            opened.close()
            raise
    return opened


def _has_ended(opened: socket.socket) -> bool:
    """Return whether the other side has hung up a stream, or an error waits; syslog sends nothing of its own."""
    if opened.type != socket.SOCK_STREAM:
        return False
    poll = select.poll()
    poll.register(opened, select.POLLIN | select.POLLRDHUP)
    return bool(poll.poll(0))


def _has_error(opened: socket.socket) -> bool:
    """Return whether an error waits, as the refusal of an earlier datagram (udp(7))."""
    poll = select.poll()
    poll.register(opened, 0)
    return bool(poll.poll(0))


def _unacknowledged(opened: socket.socket) -> int:
    """Return how many bytes of a stream the other side has not acknowledged (SIOCOUTQ, tcp(7))."""
    if opened.family == socket.AF_UNIX:
        return 0
    (left,) = struct.unpack("i", fcntl.ioctl(opened, termios.TIOCOUTQ, b"\0" * 4))
    return int(left)


def _words(error: OSError) -> str:
    return "no answer in time" if isinstance(error, TimeoutError) else words_of(error)
