"""The seam between the store and a sink: a batch in, what became of it out."""

from __future__ import annotations

from probes.frozen import frozen, frozen_positional
from probes.word import Word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final
    from typing import Protocol as Interface

    from agent.store.entry import Batch
else:
    Interface = object


class Fate(Word):
    """What became of a batch."""

    DELIVERED = "delivered"
    # The sink may take the same batch later.
    UNAVAILABLE = "unavailable"
    # The sink will never take this batch as it is: too large for it, or with an entry that it cannot read.
    REFUSED = "refused"


@frozen_positional
class RefusedEntry:
    """An entry that the sink will never take while it has all others of the batch, and why."""

    seq: int
    why: str


@frozen
class Outcome:
    """What became of one attempt.

    Attributes:
        why: In words for a log line, printable and without secrets; None where all is well.
        retry_after_s: How long the sink asks to be left alone, or what its kind of failure makes sensible.
        refused: With DELIVERED: the entries that the sink said it does not take.
        rejected: With DELIVERED: how many entries the sink did not take without saying which.
        suspect: With UNAVAILABLE: it may be the batch that the sink fails over.
    """

    fate: Fate
    why: str | None = None
    retry_after_s: float | None = None
    refused: tuple[RefusedEntry, ...] = ()
    rejected: int = 0
    suspect: bool = False


DELIVERED: Final = Outcome(fate=Fate.DELIVERED)


def unavailable(why: str, retry_after_s: float | None = None) -> Outcome:
    """Return that the batch has to wait."""
    return Outcome(fate=Fate.UNAVAILABLE, why=why, retry_after_s=retry_after_s)


def refused(why: str) -> Outcome:
    """Return that the sink does not take the batch as it is."""
    return Outcome(fate=Fate.REFUSED, why=why)


def words_of(error: OSError) -> str:
    """Return what the system says of an error."""
    return (error.strerror or str(error)).lower()


class Sink(Interface):
    """Where batches go. Used by one thread."""

    def send(self, batch: Batch, stop: Callable[[], bool]) -> Outcome:
        """Return what became of the batch; a failure of the network is an outcome, never an exception.

        `stop` says that the agent wants to end; an attempt under way takes a few seconds at most all the same.
        """

    def close(self) -> None:
        """Give everything back."""
