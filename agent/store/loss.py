"""Entries that are lost: how many, which, and why; and how losses are put together."""

from __future__ import annotations

from itertools import pairwise

from probes.frozen import frozen, replace
from probes.word import Word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class LossReason(Word):
    """Why entries are not there any more, though somebody still had to get them."""

    # The store was full, and a sink had not taken them yet.
    SIZE = "size"
    # The disk took nothing, and memory was full.
    DISK = "disk"
    # What the disk gave back was not what had been written.
    DAMAGED = "damaged"
    # A sink refused them, and there were too many that it had refused.
    REFUSED = "refused"
    # Nothing was lost: the numbers were left out, because the last one that was used could not be known.
    SKIPPED = "skipped"


@frozen
class Losses:
    """Entries that are lost, for one reason.

    Attributes:
        lost: How many, None where nobody can know. As many as there are numbers from `first_seq` to `last_seq`: each of
            them is lost. Fewer: so many of them, whichever.
        first_seq: The first number that is concerned, and `last_seq` the last.
        sinks: Who had not got them; empty where that is not known.
    """

    why: LossReason
    lost: int | None
    first_seq: int
    last_seq: int
    sinks: tuple[str, ...] = ()


def runs(why: LossReason, sink: str, seqs: Iterable[int]) -> Iterator[Losses]:
    """Give the losses that these entries, in order of `seq`, are for a sink: one for numbers that follow each other."""
    run: list[int] = []
    for seq in seqs:
        if run and seq != run[-1] + 1:
            yield _run(why, (sink,), run[0], run[-1])
            run = []
        run.append(seq)
    if run:
        yield _run(why, (sink,), run[0], run[-1])


def _run(why: LossReason, sinks: tuple[str, ...], first: int, last: int) -> Losses:
    return Losses(why=why, lost=last - first + 1, first_seq=first, last_seq=last, sinks=sinks)


def joined(newest: Losses, found: Losses, *, follows: bool) -> Losses | None:
    """Return two losses as one, None where they are not alike.

    `follows`: only where one number follows the other, so that what lies between them, and was delivered, is not told
    of as if it were concerned.
    """
    if (newest.why, newest.sinks) != (found.why, found.sinks) or newest.lost is None or found.lost is None:
        return None
    if follows and found.first_seq != newest.last_seq + 1:
        return None
    first, last = min(newest.first_seq, found.first_seq), max(newest.last_seq, found.last_seq)
    return replace(newest, lost=newest.lost + found.lost, first_seq=first, last_seq=last)


def together(losses: Iterable[Losses]) -> tuple[Losses, ...]:
    """Return losses of one sink each as losses of all the sinks that lack the same, in order of `first_seq`.

    No number is in two of them for one reason; what has no exact numbers, or no sinks, stays as it is.
    """
    known = tuple(losses)
    found = [each for each in known if not _is_exact(each)]
    for why in LossReason:
        found += _swept(why, [each for each in known if each.why is why and _is_exact(each)])
    return tuple(sorted(found, key=lambda each: each.first_seq))


def _is_exact(losses: Losses) -> bool:
    return bool(losses.sinks) and losses.lost == losses.last_seq - losses.first_seq + 1


def _swept(why: LossReason, exact: list[Losses]) -> list[Losses]:
    """Return exact losses for one reason, cut wherever other sinks are concerned."""
    edges = sorted({edge for each in exact for edge in (each.first_seq, each.last_seq + 1)})
    found: list[Losses] = []
    for first, following in pairwise(edges):
        here = {sink for each in exact if each.first_seq <= first <= each.last_seq for sink in each.sinks}
        if not here:
            continue
        part = _run(why, tuple(sorted(here)), first, following - 1)
        whole = joined(found[-1], part, follows=True) if found else None
        found[-1:] = [whole] if whole else [*found[-1:], part]
    return found
