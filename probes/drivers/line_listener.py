"""Lines over TCP: many connections, each a stream of lines, and nobody can hold the others up."""

from __future__ import annotations

import selectors
import socket
from contextlib import ExitStack, suppress
from itertools import count

from probes.failure import Failure, Operation, failure_of
from probes.frozen import frozen_positional, mutable
from probes.line_assembly import Line, LineAssembly, LinesError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Final, Self

    from probes.clock import Clock

# Every App Connector of an organisation may send. What is held of lines is at most this many longest ones: 4 MiB.
MOST_CONNECTIONS: Final = 64
# A line is sent in one piece; who takes longer than this over one is broken, or means harm.
LONGEST_LINE_S: Final = 30.0
# How long nobody is accepted where the host gives no more descriptors and there is nobody to end for one.
FULL_S: Final = 0.5
_CHUNK_BYTES: Final = 1 << 16
_BACKLOG: Final = 64


@frozen_positional
class Heard:
    """One line, and the number of the connection that it came by, from 1."""

    connection: int
    line: Line


@mutable
class _Connection:
    """One sender: its number and socket, the line that it is in and since when, and when it was last heard."""

    number: int
    socket: socket.socket
    assembly: LineAssembly
    heard_at: float
    line_began_at: float | None = None


class LineListener:
    """Accepts connections and reads lines from all of them; used within `with`.

    Attributes:
        accepted: How many connections came.

    Raises:
        LinesError: The address cannot be listened on.
    """

    def __init__(self, address: str, clock: Clock) -> None:
        """Begin to listen on `host:port`, an address in place of the host; port 0 takes a free one."""
        self._clock = clock
        self._numbers = count(1)
        self._connections: dict[socket.socket, _Connection] = {}
        self._heard: list[Heard] = []
        self._selector = selectors.DefaultSelector()
        self._accept_at: float | None = None
        self.accepted = 0
        self._listening = _listen(address)
        self._selector.register(self._listening, selectors.EVENT_READ)

    @property
    def port(self) -> int:
        """Return the port that is listened on."""
        return int(self._listening.getsockname()[1])

    @property
    def open_connections(self) -> frozenset[int]:
        """Return the numbers of the connections that are open."""
        return frozenset(connection.number for connection in self._connections.values())

    @property
    def in_a_line(self) -> int:
        """Return how many connections have begun a line and not ended it."""
        return sum(connection.assembly.waits for connection in self._connections.values())

    def turn(self, longest_s: float) -> list[Heard]:
        """Wait up to `longest_s` seconds for somebody to say something; return the lines that ended meanwhile.

        A line that a connection ended in the middle of is among them, with `ended` False.
        """
        self._accept_again()
        for key, _ in self._selector.select(self._patience_s(longest_s)):
            if key.fileobj is self._listening:
                self._accept()
            elif connection := self._connections.get(key.fileobj):  # type: ignore[call-overload]
                self._receive(connection)
        self._end_the_slow()
        heard, self._heard = self._heard, []
        return heard

    def close(self) -> list[Heard]:
        """End every connection and stop to listen; return the lines that they were in the middle of."""
        for connection in tuple(self._connections.values()):
            self._end(connection)
        self._selector.close()
        self._listening.close()
        heard, self._heard = self._heard, []
        return heard

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _patience_s(self, longest_s: float) -> float:
        """Return how long to wait for somebody to say something."""
        return longest_s if self._accept_at is None else min(longest_s, self._accept_at - self._clock.monotonic())

    def _accept_again(self) -> None:
        """Look for who waits again, where that was put off and is due."""
        if self._accept_at is not None and self._clock.monotonic() >= self._accept_at:
            self._accept_at = None
            self._selector.register(self._listening, selectors.EVENT_READ)

    def _accept(self) -> None:
        try:
            accepted, _ = self._listening.accept()
        except OSError as error:
            # The caller is gone again, or there are no more files: then the one that was silent longest has to go.
            if failure_of(error, Operation.OPEN) in {Failure.TOO_MANY_FILES, Failure.OUT_OF_MEMORY}:
                self._make_room()
            return
        self.accepted += 1
        accepted.setblocking(False)
        if len(self._connections) >= MOST_CONNECTIONS:
            self._end_the_quietest()
        number, now = next(self._numbers), self._clock.monotonic()
        self._connections[accepted] = _Connection(number, accepted, LineAssembly(), now)
        self._selector.register(accepted, selectors.EVENT_READ)

    def _make_room(self) -> None:
        if self._connections:
            self._end_the_quietest()
            return
        # Who waits would wake every turn at once, and nothing could be done for them.
        self._selector.unregister(self._listening)
        self._accept_at = self._clock.monotonic() + FULL_S

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
        self._heard += [Heard(connection.number, line) for line in lines]

    def _end(self, connection: _Connection) -> None:
        self._selector.unregister(connection.socket)
        del self._connections[connection.socket]
        with suppress(OSError):
            connection.socket.close()
        self._heard += [Heard(connection.number, line) for line in connection.assembly.finish()]

    def _end_the_slow(self) -> None:
        now = self._clock.monotonic()
        for connection in tuple(self._connections.values()):
            began = connection.line_began_at
            if began is not None and now >= began + LONGEST_LINE_S:
                self._end(connection)

    def _end_the_quietest(self) -> None:
        self._end(min(self._connections.values(), key=lambda connection: connection.heard_at))


def _listen(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    bare = host.strip("[]")
    with ExitStack() as undone:
        try:
            # A host without IPv6 has no such socket, and one may be out of descriptors.
            made = undone.enter_context(socket.socket(socket.AF_INET6 if ":" in bare else socket.AF_INET))
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind((bare, int(port)))
            made.listen(_BACKLOG)
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise LinesError(failure_of(error, Operation.BIND), f"cannot listen on {address}: {why}") from None
        undone.pop_all()
    made.setblocking(False)
    return made
