"""What the store knows of itself without asking the disk: numbers, cursors, losses; and how each event changes them.

All of it is a function of its arguments. The database keeps what is here (`agent.store.ledger`); where the disk takes
nothing, it goes on from here, and the disk catches up later.
"""

from __future__ import annotations

from agent.store.loss import Losses, LossReason
from probes.frozen import field, frozen, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


@frozen
class OpenBatch:
    """A batch that may have been handed out: the first `count` entries behind the cursor, the last one's `seq`."""

    id: str
    last_seq: int
    count: int


@frozen
class Cursor:
    """How far one sink has come; `pending` entries are behind `seq`."""

    seq: int
    pending: int = 0
    batch: OpenBatch | None = None


@frozen
class Books:
    """The whole.

    Attributes:
        next_seq: The number of the entry that is appended next.
        entries: How many are there; `first_seq` is the first of them.
        losses: What no entry of kind gap tells of yet.
    """

    next_seq: int = 1
    entries: int = 0
    first_seq: int | None = None
    shed: int = 0
    unreadable: int = 0
    cursors: Mapping[str, Cursor] = field(default_factory=dict)
    losses: tuple[Losses, ...] = ()


def appended(books: Books) -> Books:
    """Return the books after one more entry."""
    cursors = {sink: replace(cursor, pending=cursor.pending + 1) for sink, cursor in books.cursors.items()}
    first = books.next_seq if books.first_seq is None else books.first_seq
    return replace(books, next_seq=books.next_seq + 1, entries=books.entries + 1, first_seq=first, cursors=cursors)


def registered(books: Books, sinks: tuple[str, ...], start: Cursor | None = None) -> Books:
    """Return the books with a cursor for each of these sinks and no other; a new one begins with the next entry.

    `start`: where a new one begins instead.
    """
    start = start or Cursor(seq=books.next_seq - 1)
    return replace(books, cursors={sink: books.cursors.get(sink, start) for sink in sinks})


def opened(books: Books, sink: str, batch: OpenBatch) -> Books:
    """Return the books with a batch of this sink's under way."""
    return _with_cursor(books, sink, replace(books.cursors[sink], batch=batch))


def settled(books: Books, sink: str, seqs: tuple[int, ...]) -> Books:
    """Return the books with the sink's cursor behind these entries, which it was handed in order.

    What of them was shed meanwhile is pending no more.
    """
    cursor = books.cursors.get(sink)
    if cursor is None or seqs[-1] <= cursor.seq:
        return books
    shed = (books.first_seq or books.next_seq) - 1
    got = sum(seq > max(cursor.seq, shed) for seq in seqs)
    return _with_cursor(books, sink, Cursor(seq=seqs[-1], pending=max(0, cursor.pending - got)))


def lost(books: Books, why: LossReason, seqs: tuple[int, ...]) -> Books:
    """Return the books without these entries, in order of `seq`; what a sink had not got of them is a loss.

    A batch that had one of them gets another id when it is handed out next: an id never stands for other content.
    """
    if not seqs:
        return books
    first, last = seqs[0], seqs[-1]
    cursors = {sink: _without(cursor, seqs) for sink, cursor in books.cursors.items()}
    lacking = tuple(sorted(sink for sink, cursor in books.cursors.items() if cursor.seq < last))
    unsent = [seq for seq in seqs if any(seq > books.cursors[sink].seq for sink in lacking)]
    after = replace(books, entries=books.entries - len(seqs), cursors=cursors)
    if after.first_seq is not None and after.first_seq >= first:
        after = replace(after, first_seq=last + 1 if after.entries else None)
    if not unsent:
        return after
    return with_losses(after, Losses(why=why, lost=len(unsent), first_seq=unsent[0], last_seq=last, sinks=lacking))


def _without(cursor: Cursor, seqs: tuple[int, ...]) -> Cursor:
    ahead = sum(seq > cursor.seq for seq in seqs)
    if not ahead:
        return cursor
    touched = cursor.batch is not None and any(cursor.seq < seq <= cursor.batch.last_seq for seq in seqs)
    return replace(cursor, pending=max(0, cursor.pending - ahead), batch=None if touched else cursor.batch)


def as_found(books: Books, sink: str, seqs: tuple[int, ...], identity: str) -> Books:
    """Return the books with the sink's batch as the log has it, under a new id: some of its entries are gone."""
    cursor = books.cursors[sink]
    batch = cursor.batch
    if batch is None:
        return books
    missing = batch.count - len(seqs)
    kept = OpenBatch(id=identity, last_seq=seqs[-1], count=len(seqs)) if seqs else None
    place = cursor.seq if seqs else batch.last_seq
    after = _with_cursor(books, sink, Cursor(seq=place, pending=max(0, cursor.pending - missing), batch=kept))
    if missing <= 0:
        return after
    gone = Losses(
        why=LossReason.DAMAGED, lost=missing, first_seq=cursor.seq + 1, last_seq=batch.last_seq, sinks=(sink,)
    )
    return with_losses(after, gone)


def with_losses(books: Books, found: Losses) -> Books:
    """Return the books with one more loss to tell of; what follows the newest one and is like it joins it."""
    joined = _joined(books.losses[-1], found) if books.losses else None
    if joined is None:
        return replace(books, losses=(*books.losses, found))
    return replace(books, losses=(*books.losses[:-1], joined))


def _joined(newest: Losses, found: Losses) -> Losses | None:
    """Return two losses as one, None where they are not alike."""
    if (newest.why, newest.sinks) != (found.why, found.sinks) or found.first_seq <= newest.last_seq:
        return None
    if newest.lost is None or found.lost is None:
        return None
    return replace(newest, lost=newest.lost + found.lost, last_seq=found.last_seq)


def within_numbers(books: Books) -> Books:
    """Return the books with every cursor that is ahead of all numbers at the start: rather twice than never."""
    start = Cursor(seq=(books.first_seq or books.next_seq) - 1, pending=books.entries)
    cursors = {sink: start if each.seq >= books.next_seq else each for sink, each in books.cursors.items()}
    return replace(books, cursors=cursors)


def _with_cursor(books: Books, sink: str, cursor: Cursor) -> Books:
    return replace(books, cursors={**books.cursors, sink: cursor})
