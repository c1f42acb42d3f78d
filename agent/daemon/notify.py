"""Tells systemd how the service is doing, over the socket that it names; silent where there is none.

A few datagrams, as sd_notify(3) lays them down; nothing that goes wrong here ever hurts the service.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from agent.views.escape import escape_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self


class Notifier:
    """Sends states to the manager of services.

    Attributes:
        watchdog_s: How often `watchdog` is to be called, half of what the manager waits; None where it does not wait.
    """

    def __init__(self, address: str | None, watchdog_s: float | None = None) -> None:
        """Take the socket's address: a path, or a name in the abstract namespace behind `@`; None for nobody."""
        self.watchdog_s = watchdog_s
        self._address = address if address and address[0] in "/@" else None
        self._socket: socket.socket | None = None
        if self._address is not None:
            with suppress(OSError):
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], process_id: int) -> Self:
        """Return a notifier as NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID say (sd_watchdog_enabled(3))."""
        return cls(environment.get("NOTIFY_SOCKET"), _watchdog_s(environment, process_id))

    def ready(self, status: str = "") -> None:
        """Tell that the service works, or that it has reloaded."""
        self._send("READY=1", _status(status))

    def reloading(self, monotonic_s: float) -> None:
        """Tell that a reload begins; `ready` ends it. CLOCK_MONOTONIC, as Type=notify-reload wants it."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={int(monotonic_s * 1e6)}")

    def stopping(self, status: str = "") -> None:
        """Tell that the service is about to end."""
        self._send("STOPPING=1", _status(status))

    def status(self, text: str) -> None:
        """Show a line in `systemctl status`."""
        self._send(_status(text))

    def watchdog(self) -> None:
        """Tell that the loop that does the work has come round."""
        self._send("WATCHDOG=1")

    def close(self) -> None:
        """Give the socket back; whatever is sent afterwards goes nowhere."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, *lines: str) -> None:
        if self._socket is None or self._address is None:
            return
        text = "\n".join(line for line in lines if line)
        where = f"\0{self._address[1:]}" if self._address[0] == "@" else self._address
        # A manager that restarts, or whose queue is full, gets the next one.
        with suppress(OSError):
            self._socket.sendto(text.encode(), socket.MSG_NOSIGNAL, where)


_NONE: Final = ""


def _status(text: str) -> str:
    """Return a line for STATUS; a line break in it would begin another assignment."""
    return f"STATUS={escape_text(text)}" if text else _NONE


def _watchdog_s(environment: Mapping[str, str], process_id: int) -> float | None:
    """Return half of the manager's patience, None where it has no end or belongs to another process."""
    patience, whose = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not patience.isdecimal() or int(patience) == 0 or whose not in {"", str(process_id)}:
        return None
    return int(patience) / 2e6


def notifier() -> Notifier:
    """Return the notifier of this process."""
    return Notifier.from_environment(os.environ, os.getpid())
