"""The plan of one trace: five calls, no clock, no socket.

A plan is told what time it is and what happened. It says what to send, when it wants to be asked again, and what was
seen.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from probes.facts import EndReason, EndToEnd, Hop, Protocol, ReachedBy, RejectReason, SendFailure
from probes.failure import Failure
from probes.seam import Flow, LocalError, Probe, Received, Stamp, Unreadable
from probes.trace.attempt import Attempt, Ending, Purpose, Reply
from probes.trace.budget import Budget
from probes.trace.ending import ending_of
from probes.trace.hops import PathEnd, attributable, hops
from probes.trace.match import Ledger, Match, Rejection
from probes.trace.rtt import round_trip_us
from probes.trace.search import OUTCOME, Search
from probes.trace.series import Series, end_to_end, shared_end_to_end
from probes.trace.settings import TraceSettings
from probes.trace.waits import Waits


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceFacts:
    """What one plan saw so far. `end_reason` is None while it still runs; `checked` are the end-to-end probes."""

    reached_by: ReachedBy | None
    end_reason: EndReason | None
    hops: tuple[Hop, ...]
    end_to_end: EndToEnd | None
    send_failures: tuple[SendFailure, ...]
    rejected: dict[RejectReason, int]
    sent: int
    checked: tuple[Attempt, ...]
    stopped_by: str | None


class TracePlan:
    """Traces one flow, or only checks whether its target answers; a check can become a trace.

    Args:
        flow: What all probes share.
        settings: The numbers to obey.
        random_bytes: Returns so many unguessable bytes.
        budget: How often one TTL may be asked, shared by all plans of one trace.
        now: When it starts, in monotonic seconds.
        search: Whether to search for hops at once; else it only checks.
    """

    def __init__(
        self,
        *,
        flow: Flow,
        settings: TraceSettings,
        random_bytes: Callable[[int], bytes],
        budget: Budget,
        now: float,
        search: bool,
    ) -> None:
        self._flow = flow
        self._settings = settings
        self._budget = budget
        self._ledger = Ledger(flow, random_bytes)
        self._waits = Waits(settings)
        self._series = Series(settings=settings, waits=self._waits, issue=self._issue_series)
        self._search: Search | None = None
        self._rejected: Counter[RejectReason] = Counter()
        self._refusals: Counter[tuple[Failure, str | None]] = Counter()
        self._first_refused: dict[tuple[Failure, str | None], int] = {}
        self._stopped: EndReason | None = None
        self._reached = False
        if search:
            self.search_hops(now)
        else:
            self._series.start_check(now)

    def search_hops(self, now: float) -> None:
        """Begin the search for the path, on top of what a check has already sent."""
        self._search = Search(
            settings=self._settings, budget=self._budget, waits=self._waits, issue=self._issue_hop, now=now
        )
        if self._flow.protocol is not Protocol.UDP:
            self._series.start_series(now)

    # --- the five calls -----------------------------------------------------------------------------------------------

    def probes_to_send(self, now: float) -> list[Probe]:
        """Return the probes that leave now, in order; close whatever waited long enough."""
        if self._stopped is not None:
            return []
        attempts: list[Attempt] = []
        if self._search is not None:
            attempts += self._search.probes(now)
            if self._search.opened:
                self._series.release(now)
        attempts += self._series.probes(now, may_close=self._series_may_close)
        return [attempt.probe for attempt in attempts]

    def sent(self, probe: Probe, stamp: Stamp) -> None:
        """Take in that a probe left."""
        self._ledger.attempts[probe.number].sent = stamp

    def failed(self, number: int | None, failure: Failure, now: float, offender: str | None = None) -> None:
        """Take in that the host refused a probe or gave it up; None: the error concerns the flow as a whole."""
        del now
        attempt = None if number is None else self._ledger.attempts[number]
        ttl = self._settings.first_ttl if attempt is None else attempt.probe.probe_ttl
        kind = (failure, offender)
        self._refusals[kind] += 1
        self._first_refused[kind] = min(ttl, self._first_refused.get(kind, ttl))
        if attempt is not None:
            self._gone(attempt, failure)
        if self._hopeless:
            self._stopped = EndReason.SEND_FAILED

    def reply_received(self, event: Received | Unreadable, now: float) -> None:
        """Take in what arrived: believed, or counted by the reason why not."""
        if isinstance(event, Unreadable):
            self._rejected[event.reason] += 1
            return
        verdict = self._ledger.match(event)
        if isinstance(verdict, Match):
            self._believe(verdict.attempt, event, now)
        else:
            self._reject(verdict)

    def next_deadline(self) -> float | None:
        """Return the instant at which `probes_to_send` has something to do, None when the plan is over."""
        if self.over:
            return None
        searching = None if self._search is None else self._search.next_deadline()
        deadlines = [
            at for at in (searching, self._series.next_deadline(may_close=self._series_may_close)) if at is not None
        ]
        return min(deadlines, default=inf)

    def facts(self) -> TraceFacts:
        """Return everything seen so far."""
        end = self._end
        series = self._end_to_end(end)
        return TraceFacts(
            reached_by=self._reached_by(),
            end_reason=self._end_reason,
            hops=self._hops(end, series),
            end_to_end=series,
            send_failures=self._send_failures(),
            rejected=dict(self._rejected),
            sent=sum(attempt.left for attempt in self._ledger.attempts),
            checked=tuple(self._series.attempts or self._to_the_target(end) or self._hop_attempts),
            stopped_by=self._stopped_by(),
        )

    # --- steering -----------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """End the plan now, with what it has."""
        if not self.over:
            self._stopped = EndReason.ABORTED

    @property
    def over(self) -> bool:
        """Return whether the plan wants nothing more."""
        if self._stopped is not None:
            return True
        return (self._search is None or self._search.outcome is not None) and self._series.finished

    @property
    def _series_may_close(self) -> bool:
        search = self._search
        return search is None or search.outcome is not None or search.rows.end is not None

    @property
    def reached(self) -> bool:
        """Return whether the target itself has answered."""
        return self._reached

    # --- what happened to a probe -------------------------------------------------------------------------------------

    def _issue_hop(self, ttl: int, now: float, own_port: bool) -> Attempt:  # noqa: FBT001 - one call, in `Search`
        return self._ledger.issue(probe_ttl=ttl, purpose=Purpose.HOP, now=now, own_port=own_port)

    def _issue_series(self, now: float) -> Attempt:
        # A destination answers one SYN for each pair of ports: without ports of its own the series would take the
        # answers of the hop probes that get as far.
        own_port = self._flow.protocol is Protocol.TCP
        ttl = self._settings.series_ttl
        return self._ledger.issue(probe_ttl=ttl, purpose=Purpose.SERIES, now=now, own_port=own_port)

    def _gone(self, attempt: Attempt, failure: Failure) -> None:
        if attempt.reply is not None:
            return
        attempt.failure = failure
        if attempt.purpose is Purpose.SERIES:
            self._series.gone(attempt)
        elif self._search is not None:
            self._search.failed(attempt)

    @property
    def _hopeless(self) -> bool:
        """Return whether the host refuses everything: nothing is on its way, and nothing was ever answered."""
        attempts = self._ledger.attempts
        # A check has few probes, and its next one comes late: it takes the first refusal for an answer.
        limit = 1 if self._search is None else self._settings.send_failure_limit
        if self._refusals.total() < limit:
            return False
        return not any(attempt.left or attempt.reply for attempt in attempts)

    def _believe(self, attempt: Attempt, event: Received, now: float) -> None:
        reply = self._reply(attempt, event)
        attempt.reply = reply
        self._reached = self._reached or reply.ending is Ending.REACHED
        if attempt.purpose is Purpose.SERIES:
            self._series.answered(attempt, reply)
            if self._search is not None and reply.ending is Ending.REACHED:
                self._search.target_alive = True
        elif self._search is not None:
            self._hear(attempt, reply)
            self._search.answered(attempt, reply, now)

    def _hear(self, attempt: Attempt, reply: Reply) -> None:
        if not reply.late:
            self._waits.heard(attempt.probe.probe_ttl, reply.rtt_us, ends=reply.ending is not Ending.PASSED)

    def _reply(self, attempt: Attempt, event: Received) -> Reply:
        sent = attempt.sent
        assert sent is not None, "the ledger matches only probes that left"  # noqa: S101 - its own invariant
        rtt_us = round_trip_us(sent, event.stamp, self._settings.clock_tolerance_s)
        return Reply(
            sender=event.sender,
            answer=event.answer,
            ending=ending_of(event.answer, event.icmp, from_target=self._ledger.from_target(event.sender)),
            rtt_us=rtt_us,
            late=attempt.given_up or rtt_us / 1e6 >= self._settings.timeout_s,
            icmp=event.icmp,
            reply_ttl=event.reply_ttl,
            quoted_ttl=event.quote.quoted_ttl,
            mpls=event.mpls,
        )

    def _reject(self, verdict: Rejection) -> None:
        self._rejected[verdict.reason] += 1
        if verdict.reason is RejectReason.DUPLICATE and verdict.attempt is not None:
            verdict.attempt.duplicates += 1
        udp = self._flow.protocol is Protocol.UDP
        if verdict.reason is RejectReason.SHORT_QUOTE and udp and self._search is not None:
            self._search.short_quotes = True

    # --- facts --------------------------------------------------------------------------------------------------------

    @property
    def _hop_attempts(self) -> list[Attempt]:
        return [attempt for attempt in self._ledger.attempts if attempt.purpose is Purpose.HOP]

    @property
    def _end(self) -> PathEnd | None:
        end = None if self._search is None else self._search.rows.end
        return None if end is None else PathEnd(probe_ttl=end[0], ending=end[1])

    @property
    def _end_reason(self) -> EndReason | None:
        if self._stopped is not None:
            return self._stopped
        if self._search is None or self._search.outcome is None:
            return None
        # A late answer may have shown the end after the search was over.
        end = self._end
        if end is not None:
            return OUTCOME[end.ending]
        # The series met a block that no hop probe met: a limiter may have kept the hop's own words back.
        return EndReason.UNREACHABLE if not self.reached and self._stopped_by() else self._search.outcome

    def _hops(self, end: PathEnd | None, series: EndToEnd | None) -> tuple[Hop, ...]:
        if self._search is None or not any(attempt.left for attempt in self._hop_attempts):
            return ()
        settings = self._settings
        return hops(
            self._hop_attempts,
            first_ttl=settings.first_ttl,
            last_ttl=min(self._search.rows.highest + settings.gap_limit, settings.max_ttl),
            end=end,
            queries=settings.queries,
            target_loss=series is not None and bool(series.loss_ratio) and series.received > 0,
        )

    def _end_to_end(self, end: PathEnd | None) -> EndToEnd | None:
        if self._search is None:
            return None
        if self._flow.protocol is not Protocol.UDP:
            return end_to_end(self._flow.protocol, self._series.attempts)
        return shared_end_to_end(self._flow.protocol, self._to_the_target(end))

    def _to_the_target(self, end: PathEnd | None) -> list[Attempt]:
        """Return the first hop probes that went as far as the target: a fresh limiter answers these."""
        if end is None or end.ending is not Ending.REACHED:
            return []
        far = [attempt for attempt in self._hop_attempts if attempt.left and attempt.probe.probe_ttl >= end.probe_ttl]
        return attributable(far)[: self._settings.queries]

    def _reached_by(self) -> ReachedBy | None:
        """Return the proof that the target was reached: the lowest TTL that it answered, else the series."""
        proofs = [(a.probe.probe_ttl, a.reply) for a in self._ledger.attempts if a.reply is not None]
        reached = [(ttl, reply) for ttl, reply in proofs if reply.ending is Ending.REACHED]
        if not reached:
            return None
        ttl, reply = min(reached, key=lambda proof: proof[0])
        return ReachedBy(address=reply.sender, answer=reply.answer, icmp=reply.icmp, probe_ttl=ttl)

    def _stopped_by(self) -> str | None:
        """Return who stopped probes on their way, in words, if anybody did."""
        for attempt in self._ledger.attempts:
            reply = attempt.reply
            if reply is not None and reply.ending is Ending.BLOCKED:
                icmp = "" if reply.icmp is None else f" ({reply.icmp.type}/{reply.icmp.code})"
                return f"{reply.sender} answered with {reply.answer}{icmp}"
        return None

    def _send_failures(self) -> tuple[SendFailure, ...]:
        return tuple(
            SendFailure(failure=kind[0], count=count, first_probe_ttl=self._first_refused[kind], offender=kind[1])
            for kind, count in self._refusals.items()
        )


def deliver(plan: TracePlan, event: Received | Unreadable | LocalError, now: float) -> None:
    """Hand one event of a driver to the call that takes it."""
    if isinstance(event, LocalError):
        plan.failed(event.number, event.failure, now, event.offender)
    else:
        plan.reply_received(event, now)
