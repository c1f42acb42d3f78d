"""How often the same event is told, and that what is remembered of it has an end."""

from agent.daemon.log_limit import MOST_EVENTS, Event, RepeatLimit


def event(words: str) -> Event:
    return Event(logger="agent", level=20, words=words)


def test_nothing_is_lost_uncounted() -> None:
    limit, told, counted = RepeatLimit(), 0, 0
    for tick in range(10_000):
        now = tick * 0.7
        counted += sum(again.times for again in limit.over(now))
        told += limit.admit(event(f"event {tick % 7}"), "line", now)
    counted += sum(again.times for again in limit.over(1e9))
    assert told + counted == 10_000
    # Seven events, and each at most once a minute.
    assert told <= 7


def test_many_different_events_are_forgotten_in_the_order_in_which_they_came() -> None:
    limit, counted = RepeatLimit(), 0
    for n in range(3 * MOST_EVENTS):
        for _ in range(2):
            counted += sum(again.times for again in limit.over(0.0))
            limit.admit(event(f"event {n}"), "line", 0.0)
    assert len(limit._told) <= MOST_EVENTS + 1
    assert counted + sum(again.times for again in limit.over(1e9)) == 3 * MOST_EVENTS
