"""Entries as lines on standard output."""

from __future__ import annotations

import os
import sys

from agent.sinks.sink import DELIVERED, Outcome, unavailable, words_of
from agent.sinks.whole_lines import LineStream, NotTakenError, write_batch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.store.entry import Batch


class StdoutSink:
    """Writes to what was standard output when it was made."""

    def __init__(self) -> None:
        """Keep a descriptor of our own: where there is no standard output, its number is soon some other file's."""
        self._descriptor = None if sys.stdout is None else os.dup(1)
        self._stream = None if self._descriptor is None else LineStream(self._descriptor)

    def send(self, batch: Batch, stop: Callable[[], bool]) -> Outcome:
        """Return what became of the batch."""
        if self._descriptor is None or self._stream is None:
            return unavailable("standard output is closed")
        try:
            write_batch(self._descriptor, self._stream, batch, stop)
        except NotTakenError as error:
            return unavailable(f"standard output: {error}")
        except BrokenPipeError:
            return unavailable("standard output: whoever read it has gone")
        except OSError as error:
            return unavailable(f"standard output: {words_of(error)}")
        return DELIVERED

    def close(self) -> None:
        """Give the descriptor back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
