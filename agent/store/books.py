"""What the store knows of itself without asking the disk: numbers, cursors, losses; and how each event changes them.

What a sink is being given just now is neither delivered nor lost: what is dropped of it meanwhile counts as lost only
once it is known that the sink did not take it.

All of it is a function of its arguments. The database keeps what is here (`agent.store.ledger`); where the disk takes
nothing, it goes on from here, and the disk catches up later.
"""

from __future__ import annotations

from agent.store.loss import Losses, LossReason, joined, runs
from probes.frozen import field, frozen, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from typing import Final

# Beyond so many, what is alike is told of as one: a disk that takes nothing for days must not fill memory with them.
MOST_LOSSES: Final = 100


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
class Flight:
    """What a sink is being given by this process.

    Attributes:
        gone: What was dropped of it since, and why.
        untold: What those of them tell of that are losses themselves, by their numbers.
    """

    seqs: frozenset[int]
    gone: Mapping[int, LossReason] = field(default_factory=dict)
    untold: Mapping[int, Losses] = field(default_factory=dict)


@frozen
class Books:
    """The whole.

    Attributes:
        next_seq: The number of the entry that is appended next.
        entries: How many are there; `first_seq` is the first of them.
        losses: What no entry of kind gap tells of yet; one sink in each of those that the books have found themselves.
        flights: By sink. The disk does not know of them: after a crash, what is gone of them is lost.
    """

    next_seq: int = 1
    entries: int = 0
    first_seq: int | None = None
    shed: int = 0
    unreadable: int = 0
    cursors: Mapping[str, Cursor] = field(default_factory=dict)
    losses: tuple[Losses, ...] = ()
    flights: Mapping[str, Flight] = field(default_factory=dict)


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
    flights = {sink: flight for sink, flight in books.flights.items() if sink in sinks}
    return replace(books, cursors={sink: books.cursors.get(sink, start) for sink in sinks}, flights=flights)


def opened(books: Books, sink: str, batch: OpenBatch) -> Books:
    """Return the books with a batch of this sink's under way."""
    return _with_cursor(books, sink, replace(books.cursors[sink], batch=batch))


def shortened(books: Books, sink: str, identity: str, batch: OpenBatch) -> Books:
    """Return the books with another batch instead of this one, if it is still the one under way."""
    current = books.cursors[sink].batch
    return books if current is None or current.id != identity else opened(books, sink, batch)


def settled(books: Books, sink: str, seqs: tuple[int, ...]) -> Books:
    """Return the books with the sink's cursor behind these entries, which it was handed in order.

    What of them was shed meanwhile is pending no more.
    """
    cursor = books.cursors.get(sink)
    if cursor is None or seqs[-1] <= cursor.seq:
        return books
    shed = (books.first_seq or books.next_seq) - 1
    flight = books.flights.get(sink)
    gone = flight.gone if flight is not None else {}
    got = sum(seq > max(cursor.seq, shed) and seq not in gone for seq in seqs)
    return _with_cursor(books, sink, Cursor(seq=seqs[-1], pending=max(0, cursor.pending - got)))


def lost(books: Books, why: LossReason, seqs: tuple[int, ...]) -> Books:
    """Return the books without these entries, in order of `seq`; what a sink had not got of them it misses.

    A batch that had one of them gets another id when it is handed out next: an id never stands for other content.
    """
    if not seqs:
        return books
    first, last = seqs[0], seqs[-1]
    cursors = {sink: _without(cursor, seqs) for sink, cursor in books.cursors.items()}
    after = replace(books, entries=books.entries - len(seqs), cursors=cursors)
    if after.first_seq is not None and after.first_seq >= first:
        after = replace(after, first_seq=last + 1 if after.entries else None)
    for sink, cursor in books.cursors.items():
        after = missed(after, why, sink, tuple(seq for seq in seqs if seq > cursor.seq))
    return after


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
    """Return the books with one more loss to tell of; it joins the newest that is alike where it follows that one."""
    follows = len(books.losses) < MOST_LOSSES
    for place in reversed(range(len(books.losses))):
        known = books.losses[place]
        if (known.why, known.sinks) == (found.why, found.sinks):
            whole = joined(known, found, follows=follows)
            if whole is not None:
                return replace(books, losses=(*books.losses[:place], whole, *books.losses[place + 1 :]))
            break
    return replace(books, losses=(*books.losses, found))


# --- what is under way ------------------------------------------------------------------------------------------------


def under_way(books: Books, sink: str, seqs: Iterable[int]) -> Books:
    """Return the books while the sink is being given these entries."""
    return replace(books, flights={**books.flights, sink: Flight(seqs=frozenset(seqs))})


def missed(books: Books, why: LossReason, sink: str, seqs: tuple[int, ...]) -> Books:
    """Return the books after a sink missed entries, in order of `seq`: lost, unless it is being given them."""
    flight = books.flights.get(sink)
    if flight is not None and not flight.seqs.isdisjoint(seqs):
        dropped = dict.fromkeys((seq for seq in seqs if seq in flight.seqs), why)
        # What was dropped from the log, and then from what was kept aside, is lost once, and by the first of them.
        after = replace(flight, gone={**dropped, **flight.gone})
        books = replace(books, flights={**books.flights, sink: after})
        seqs = tuple(seq for seq in seqs if seq not in flight.seqs)
    for each in runs(why, sink, seqs):
        books = with_losses(books, each)
    return books


def untold(books: Books, seq: int, losses: Losses) -> Books:
    """Return the books before an entry is lost that tells of losses: who has not got it is still to be told of them."""
    for sink, cursor in books.cursors.items():
        if seq <= cursor.seq or sink not in (losses.sinks or (sink,)):
            continue
        mine = replace(losses, sinks=(sink,)) if losses.sinks else losses
        flight = books.flights.get(sink)
        if flight is not None and seq in flight.seqs:
            after = replace(flight, untold={**flight.untold, seq: mine})
            books = replace(books, flights={**books.flights, sink: after})
        elif mine not in books.losses:
            books = with_losses(books, mine)
    return books


def over(books: Books, sink: str, got: Collection[int] = ()) -> Books:
    """Return the books after the sink got these entries of what was under way, and nothing else of it."""
    flight = books.flights.get(sink)
    if flight is None:
        return books
    after = replace(books, flights={name: each for name, each in books.flights.items() if name != sink})
    for why in LossReason:
        gone = sorted(seq for seq, reason in flight.gone.items() if reason is why and seq not in got)
        for each in runs(why, sink, gone):
            after = with_losses(after, each)
    for seq, losses in flight.untold.items():
        after = after if seq in got else with_losses(after, losses)
    return after


def all_over(books: Books) -> Books:
    """Return the books as if no sink took what is under way: what another process is to know of it."""
    for sink in books.flights:
        books = over(books, sink)
    return books


def within_numbers(books: Books) -> Books:
    """Return the books with every cursor that is ahead of all numbers at the start: rather twice than never."""
    start = Cursor(seq=(books.first_seq or books.next_seq) - 1, pending=books.entries)
    cursors = {sink: start if each.seq >= books.next_seq else each for sink, each in books.cursors.items()}
    return replace(books, cursors=cursors)


def _with_cursor(books: Books, sink: str, cursor: Cursor) -> Books:
    return replace(books, cursors={**books.cursors, sink: cursor})
