"""Shows metrics and health on an address, as soon as that can be had and until the service ends."""

from __future__ import annotations

import logging
from functools import partial
from threading import Event, Thread
from typing import TYPE_CHECKING, Final

from agent.daemon.opening import AGAIN_S, opened_at_last
from agent.pages.listening import ListenError
from agent.pages.server import PageServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.pages.page import Page, Request
    from probes.clock import Clock

_LOG: Final = logging.getLogger(__name__)


class Showing:
    """A server of pages whose address may come late; it answers from the start on where the address is there."""

    def __init__(
        self, listen: str, answer: Callable[[Request], Page], clock: Clock, *, again_s: float = AGAIN_S
    ) -> None:
        """Show what `answer` says on `listen`, as `PageServer` takes both."""
        self._opened = partial(PageServer, listen, answer, clock)
        self._listen = listen
        self._again_s = again_s
        self._pages: PageServer | None = None
        self._over = Event()
        self._thread: Thread | None = None
        try:
            self._pages = self._opened()
        except ListenError as error:
            # Paths are watched all the same: that is what the service is there for.
            _LOG.error("metrics and health are not shown until that is over: %s", error)
            self._thread = Thread(target=self._try_again, name="showing", daemon=True)
            self._thread.start()
        else:
            self._pages.start()

    @property
    def shown(self) -> bool:
        """Return whether somebody listens."""
        return self._pages is not None

    def close(self) -> None:
        """Stop to listen, or to try to; takes two seconds at most."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(1.0)
        if self._pages is not None:
            self._pages.close()

    # -- in the thread

    def _try_again(self) -> None:
        pages = opened_at_last(self._opened, ListenError, self._over, again_s=self._again_s)
        if pages is None:
            return
        pages.start()
        self._pages = pages
        _LOG.info("metrics and health are shown on %s now", self._listen)
