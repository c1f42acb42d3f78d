"""The plan's five calls, by hand: what leaves when, and when it wants to be asked again."""

from random import Random

import pytest

from probes.facts import Answer, EndReason, Family, Icmp, Protocol, RejectReason, StampSource
from probes.failure import Failure
from probes.seam import Flow, LocalError, Probe, Quote, Received, Stamp, Unreadable
from probes.trace.budget import Budget
from probes.trace.plan import TracePlan, deliver
from probes.trace.settings import TraceSettings

_FLOW = Flow(family=Family.IPV4, protocol=Protocol.ICMP, source="10.0.0.9", destination="192.0.2.1", icmp_id=7)


def plan(*, search: bool = True, **wanted: float) -> TracePlan:
    settings = TraceSettings(**wanted)  # type: ignore[arg-type]
    return TracePlan(
        flow=_FLOW,
        settings=settings,
        random_bytes=Random(1).randbytes,  # noqa: S311 - the same bytes each time
        budget=Budget(settings.burst_limit, settings.burst_period_s),
        now=10.0,
        search=search,
    )


def stamp(at: float) -> Stamp:
    return Stamp(at, round(at * 1e9), StampSource.USER)


def turn(one: TracePlan, at: float) -> list[Probe]:
    probes = one.probes_to_send(at)
    for probe in probes:
        one.sent(probe, stamp(at))
    return probes


def answer(one: TracePlan, probe: Probe, at: float, sender: str = "10.0.0.1", kind: int = 11) -> None:
    said = Answer.ECHO_REPLY if kind == 0 else Answer.TIME_EXCEEDED
    icmp = None if kind == 0 else Icmp(type=kind, code=0)
    quote = Quote(token=probe.identity.token)
    one.reply_received(Received(sender=sender, answer=said, stamp=stamp(at), quote=quote, icmp=icmp), at)


def test_the_first_round_ascends_at_the_gap() -> None:
    one, at = plan(series_count=0), 10.0
    seen: list[tuple[int, float]] = []
    while len(seen) < 5:
        seen += [(probe.probe_ttl, round((at - 10.0) * 1e3, 3)) for probe in turn(one, at)]
        deadline = one.next_deadline()
        assert deadline is not None
        assert deadline > at
        at = deadline
    assert seen == [(1, 0.0), (2, 0.1), (3, 0.2), (4, 0.3), (5, 0.4)]


def test_a_late_loop_catches_up_by_a_bounded_number() -> None:
    one = plan(series_count=0)
    turn(one, 10.0)
    assert len(turn(one, 10.00031)) == 3
    assert len(turn(one, 11.0)) == 8


def test_the_window_is_sixteen_ahead() -> None:
    one, ttls, at = plan(series_count=0), [], 10.0
    while at < 10.05:
        ttls += [probe.probe_ttl for probe in turn(one, at)]
        at += 0.0003
    assert max(ttls) == 16
    assert {ttl: ttls.count(ttl) for ttl in (1, 10, 11, 16)} == {1: 3, 10: 3, 11: 1, 16: 1}


def test_a_check_asks_again_only_when_nothing_came() -> None:
    one = plan(search=False)
    first = turn(one, 10.0)
    assert [probe.probe_ttl for probe in first] == [64]
    assert turn(one, 10.05) == []
    assert len(turn(one, 10.1)) == 1
    answer(one, first[0], 10.15, sender="192.0.2.1", kind=0)
    assert one.over
    assert one.reached
    assert turn(one, 10.5) == []


def test_a_silent_check_ends() -> None:
    one = plan(search=False)
    for at in (10.0, 10.1, 10.3):
        assert len(turn(one, at)) == 1
    assert one.next_deadline() == pytest.approx(10.8)
    turn(one, 10.8)
    assert one.next_deadline() is None


def test_a_host_that_refuses_everything_ends_the_trace_at_once() -> None:
    one = plan()
    for at in (10.0, 10.0003, 10.0006):
        for probe in one.probes_to_send(at):
            one.failed(probe.number, Failure.NETWORK_UNREACHABLE, at)
    facts = one.facts()
    assert facts.end_reason is EndReason.SEND_FAILED
    assert facts.hops == ()
    assert [(failure.failure, failure.first_probe_ttl) for failure in facts.send_failures] == [
        (Failure.NETWORK_UNREACHABLE, 1)
    ]


def test_a_local_error_takes_its_probe_out_of_the_count() -> None:
    one = plan(series_count=0)
    probe = turn(one, 10.0)[0]
    deliver(one, LocalError(Failure.HOST_UNREACHABLE, "10.0.0.9", probe.number), 10.2)
    deliver(one, LocalError(Failure.MESSAGE_TOO_LONG, None, None), 10.2)
    facts = one.facts()
    assert facts.sent == 0
    assert [(f.failure, f.offender, f.count) for f in facts.send_failures] == [
        (Failure.HOST_UNREACHABLE, "10.0.0.9", 1),
        (Failure.MESSAGE_TOO_LONG, None, 1),
    ]


def test_unreadable_datagrams_are_counted_by_reason() -> None:
    one = plan()
    deliver(one, Unreadable(RejectReason.MALFORMED), 10.0)
    deliver(one, Unreadable(RejectReason.FOREIGN_FLOW), 10.0)
    deliver(one, Unreadable(RejectReason.MALFORMED), 10.0)
    deliver(one, Unreadable(RejectReason.UNREAD, 300), 10.0)
    assert one.facts().rejected == {
        RejectReason.MALFORMED: 2,
        RejectReason.FOREIGN_FLOW: 1,
        RejectReason.UNREAD: 300,
    }


def test_an_answer_that_took_the_whole_timeout_is_late_in_its_own_row() -> None:
    one = plan(series_count=0, timeout_s=0.25)
    probe = turn(one, 10.0)[0]
    answer(one, probe, 10.25)
    row = one.facts().hops[0]
    assert (row.probe_ttl, row.received, row.late) == (1, 0, 1)


@pytest.mark.parametrize(("off_s", "samples"), [(0.0005, (1000,)), (0.0006, ())])
def test_an_answer_whose_time_is_in_doubt_counts_and_its_time_does_not(off_s: float, samples: tuple[int, ...]) -> None:
    one = plan(series_count=0)
    probe = one.probes_to_send(10.0)[0]
    one.sent(probe, Stamp(10.0, 10_000_000_000, StampSource.USER, off_s))
    answer(one, probe, 10.001)
    hop = one.facts().hops[0]
    assert (hop.received, hop.late, hop.responders[0].rtt_us) == (1, 0, samples)
    assert (hop.rtt_us is None) is (samples == ())


def test_stopping_keeps_what_was_seen() -> None:
    one = plan()
    answer(one, next(p for p in turn(one, 10.0) if p.probe_ttl == 1), 10.001)
    one.stop()
    facts = one.facts()
    assert one.next_deadline() is None
    assert facts.end_reason is EndReason.ABORTED
    assert facts.hops[0].responders[0].address == "10.0.0.1"
    assert facts.end_to_end is not None
    assert facts.end_to_end.loss_ratio is None


def test_an_answer_to_a_closed_row_is_late_in_its_own_row() -> None:
    one = plan(series_count=1, scouts=0, max_ttl=2, queries=1)
    near = turn(one, 10.0)[0]
    far = next(probe for probe in turn(one, 10.0005) if probe.probe_ttl == 2)
    answer(one, far, 10.002, sender="192.0.2.1", kind=0)
    turn(one, 10.1)
    assert one.facts().end_reason is EndReason.REACHED
    answer(one, near, 10.1001)
    rows = [(row.probe_ttl, row.received, row.late) for row in one.facts().hops]
    assert rows == [(1, 0, 1), (2, 1, 0)]
