"""What a report is made of: pictures of recorded samples over time, and which moments tell most. Pure."""

from __future__ import annotations

from itertools import islice, pairwise

from agent.measures import measures_of
from agent.timeline import Moment, thinned
from agent.ways import names_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Final

    from agent.record import Record
    from agent.timeline import Bucket, Timeline

# A sheet with a dozen hops takes 28 KB, its comparison 8, and a page that goes by mail should stay below a mebibyte.
MOST_MOMENTS: Final = 24


def timelines_of(records: Sequence[Record]) -> tuple[Timeline, ...]:
    """Return a picture over time of each target that there are records of from two times at least, one by one."""
    by_target: dict[str, list[Record]] = {}
    for record in records:
        by_target.setdefault(record.target.name, []).append(record)
    return tuple(
        thinned(_moments(of_target), (), target=target, most_buckets=len(of_target))
        for target, of_target in by_target.items()
        if len({record.started_at for record in of_target}) > 1
    )


def _moments(records: Sequence[Record]) -> Iterator[Moment]:
    """Yield each record as a point in time, the earliest first."""
    in_order = sorted(records, key=lambda each: each.started_at)
    all_measures = [measures_of(record) for record in in_order]
    ways = names_of([measures.path for measures in all_measures])
    for record, measures, way in zip(in_order, all_measures, ways, strict=True):
        yield Moment(
            seq=record.seq,
            at=record.started_at,
            status=record.status.value,
            codes=tuple(error.code for error in record.errors),
            latency_us=measures.latency_us,
            loss_ratio=measures.loss_ratio,
            path=way,
        )


# --- which moments ----------------------------------------------------------------------------------------------------


def telling_moments(timeline: Timeline, most: int = MOST_MOMENTS) -> tuple[Moment, ...]:
    """Return at most so many of the samples that a picture can open, the newest first.

    The newest, the slowest, the one with most loss, the first with each error, those before and after the
    way first became another; what room is left goes to moments far from all others.
    """
    buckets = timeline.buckets
    if not buckets:
        return ()
    chosen = dict.fromkeys(islice(dict.fromkeys(_striking(buckets)), most))
    distances = [min(abs(place - one) for one in chosen) for place in range(len(buckets))]
    while len(chosen) < min(most, len(buckets)):
        farthest = max(range(len(buckets)), key=distances.__getitem__)
        chosen[farthest] = None
        distances = [min(distance, abs(place - farthest)) for place, distance in enumerate(distances)]
    return tuple(buckets[place].shown for place in sorted(chosen, reverse=True))


def _striking(buckets: Sequence[Bucket]) -> Iterator[int]:
    """Yield places of buckets, what tells most first; some may come twice."""
    places = range(len(buckets))
    yield places[-1]
    yield max(places, key=lambda place: buckets[place].shown.latency_us or 0)
    yield max(places, key=lambda place: buckets[place].shown.loss_ratio or 0.0)
    seen: set[str] = set()
    for place in places:
        if not seen.issuperset(buckets[place].shown.codes):
            yield place
        seen.update(buckets[place].shown.codes)
    # A stretch in which nobody answered tells nothing of the way.
    known = [place for place in places if buckets[place].shown.path is not None]
    ways = {buckets[place].shown.path for place in known[:1]}
    for before, after in pairwise(known):
        if buckets[after].shown.path not in ways:
            yield before
            yield after
        ways.add(buckets[after].shown.path)
