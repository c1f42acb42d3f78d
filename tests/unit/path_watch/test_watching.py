"""Rounds added up: whose figures are whose, what a missing answer means, and what counts as a change."""

import pytest

from agent.watch.news import Broken, Doing, Moved, Phase
from agent.watch.picture import EventKind, Picture
from agent.watch.place import ALONE_ROUNDS, STOOD_ROUNDS, HopChange
from agent.watch.tally import HISTORY
from agent.watch.watching import Watching
from probes.facts import EndReason, LossClass
from probes.frozen import replace
from probes.host_facts import ChangeKind, NetworkChange
from tests.unit.path_watch.told import NOON_S, ROUTERS, check_at, leg, round_at, watched
from tests.unit.views import samples

OTHER = ("10.0.0.1", "198.51.100.1", "198.51.100.99", "203.0.113.9")
LINK = NetworkChange(
    at="2026-11-23T12:00:04.000Z",
    kind=ChangeKind.LINK,
    subject="eth0",
    what="link changed",
    before="up",
    after="down",
    affects_sample=True,
)


def kinds(picture: Picture) -> list[EventKind]:
    return [event.kind for event in picture.events]


def test_before_anything_is_known_there_are_no_rows() -> None:
    picture = Watching("crm.example.com", NOON_S).picture()
    assert (picture.rows, picture.check, picture.phase, kinds(picture)) == ((), None, Phase.CHECKING, ["started"])


def test_rounds_add_up_to_a_row_for_each_hop_and_the_end() -> None:
    picture = watched(leg(12_000), leg(12_600), leg(12_300)).picture()
    assert [row.address for row in picture.rows] == [*ROUTERS, samples.DESTINATION]
    assert [row.probe_ttl for row in picture.rows] == [1, 2, 3, 4, 5]
    end = picture.rows[-1]
    assert end.is_end
    figures = end.figures
    assert (figures.sent, figures.answered, figures.lost) == (3, 3, 0)
    assert (figures.last_us, figures.best_us, figures.worst_us) == (12_300, 12_000, 12_600)
    assert figures.avg_us == pytest.approx(12_300)
    assert figures.jitter_us == pytest.approx(450)
    assert figures.history == (12_000, 12_600, 12_300)
    assert {row.loss_class for row in picture.rows} == {LossClass.NONE}


def test_a_router_that_alone_misses_answers_only_spares_itself() -> None:
    picture = watched(leg(), leg(missing=[2]), leg(missing=[2]), leg()).picture()
    row = picture.rows[1]
    assert (row.figures.sent, row.figures.lost, row.loss_class) == (4, 2, LossClass.RATE_LIMITED)
    assert picture.rows[-1].loss_class is LossClass.NONE


def test_what_is_missing_here_and_at_the_end_in_the_same_rounds_is_lost() -> None:
    gone = leg(None, missing=[3, 4])
    picture = watched(leg(), gone, leg(), gone).picture()
    assert [row.loss_class for row in picture.rows] == ["none", "none", "loss", "loss", "loss"]
    assert picture.rows[-1].figures.lost == 2
    assert picture.rows[-1].probe_ttl == 5, "an end that fell silent is as far away as it was"


def test_a_router_that_never_answers_is_silent_and_no_loss() -> None:
    row = watched(leg(missing=[3]), leg(missing=[3])).picture().rows[2]
    assert (row.address, row.probe_ttl, row.loss_class) == (None, 3, LossClass.SILENT)


def test_an_end_that_never_answered_is_last_and_nobody_knows_how_far() -> None:
    picture = watched(leg(None), leg(None, missing=[4])).picture()
    end = picture.rows[-1]
    assert (end.probe_ttl, end.address, end.figures.lost, end.is_end) == (None, samples.DESTINATION, 2, True)
    assert picture.rows[3].loss_class is LossClass.UNKNOWN, "nobody can tell loss from a limit there"


def test_a_late_answer_is_no_loss() -> None:
    late = leg()
    hops = (replace(late.hops[0], received=0, late=1), *late.hops[1:])
    row = watched(replace(late, hops=hops)).picture().rows[0]
    assert (row.figures.sent, row.figures.lost) == (1, 0)


def test_nothing_counts_where_nothing_could_be_sent() -> None:
    unsent = replace(leg(None), hops=(), end_to_end=None, end_reason=EndReason.SEND_FAILED)
    picture = watched(leg(), unsent).picture()
    assert [row.figures.sent for row in picture.rows] == [1, 1, 1, 1, 1]


def test_a_new_router_is_a_change_and_has_figures_of_its_own() -> None:
    picture = watched(*[leg()] * 4, *[leg(routers=OTHER)] * 2).picture()
    event = picture.events[-1]
    assert event.kind is EventKind.PATH
    assert event.at_s == NOON_S + 5
    assert event.hops == (HopChange(probe_ttl=3, before="198.51.100.77", after="198.51.100.99"),)
    assert [row.figures.sent for row in picture.rows] == [6, 6, 2, 6, 6]
    (former,) = picture.former
    assert event.path == former.number
    assert [row.address for row in former.rows[:4]] == list(ROUTERS)
    assert former.rows[2].figures.sent == 4
    assert (former.since_s, former.until_s) == (NOON_S, NOON_S + 5)


def test_a_path_that_comes_back_goes_on_with_its_own_figures() -> None:
    picture = watched(*[leg()] * 4, *[leg(routers=OTHER)] * STOOD_ROUNDS, leg()).picture()
    assert kinds(picture) == ["started", "path", "path"]
    assert picture.events[-1].hops[0].after == "198.51.100.77"
    assert picture.rows[2].figures.sent == 5


def test_routers_that_take_turns_are_named_and_are_no_change_each_time() -> None:
    turns = [leg(), leg(routers=OTHER)] * 5
    watching = watched(*turns)
    picture = watching.picture()
    assert kinds(picture) == ["started", "path"]
    assert picture.rows[2].shared == ("198.51.100.77", "198.51.100.99")
    assert [(row.probe_ttl, row.address) for row in picture.rows[2:4]] == [(3, "198.51.100.77"), (3, "198.51.100.99")]
    assert [row.figures.sent for row in picture.rows[2:4]] == [5, 5]
    for second in range(ALONE_ROUNDS + 1):
        watching.take(round_at(20 + second, leg(routers=OTHER)))
    assert watching.picture().rows[2].shared == ()


def test_a_longer_path_says_how_much_longer() -> None:
    longer = (*ROUTERS[:3], "203.0.113.1", "203.0.113.9")
    picture = watched(leg(), leg(), leg(routers=longer)).picture()
    event = picture.events[-1]
    assert event.distance == (5, 6)
    assert [change.probe_ttl for change in event.hops] == [4]
    assert [row.probe_ttl for row in picture.rows] == [1, 2, 3, 4, 5, 6]


def test_another_address_of_the_target_is_another_path() -> None:
    moved = replace(leg(), address="192.0.2.81")
    picture = watched(leg(), leg(), moved).picture()
    event = picture.events[-1]
    assert (event.kind, event.before, event.after) == (EventKind.TARGET, samples.DESTINATION, "192.0.2.81")
    assert {row.figures.sent for row in picture.rows} == {1}
    assert len(picture.former) == 1


def test_a_check_counts_as_a_round_and_its_verdict_stands_until_the_next() -> None:
    watching = watched(leg())
    watching.take(check_at(3))
    picture = watching.picture()
    assert picture.rounds == 2
    assert picture.check is not None
    assert picture.check.diagnosis is samples.FINE
    assert EventKind.VERDICT not in kinds(picture), "the first verdict changes nothing"
    watching.take(check_at(9, samples.NO_ROUTE, samples.BROKEN))
    event = watching.picture().events[-1]
    assert (event.kind, event.before) == (EventKind.VERDICT, "")
    assert event.after.split() == [error.code for error in samples.BROKEN.errors]


def test_a_discarded_check_is_no_verdict_and_counts_for_nothing() -> None:
    watching = watched(leg())
    watching.take(check_at(2))
    before = watching.picture()
    watching.take(check_at(4, samples.CHANGED, samples.DISCARDED))
    picture = watching.picture()
    assert (picture.check, picture.rows, picture.rounds) == (before.check, before.rows, before.rounds)
    assert picture.discarded_s == NOON_S + 4
    assert EventKind.NETWORK in kinds(picture)


def test_a_change_of_the_network_is_told_and_costs_no_loss() -> None:
    watching = watched(leg(), leg())
    watching.take(Moved(at_s=NOON_S + 5, changes=(LINK,)))
    picture = watching.picture()
    assert picture.events[-1].network is LINK
    assert picture.events[-1].at_s == NOON_S + 4, "when it happened, not when it was told"
    assert picture.discarded_s == NOON_S + 5
    assert [row.figures.lost for row in picture.rows] == [0] * 5


def test_a_change_that_the_path_does_not_rest_on_stands_in_its_place_and_discards_nothing() -> None:
    watching = watched(*[leg()] * 4, *[leg(routers=OTHER)] * 4)
    other = replace(LINK, subject="docker0", affects_sample=False)
    watching.take(Moved(at_s=NOON_S + 9, changes=(other,), disturbed=False))
    picture = watching.picture()
    assert kinds(picture) == ["started", "network", "path"]
    assert picture.discarded_s is None


def test_a_reset_begins_anew_along_the_same_path() -> None:
    watching = watched(leg(), leg(None))
    watching.reset(NOON_S + 10)
    assert watching.picture().rows == ()
    assert watching.picture().rounds == 0
    watching.take(round_at(11, leg()))
    picture = watching.picture()
    assert [row.figures.sent for row in picture.rows] == [1] * 5
    assert kinds(picture) == ["started", "reset"]


def test_what_is_being_done_and_how_often_is_passed_on() -> None:
    watching = Watching("crm.example.com", NOON_S)
    watching.take(Doing(phase=Phase.WAITING, interval_s=2.0))
    assert (watching.picture().phase, watching.picture().interval_s) == (Phase.WAITING, 2.0)


def test_a_mistake_of_whoever_measures_is_raised_where_it_is_shown() -> None:
    with pytest.raises(ZeroDivisionError):
        Watching("crm.example.com", NOON_S).take(Broken(error=ZeroDivisionError()))


def test_a_day_of_changes_takes_no_more_room_than_an_hour() -> None:
    watching = Watching("crm.example.com", NOON_S)
    for second in range(2 * HISTORY):
        routers = (*ROUTERS[:2], f"198.51.100.{second % 250}", ROUTERS[3])
        watching.take(round_at(second, leg(routers=routers)))
    picture = watching.picture()
    assert len(picture.events) <= 100
    assert len(picture.former) <= 20
    assert max(len(row.figures.history) for row in picture.rows) <= HISTORY
