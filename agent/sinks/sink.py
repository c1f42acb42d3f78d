"""The seam between the store and a sink: a batch in, what became of it out."""

from __future__ import annotations

from probes.frozen import frozen
from probes.word import Word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol as Interface

    from agent.store.entry import Batch
else:
    Interface = object


class Fate(Word):
    """What became of a batch."""

    DELIVERED = "delivered"
    # The sink may take the same batch later.
    UNAVAILABLE = "unavailable"
    # The sink will never take this batch.
    REFUSED = "refused"


@frozen
class Outcome:
    """What became of one attempt; `why` in words for a log line, without secrets; `retry_after_s` as the sink asked."""

    fate: Fate
    why: str | None = None
    retry_after_s: float | None = None


class Sink(Interface):
    """Where batches go. Used by one thread."""

    def send(self, batch: Batch, stop: Callable[[], bool]) -> Outcome:
        """Return what became of the batch; a failure of the network is an outcome, never an exception.

        `stop` says that the agent wants to end; an attempt under way takes a few seconds at most all the same.
        """

    def close(self) -> None:
        """Give everything back."""
