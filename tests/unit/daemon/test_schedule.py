"""The schedule: splayed, never twice at once, never made good for in a burst, and kept over a reload."""

import math
from collections.abc import Callable

import pytest

from agent.daemon.schedule import GRACE_S, JITTER_RATIO, Schedule, splay_s

AGENT = "agent-1"


def middle() -> float:
    return 0.0


def scheduled(*names: str, interval_s: float = 300.0, random: Callable[[], float] = middle) -> Schedule:
    return Schedule([(name, interval_s) for name in names], AGENT, 1_000.0, random)


def first_slot_s(name: str, interval_s: float = 300.0) -> float:
    return 1_000.0 + splay_s(AGENT, name, interval_s)


def test_nothing_is_due_without_targets() -> None:
    schedule = scheduled()
    assert schedule.next_deadline() is None
    assert schedule.due(1e9) == []


def test_a_target_is_due_at_its_slot_and_not_before() -> None:
    schedule, slot_s = scheduled("crm"), first_slot_s("crm")
    assert schedule.next_deadline() == slot_s
    assert schedule.due(math.nextafter(slot_s, 0.0)) == []
    assert schedule.due(slot_s) == ["crm"]
    assert schedule.next_deadline() == slot_s + 300.0


def test_jitter_puts_a_slot_off_and_never_adds_up() -> None:
    numbers = iter([0.5, 0.25, 0.75, 0.0])
    schedule = Schedule([("crm", 100.0)], AGENT, 0.0, lambda: next(numbers))
    slots = []
    for _ in range(3):
        slots.append(schedule.next_deadline() or 0.0)
        schedule.due(slots[-1])
        schedule.finished("crm")
    base_s = splay_s(AGENT, "crm", 100.0)
    wanted = [base_s + n * 100.0 + JITTER_RATIO * 100.0 * part for n, part in enumerate((0.5, 0.25, 0.75))]
    assert slots == pytest.approx(wanted, abs=1e-9)


def test_the_splay_spreads_targets_and_agents_over_the_interval() -> None:
    for names in ([(AGENT, f"target-{n}") for n in range(1_000)], [(f"agent-{n}", "crm") for n in range(1_000)]):
        tenths = [0] * 10
        for agent, name in names:
            tenths[int(splay_s(agent, name, 300.0) / 30.0)] += 1
        # 100 are expected in each, 9.5 is the standard deviation.
        assert min(tenths) > 60
        assert max(tenths) < 140


def test_a_target_whose_sample_runs_is_not_started_again_and_the_round_is_counted() -> None:
    schedule, slot_s = scheduled("crm"), first_slot_s("crm")
    assert schedule.due(slot_s) == ["crm"]
    assert schedule.due(slot_s + 300.0) == []
    assert schedule.timing("crm").skipped == 1
    assert schedule.take_skipped() == ["crm"]
    assert schedule.take_skipped() == []
    assert schedule.timing("crm").running
    schedule.finished("crm")
    assert schedule.due(slot_s + 600.0) == ["crm"]
    assert schedule.timing("crm").skipped == 1


def test_lateness_counts_from_the_slot() -> None:
    schedule, slot_s = scheduled("crm"), first_slot_s("crm")
    schedule.due(slot_s + 1.0)
    schedule.started("crm", slot_s + 2.5)
    assert schedule.timing("crm").late_s == pytest.approx(2.5)


def test_a_held_target_comes_again_and_is_late_by_its_slot() -> None:
    schedule, slot_s = scheduled("crm"), first_slot_s("crm")
    schedule.due(slot_s)
    schedule.hold("crm", slot_s + 3.0)
    assert schedule.next_deadline() == slot_s + 3.0
    assert schedule.due(slot_s + 2.9) == []
    assert schedule.due(slot_s + 3.0) == ["crm"]
    schedule.started("crm", slot_s + 3.0)
    assert schedule.timing("crm").late_s == pytest.approx(3.0)
    assert schedule.timing("crm").skipped == 0
    schedule.finished("crm")
    assert schedule.due(slot_s + 300.0) == ["crm"]


def test_a_target_held_over_its_next_slot_is_taken_once_and_the_slot_is_counted() -> None:
    schedule, slot_s = scheduled("crm"), first_slot_s("crm")
    schedule.due(slot_s)
    schedule.hold("crm", slot_s + 310.0)
    assert schedule.due(slot_s + 300.0) == []
    assert schedule.timing("crm").skipped == 1
    assert schedule.due(slot_s + 310.0) == ["crm"]


def test_a_discarded_sample_is_taken_again_beside_the_slots() -> None:
    schedule, slot_s = scheduled("crm"), first_slot_s("crm")
    schedule.due(slot_s)
    schedule.finished("crm")
    schedule.again("crm", slot_s + 5.0)
    assert schedule.timing("crm").next_at_s == slot_s + 5.0
    assert schedule.due(slot_s + 5.0) == ["crm"]
    schedule.started("crm", slot_s + 5.5)
    assert schedule.timing("crm").late_s == pytest.approx(0.5)
    schedule.finished("crm")
    assert schedule.next_deadline() == slot_s + 300.0


def test_a_slot_that_comes_first_takes_the_place_of_again() -> None:
    schedule, slot_s = scheduled("crm"), first_slot_s("crm")
    schedule.due(slot_s)
    schedule.finished("crm")
    schedule.again("crm", slot_s + 305.0)
    assert schedule.due(slot_s + 300.0) == ["crm"]
    schedule.finished("crm")
    assert schedule.next_deadline() == slot_s + 600.0
    assert schedule.timing("crm").skipped == 0


def test_again_while_the_sample_runs_waits_for_its_end() -> None:
    schedule, slot_s = scheduled("crm"), first_slot_s("crm")
    schedule.due(slot_s)
    schedule.again("crm", slot_s + 1.0)
    assert schedule.due(slot_s + 2.0) == []
    schedule.finished("crm")
    assert schedule.due(slot_s + 2.0) == ["crm"]


def test_again_at_another_time_takes_the_place_of_the_one_before() -> None:
    schedule, slot_s = scheduled("crm"), first_slot_s("crm")
    schedule.due(slot_s)
    schedule.finished("crm")
    schedule.again("crm", slot_s + 1.0)
    schedule.again("crm", slot_s + 9.0)
    assert schedule.due(slot_s + 8.0) == []
    assert schedule.due(slot_s + 9.0) == ["crm"]


def test_after_a_stop_nothing_is_made_good_for_and_everything_is_counted() -> None:
    names = [f"target-{n}" for n in range(1_000)]
    schedule = scheduled(*names)
    stopped_s, went_on_s = 1_310.0, 1_310.0 + 630.0
    for name in schedule.due(stopped_s):
        schedule.finished(name)
    before = {name: schedule.timing(name).skipped for name in names}
    at_once = schedule.due(went_on_s)
    # Only those whose slot lay within the grace: as many as come in so long a time anyway.
    assert 20 <= len(at_once) <= 90
    assert all(went_on_s - GRACE_S <= first_slot_s(name) + 900.0 <= went_on_s for name in at_once)
    for name in names:
        slots = sum(stopped_s < first_slot_s(name) + n * 300.0 <= went_on_s for n in range(5))
        assert schedule.timing(name).skipped - before[name] == slots - (name in at_once)
        assert went_on_s < schedule.timing(name).next_at_s <= went_on_s + 300.0


def test_what_was_held_when_everything_stopped_is_not_made_good_for_either() -> None:
    schedule, slot_s = scheduled("crm"), first_slot_s("crm")
    schedule.due(slot_s)
    schedule.hold("crm", slot_s + 2.0)
    assert schedule.due(slot_s + 100.0) == []
    assert schedule.timing("crm").skipped == 1
    assert schedule.due(slot_s + 300.0) == ["crm"]


def test_a_short_interval_has_a_short_grace() -> None:
    schedule, slot_s = scheduled("crm", interval_s=10.0), first_slot_s("crm", 10.0)
    assert schedule.due(slot_s + 5.1) == []
    assert schedule.due(slot_s + 10.0 + 4.9) == ["crm"]


def test_a_reload_keeps_the_slots_of_what_stays_and_forgets_what_goes() -> None:
    schedule = scheduled("crm", "mail", "gone")
    kept = schedule.timing("crm").next_at_s
    schedule.replace([("crm", 300.0), ("mail", 60.0), ("new", 300.0)], 1_100.0)
    assert schedule.timing("crm").next_at_s == kept
    assert schedule.timing("mail").next_at_s == 1_100.0 + splay_s(AGENT, "mail", 60.0)
    assert schedule.timing("new").next_at_s == 1_100.0 + splay_s(AGENT, "new", 300.0)
    with pytest.raises(KeyError):
        schedule.timing("gone")
    for name in ("gone", "never there"):
        schedule.started(name, 1_100.0)
        schedule.hold(name, 1_100.0)
        schedule.again(name, 1_100.0)
        schedule.finished(name)
    assert "gone" not in schedule.due(1_400.0)


def test_a_sample_under_way_stays_under_way_over_a_reload_that_changes_its_interval() -> None:
    schedule, slot_s = scheduled("crm"), first_slot_s("crm")
    schedule.due(slot_s)
    schedule.replace([("crm", 60.0)], slot_s + 1.0)
    new_slot_s = slot_s + 1.0 + splay_s(AGENT, "crm", 60.0)
    assert schedule.timing("crm").running
    assert schedule.due(new_slot_s) == []
    schedule.finished("crm")
    assert schedule.due(new_slot_s + 60.0) == ["crm"]


def test_what_is_held_or_to_be_taken_again_stays_so_over_a_reload() -> None:
    schedule = scheduled("held", "again")
    for name in ("held", "again"):
        assert schedule.due(first_slot_s(name)) == [name] or schedule.timing(name).running
    at_s = max(first_slot_s("held"), first_slot_s("again"))
    schedule.hold("held", at_s + 1.0)
    schedule.finished("again")
    schedule.again("again", at_s + 1.0)
    schedule.replace([("held", 300.0), ("again", 300.0)], at_s)
    assert sorted(schedule.due(at_s + 1.0)) == ["again", "held"]


def test_a_thousand_reloads_leave_nothing_behind() -> None:
    schedule = scheduled()
    for n in range(1_000):
        schedule.replace([("crm", 300.0 + n % 2), (f"target-{n}", 300.0)], 1_000.0 + n)
    assert len(schedule._heap) == 2
