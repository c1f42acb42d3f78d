"""Listens to the log stream of private access for as long as the service runs, in a thread of its own."""

from __future__ import annotations

import logging
import threading
from functools import partial
from typing import TYPE_CHECKING, Final

from agent.daemon.opening import AGAIN_S, opened_at_last
from probes.session_lines import BadLine, SessionFormat

if TYPE_CHECKING:
    from agent.request import SessionSource
    from agent.session_listener import SessionListener
    from probes.clock import Clock
    from probes.session_facts import SessionEvent

_LOG: Final = logging.getLogger(__name__)


class Listening:
    """At most one listener, on the address that the plan at work names."""

    def __init__(self, clock: Clock, *, again_s: float = AGAIN_S) -> None:
        """Listen to nothing yet."""
        self._clock = clock
        self._again_s = again_s
        self._address: str | None = None
        self._listener: SessionListener | None = None
        self._thread: threading.Thread | None = None
        self._over = threading.Event()

    @property
    def sessions(self) -> SessionListener | None:
        """Return who hears of sessions, None where nobody listens."""
        return self._listener

    def replace(self, source: SessionSource | None) -> None:
        """Listen where `source` says, and nowhere else; until an address can be had, it costs the sessions alone."""
        address = None if source is None else source.lss_listen
        if address == self._address:
            return
        self._stop()
        self._address = address
        if address is not None:
            self._start(address)

    def _start(self, address: str) -> None:
        from probes.line_assembly import LinesError  # noqa: PLC0415 - for those who have private access

        try:
            self._listener = self._opened(address)
        except LinesError as error:
            _LOG.error("the log of private access is not heard until that is over: %s", error)
        self._over = threading.Event()
        serve = partial(self._serve, address, self._over)
        self._thread = threading.Thread(target=serve, name="sessions", daemon=True)
        self._thread.start()

    def _stop(self) -> None:
        if self._thread is not None:
            self._over.set()
            self._thread.join(1.0)
            self._thread = None
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _opened(self, address: str) -> SessionListener:
        """Return a listener; raises LinesError."""
        from agent.session_listener import SessionListener  # noqa: PLC0415 - for those who have private access

        return SessionListener(address, self._clock, _told, SessionFormat.AUTO)

    # -- in the thread

    def _serve(self, address: str, over: threading.Event) -> None:
        if self._listener is None:
            self._listener = self._opened_at_last(address, over)
        if self._listener is not None:
            self._listener.serve(over.is_set)

    def _opened_at_last(self, address: str, over: threading.Event) -> SessionListener | None:
        from probes.line_assembly import LinesError  # noqa: PLC0415 - for those who have private access

        listener = opened_at_last(partial(self._opened, address), LinesError, over, again_s=self._again_s)
        if listener is not None:
            _LOG.info("the log of private access is heard on %s now", address)
        return listener


def _told(found: SessionEvent | BadLine) -> None:
    if isinstance(found, BadLine):
        _LOG.warning("line %s of the log of private access cannot be read: %s", found.line, found.detail)
