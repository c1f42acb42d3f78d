"""Loads, in the shadow of the network's round trips, what only the end of a sample needs."""

import threading
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from types import TracebackType
from typing import Final, Self

# A burst of probes has left by now, and a path this long leaves time to spare; a shorter one is over before.
PATIENCE_S: Final = 0.02


class Preload:
    """Imports modules in a thread of its own as long as its context lasts; whoever is faster imports them himself."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = modules
        self._over = threading.Event()

    def __enter__(self) -> Self:
        """Begin to be patient."""
        threading.Thread(target=self._load, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Begin no further module."""
        self._over.set()

    def _load(self) -> None:
        self._over.wait(PATIENCE_S)
        for module in self._modules:
            if self._over.is_set():
                return
            # Who needs it imports it again, meets the same trouble, and says so.
            with suppress(Exception):
                import_module(module)
