"""Two samples of one target beside each other: which hops are the same, which came and went, what got slower. Pure.

A hop is the same where one of its addresses is, wherever it stands. One that is silent contradicts nothing: routers
answer now and then, and a way has changed only where somebody else answers at a hop (as in `agent.ways`).
"""

from typing import Final

from agent.measures import Measures, measures_of
from agent.record import Record
from probes.facts import Direction, Hop, Leg, Node, RttSummary
from probes.frozen import frozen
from probes.word import Word
from rules.diagnosis import Status


class Change(Word):
    """What became of a hop."""

    SAME = "same"
    MOVED = "moved"
    REPLACED = "replaced"
    ANSWERS = "answers"
    SILENT = "silent"
    APPEARED = "appeared"
    GONE = "gone"


@frozen
class HopPair:
    """One row: a hop before and after, of which one may be None; `shift_us` is None where no delay has changed."""

    before: Hop | None
    after: Hop | None
    change: Change
    shift_us: int | None = None


@frozen
class LegPair:
    """One leg before and after.

    Attributes:
        pairs: In the order of the way.
        same_way: Whether nobody else answers at any hop, None where no hop answered on both.
        kept_ttl: The last hop before the first one at which somebody else answers, 0 where that is the first; None
            where the way is the same.
        shift_us: What the average to its end got slower by, None where that may be chance.
    """

    before: Leg | None
    after: Leg | None
    pairs: tuple[HopPair, ...]
    same_way: bool | None
    kept_ttl: int | None
    shift_us: int | None


@frozen
class Comparison:
    """What is different between two samples.

    Attributes:
        same_target: Whether both were to look at the same host and port by the same route.
        comparable: Whether both have a path: of a discarded sample nothing that was measured counts.
        came: Codes of errors that only the later one has; `went` only the earlier one, `stayed` both.
        before: Delay and loss to the destination, `after` likewise.
    """

    same_target: bool
    comparable: bool
    came: tuple[str, ...]
    went: tuple[str, ...]
    stayed: tuple[str, ...]
    legs: tuple[LegPair, ...]
    before: Measures
    after: Measures


# Less than this is nothing that anybody notices, however sure it is.
_LEAST_SHIFT_US: Final = 1_000
_LEAST_SHIFT_RATIO: Final = 0.1
# One shared address outweighs any number of silent hops (255 is the last TTL).
_SHARED: Final = 1_000


def compared(before: Record, after: Record) -> Comparison:
    """Return what is different in the later one of two samples."""
    here = (before.target.host, before.target.port, before.target.route)
    old, new = ([*dict.fromkeys(error.code for error in record.errors)] for record in (before, after))
    comparable = Status.DISCARDED not in {before.status, after.status}
    return Comparison(
        same_target=here == (after.target.host, after.target.port, after.target.route),
        comparable=comparable,
        came=tuple(code for code in new if code not in old),
        went=tuple(code for code in old if code not in new),
        stayed=tuple(code for code in old if code in new),
        legs=tuple(_legs(before.legs, after.legs)) if comparable else (),
        before=measures_of(before),
        after=measures_of(after),
    )


# --- legs -------------------------------------------------------------------------------------------------------------


def _legs(before: tuple[Leg, ...], after: tuple[Leg, ...]) -> list[LegPair]:
    """Return legs between the same places in a pair; those that only the earlier sample has stand last."""
    old = {_ends(leg): leg for leg in before}
    new = {_ends(leg): leg for leg in after}
    return [_leg(old.get(ends), new.get(ends)) for ends in {**new, **old}]


def _ends(leg: Leg) -> tuple[Node, Node, Direction]:
    return leg.from_, leg.to, leg.direction


def _leg(before: Leg | None, after: Leg | None) -> LegPair:
    pairs = aligned(before.hops if before else (), after.hops if after else ())
    other, same = _first_other(before, after)
    return LegPair(
        before=before,
        after=after,
        pairs=pairs,
        same_way=None if not same and other is None else other is None,
        kept_ttl=None if other is None else max((ttl for ttl in same if ttl < other), default=0),
        shift_us=_shift_us(_rtt(before), _rtt(after)),
    )


def _first_other(before: Leg | None, after: Leg | None) -> tuple[int | None, list[int]]:
    """Return the first TTL at which somebody else answers, and those at which the same does."""
    old, new = (_answering(leg) for leg in (before, after))
    both = sorted(old.keys() & new.keys())
    return next((ttl for ttl in both if not old[ttl] & new[ttl]), None), [ttl for ttl in both if old[ttl] & new[ttl]]


def _answering(leg: Leg | None) -> dict[int, set[str]]:
    """Return who answers at each TTL; the destination is itself under whichever address its name leads to."""
    if leg is None:
        return {}
    end = leg.address if leg.to is Node.DESTINATION else None
    return {
        hop.probe_ttl: {"" if each.address == end else each.address for each in hop.responders}
        for hop in leg.hops
        if hop.responders
    }


# --- hops -------------------------------------------------------------------------------------------------------------


def aligned(before: tuple[Hop, ...], after: tuple[Hop, ...]) -> tuple[HopPair, ...]:
    """Return the hops of two traces in one order: the same router in one row, as many of them as can be."""
    rows: list[HopPair] = []
    first, second = 0, 0
    for one, other in (*_matches(before, after), (len(before), len(after))):
        rows += _between(before[first:one], after[second:other])
        if one < len(before):
            rows.append(_same(before[one], after[other]))
        first, second = one + 1, other + 1
    return tuple(rows)


def _matches(before: tuple[Hop, ...], after: tuple[Hop, ...]) -> list[tuple[int, int]]:
    """Return which hops are the same, ascending in both: the heaviest common subsequence."""
    best = [[0] * (len(after) + 1) for _ in range(len(before) + 1)]
    for one in reversed(range(len(before))):
        for other in reversed(range(len(after))):
            weight = _weight(before[one], after[other])
            best[one][other] = max(
                best[one + 1][other],
                best[one][other + 1],
                best[one + 1][other + 1] + weight if weight else 0,
            )
    found: list[tuple[int, int]] = []
    one = other = 0
    while one < len(before) and other < len(after):
        weight = _weight(before[one], after[other])
        if weight and best[one][other] == best[one + 1][other + 1] + weight:
            found.append((one, other))
            one, other = one + 1, other + 1
        elif best[one][other] == best[one + 1][other]:
            one += 1
        else:
            other += 1
    return found


def _weight(before: Hop, after: Hop) -> int:
    here = before.probe_ttl == after.probe_ttl
    if not before.responders and not after.responders:
        return 1 if here else 0
    # Of two places where a router might be the same, the one at the same distance is it.
    return _SHARED + here if _addresses(before) & _addresses(after) else 0


def _addresses(hop: Hop) -> set[str]:
    return {responder.address for responder in hop.responders}


def _same(before: Hop, after: Hop) -> HopPair:
    moved = before.probe_ttl != after.probe_ttl
    return HopPair(
        before=before,
        after=after,
        change=Change.MOVED if moved else Change.SAME,
        shift_us=_shift_us(before.rtt_us, after.rtt_us),
    )


def _between(before: tuple[Hop, ...], after: tuple[Hop, ...]) -> list[HopPair]:
    """Return what stands between two hops that are the same: in one row what is as far away, and never one twice."""
    old = {hop.probe_ttl: hop for hop in before}
    new = {hop.probe_ttl: hop for hop in after}
    return [_other(old.get(ttl), new.get(ttl)) for ttl in sorted(old.keys() | new.keys())]


def _other(before: Hop | None, after: Hop | None) -> HopPair:
    if before is None or after is None:
        return HopPair(before=before, after=after, change=Change.APPEARED if before is None else Change.GONE)
    if before.responders and after.responders:
        return HopPair(before=before, after=after, change=Change.REPLACED)
    return HopPair(before=before, after=after, change=Change.ANSWERS if after.responders else Change.SILENT)


# --- delays -----------------------------------------------------------------------------------------------------------


def _rtt(leg: Leg | None) -> RttSummary | None:
    return leg.end_to_end.rtt_us if leg and leg.end_to_end else None


def _shift_us(before: RttSummary | None, after: RttSummary | None) -> int | None:
    """Return what the average grew by, None where a few answers more or less could make that.

    It counts where every answer of one sample is slower than every one of the other: by chance alone three answers and
    three come out so once in ten (2 of the 20 orders), twenty and twenty never.
    """
    if before is None or after is None:
        return None
    apart = after.min > before.max or before.min > after.max
    shift_us = round(after.avg - before.avg)
    least_us = max(_LEAST_SHIFT_US, _LEAST_SHIFT_RATIO * before.avg)
    return shift_us if apart and abs(shift_us) >= least_us else None
