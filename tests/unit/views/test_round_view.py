"""One round over all targets, as a person sees it."""

from agent.views.round_view import round_view
from tests.unit.daemon.test_standing import BROKEN, FINE
from tests.unit.views.samples import CP_02
from tests.unit.views.snapshots import PIPE


def test_each_target_has_a_line_and_what_was_not_measured_is_no_figure() -> None:
    assert round_view([FINE, BROKEN], PIPE).splitlines() == [
        "Target  Status    RTT (ms)  Loss  Errors",
        "a       ok            4.10    0%",
        f"a       critical         -  100%  CP-02 {CP_02.message}",
        "",
        "1 of 2 targets ok",
    ]
