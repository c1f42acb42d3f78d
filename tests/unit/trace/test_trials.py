"""What each protocol met on a leg, in one word and one sentence."""

from dataclasses import replace

import pytest

from probes.facts import (
    Answer,
    EndReason,
    EndToEnd,
    Hop,
    Icmp,
    Leg,
    LossClass,
    Method,
    Middlebox,
    Node,
    Protocol,
    Reachability,
    Refusal,
    Responder,
    Role,
    RttSummary,
    TrialOutcome,
)
from probes.failure import Failure
from probes.trace.trials import checked_trial, traced_trial, unopened_trial

_ANSWERED = Reachability(
    role=Role.DESTINATION,
    address="192.0.2.80",
    protocol=Protocol.TCP,
    port=443,
    sent=1,
    received=1,
    answered=True,
    answer=Answer.SYN_ACK,
    rtt_us=(12_600, 12_340),
)
_SILENT = replace(_ANSWERED, sent=3, received=0, answered=False, answer=None, rtt_us=())
_REFUSED = replace(_SILENT, answer=Answer.DESTINATION_UNREACHABLE, offender="10.0.0.2", icmp=Icmp(type=3, code=13))


def _hop(ttl: int, *, answers: bool = True) -> Hop:
    responders = (Responder(address=f"10.0.0.{ttl}", answer=Answer.TIME_EXCEEDED),) if answers else ()
    return Hop(probe_ttl=ttl, sent=3, received=3 * answers, loss_class=LossClass.NONE, responders=responders)


_HOPS = (_hop(1), _hop(2, answers=False), _hop(3), _hop(4, answers=False))
_LEG = Leg(
    from_=Node.CLIENT,
    to=Node.DESTINATION,
    protocol=Protocol.TCP,
    method=Method.RAW,
    reached=True,
    end_reason=EndReason.REACHED,
    hops=_HOPS,
    loss_ratio=0.1,
    end_to_end=EndToEnd(
        protocol=Protocol.TCP,
        sent=10,
        received=9,
        loss_ratio=0.1,
        rtt_us=RttSummary(min=11_900, avg=12_000, max=13_000, stddev=300),
    ),
)


def test_a_trace_that_reached_has_its_figures() -> None:
    trial = traced_trial(_LEG, _ANSWERED)
    assert (trial.outcome, trial.reached, trial.traced) == (TrialOutcome.REACHED, True, True)
    assert (trial.rtt_us, trial.loss_ratio, trial.hops_found, trial.hops) == (11_900, 0.1, 2, 3)
    assert trial.reason == "the target answered in 11.9 ms; 2 of 3 hops answered"


def test_a_check_has_the_lowest_round_trip_and_no_hops() -> None:
    trial = checked_trial(_ANSWERED, Method.CONNECT, _HOPS)
    assert (trial.outcome, trial.reached, trial.traced, trial.method) == (
        TrialOutcome.REACHED,
        True,
        False,
        Method.CONNECT,
    )
    assert (trial.rtt_us, trial.hops_found, trial.hops) == (12_340, None, None)
    assert trial.reason == "the target answered in 12.3 ms"


@pytest.mark.parametrize(
    ("check", "outcome", "reason"),
    [
        (_SILENT, TrialOutcome.NO_ANSWER, "nothing came back to 3 probes: filtered on the way, or nobody listens"),
        (_REFUSED, TrialOutcome.UNREACHABLE, "10.0.0.2 refused to pass it on (3/13)"),
        (
            replace(_REFUSED, offender="10.0.0.3"),
            TrialOutcome.UNREACHABLE,
            "10.0.0.3 at hop 3 refused to pass it on (3/13)",
        ),
        (
            replace(_SILENT, answered=None, failure=Failure.BLOCKED_LOCALLY),
            TrialOutcome.BLOCKED_LOCALLY,
            "this host's own firewall refused to send (EPERM)",
        ),
        (
            replace(_SILENT, answered=None, failure=Failure.NETWORK_UNREACHABLE),
            TrialOutcome.SEND_FAILED,
            "the host refused to send: network_unreachable",
        ),
        (
            replace(_SILENT, answered=None, failure=Failure.ABORTED),
            TrialOutcome.CUT_SHORT,
            "ended before an answer could come",
        ),
    ],
)
def test_whoever_was_not_answered_says_why(check: Reachability, outcome: TrialOutcome, reason: str) -> None:
    trial = checked_trial(check, Method.RAW, _HOPS)
    assert (trial.outcome, trial.reason) == (outcome, reason)
    assert trial.reached is check.answered


def test_a_block_that_only_the_hops_met_is_one() -> None:
    leg = replace(_LEG, reached=False, end_reason=EndReason.UNREACHABLE, end_to_end=None)
    trial = traced_trial(leg, _SILENT)
    assert trial.outcome is TrialOutcome.UNREACHABLE
    assert trial.reason == "somebody on the way refused to pass it on; 2 of 3 hops answered"


def test_every_rung_that_was_refused_is_said() -> None:
    refused = (
        Refusal(protocol=Protocol.ICMP, method=Method.RAW, failure=Failure.NOT_PERMITTED, detail="needs CAP_NET_RAW"),
        Refusal(protocol=Protocol.ICMP, method=Method.PING_SOCKET, failure=Failure.NOT_PERMITTED, detail="is off"),
    )
    trial = unopened_trial(replace(_SILENT, answered=None, failure=Failure.NOT_PERMITTED), refused)
    assert (trial.outcome, trial.method, trial.reached) == (TrialOutcome.NOT_OPENED, None, None)
    assert trial.reason == "raw: needs CAP_NET_RAW; ping_socket: is off"


def test_whoever_a_middlebox_answered_has_not_reached_the_target() -> None:
    box = Middlebox(
        target="192.0.2.80",
        protocol=Protocol.TCP,
        port=443,
        answer=Answer.SYN_ACK,
        probe_ttl=2,
        address="10.0.0.2",
        control_protocol=Protocol.ICMP,
        target_ttl=5,
        rtt_us=900,
        control_rtt_us=950,
        evidence="10.0.0.2 answers TCP for the target",
    )
    for trial in (traced_trial(_LEG, _ANSWERED, box), checked_trial(_ANSWERED, Method.RAW, _HOPS, box)):
        assert (trial.outcome, trial.reached, trial.reason) == (TrialOutcome.MIDDLEBOX, False, box.evidence)
    other = replace(_ANSWERED, protocol=Protocol.ICMP)
    assert checked_trial(other, Method.RAW, _HOPS, box).outcome is TrialOutcome.REACHED
