"""Serves the pages over HTTP/1.1: one thread, one request for each connection, and nobody may take long or send much.

All connections are looked after at once, so that one that dawdles keeps nobody else waiting; where there are too many,
the one that has dawdled longest goes.
"""

from __future__ import annotations

import logging
import os
import selectors
from threading import Thread
from typing import TYPE_CHECKING, Final

from agent.pages.connection import Connection
from agent.pages.listening import is_loopback, listening_socket, path_of
from agent.pages.page import Page

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from agent.pages.page import Request
    from probes.clock import Clock

MOST_CONNECTIONS: Final = 64
# How long no connection is accepted where the host gives no more descriptors.
_FULL_S: Final = 0.5
_CLOSE_S: Final = 1.0

_log = logging.getLogger(__name__)


class PageServer:
    """Listens from the start on, and answers once it is started."""

    def __init__(self, listen: str, answer: Callable[[Request], Page], clock: Clock) -> None:
        """Open the socket.

        Args:
            listen: `address:port`, `[address]:port`, or `unix:PATH`; port 0 takes a free one.
            answer: Called in the server's thread, one request at a time.
            clock: Who tells the time.

        Raises:
            agent.pages.listening.ListenError: The address is none, is taken, or is not ours to listen on.
        """
        self._path = path_of(listen)
        self._socket = listening_socket(listen)
        # By any name where strangers may come anyway; on loopback alone, a browser could be led here.
        self._any_host = not is_loopback(self._socket)
        self._answer = answer
        self._clock = clock
        self._selector = selectors.DefaultSelector()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._connections: dict[socket.socket, Connection] = {}
        self._accept_at_s: float | None = None
        # How long the page of this turn took to make.
        self._making_s = 0.0
        self._closed = False
        self._thread = Thread(target=self._serve, name="pages", daemon=True)

    @property
    def port(self) -> int:
        """Return the port that is listened on; 0 for a socket in the file system."""
        return 0 if self._path is not None else int(self._socket.getsockname()[1])

    def start(self) -> None:
        """Begin to answer."""
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._selector.register(self._socket, selectors.EVENT_READ)
        self._thread.start()

    def close(self) -> None:
        """Stop to listen, and hang up; takes a second at most."""
        if self._closed:
            return
        self._closed = True
        if self._thread.ident is not None:
            os.eventfd_write(self._wake, 1)
            self._thread.join(_CLOSE_S)
        if not self._thread.is_alive():
            self._hang_up()
        self._socket.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    # -- in the thread

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select(self._patience_s()):
                if key.fileobj == self._wake:
                    return
                if key.fileobj is self._socket:
                    self._accept_waiting(self._clock.monotonic())
                elif isinstance(key.data, Connection):
                    self._look_after(key.data, self._clock.monotonic())
            self._give_up(self._clock.monotonic())

    def _patience_s(self) -> float | None:
        """Return how long nothing but a connection's doings need attention, None for ever."""
        deadlines = [connection.deadline_s for connection in self._connections.values()]
        if self._accept_at_s is not None:
            deadlines.append(self._accept_at_s)
        return max(0.0, min(deadlines) - self._clock.monotonic()) if deadlines else None

    def _accept_waiting(self, now: float) -> None:
        """Accept who waits, but not for ever: those who are there already want their answers."""
        for _ in range(MOST_CONNECTIONS):
            accepted = self._accepted(now)
            if accepted is None:
                return
            self._welcome(accepted, now)

    def _accepted(self, now: float) -> socket.socket | None:
        """Return the next who waits, None for nobody."""
        try:
            return self._socket.accept()[0]
        except (BlockingIOError, ConnectionError):
            return None
        except OSError as error:
            # No more descriptors: trying again at once would be all that this thread does.
            _log.warning("the pages are out of reach for a moment: %s", error.strerror)
            self._selector.unregister(self._socket)
            self._accept_at_s = now + _FULL_S
            return None

    def _welcome(self, accepted: socket.socket, now: float) -> None:
        if len(self._connections) >= MOST_CONNECTIONS:
            self._drop(min(self._connections.values(), key=lambda each: each.deadline_s))
        accepted.setblocking(False)
        connection = Connection(accepted, now, any_host=self._any_host)
        self._connections[accepted] = connection
        self._selector.register(accepted, selectors.EVENT_READ, connection)

    def _look_after(self, connection: Connection, now: float) -> None:
        """Go on with a connection as far as it lets us."""
        if connection.socket not in self._connections:
            return
        self._making_s = 0.0
        try:
            over = connection.turn(now, self._answered)
        except OSError:
            over = True
        # Nobody could send or take anything while a page was made: that is not their delay.
        for each in self._connections.values():
            each.deadline_s += self._making_s
        if over:
            self._drop(connection)
        else:
            self._selector.modify(connection.socket, connection.events, connection)

    def _answered(self, request: Request) -> Page:
        began_at = self._clock.monotonic()
        try:
            return self._answer(request)
        except Exception:  # noqa: BLE001 - whatever it is, it is a mistake of ours that the caller learns of
            _log.exception("the page %s could not be made", request.path)
            return Page(status=500, body="the agent itself failed\n")
        finally:
            self._making_s = self._clock.monotonic() - began_at

    def _give_up(self, now: float) -> None:
        """Hang up on whoever took too long, and accept again."""
        for connection in [each for each in self._connections.values() if now >= each.deadline_s]:
            self._drop(connection)
        if self._accept_at_s is not None and now >= self._accept_at_s:
            self._accept_at_s = None
            self._selector.register(self._socket, selectors.EVENT_READ)

    def _drop(self, connection: Connection) -> None:
        del self._connections[connection.socket]
        self._selector.unregister(connection.socket)
        connection.socket.close()

    def _hang_up(self) -> None:
        for connection in list(self._connections.values()):
            self._drop(connection)
        self._selector.close()
        os.close(self._wake)
