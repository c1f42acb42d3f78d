"""How targets stand, and when a sample says other than the one before."""

from agent.daemon.sampling import Taken
from agent.daemon.standing import Standings
from rules.diagnosis import Status
from tests.unit.daemon.test_plan_change import A, B, plan
from tests.unit.views.samples import CP_02

FINE = Taken(target="a", status=Status.OK, errors=(), duration_us=1_000, entry=None, rtt_us=4_100, loss_ratio=0.0)
BROKEN = Taken(target="a", status=Status.CRITICAL, errors=(CP_02,), duration_us=1_000, entry=None, loss_ratio=1.0)


def test_only_what_is_other_than_before_is_news() -> None:
    standings = Standings(plan("", A, B).targets)
    news = [standings.taken(taken, at_s) for at_s, taken in enumerate((FINE, FINE, BROKEN, BROKEN, FINE))]
    assert news == [True, False, True, False, True]
    first, second = standings.all()
    assert (first.status, first.samples, first.errors) == ("ok", {"ok": 3, "critical": 2}, {"CP-02": 2})
    assert second.status is None


def test_a_sample_of_a_target_that_is_gone_is_no_news() -> None:
    standings = Standings(plan("", A, B).targets)
    standings.replace(plan("", B).targets)
    assert not standings.taken(BROKEN, 1.0)
    assert [target.name for target in standings.all()] == ["b"]


def test_a_sample_in_words_has_its_errors_or_else_its_figures() -> None:
    assert FINE.in_words == "4.100 ms, 0% loss"
    assert BROKEN.in_words == f"CP-02 {CP_02.message}"
    nothing = Taken(target="a", status=Status.DISCARDED, errors=(), duration_us=1_000, entry=None)
    assert nothing.in_words == "nothing was measured"
