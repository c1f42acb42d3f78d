"""When rounds and checks are due."""

from agent.watch.pace import Pace, Step


def checked(now: float = 100.0) -> Pace:
    pace = Pace(1.0, 10.0, now)
    pace.began(now)
    pace.checked(now + 0.2, found=True)
    return pace


def test_the_first_thing_is_a_check_at_once() -> None:
    assert Pace(1.0, 10.0, 100.0).next(traceable=False) == (100.0, Step.CHECK)


def test_rounds_follow_on_their_beat_until_the_next_check_is_due() -> None:
    pace, steps = checked(), []
    for _ in range(11):
        due, step = pace.next(traceable=True)
        steps.append((round(due - 100.0, 3), step))
        pace.began(due)
    assert steps[:3] == [(1.0, "round"), (2.0, "round"), (3.0, "round")]
    assert [step for _, step in steps] == ["round"] * 10 + ["check"]
    assert steps[-1][0] == 11.0, "a check keeps the beat"


def test_a_late_round_takes_the_beat_along_and_is_not_made_up_for() -> None:
    pace = checked()
    pace.began(104.7)
    assert pace.next(traceable=True) == (105.7, Step.ROUND)


def test_a_round_that_is_a_little_late_keeps_the_beat() -> None:
    pace = checked()
    pace.began(101.05)
    assert pace.next(traceable=True) == (102.0, Step.ROUND)


def test_without_anything_to_trace_checks_come_soon_and_no_rounds() -> None:
    pace = Pace(1.0, 10.0, 100.0)
    pace.began(100.0)
    pace.checked(100.5, found=False)
    assert pace.next(traceable=False) == (102.5, Step.CHECK)


def test_a_reason_brings_a_check_forward_but_not_on_the_heels_of_the_last() -> None:
    pace = checked()
    pace.began(101.0)
    pace.check_soon(101.1)
    assert pace.next(traceable=True) == (102.0, Step.ROUND)
    pace.began(102.0)
    assert pace.next(traceable=True) == (103.0, Step.CHECK)


def test_a_changed_network_is_checked_without_waiting_for_the_beat() -> None:
    pace = checked()
    pace.began(101.0)
    pace.check_now(101.3)
    assert pace.next(traceable=True) == (101.3, Step.CHECK)
