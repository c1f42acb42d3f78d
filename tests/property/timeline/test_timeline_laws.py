"""Laws of thinning: nothing that any sample says is lost, and what is not there is not made up."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from agent.timeline import MOST_HAPPENINGS, Bucket, Happening, Moment, Timeline, most_telling, thinned

STATUSES = ("discarded", "ok", "warning", "failed", "critical")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
YEAR_S = 365 * 24 * 3600


def text_of(unix_ms: int) -> str:
    return f"{(EPOCH + timedelta(milliseconds=unix_ms)).isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"


def ms_of(text: str) -> int:
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(milliseconds=1)


# Close together, over a year, and from a clock that stood at its beginning.
TIMES = st.one_of(
    st.integers(1_795_000_000_000, 1_795_000_600_000),
    st.integers(1_795_000_000_000, 1_795_000_000_000 + YEAR_S * 1000),
    st.integers(0, 4_000_000_000_000),
)
MOMENTS = st.lists(
    st.builds(
        Moment,
        seq=st.integers(1, 10**9),
        at=TIMES.map(text_of),
        status=st.sampled_from(STATUSES),
        codes=st.lists(st.sampled_from(["CP-01", "CP-02", "CP-05", "ZPA-08"]), unique=True, max_size=3).map(tuple),
        latency_us=st.none() | st.integers(0, 5_000_000),
        loss_ratio=st.none() | st.integers(0, 1_000_000).map(lambda ppm: ppm / 1_000_000),
        path=st.none() | st.sampled_from(["a", "b", "c"]),
    ),
    max_size=60,
    unique_by=lambda moment: moment.seq,
)
HAPPENINGS = st.lists(
    st.builds(
        Happening,
        seq=st.integers(1, 10**9),
        at=TIMES.map(text_of),
        kind=st.sampled_from(["change", "gap"]),
        title=st.just("eth0 carrier"),
        text=st.just("up -> down"),
    ),
    max_size=20,
)
MOST = st.integers(1, 30)
WHEN = st.none() | TIMES.map(text_of)


def inside(at: str, since: str | None, until: str | None) -> bool:
    return (since is None or ms_of(at) >= ms_of(since)) and (until is None or ms_of(at) < ms_of(until))


def with_samples(timeline: Timeline, moments: list[Moment]) -> Iterator[tuple[Bucket, list[Moment]]]:
    """Yield each bucket with the samples of its time, found one by one."""
    for bucket in timeline.buckets:
        yield bucket, [each for each in moments if inside(each.at, bucket.since, bucket.until)]


@given(MOMENTS, MOST, WHEN, WHEN)
def test_every_sample_of_the_time_is_in_one_bucket(
    moments: list[Moment], most: int, since: str | None, until: str | None
) -> None:
    timeline = thinned(moments, (), target="crm", since=since, until=until, most_buckets=most)
    wanted = [each for each in moments if inside(each.at, since, until)]
    assert timeline.samples == sum(bucket.samples for bucket in timeline.buckets) == len(wanted)
    assert len(timeline.buckets) <= most
    assert all(bucket.samples > 0 for bucket in timeline.buckets)
    if len(wanted) <= most:
        assert timeline.bucket_s == 0
        assert [bucket.shown for bucket in timeline.buckets] == sorted(wanted, key=lambda each: (each.at, each.seq))


@given(MOMENTS, MOST)
def test_a_bucket_says_what_its_samples_say(moments: list[Moment], most: int) -> None:
    timeline = thinned(moments, (), target="crm", most_buckets=most)
    # One for each sample would be taken for several where two have the same time.
    for bucket, samples in with_samples(timeline, moments) if timeline.bucket_s else ():
        delays = [each.latency_us for each in samples if each.latency_us is not None]
        ratios = [each.loss_ratio for each in samples if each.loss_ratio is not None]
        assert bucket.samples == len(samples)
        assert dict(bucket.counts) == Counter(each.status for each in samples)
        assert (bucket.low_us, bucket.high_us) == ((min(delays), max(delays)) if delays else (None, None))
        assert bucket.worst_loss_ratio == (max(ratios) if ratios else None)
        assert bucket.loss_ratio is None or min(ratios) - 1e-9 <= bucket.loss_ratio <= max(ratios) + 1e-9
        assert set(bucket.codes) == {code for each in samples for code in each.codes}
        assert len(bucket.codes) == len(set(bucket.codes))
        assert bucket.paths == len({each.path for each in samples} - {None})
        if bucket.median_us is not None:
            below = sum(each <= bucket.median_us for each in delays)
            above = sum(each >= bucket.median_us for each in delays)
            assert bucket.median_us in delays
            assert 2 * below >= len(delays)
            assert 2 * above >= len(delays)


@given(MOMENTS, MOST)
def test_the_gravest_sample_shows_and_of_those_the_slowest(moments: list[Moment], most: int) -> None:
    timeline = thinned(moments, (), target="crm", most_buckets=most)
    for bucket, samples in with_samples(timeline, moments):
        assert bucket.shown in samples
        assert bucket.status == bucket.shown.status == bucket.counts[-1][0]
        assert sum(count for _, count in bucket.counts) == bucket.samples
        if timeline.bucket_s:
            worst = max(STATUSES.index(each.status) for each in samples)
            assert STATUSES.index(bucket.status) == worst
            delays = [each.latency_us for each in samples if each.status == bucket.status]
            assert bucket.shown.latency_us == max(delays, key=lambda us: -1 if us is None else us)


@given(MOMENTS, MOST)
def test_buckets_are_in_order_apart_and_of_round_times(moments: list[Moment], most: int) -> None:
    timeline = thinned(moments, (), target="crm", most_buckets=most)
    stretches = [(ms_of(bucket.since), ms_of(bucket.until)) for bucket in timeline.buckets]
    if timeline.bucket_s:
        ends = [end for _, end in stretches]
        assert all(since >= end for (since, _), end in zip(stretches[1:], ends, strict=False))
        assert all(end - since == timeline.bucket_s * 1000 for since, end in stretches)
        assert all(since % (timeline.bucket_s * 1000) == 0 for since, _ in stretches)
    if timeline.buckets:
        assert (timeline.since, timeline.until) == (timeline.buckets[0].since, timeline.buckets[-1].until)


@given(MOMENTS, MOST)
def test_no_shorter_stretch_would_do(moments: list[Moment], most: int) -> None:
    timeline = thinned(moments, (), target="crm", most_buckets=most)
    shorter_s = {300: 60, 600: 300, 1800: 600, 3600: 1800, 7200: 3600, 21_600: 7200, 43_200: 21_600, 86_400: 43_200}
    tried_s = shorter_s.get(timeline.bucket_s, timeline.bucket_s // 2)
    if timeline.bucket_s > 60:
        assert len({ms_of(each.at) // (tried_s * 1000) for each in moments}) > most


@given(HAPPENINGS, MOMENTS, WHEN, WHEN)
def test_what_happened_in_the_time_is_told_or_counted(
    happenings: list[Happening], moments: list[Moment], since: str | None, until: str | None
) -> None:
    timeline = thinned(moments, happenings, target="crm", since=since, until=until, most_buckets=5)
    wanted = [each for each in happenings if inside(each.at, timeline.since, until)]
    assert sorted(timeline.happenings, key=lambda each: (each.at, each.seq)) == list(timeline.happenings)
    assert len(timeline.happenings) + timeline.left_out == len(wanted)
    assert all(inside(each.at, timeline.since, timeline.until) for each in timeline.happenings)


@given(st.lists(st.sampled_from(["change", "gap"]), max_size=3 * MOST_HAPPENINGS), st.integers(1, MOST_HAPPENINGS))
def test_losses_are_told_before_changes(kinds: list[str], most: int) -> None:
    kept = most_telling(kinds, most)
    assert len(kept) == min(len(kinds), most)
    assert list(kept) == sorted(set(kept))
    gaps = sum(kinds[place] == "gap" for place in kept)
    assert gaps == min(kinds.count("gap"), most)
