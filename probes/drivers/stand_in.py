"""An empty module in the place of one that a package loads and that nothing of ours needs."""

from __future__ import annotations

import sys
from _thread import allocate_lock
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

# Samples run beside each other: without it two could take the stand-in away, or one could take it for the real one.
_ONE_AT_A_TIME = allocate_lock()


class StandIn:
    """As long as its context lasts, whoever imports a module that was not loaded yet gets an empty one."""

    def __init__(self, name: str) -> None:
        """Take the name of the module."""
        self._name = name
        self._stands = False

    def __enter__(self) -> None:
        """Put it there, once nobody else uses one."""
        _ONE_AT_A_TIME.acquire()
        self._stands = self._name not in sys.modules
        if self._stands:
            sys.modules[self._name] = ModuleType(self._name)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Take it away again."""
        if self._stands:
            del sys.modules[self._name]
        _ONE_AT_A_TIME.release()
