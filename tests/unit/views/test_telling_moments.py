"""What a report embeds: the moments that tell most, and a picture of records that came without a store."""

from collections.abc import Sequence
from itertools import pairwise

import pytest

from agent.record import Record, record_of
from agent.report import MOST_MOMENTS, telling_moments, timelines_of
from agent.timeline import Moment
from probes.frozen import replace
from tests.unit.views import samples
from tests.unit.views.time_samples import moment, moments, picture_of


def numbers(of: Sequence[Moment]) -> list[int]:
    return [each.seq - 1 for each in of]


def test_few_moments_are_all_there_the_newest_first() -> None:
    assert numbers(telling_moments(picture_of(*moments(20)))) == list(range(19, -1, -1))


def test_of_nothing_there_is_nothing() -> None:
    assert telling_moments(picture_of()) == ()


@pytest.mark.parametrize("most", [1, 2, 24])
def test_there_are_never_more_than_wanted(most: int) -> None:
    found = numbers(telling_moments(picture_of(*moments(700)), most))
    assert len(found) == most
    assert found == sorted(set(found), reverse=True)
    assert found[0] == 699


@pytest.mark.parametrize(
    "striking",
    [
        moment(333, latency_us=900_000),
        moment(333, loss_ratio=0.4),
        moment(333, status="warning", codes=("CP-19",)),
        moment(333, status="critical", codes=("CP-05",), latency_us=None, loss_ratio=None),
    ],
)
def test_what_sticks_out_is_among_them(striking: Moment) -> None:
    others = (each for each in moments(700) if each.seq != striking.seq)
    assert 333 in numbers(telling_moments(picture_of(*others, striking)))


def test_the_first_with_each_error_is_among_them() -> None:
    bad = [moment(number, status="warning", codes=(f"CP-{number % 3:02}",)) for number in range(100, 160)]
    others = [each for each in moments(700) if not 100 <= each.seq - 1 < 160]
    assert {100, 101, 102} <= set(numbers(telling_moments(picture_of(*others, *bad))))


def test_both_sides_of_a_new_way_are_among_them() -> None:
    ways = (moment(number, path="one" if number < 401 else "other") for number in range(700))
    assert {400, 401} <= set(numbers(telling_moments(picture_of(*ways))))


def test_a_way_that_comes_and_goes_leaves_room_for_others() -> None:
    flapping = (moment(number, path=str(number % 2)) for number in range(700))
    found = numbers(telling_moments(picture_of(*flapping)))
    assert max(one - other for one, other in pairwise(found)) < 100


def test_the_rest_is_spread() -> None:
    found = numbers(telling_moments(picture_of(*moments(700))))
    assert max(one - other for one, other in pairwise(found)) < 700 / MOST_MOMENTS * 3


# --- a picture from records -------------------------------------------------------------------------------------------


def record(at: str, seq: int = 1) -> Record:
    made = record_of(samples.HEALTHY, samples.FINE, samples.HEADER)
    return replace(made, started_at=at, seq=seq)


FIRST = "2026-11-23T10:00:00.000Z"
SECOND = "2026-11-23T10:05:00.000Z"


def test_one_record_has_no_time() -> None:
    assert timelines_of([record(FIRST)]) == ()
    assert timelines_of([record(FIRST), record(FIRST)]) == ()


def test_records_in_any_order_make_a_picture() -> None:
    (timeline,) = timelines_of([record(SECOND, 2), record(FIRST, 1)])
    assert [bucket.shown.at for bucket in timeline.buckets] == [FIRST, SECOND]
    assert timeline.target == samples.HEALTHY.target.name
    assert all(bucket.median_us for bucket in timeline.buckets)


def test_each_target_has_its_own() -> None:
    other = replace(record(SECOND), target=replace(samples.HEALTHY.target, name="mail"))
    (timeline,) = timelines_of([record(FIRST), other, record(SECOND)])
    assert timeline.samples == 2
