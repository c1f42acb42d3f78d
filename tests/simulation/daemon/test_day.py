"""A whole day of a thousand targets in virtual time: every one on time, none drifting, and no turn in vain."""

import heapq
import random

from agent.daemon.schedule import JITTER_RATIO, Schedule, splay_s

DAY_S = 86_400.0
INTERVAL_S = 300.0
TARGETS = [f"target-{n}" for n in range(1_000)]
ROUNDS = int(DAY_S / INTERVAL_S)


def test_a_day_of_a_thousand_targets() -> None:
    chance = random.Random(7)  # noqa: S311 - nothing is kept secret by it
    schedule = Schedule([(name, INTERVAL_S) for name in TARGETS], "agent", 0.0, chance.random)
    began: dict[str, list[float]] = {name: [] for name in TARGETS}
    ending: list[tuple[float, str]] = []
    turns = 0
    while True:
        deadline = schedule.next_deadline()
        assert deadline is not None
        now = min(deadline, ending[0][0]) if ending else deadline
        if now >= DAY_S:
            break
        turns += 1
        while ending and ending[0][0] <= now:
            schedule.finished(heapq.heappop(ending)[1])
        for name in schedule.due(now):
            schedule.started(name, now)
            began[name].append(now)
            heapq.heappush(ending, (now + 0.2 + 4.0 * chance.random(), name))
    for name, instants in began.items():
        splay = splay_s("agent", name, INTERVAL_S)
        assert len(instants) in {ROUNDS - 1, ROUNDS}
        for count, instant in enumerate(instants):
            put_off = instant - splay - count * INTERVAL_S
            # A rounding error at most beside the jitter: after 288 rounds as after none.
            assert -1e-6 <= put_off <= JITTER_RATIO * INTERVAL_S + 1e-6
        timing = schedule.timing(name)
        assert (timing.skipped, timing.late_s) == (0, 0.0)
    # Nobody wakes the loop but a slot or the end of a sample.
    assert turns <= 2 * sum(map(len, began.values()))
    assert busiest(began) <= 40


def busiest(began: dict[str, list[float]]) -> int:
    """Return how many began within the second in which most did; 3.3 do on average."""
    seconds: dict[int, int] = {}
    for instants in began.values():
        for instant in instants:
            seconds[int(instant)] = seconds.get(int(instant), 0) + 1
    return max(seconds.values())


def test_a_target_that_takes_longer_than_its_interval_delays_nobody_else() -> None:
    schedule = Schedule([("slow", 10.0), ("quick", 10.0)], "agent", 0.0, lambda: 0.0)
    quick, slow_ends, slow = 0, float("inf"), 0
    while True:
        deadline = schedule.next_deadline()
        assert deadline is not None
        now = min(deadline, slow_ends)
        if now >= 1_000.0:
            break
        if now >= slow_ends:
            schedule.finished("slow")
            slow_ends = float("inf")
        for name in schedule.due(now):
            schedule.started(name, now)
            if name == "slow":
                slow, slow_ends = slow + 1, now + 24.0
            else:
                quick += 1
                schedule.finished(name)
    assert quick == 100
    assert slow == 34
    # Two of three rounds go by while the sample runs; the last one is under way.
    assert schedule.timing("slow").skipped == 66
    assert schedule.timing("quick").skipped == 0
