"""What the database says beside its entries, read strictly: after damage a row may hold anything.

Entries have checksums. Cursors, notes and refused batches have none, but are of few shapes, and what is of another one
was never written.
"""

from __future__ import annotations

import json

from agent.store.books import Cursor, OpenBatch
from agent.store.loss import Losses, LossReason
from agent.store.schema import Inconsistent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Final

# No agent counts so far, nor do milliseconds since 1970 come to it; SQLite's own numbers end at twice as much.
MOST_SEQ: Final = 1 << 62
_LOSS_PARTS: Final = len(("why", "lost", "first_seq", "last_seq", "sinks"))


def seq_of(value: object) -> int:
    """Return a number of an entry, 0 for none yet; raises Inconsistent."""
    if value is None:
        return 0
    if not isinstance(value, int) or not 0 <= value < MOST_SEQ:
        raise Inconsistent("a number in it is none of an entry")
    return value


def count_of(text: object, default: int) -> int:
    """Return what a note says in digits, `default` where there is none; raises Inconsistent."""
    if text is None:
        return default
    if not isinstance(text, str) or not text.isascii() or not text.isdigit():
        raise Inconsistent("a note in it is no number")
    return seq_of(int(text))


def seqs_of(text: object) -> tuple[int, ...]:
    """Return the numbers of a refused batch, at least one, in order; raises Inconsistent."""
    values = _json(text)
    seqs = tuple(seq_of(value) for value in values)
    if not seqs or list(seqs) != sorted(set(seqs)):
        raise Inconsistent("a refused batch in it has no numbers in order")
    return seqs


def cursor_of(row: tuple[Any, ...]) -> tuple[str, Cursor]:
    """Return a sink's name, and how far it has come; `pending` is not in the row. Raises Inconsistent."""
    sink, seq, batch_id, last_seq, count = row
    if not _is_text(sink) or not isinstance(seq, int):
        raise Inconsistent("a cursor in it is none")
    if batch_id is None:
        return sink, Cursor(seq=seq_of(seq))
    if not _is_text(batch_id) or not isinstance(count, int) or not 0 < count <= seq_of(last_seq) - seq_of(seq):
        raise Inconsistent("a batch in it is none")
    return sink, Cursor(seq=seq, batch=OpenBatch(id=batch_id, last_seq=last_seq, count=count))


def losses_of(text: object) -> tuple[Losses, ...]:
    """Return the losses that nobody was told of yet, none for no text; raises Inconsistent."""
    return tuple(_losses(values) for values in ([] if text is None else _json(text)))


def _losses(values: object) -> Losses:
    if not isinstance(values, list) or len(values) != _LOSS_PARTS or values[0] not in set(LossReason):
        raise Inconsistent("a note of losses in it is none")
    why, lost, first_seq, last_seq, sinks = values
    if not isinstance(sinks, list) or not all(_is_text(sink) for sink in sinks):
        raise Inconsistent("a note of losses in it names no sinks")
    return Losses(
        why=LossReason(why),
        lost=None if lost is None else seq_of(lost),
        first_seq=seq_of(first_seq),
        last_seq=seq_of(last_seq),
        sinks=tuple(sinks),
    )


def is_parked(row: tuple[Any, ...]) -> bool:
    """Return whether a row of refused batches is one that was written."""
    identity, sink, at, why, first_seq, last_seq, entries, listed, again = row
    try:
        seqs = seqs_of(listed)
    except Inconsistent:
        return False
    if not isinstance(why, str) or again not in {0, 1}:
        return False
    told = (first_seq, last_seq, entries) == (seqs[0], seqs[-1], len(seqs))
    return told and all(map(_is_text, (identity, sink, at)))


def is_note(row: tuple[Any, ...]) -> bool:
    """Return whether a row of notes is one that was written."""
    name, value = row
    try:
        if name == "losses":
            losses_of(value)
        else:
            count_of(value, 0)
    except Inconsistent:
        return False
    return _is_text(name)


def is_cursor(row: tuple[Any, ...]) -> bool:
    """Return whether a row of cursors is one that was written."""
    try:
        cursor_of(row)
    except Inconsistent:
        return False
    return True


def _json(text: object) -> Iterable[object]:
    try:
        values = json.loads(text)  # type: ignore[arg-type]
    except (TypeError, ValueError, RecursionError):
        raise Inconsistent("a list in it is none") from None
    if not isinstance(values, list):
        raise Inconsistent("a list in it is something else")
    return values


def _is_text(value: object) -> bool:
    # What was no UTF-8 is read with replacements, and no name or identifier has one.
    return isinstance(value, str) and "\ufffd" not in value
