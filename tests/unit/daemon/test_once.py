"""Who may begin in a round of `run --once`: whoever the routers let in, and nobody waits for them for ever."""

from collections.abc import Callable

from agent.daemon.once import let_in
from agent.daemon.service import LONGEST_HOLD_S

WAITING = ("a", "b", "c")


def ready(*names: str) -> Callable[[str, float], float]:
    """Return routers that are ready for these names, and for the others in a moment, whenever they are asked."""
    return lambda name, now: now if name in names else now + 0.1


def test_whoever_is_ready_is_let_in_and_the_others_wait() -> None:
    assert let_in(WAITING, ready("a", "c"), 5.0, 5.0) == ["a", "c"]
    assert let_in(WAITING, ready(), 5.0, 5.0) == []


def test_where_nobody_is_let_in_for_long_the_first_goes_all_the_same() -> None:
    assert let_in(WAITING, ready(), 4.9 + LONGEST_HOLD_S, 5.0) == []
    assert let_in(WAITING, ready(), 5.0 + LONGEST_HOLD_S, 5.0) == ["a"]
    assert let_in(WAITING, ready("b"), 5.0 + LONGEST_HOLD_S, 5.0) == ["b"]
    assert let_in((), ready(), 5.0 + LONGEST_HOLD_S, 5.0) == []
