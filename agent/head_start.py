"""What needs no name: begun once the names are known, and without them where they are long in coming."""

import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from agent.errands import Errands

# Resolvers that are well have answered by then, the loading of the codec included: nothing runs beside their answers.
PATIENCE_S = 0.1


class HeadStart:
    """Begins some work once: at the end of the block in which names are looked up, or before, when patience is over.

    Names that nobody answers take 2 s, and what waits for silence itself would take as long again after them. A name
    that comes at once finds nothing beside it: what is measured then is the look-up alone.

    Args:
        errands: Who waits beside the block.
        work: What to begin, in this order; none of it takes long.
        patience_s: How long names may take.
    """

    def __init__(self, errands: Errands, work: Sequence[Callable[[], None]], patience_s: float = PATIENCE_S) -> None:
        self._errands = errands
        self._work = list(work)
        self._patience_s = patience_s
        self._known = threading.Event()
        self._beginning = threading.Lock()

    def __enter__(self) -> Self:
        """Begin to be patient, where there is anything to begin."""
        if self._work:
            self._errands.start("head start", self._wait_then_begin)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Begin what has not begun, unless the look-up failed: then the sample is at its end."""
        self._known.set()
        if error is None:
            self._begin()

    def _wait_then_begin(self) -> None:
        if not self._known.wait(self._patience_s):
            self._begin()

    def _begin(self) -> None:
        """Begin everything, once; who finds it under way waits until all has begun."""
        with self._beginning:
            while self._work:
                self._work.pop(0)()
