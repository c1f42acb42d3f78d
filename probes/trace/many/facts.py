"""From one of many traces to the leg of the record: read the evidence again, as the deep engine reads it."""

from __future__ import annotations

from probes.facts import EndReason, FlowKind
from probes.frozen import replace
from probes.seam import Identity, Probe, Received, Stamp
from probes.trace.attempt import Attempt, Ending, Purpose
from probes.trace.budget import Budget
from probes.trace.judge import Judge
from probes.trace.leg import check_of, leg_of
from probes.trace.many.state import GIVEN_UP, REFUSED, SERIES
from probes.trace.plan import TracePlan
from probes.trace.signs import signs_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from probes.facts import Clocks, Leg, Method, Reachability, Refusal
    from probes.many_seam import Carrier
    from probes.seam import Flow
    from probes.trace.line import Stretch
    from probes.trace.many.state import ManyTrace


class _Replay(TracePlan):
    """A plan that has seen what one of many traces saw: its facts are the deep engine's own."""

    def __init__(self, trace: ManyTrace, carrier: Carrier) -> None:
        settings = trace.settings
        super().__init__(
            flow=trace.lane.flow,
            settings=settings,
            random_bytes=bytes,
            budget=Budget(settings.burst_limit, settings.burst_period_s),
            now=trace.started_at,
            search=True,
        )
        self._trace = trace
        self._carrier = carrier
        self._ledger.attempts.extend(self._attempt(number) for number in range(len(trace.ttls)))
        for attempt in self._ledger.attempts:
            self._file(attempt)
        for number, evidence in enumerate(trace.evidence):
            if evidence is not None:
                self._answer(self._ledger.attempts[number], evidence)
        for failure, number, offender in trace.failures or ():
            self.failed(number, failure, trace.ended_at, offender)
        if self._search is not None:
            self._search.outcome = trace.outcome
        if trace.outcome is EndReason.ABORTED:
            self._stopped = trace.outcome
        self._rejected.update(trace.rejected or {})

    def _attempt(self, number: int) -> Attempt:
        trace = self._trace
        ttl, flag, at = trace.ttls[number], trace.flags[number], trace.sent_at[number]
        refused = flag & REFUSED
        identity = Identity(trace.slots[number] & 0xFFFF, trace.lane.token)
        return Attempt(
            probe=Probe(number, ttl or trace.settings.series_ttl, identity),
            purpose=Purpose.SERIES if ttl == SERIES else Purpose.HOP,
            issued_at=at,
            sent=None if refused else Stamp(at, round(at * 1e9), self._carrier.clocks.sent),
            given_up=bool(flag & GIVEN_UP),
            duplicates=(trace.duplicates or {}).get(number, 0),
        )

    def _file(self, attempt: Attempt) -> None:
        if attempt.purpose is Purpose.SERIES:
            self._series.attempts.append(attempt)
        elif self._search is not None:
            self._search.rows.sent(attempt, retry=False)

    def _answer(self, attempt: Attempt, evidence: bytes) -> None:
        """Read what an answer said; only what was believed at first sight is kept as evidence."""
        trace, sent = self._trace, attempt.sent
        if sent is None:
            return
        rtt_us = trace.rtt_us[attempt.probe.number]
        arrived = Stamp(
            sent.monotonic_s + rtt_us / 1e6, sent.realtime_ns + rtt_us * 1000, self._carrier.clocks.received
        )
        event = self._carrier.read(trace.lane, evidence, arrived)
        if not isinstance(event, Received):
            return
        attempt.reply = reply = Judge(self._ledger, trace.settings, {}, []).reply(attempt, event)
        if reply.ending is Ending.REACHED:
            self._reach(reply)
        if attempt.purpose is Purpose.HOP and self._search is not None:
            self._search.rows.answered(attempt, reply.ending)


class _Way:
    """What the record says of how probes left: the carrier's word, and the lane's flow."""

    flow_kind = FlowKind.PARIS

    def __init__(self, trace: ManyTrace, carrier: Carrier) -> None:
        self.flow: Flow = trace.lane.flow
        self.method: Method = carrier.method
        self.clocks: Clocks = carrier.clocks


def many_leg(
    trace: ManyTrace, carrier: Carrier, stretch: Stretch, *, protocol_reason: str, refused: tuple[Refusal, ...] = ()
) -> Leg:
    """Return the leg of a finished trace, with the fields and by the rules of a leg that was traced alone.

    Args:
        trace: As `Sweep.take` gave it.
        carrier: What carried it; it may be closed by now.
        stretch: What was traced.
        protocol_reason: Why by ICMP, in words.
        refused: Better ways to probe that could not be opened.
    """
    way, plan = _Way(trace, carrier), _Replay(trace, carrier)
    leg = leg_of(
        stretch,
        way,
        plan.facts(),
        protocol_reason=protocol_reason,
        refused=refused,
        duration_us=round((trace.ended_at - trace.started_at) * 1e6),
    )
    if not leg.hops:
        return leg
    seen, hidden = signs_of(way.flow, way.flow_kind, plan.attempts, plan.elsewhere, None, compared=False)
    return replace(leg, signs=seen, signs_not_observable=hidden)


def many_check(trace: ManyTrace, carrier: Carrier, stretch: Stretch) -> Reachability:
    """Return what a finished trace says of its address: whether it answers at all."""
    cut_short = trace.outcome is EndReason.ABORTED
    return check_of(stretch, _Way(trace, carrier), _Replay(trace, carrier).facts(), cut_short=cut_short)
