"""Running figures are the figures: whatever comes in, they are what all of it at once would give."""

from hypothesis import given
from hypothesis import strategies as st

from agent.watch.tally import HISTORY, Tally, loss_class
from probes.facts import LossClass
from probes.trace.rtt import summarise

TIMES = st.integers(min_value=0, max_value=10_000_000)
# Each round: the answers' times, how many were not answered, whether the end was silent.
ROUNDS = st.lists(st.tuples(st.lists(TIMES, max_size=3), st.integers(0, 3), st.booleans()), max_size=60)


@given(ROUNDS)
def test_running_figures_are_those_of_all_samples_at_once(rounds: list[tuple[list[int], int, bool]]) -> None:
    tally = Tally()
    for times, missing, end_lost in rounds:
        tally.add(len(times) + missing, len(times), times, end_lost=end_lost)
    figures = tally.figures()
    every = [time for times, _, _ in rounds for time in times]
    assert figures.sent == sum(len(times) + missing for times, missing, _ in rounds)
    assert figures.lost == figures.lost_alone + figures.lost_with_end == sum(missing for _, missing, _ in rounds)
    whole = summarise(every)
    if whole is None:
        assert (figures.avg_us, figures.best_us, figures.worst_us, figures.stddev_us) == (None, None, None, None)
        return
    assert figures.avg_us is not None
    assert figures.stddev_us is not None
    assert (figures.best_us, figures.worst_us) == (whole.min, whole.max)
    assert abs(figures.avg_us - whole.avg) <= 1
    assert abs(figures.stddev_us - whole.stddev) <= 1
    assert (figures.jitter_us is None) == (whole.jitter is None)
    assert figures.jitter_us is None or abs(figures.jitter_us - (whole.jitter or 0)) <= 1


@given(ROUNDS)
def test_history_is_the_newest_rounds_in_which_something_was_sent(rounds: list[tuple[list[int], int, bool]]) -> None:
    tally = Tally()
    for times, missing, end_lost in rounds:
        tally.add(len(times) + missing, len(times), times, end_lost=end_lost)
    asked = [times for times, missing, _ in rounds if times or missing]
    history = tally.figures().history
    assert len(history) == min(HISTORY, len(asked))
    assert [each is None for each in history] == [not times for times in asked[-HISTORY:]]


@given(rounds=ROUNDS, behind_answers=st.booleans(), end_answers=st.booleans())
def test_nothing_missing_is_never_loss_and_a_silent_end_accuses_nobody(
    *, rounds: list[tuple[list[int], int, bool]], behind_answers: bool, end_answers: bool
) -> None:
    tally = Tally()
    for times, missing, end_lost in rounds:
        tally.add(len(times) + missing, len(times), times, end_lost=end_lost)
    figures = tally.figures()
    meaning = loss_class(figures, behind_answers=behind_answers, end_answers=end_answers)
    if figures.sent and not figures.lost:
        assert meaning is LossClass.NONE
    if meaning is LossClass.LOSS:
        assert end_answers
        assert figures.lost_with_end
