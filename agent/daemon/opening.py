"""Opens what listens once its address can be had: at the start of a host, that may come after the service."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event
    from typing import Final

Opened = TypeVar("Opened")

# How soon an address is tried again that could not be had.
AGAIN_S: Final = 10.0


def opened_at_last(
    opened: Callable[[], Opened], refused: type[Exception], over: Event, *, again_s: float = AGAIN_S
) -> Opened | None:
    """Return what could be opened at last, trying every `again_s` seconds from then on; None once that is over.

    Args:
        opened: Opens it.
        refused: What that raises where it cannot be opened; nothing is said of it, for whoever tried first has.
        over: Says that nobody wants it any more.
        again_s: The time between two tries, in seconds.
    """
    while not over.wait(again_s):
        with suppress(refused):
            return opened()
    return None
