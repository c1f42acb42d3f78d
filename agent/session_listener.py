"""Listens for the Log Streaming Service, and keeps what it says of sessions.

Used by `cloudpath zpa --listen`; whoever takes samples turn after turn keeps one, and asks it for a target's events.
"""

from __future__ import annotations

import itertools
from collections import deque
from typing import TYPE_CHECKING, Final

from probes.drivers.line_listener import Heard, LineListener
from probes.session_choice import recent_events_of
from probes.session_lines import BadLine, SessionFormat, SessionLines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType
    from typing import Self

    from probes.clock import Clock
    from probes.sample import Target
    from probes.session_facts import SessionEvent

# What is kept for the samples to come: more than a window of a busy organisation.
MOST_KEPT: Final = 10_000
# How long a single sample listens for a log stream; who has one connected sends what is new at once.
LISTEN_S: Final = 0.5
# How long a wish to end may wait.
_TURN_S: Final = 0.2


class SessionListener:
    """Accepts connections and reads session lines from all of them; used within `with`.

    Attributes:
        lines: How many lines came.
        undated: How many of the events in them say no time that is understood.

    Raises:
        probes.line_assembly.LinesError: The address cannot be listened on.
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
        self._on_found = on_found
        self._form = form
        self._numbers: Iterator[int] = itertools.count(1)
        self._readers: dict[int, SessionLines] = {}
        self._events: deque[SessionEvent] = deque(maxlen=MOST_KEPT)
        self.lines = 0
        self.undated = 0
        self._listener = LineListener(address, clock)

    @property
    def port(self) -> int:
        """Return the port that is listened on."""
        return self._listener.port

    @property
    def idle(self) -> bool:
        """Return whether somebody was connected, and everybody has hung up."""
        return self._listener.accepted > 0 and not self._listener.open_connections

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
        self._take(self._listener.turn(longest_s))
        gone = self._readers.keys() - self._listener.open_connections
        for number in gone:
            del self._readers[number]

    def close(self) -> None:
        """End every connection and stop to listen."""
        self._take(self._listener.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _take(self, heard: Iterable[Heard]) -> None:
        for one in heard:
            reader = self._readers.get(one.connection)
            if reader is None:
                # Each connection is a log of its own; no two lines have the same number all the same.
                reader = self._readers[one.connection] = SessionLines(self._form, self._numbers)
            found = reader.read(one.line)
            self.lines += 1
            if found is None:
                continue
            if not isinstance(found, BadLine):
                self._events.append(found)
                self.undated += found.at is None
            self._on_found(found)


def hear(address: str, clock: Clock) -> tuple[list[SessionEvent], list[BadLine]]:
    """Return what arrives within half a second, or until whoever sent something has hung up.

    Raises:
        probes.line_assembly.LinesError: The address cannot be listened on.
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
        while (now := clock.monotonic()) < until and not listener.idle:
            listener.turn(until - now)
    return events, bad
