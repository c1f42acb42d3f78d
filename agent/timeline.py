"""A target's samples over time, thinned for a picture: pure, and no outlier is ever lost by it.

A bucket tells the least, the median and the most of what is in it, how many samples have each status and every error's
code, so that a single bad sample in a year still shows as one, and names a sample to look at.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from datetime import UTC, datetime, timedelta

from probes.frozen import frozen
from rules.diagnosis import Status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Final

_MINUTE_S: Final = 60
_HOUR_S: Final = 60 * _MINUTE_S
_DAY_S: Final = 24 * _HOUR_S
# Each is made of whole ones of those before it, so that a longer one never needs more buckets.
_STRETCHES_S: Final = (
    *(minutes * _MINUTE_S for minutes in (1, 5, 10, 30)),
    *(hours * _HOUR_S for hours in (1, 2, 6, 12)),
    *(_DAY_S << doubled for doubled in range(18)),
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
# A clock may be set to any time, and a stretch that begins before this one ends with it.
_LAST_MS: Final = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MILLISECOND

# From what says least to what says most: a discarded sample judged nothing, a failed one could not.
_GRAVITY: Final[dict[str, int]] = {
    status.value: rank
    for rank, status in enumerate((Status.DISCARDED, Status.OK, Status.WARNING, Status.FAILED, Status.CRITICAL))
}

# A picture has no room for more; a network that changes every second would fill it with nothing else.
MOST_HAPPENINGS: Final = 200
CHANGE: Final = "change"
GAP: Final = "gap"


@frozen
class Moment:
    """One sample, as a point in time.

    Attributes:
        at: When it began, RFC 3339 UTC with milliseconds.
        status: As in the record.
        codes: Of its errors, the gravest first.
        latency_us: The average round-trip time to the destination, None where nothing answered or nothing was asked.
        loss_ratio: Lost of what was asked of the destination, None where nothing was asked.
        path: The same for samples whose packets took the same way, None where no hop is known.
    """

    seq: int
    at: str
    status: str
    codes: tuple[str, ...] = ()
    latency_us: int | None = None
    loss_ratio: float | None = None
    path: str | None = None


@frozen
class Bucket:
    """The samples of one stretch of time, at least one.

    Attributes:
        since: When the stretch begins, RFC 3339 UTC with milliseconds; it ends before `until`.
        samples: How many.
        low_us: The least latency, with `median_us` and `high_us`; None where none was measured.
        loss_ratio: The mean of those known; `worst_loss_ratio` is the most.
        status: The worst.
        counts: How many samples have each status that occurs, the worst last.
        codes: Of all of them, each once.
        paths: How many different ways there are.
        shown: The sample to open for it: the first of the worst status, and of those the slowest.
    """

    since: str
    until: str
    samples: int
    low_us: int | None
    median_us: int | None
    high_us: int | None
    loss_ratio: float | None
    worst_loss_ratio: float | None
    status: str
    counts: tuple[tuple[str, int], ...]
    codes: tuple[str, ...]
    paths: int
    shown: Moment


@frozen
class Happening:
    """What happened to the network or to the store between samples; `kind` is `change` or `gap`."""

    seq: int
    at: str
    kind: str
    title: str
    text: str


@frozen
class Timeline:
    """One target's samples from `since` until before `until`, and what happened meanwhile.

    Attributes:
        buckets: In the order of time; stretches without samples are left out, and a picture shows them as gaps.
        bucket_s: How long each stretch is; 0 where every bucket is one sample.
        samples: How many there are in all buckets; `fine` is how many of them have status ok.
        median_us: The latency that half of those known do not exceed; `p95_us`: that 95 in a hundred do not exceed.
        happenings: In the order of time, losses of entries before changes where there are too many; `left_out` says how
            many more there were.
    """

    target: str
    since: str
    until: str
    bucket_s: int
    samples: int
    buckets: tuple[Bucket, ...]
    happenings: tuple[Happening, ...]
    left_out: int = 0
    fine: int = 0
    median_us: int | None = None
    p95_us: int | None = None


@frozen
class TargetNow:
    """One target as it was last seen.

    Attributes:
        newest: Its last sample by number, whatever the clock said.
        samples: How many there are.
        first_at: The earliest of them, RFC 3339 UTC with milliseconds; `last_at` likewise the latest.
    """

    name: str
    newest: Moment
    samples: int
    first_at: str
    last_at: str


# --- thinning ---------------------------------------------------------------------------------------------------------


@frozen
class Series:
    """Samples side by side, in the order of time: each list has one value of every sample, as `Moment` has them.

    A year is a hundred thousand samples, and goes through lists ten times as fast as through records.
    """

    seqs: list[int]
    times: list[str]
    statuses: list[str]
    codes: list[tuple[str, ...]]
    latencies_us: list[int | None]
    loss_ratios: list[float | None]
    paths: list[str | None]


def thinned(
    moments: Iterable[Moment],
    happenings: Iterable[Happening],
    *,
    target: str,
    since: str | None = None,
    until: str | None = None,
    most_buckets: int,
) -> Timeline:
    """Return samples as at most so many buckets: one for each where they are few, else one for each stretch of time.

    Stretches are round (an hour, a day), begin at round times of UTC, and are as short as the number allows.

    Args:
        moments: The target's, in any order; those outside the time are passed over.
        happenings: Likewise.
        target: Its name.
        since: The earliest time, RFC 3339 UTC with milliseconds; None for the first bucket's.
        until: The time before which it ends; None for just behind what is last of samples and happenings.
        most_buckets: At least 1.
    """
    series = series_of(each for each in moments if _within(each.at, since, until))
    return thinned_series(series, happenings, target=target, since=since, until=until, most_buckets=most_buckets)


def series_of(moments: Iterable[Moment]) -> Series:
    """Return moments, which may be in any order, side by side."""
    ordered = sorted(moments, key=_place)
    return Series(
        seqs=[each.seq for each in ordered],
        times=[each.at for each in ordered],
        statuses=[each.status for each in ordered],
        codes=[each.codes for each in ordered],
        latencies_us=[each.latency_us for each in ordered],
        loss_ratios=[each.loss_ratio for each in ordered],
        paths=[each.path for each in ordered],
    )


def thinned_series(
    series: Series,
    happenings: Iterable[Happening],
    *,
    target: str,
    since: str | None = None,
    until: str | None = None,
    most_buckets: int,
    left_out: int = 0,
) -> Timeline:
    """Return the same of samples that are all of this time; `left_out`: happenings that are not among those given."""
    stretch_s = 0 if len(series.times) <= most_buckets else _stretch_s(series.times, most_buckets)
    stretches = _stretches(series.times, stretch_s) if stretch_s else _alone(series.times)
    buckets = tuple(_bucket(series, *each) for each in stretches)
    since = since or (buckets[0].since if buckets else None)
    told = sorted((each for each in happenings if _within(each.at, since, until)), key=_place)
    kept = most_telling([each.kind for each in told], MOST_HAPPENINGS)
    ends = [bucket.until for bucket in buckets[-1:]] + [_behind(each.at) for each in told[-1:]]
    since = since or (told[0].at if told else until or _text(0))
    delays = sorted(each for each in series.latencies_us if each is not None)
    return Timeline(
        target=target,
        since=since,
        until=until or max(ends, default=since),
        bucket_s=stretch_s,
        samples=len(series.times),
        buckets=buckets,
        happenings=tuple(told[place] for place in kept),
        left_out=left_out + len(told) - len(kept),
        fine=series.statuses.count(Status.OK.value),
        median_us=_not_exceeded_by(delays, 50),
        p95_us=_not_exceeded_by(delays, 95),
    )


def _not_exceeded_by(ordered: Sequence[int], percent: int) -> int | None:
    """Return the value that so many in a hundred do not exceed (the nearest rank), None for no values."""
    return ordered[-(-len(ordered) * percent // 100) - 1] if ordered else None


def most_telling(kinds: Sequence[str], most: int) -> tuple[int, ...]:
    """Return the places of at most so many happenings, in order: losses first, and of each kind evenly over all."""
    gaps = _evenly([place for place, kind in enumerate(kinds) if kind == GAP], most)
    others = _evenly([place for place, kind in enumerate(kinds) if kind != GAP], most - len(gaps))
    return tuple(sorted((*gaps, *others)))


def _evenly(places: Sequence[int], most: int) -> Sequence[int]:
    return places if len(places) <= most else [places[index * len(places) // most] for index in range(most)]


def _within(at: str, since: str | None, until: str | None) -> bool:
    # Texts of one format are in the order of what they mean (RFC 3339 section 5.1).
    return (since is None or at >= since) and (until is None or at < until)


def _place(each: Moment | Happening) -> tuple[str, int]:
    return each.at, each.seq


# --- buckets ----------------------------------------------------------------------------------------------------------


def _stretch_s(times: Sequence[str], most_buckets: int) -> int:
    """Return the shortest stretch by which times in order fall into at most so many."""
    place = bisect_left(_STRETCHES_S, True, key=lambda each: _is_enough(times, each, most_buckets))
    return _STRETCHES_S[min(place, len(_STRETCHES_S) - 1)]


def _is_enough(times: Sequence[str], stretch_s: int, most_buckets: int) -> bool:
    return all(count <= most_buckets for count, _ in enumerate(_stretches(times, stretch_s), 1))


def _stretches(times: Sequence[str], stretch_s: int) -> Iterator[tuple[str, str, int, int]]:
    """Yield each stretch that has any of the times, which are in order: when it begins and ends, and which they are."""
    place = 0
    while place < len(times):
        since_s = _unix_ms(times[place]) // 1000 // stretch_s * stretch_s
        until = _text((since_s + stretch_s) * 1000)
        end = bisect_left(times, until, lo=place + 1)
        yield _text(since_s * 1000), until, place, end
        place = end


def _alone(times: Sequence[str]) -> Iterator[tuple[str, str, int, int]]:
    """Yield a stretch for each time."""
    for place, at in enumerate(times):
        yield at, _behind(at), place, place + 1


def _bucket(series: Series, since: str, until: str, first: int, end: int) -> Bucket:
    """Return the samples from one place until before another as a bucket."""
    delays = sorted(each for each in series.latencies_us[first:end] if each is not None)
    ratios = [each for each in series.loss_ratios[first:end] if each is not None]
    counts = tuple(sorted(Counter(series.statuses[first:end]).items(), key=lambda each: _gravity(each[0])))
    shown = _shown(series, first, end, gravest=counts[-1][0])
    return Bucket(
        since=since,
        until=until,
        samples=end - first,
        low_us=delays[0] if delays else None,
        median_us=delays[(len(delays) - 1) // 2] if delays else None,
        high_us=delays[-1] if delays else None,
        loss_ratio=sum(ratios) / len(ratios) if ratios else None,
        worst_loss_ratio=max(ratios, default=None),
        status=shown.status,
        counts=counts,
        codes=_codes(series, first, end),
        paths=len({*series.paths[first:end]} - {None}),
        shown=shown,
    )


def _shown(series: Series, first: int, end: int, *, gravest: str) -> Moment:
    """Return the sample of the gravest status; of several the slowest, and of those the first."""
    delays = series.latencies_us
    places = [place for place in range(first, end) if series.statuses[place] == gravest]
    return moment_at(series, max(places, key=lambda place: -1 if (us := delays[place]) is None else us))


def moment_at(series: Series, place: int) -> Moment:
    """Return one sample of many."""
    return Moment(
        seq=series.seqs[place],
        at=series.times[place],
        status=series.statuses[place],
        codes=series.codes[place],
        latency_us=series.latencies_us[place],
        loss_ratio=series.loss_ratios[place],
        path=series.paths[place],
    )


def _codes(series: Series, first: int, end: int) -> tuple[str, ...]:
    """Return every code once, those of the gravest samples first."""
    distinct = dict.fromkeys(zip(series.statuses[first:end], series.codes[first:end], strict=True))
    in_order = sorted(distinct, key=lambda each: -_gravity(each[0]))
    return tuple(dict.fromkeys(code for _, codes in in_order for code in codes))


def _gravity(status: str) -> int:
    return _GRAVITY.get(status, len(_GRAVITY))


def _unix_ms(at: str) -> int:
    return (datetime.fromisoformat(at) - _EPOCH) // _MILLISECOND


def _behind(at: str) -> str:
    return _text(_unix_ms(at) + 1)


def _text(unix_ms: int) -> str:
    instant = _EPOCH + min(unix_ms, _LAST_MS) * _MILLISECOND
    return f"{instant.isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"
