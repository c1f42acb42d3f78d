"""`cloudpath ui` as a process: it listens on loopback, says where, and answers until it is stopped."""

from __future__ import annotations

import gc
import ipaddress
import secrets
import select
import signal
from typing import TYPE_CHECKING, Final

from agent.daemon.signals import SignalInbox
from agent.exit_codes import ExitCode
from agent.pages.listening import ListenError
from agent.pages.server import PageServer
from agent.ui.app import App
from agent.ui.gate import TOKEN_BYTES, Gate
from agent.ui.places import Links
from probes.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from agent.pages.page import Page, Request


_A_PORT: Final = "8437"


class NotLoopbackError(Exception):
    """An address that others could reach; the text is one line that says what to do instead."""


def serve(directory: Path, listen: str, intervals: Mapping[str, float], say: Callable[[str], None]) -> ExitCode:
    """Serve the pages of a store until SIGINT, SIGTERM or SIGHUP.

    Args:
        directory: Where the store is.
        listen: `address:port` of the loopback interface; port 0 takes a free one.
        intervals: How often each target is measured, seconds, as far as that is known.
        say: Told the pages' address, one line, once they are there.

    Raises:
        NotLoopbackError: Others could reach the address.
        ListenError: It is none, or is taken.
    """
    # The command switches collection off, for it ends within seconds; this does not.
    gc.enable()
    address = _loopback(listen)
    app: list[App] = []
    clock = SystemClock()

    def answer(request: Request) -> Page:
        return app[0](request)

    server = PageServer(listen, answer, clock)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    app.append(App(directory, Gate(token, address, server.port), Links(f"/{token}/"), clock, intervals))
    with SignalInbox() as inbox:
        server.start()
        try:
            host = f"[{address}]" if ":" in address else address
            say(f"http://{host}:{server.port}/{token}/\n")
            stopped_by = _until_stopped(inbox)
        finally:
            server.close()
    return ExitCode.INTERRUPTED if stopped_by == signal.SIGINT else ExitCode.CLEAN


def _until_stopped(inbox: SignalInbox) -> signal.Signals:
    """Return the signal that ends it: a hangup as well, for with the terminal goes whoever looks."""
    while True:
        select.select([inbox], [], [])
        wishes = inbox.take()
        if wishes.stop or wishes.reload:
            return wishes.stop or signal.SIGHUP


def _loopback(listen: str) -> str:
    """Return the address in `address:port`, without brackets; raises NotLoopbackError and ListenError."""
    host = listen.rpartition(":")[0].removeprefix("[").removesuffix("]")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise ListenError(f"{listen}: not address:port or [address]:port of this host's loopback") from None
    if not address.is_loopback:
        given = listen.rpartition(":")[2]
        # A tunnel leads to a port that is known beforehand.
        port = _A_PORT if given == "0" else given
        raise NotLoopbackError(
            f"{listen} could be reached from other hosts, and the pages are for this one; listen on 127.0.0.1:{port}, "
            f"and to look from elsewhere: ssh -L {port}:127.0.0.1:{port} HOST"
        )
    return str(address)
