"""Laws of waiting, whatever happens in whatever order."""

from hypothesis import given
from hypothesis import strategies as st

from agent.sinks.backoff import LONGEST_ASKED_S, LONGEST_S, Backoff

ASKED = st.none() | st.floats(allow_nan=False, allow_infinity=True)
EVENTS = st.lists(st.tuples(st.booleans(), ASKED, st.floats(0, 1, exclude_max=True)), max_size=60)


@given(EVENTS)
def test_a_sink_that_is_down_bears_one_try_a_second_at_most(events: list[tuple[bool, float | None, float]]) -> None:
    drawn = iter([number for _, _, number in events])
    backoff = Backoff(lambda: next(drawn))
    for succeeded, asked_s, _ in events:
        if succeeded:
            backoff.succeeded()
            continue
        wait_s = backoff.failed(asked_s)
        assert 1.0 <= wait_s <= (LONGEST_S if asked_s is None else LONGEST_ASKED_S)
        if asked_s is not None:
            assert wait_s >= min(asked_s, LONGEST_ASKED_S)
