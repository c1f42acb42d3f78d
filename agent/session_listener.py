"""Listens for the Log Streaming Service: many connections, each a stream of lines, and nobody can hold it up.

Used by `cloudpath zpa --listen`; whoever takes samples turn after turn keeps one, and asks it for a target's events.
"""

from __future__ import annotations

import itertools
import selectors
import socket
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from agent.zpa_input import InputError
from probes.failure import Failure, Operation, failure_of
from probes.frozen import mutable
from probes.line_assembly import LineAssembly
from probes.session_choice import recent_events_of
from probes.session_lines import BadLine, SessionFormat, SessionLines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType
    from typing import Self

    from probes.clock import Clock
    from probes.line_assembly import Line
    from probes.sample import Target
    from probes.session_facts import SessionEvent

# Every App Connector of an organisation may send. What is held of lines is at most this many longest ones: 4 MiB.
MOST_CONNECTIONS: Final = 64
# A line is sent in one piece; who takes longer than this over one is broken, or means harm.
LONGEST_LINE_S: Final = 30.0
# What is kept for the samples to come: more than a window of a busy organisation.
MOST_KEPT: Final = 10_000
# How long a single sample listens for a log stream; who has one connected sends what is new at once.
LISTEN_S: Final = 0.5
# How long a wish to end may wait, and how much one connection may say before the next has its turn.
_TURN_S: Final = 0.2
_CHUNK_BYTES: Final = 1 << 16
_BACKLOG: Final = 64


@mutable
class _Connection:
    """One sender: its socket, the line that it is in and since when, how its lines are read, when it was last heard."""

    socket: socket.socket
    assembly: LineAssembly
    reader: SessionLines
    heard_at: float
    line_began_at: float | None = None


class SessionListener:
    """Accepts connections and reads session lines from all of them; used within `with`.

    Attributes:
        accepted: How many connections came.
        lines: How many lines came.
        undated: How many of the events in them say no time that is understood.

    Raises:
        InputError: The address cannot be listened on.
    """

    def __init__(
        self, address: str, clock: Clock, on_found: Callable[[SessionEvent | BadLine], None], form: SessionFormat
    ) -> None:
        """Begin to listen.

        Args:
            address: `host:port` with an address in place of the host; port 0 takes a free one.
            clock: Who tells the time.
            on_found: Told of each event and each bad line as it comes.
            form: How lines are read.
        """
        self._clock = clock
        self._on_found = on_found
        self._form = form
        self._numbers: Iterator[int] = itertools.count(1)
        self.accepted = 0
        self.lines = 0
        self.undated = 0
        self._connections: dict[socket.socket, _Connection] = {}
        self._events: deque[SessionEvent] = deque(maxlen=MOST_KEPT)
        self._selector = selectors.DefaultSelector()
        self._listening = _listen(address)
        self._selector.register(self._listening, selectors.EVENT_READ)

    @property
    def port(self) -> int:
        """Return the port that is listened on."""
        return int(self._listening.getsockname()[1])

    @property
    def connections(self) -> int:
        """Return how many connections are open."""
        return len(self._connections)

    def recent(
        self, target: Target, *, now_s: float, window_s: float, username: str | None = None
    ) -> tuple[SessionEvent, ...]:
        """Return what `recent_events_of` makes of the newest 10,000 events."""
        return recent_events_of(target, tuple(self._events), now_s=now_s, window_s=window_s, username=username)

    def serve(self, stop: Callable[[], bool]) -> None:
        """Listen until `stop` says so, asked five times a second at least."""
        while not stop():
            self.turn(_TURN_S)

    def turn(self, longest_s: float) -> None:
        """Wait up to `longest_s` seconds for somebody to say something, and take it in."""
        for key, _ in self._selector.select(longest_s):
            if key.fileobj is self._listening:
                self._accept()
            elif connection := self._connections.get(key.fileobj):  # type: ignore[call-overload]
                self._receive(connection)
        self._end_the_slow()

    def close(self) -> None:
        """End every connection and stop to listen."""
        for connection in tuple(self._connections.values()):
            self._end(connection)
        self._selector.close()
        self._listening.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # -- connections

    def _accept(self) -> None:
        try:
            accepted, _ = self._listening.accept()
        except OSError as error:
            # The caller is gone again, or there are no more files: then the one that was silent longest has to go.
            if failure_of(error, Operation.OPEN) in {Failure.TOO_MANY_FILES, Failure.OUT_OF_MEMORY}:
                self._end_the_quietest()
            return
        self.accepted += 1
        accepted.setblocking(False)
        if len(self._connections) >= MOST_CONNECTIONS:
            self._end_the_quietest()
        reader = SessionLines(self._form, self._numbers)
        self._connections[accepted] = _Connection(accepted, LineAssembly(), reader, self._clock.monotonic())
        self._selector.register(accepted, selectors.EVENT_READ)

    def _receive(self, connection: _Connection) -> None:
        try:
            data = connection.socket.recv(_CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError:
            # Reset, or lost on the way: what was said before counts all the same.
            data = b""
        if not data:
            self._end(connection)
            return
        now = connection.heard_at = self._clock.monotonic()
        lines = connection.assembly.feed(data)
        if not connection.assembly.waits:
            connection.line_began_at = None
        elif lines or connection.line_began_at is None:
            connection.line_began_at = now
        self._take(connection, lines)

    def _take(self, connection: _Connection, lines: Sequence[Line]) -> None:
        for line in lines:
            found = connection.reader.read(line)
            self.lines += 1
            if found is None:
                continue
            if not isinstance(found, BadLine):
                self._events.append(found)
                self.undated += found.at is None
            self._on_found(found)

    def _end(self, connection: _Connection) -> None:
        self._selector.unregister(connection.socket)
        del self._connections[connection.socket]
        with suppress(OSError):
            connection.socket.close()
        self._take(connection, connection.assembly.finish())

    def _end_the_slow(self) -> None:
        now = self._clock.monotonic()
        for connection in tuple(self._connections.values()):
            began = connection.line_began_at
            if began is not None and now >= began + LONGEST_LINE_S:
                self._end(connection)

    def _end_the_quietest(self) -> None:
        if self._connections:
            self._end(min(self._connections.values(), key=lambda connection: connection.heard_at))


def hear(address: str, clock: Clock) -> tuple[list[SessionEvent], list[BadLine]]:
    """Return what arrives within half a second, or until whoever sent something has hung up.

    Raises:
        InputError: The address cannot be listened on.
    """
    events: list[SessionEvent] = []
    bad: list[BadLine] = []

    def take(found: SessionEvent | BadLine) -> None:
        if isinstance(found, BadLine):
            bad.append(found)
        else:
            events.append(found)

    with SessionListener(address, clock, take, SessionFormat.AUTO) as listener:
        until = clock.monotonic() + LISTEN_S
        while (now := clock.monotonic()) < until and (listener.connections or not listener.accepted):
            listener.turn(until - now)
    return events, bad


def _listen(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    bare = host.strip("[]")
    made = socket.socket(socket.AF_INET6 if ":" in bare else socket.AF_INET)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((bare, int(port)))
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        why = (error.strerror or str(error)).lower()
        raise InputError(failure_of(error, Operation.BIND), f"cannot listen on {address}: {why}") from None
    made.setblocking(False)
    return made
