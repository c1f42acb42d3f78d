"""Listens to the log stream of private access for as long as the service runs, in a thread of its own."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from probes.frozen import frozen
from probes.session_lines import BadLine, SessionFormat

if TYPE_CHECKING:
    from agent.request import SessionSource
    from agent.session_listener import SessionListener
    from probes.clock import Clock
    from probes.session_facts import SessionEvent

_LOG: Final = logging.getLogger(__name__)


@frozen
class _Turning:
    listener: SessionListener
    thread: threading.Thread
    over: threading.Event


class Listening:
    """At most one listener, on the address that the plan at work names."""

    def __init__(self, clock: Clock) -> None:
        """Listen to nothing yet."""
        self._clock = clock
        self._address: str | None = None
        self._turning: _Turning | None = None

    @property
    def sessions(self) -> SessionListener | None:
        """Return who hears of sessions, None where nobody listens."""
        return None if self._turning is None else self._turning.listener

    def replace(self, source: SessionSource | None) -> None:
        """Listen where `source` says, and nowhere else; an address that is taken costs no more than the sessions."""
        address = None if source is None else source.lss_listen
        if address == self._address and self._turning is not None:
            return
        self._stop()
        self._address = address
        if address is not None:
            self._start(address)

    def _start(self, address: str) -> None:
        from agent.session_listener import SessionListener  # noqa: PLC0415 - for those who have private access
        from probes.line_assembly import LinesError  # noqa: PLC0415 - likewise

        try:
            listener = SessionListener(address, self._clock, _told, SessionFormat.AUTO)
        except LinesError as error:
            _LOG.error("the log of private access is not heard: %s", error)
            return
        over = threading.Event()
        thread = threading.Thread(target=listener.serve, args=(over.is_set,), name="sessions", daemon=True)
        thread.start()
        self._turning = _Turning(listener=listener, thread=thread, over=over)

    def _stop(self) -> None:
        if self._turning is None:
            return
        self._turning.over.set()
        self._turning.thread.join(1.0)
        self._turning.listener.close()
        self._turning = None


def _told(found: SessionEvent | BadLine) -> None:
    if isinstance(found, BadLine):
        _LOG.warning("line %s of the log of private access cannot be read: %s", found.line, found.detail)
