"""Every map, every run over it: the trace must show what the map says."""

import pytest

from probes.facts import Leg, Reachability
from probes.trace.account import TraceOutcome
from tests.simulation.drivers import Simulation
from tests.simulation.maps import Expectation, Map, Run, every_map, interruption, lines, sign_line

_RUNS = [(one, run) for one in every_map() for run in one.runs]
_IDS = [f"{one.name}-{run.choice}-{one.runs.index(run)}" for one, run in _RUNS]


def traced(one: Map, run: Run) -> tuple[TraceOutcome, Simulation]:
    simulation = Simulation(one.world(), flow_kind=run.flow_kind)
    outcome = simulation.trace(
        run.choice,
        run.settings,
        naming=run.naming,
        interrupted=lambda: interruption(run, simulation.clock.now),
    )
    return outcome, simulation


@pytest.mark.parametrize(("one", "run"), _RUNS, ids=_IDS)
def test_the_trace_shows_the_map(one: Map, run: Run) -> None:
    outcome, simulation = traced(one, run)
    leg, expect = outcome.leg, run.expect
    if expect.hops is not None:
        assert lines(leg) == expect.hops
    assert (leg.end_reason, leg.reached) == (expect.ends, expect.reached)
    _check_end(leg, expect)
    _check_series(leg, expect)
    _check_counts(leg, expect)
    _check_reachability(outcome.reachability, expect)
    _check_signs(outcome, expect)
    assert all(driver.closed for driver in simulation.drivers.values())
    if expect.sends_at_most is not None:
        assert simulation.sent <= expect.sends_at_most
    if expect.within_ms is not None:
        assert leg.duration_us is not None
        assert leg.duration_us / 1000 <= expect.within_ms


def _check_end(leg: Leg, expect: Expectation) -> None:
    if expect.protocol is not None:
        assert leg.protocol == expect.protocol
    if expect.reached_by is not None:
        proof = leg.reached_by
        assert proof is not None
        icmp = "" if proof.icmp is None else f" {proof.icmp.type}/{proof.icmp.code}"
        assert f"{proof.address} {proof.answer}{icmp} at {proof.probe_ttl}" == expect.reached_by
    if expect.reason is not None:
        assert leg.reason is not None
        assert expect.reason in leg.reason


def _check_series(leg: Leg, expect: Expectation) -> None:
    series = leg.end_to_end
    if expect.end_to_end is not None:
        assert series is not None
        late = f" late={series.late}" if series.late else ""
        assert f"{series.received}/{series.sent}{late}" == expect.end_to_end
    if expect.loss_ratio != "any":
        assert leg.loss_ratio == expect.loss_ratio


def _check_counts(leg: Leg, expect: Expectation) -> None:
    if expect.rejected is not None:
        assert leg.rejected_replies == expect.rejected
    assert set(expect.rejects_some) <= set(leg.rejected_replies or {})
    failures = tuple(f"{f.failure} from {f.first_probe_ttl}" for f in leg.send_failures)
    assert failures == expect.send_failures


def _check_reachability(checks: tuple[Reachability, ...], expect: Expectation) -> None:
    answered = {str(check.protocol): check.answered for check in checks}
    assert {protocol: answered[protocol] for protocol in expect.answered} == expect.answered


def _check_signs(outcome: TraceOutcome, expect: Expectation) -> None:
    leg, found = outcome.leg, outcome.middlebox
    if expect.signs is not None:
        assert tuple(sign_line(sign) for sign in leg.signs or ()) == expect.signs
    if expect.not_observable is not None:
        assert tuple(leg.signs_not_observable) == expect.not_observable
    if expect.middlebox != "any":
        shown = found and f"{found.protocol} {found.probe_ttl} {found.address} {found.control_protocol}"
        assert shown == expect.middlebox


def test_there_are_maps() -> None:
    assert len(every_map()) >= 20
