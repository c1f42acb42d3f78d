"""Delays as dots: one for each answer, on a scale that fits, and in words."""

import pytest

from agent.views.hop_html.dots import plot, scale_us


@pytest.mark.parametrize(
    ("highest", "scale"), [(0, 1), (1, 1), (411, 500), (8_340, 10_000), (12_350, 15_000), (1_000_000, 1_000_000)]
)
def test_a_scale_ends_in_a_round_number(highest: int, scale: int) -> None:
    assert scale_us([highest]) == scale


def test_a_scale_of_nothing() -> None:
    assert scale_us([]) == 1


def test_nothing_is_drawn_of_no_answer() -> None:
    assert plot([(), ()], 1_000, width=100, height=10, dot=2) is None


def test_equal_answers_pile_up_and_others_stand_side_by_side() -> None:
    drawn = plot([(0, 0, 1_000)], 1_000, width=100, height=10, dot=2)
    assert drawn is not None
    assert drawn.dots == ("M1 9h0M1 7h0M99 9h0",)
    assert (drawn.low_x, drawn.high_x) == (1, 99)


def test_a_pile_ends_where_the_drawing_does() -> None:
    drawn = plot([(500,) * 400], 1_000, width=100, height=10, dot=2)
    assert drawn is not None
    assert drawn.dots[0].count("h0") == 5


def test_responders_share_a_pile_and_not_a_path() -> None:
    drawn = plot([(500,), (500,)], 1_000, width=100, height=10, dot=2)
    assert drawn is not None
    assert drawn.dots == ("M50 9h0", "M50 7h0")


def test_in_words() -> None:
    drawn = plot([(1_000, 3_000)], 3_000, width=100, height=10, dot=2)
    assert drawn is not None
    assert (drawn.words, drawn.scale) == ("2 round trips: 1.00 to 3.00 ms, 2.00 ms on average", "3.00 ms")
