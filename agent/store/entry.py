"""What the store keeps: one entry for each sample, each change of the network, and each loss of entries."""

from __future__ import annotations

from probes.frozen import frozen
from probes.word import Word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol as Interface
else:
    Interface = object


class Kind(Word):
    """What an entry tells of; each kind has a schema of its own (docs/schema)."""

    SAMPLE = "sample"
    CHANGE = "change"
    GAP = "gap"


@frozen
class Entry:
    """One line of the log.

    Attributes:
        seq: Its place in this agent's sequence: 1, 2, 3 and so on over all kinds, whatever the clock does.
        id: Its UUID version 7.
        at: When it began, RFC 3339 UTC with milliseconds, as the host believed.
        target: The target's name, None for what is not about one.
        status: A sample's status, None for other kinds.
        codes: The codes of a sample's errors.
        latency_us: A sample's, with `loss_ratio` and `path`, as `agent.measures` has them.
        data: The whole document as JSON in one line of UTF-8, without a line break; `seq` and `id` are in it.
    """

    seq: int
    kind: Kind
    id: str
    at: str
    data: bytes
    target: str | None = None
    status: str | None = None
    codes: tuple[str, ...] = ()
    latency_us: int | None = None
    loss_ratio: float | None = None
    path: str | None = None


@frozen
class Batch:
    """Entries that go to one sink together, in the order of `seq`.

    Attributes:
        id: Was persisted before the batch was first handed out; the same entries go out under the same id again until
            they are delivered or parked, whatever happens to the process in between.
        sink: The sink's name.
        attempt: 1 for the first time that it is handed out by this process, and so on.
    """

    id: str
    sink: str
    entries: tuple[Entry, ...]
    attempt: int = 1


@frozen
class SinkBacklog:
    """What one sink has still to get, and what it refused."""

    sink: str
    pending: int
    oldest_pending_at: str | None = None
    parked: int = 0
    delivered_seq: int = 0


@frozen
class StoreState:
    """How the store is doing.

    Attributes:
        entries: How many it holds.
        size_bytes: What they take on the disk, the write-ahead log included.
        shed: How many were dropped to stay within the size, since the store was made.
        unreadable: How many were damaged and passed over.
        waiting: How many are held in memory because the disk takes nothing.
        problem: Why it takes nothing just now, None where it does.
    """

    entries: int
    size_bytes: int
    first_seq: int | None = None
    last_seq: int | None = None
    shed: int = 0
    unreadable: int = 0
    waiting: int = 0
    problem: str | None = None
    sinks: tuple[SinkBacklog, ...] = ()


class Store(Interface):
    """What the agent asks of the store; every method may be called from any thread."""

    def append(self, make: Callable[[int], Entry]) -> Entry:
        """Return the entry that `make` made for its place in the sequence; it is durable, or held until the disk is."""

    def register(self, sinks: tuple[str, ...]) -> None:
        """Keep a cursor for each of these sinks and for no others; a new one begins with what is appended next."""

    def next_batch(self, sink: str, *, most_entries: int, most_bytes: int) -> Batch | None:
        """Return what the sink is to get next, None for nothing; the same again until it is settled."""

    def delivered(self, batch: Batch) -> None:
        """Move the sink's cursor behind the batch."""

    def park(self, batch: Batch, why: str, only: tuple[int, ...] | None = None) -> None:
        """Move the cursor behind a batch that the sink will never take; it is kept aside, and counted.

        With `only`, entries of these `seq` alone are kept aside: the sink has the others.
        """

    def shorten(self, batch: Batch) -> None:
        """Make the outstanding batch its own first half under a new id, persisted before it is handed out.

        For a sink that refuses it for its size or for one entry in it; what was the second half waits for its turn. A
        batch of one entry stays as it is.
        """

    def state(self) -> StoreState:
        """Return how it is doing; takes no longer than a few milliseconds."""

    def close(self) -> None:
        """Write what is held, if the disk lets us, and give everything back."""
