"""The plan of one trace: five calls, no clock, no socket.

A plan is told what time it is and what happened. It says what to send, when it wants to be asked again, and what was
seen.
"""

from __future__ import annotations

from math import inf

from probes.flow_facts import EndReason, Protocol
from probes.seam import LocalError, Unreadable
from probes.trace import stages
from probes.trace.attempt import Ending, Purpose
from probes.trace.ledger import Ledger
from probes.trace.search import Search
from probes.trace.series import Series
from probes.trace.waits import Waits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from probes.answer_facts import RejectReason
    from probes.failure import Failure
    from probes.seam import Flow, Probe, Received, Stamp
    from probes.trace.attempt import Attempt, Reply
    from probes.trace.budget import Budget
    from probes.trace.control import Control
    from probes.trace.judge import Elsewhere, Judge
    from probes.trace.line import Plan
    from probes.trace.near_hops import NearHops, Walk
    from probes.trace.plan_facts import TraceFacts
    from probes.trace.settings import TraceSettings


class TracePlan:
    """Traces one flow, or only checks whether its target answers; a check can become a trace.

    Args:
        flow: What all probes share.
        settings: The numbers to obey.
        random_bytes: Returns so many unguessable bytes.
        budget: How often one TTL may be asked, shared by all plans of one trace.
        now: When it starts, in monotonic seconds.
        search: Whether to search for hops at once; else it only checks.
        near: The near hops that another trace has just asked, None where this one asks all.
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
        near: NearHops | None = None,
    ) -> None:
        self._flow = flow
        self._near = near
        self._walk: Walk | None = None
        self._settings = settings
        self._budget = budget
        self._ledger = Ledger(flow, random_bytes)
        self._waits = Waits(settings)
        self._series = Series(settings=settings, waits=self._waits, issue=self._issue_series)
        self._search: Search | None = None
        self._rejected: dict[RejectReason, int] = {}
        self._refusals: dict[tuple[Failure, str | None], int] = {}
        self._first_refused: dict[tuple[Failure, str | None], int] = {}
        self._stopped: EndReason | None = None
        self._gave_way = False
        self._reached = False
        self._control: Control | None = None
        self._elsewhere: list[Elsewhere] = []
        self._judge: Judge | None = None
        self._lowest_rtt_us: int | None = None
        if search:
            self.search_hops(now)
        else:
            self._series.start_check(now)

    def search_hops(self, now: float) -> None:
        """Begin the search for the path, on top of what a check has already sent."""
        self._walk, self._gave_way = self._new_walk(), False
        self._search = Search(
            settings=self._settings,
            budget=self._budget,
            waits=self._waits,
            issue=self._issue_hop,
            now=now,
            walk=self._walk,
        )
        if self._flow.protocol is not Protocol.UDP:
            self._series.start_series(now)

    def _new_walk(self) -> Walk | None:
        if self._near is None:
            return None
        return stages.walk()(self._near, self._settings.queries)

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
        if self._walk is not None:
            self._doubt_near_hops()
        if self._control is not None:
            attempts += self._control.probes(now)
        return [attempt.probe for attempt in attempts]

    def _doubt_near_hops(self) -> None:
        """Let the search ask the near hops after all, once everything else is over and the target is not well."""
        search = self._search
        if search is None or search.outcome is None or not self._series.finished or self._gave_way:
            return
        lossy = any(attempt.left and attempt.reply is None for attempt in self._series.attempts)
        if lossy or not self.reached:
            search.doubt(reached=self.reached)

    def sent(self, probe: Probe, stamp: Stamp) -> None:
        """Take in that a probe left."""
        self._ledger.attempts[probe.number].sent = stamp

    def failed(
        self, number: int | None, failure: Failure, now: float, offender: str | None = None, mtu: int | None = None
    ) -> None:
        """Take in that the host refused a probe or gave it up; None: the error concerns the flow as a whole."""
        del now, mtu
        attempt = None if number is None else self._ledger.attempts[number]
        ttl = self._settings.first_ttl if attempt is None else attempt.probe.probe_ttl
        kind = (failure, offender)
        self._refusals[kind] = self._refusals.get(kind, 0) + 1
        self._first_refused[kind] = min(ttl, self._first_refused.get(kind, ttl))
        if attempt is not None:
            self._gone(attempt, failure)
        if self._hopeless:
            self._stopped = EndReason.SEND_FAILED

    def reply_received(self, event: Received | Unreadable, now: float) -> None:
        """Take in what arrived: believed, or counted by the reason why not."""
        if isinstance(event, Unreadable):
            self._rejected[event.reason] = self._rejected.get(event.reason, 0) + event.count
            return
        if self._judge is None:
            self._judge = stages.judge()(self._ledger, self._settings, self._rejected, self._elsewhere)
        believed = self._judge.believed(event, self._search)
        if believed is not None:
            self._believe(*believed, now)

    def next_deadline(self) -> float | None:
        """Return the instant at which `probes_to_send` has something to do, None when the plan is over."""
        asking = None if self._control is None else self._control.next_deadline()
        if self.over:
            return asking
        searching = None if self._search is None else self._search.next_deadline()
        measuring = self._series.next_deadline(may_close=self._series_may_close)
        return min([at for at in (searching, measuring, asking) if at is not None], default=inf)

    def facts(self) -> TraceFacts:
        """Return everything seen so far."""
        seen = stages.seen()(
            protocol=self._flow.protocol,
            settings=self._settings,
            attempts=self._ledger.attempts,
            series=self._series.attempts,
            search=self._search,
            walk=self._walk,
            stopped=self._stopped,
            refused=self._refusals,
            first_refused=self._first_refused,
            rejected=self._rejected,
        )
        return seen.facts()

    def ask(self, probe_ttls: Sequence[int], wait_s: float, now: float) -> None:
        """Ask once who answers at these TTLs, beside everything else; no answer counts for hops, loss or the end."""
        self._control = stages.control()(probe_ttls, wait_s=wait_s, issue=self._issue_control, now=now)

    # --- steering -----------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """End the plan now, with what it has."""
        if not self.over:
            self._stopped = EndReason.ABORTED

    def give_way(self) -> None:
        """End the search and the series with what they have: another plan needs what the routers may still answer."""
        self._gave_way = True
        if self._search is not None:
            self._search.give_way()
        self._series.give_way()

    def only_check(self, now: float) -> None:
        """End the search with what it has, and only ask from now on whether the target answers at all."""
        self.give_way()
        self._series.start_check(now)

    def hold_retries(self) -> None:
        """Ask silence no more: the target answers another protocol, which needs what the routers may still answer."""
        if self._search is not None:
            self._search.holds_retries = True

    @property
    def rtt_us(self) -> int | None:
        """Return the lowest round trip of the target's own answers, None without one in time."""
        return self._lowest_rtt_us

    @property
    def over(self) -> bool:
        """Return whether the plan wants nothing more."""
        if self._stopped is not None:
            return True
        searched = self._search is None or self._search.outcome is not None
        return searched and self._series.finished

    @property
    def attempts(self) -> Sequence[Attempt]:
        """Return all probes, in sending order."""
        return self._ledger.attempts

    @property
    def elsewhere(self) -> Sequence[Elsewhere]:
        """Return the answers that quote probes of ours to another destination, a few of them."""
        return self._elsewhere

    def asking(self, now: float) -> bool:
        """Return whether control probes are on their way, or about to leave."""
        return self._control is not None and self._control.waits(now)

    @property
    def can_ask(self) -> bool:
        """Return whether one more probe may leave: the host has not refused everything, and nobody ended it."""
        return self._stopped is None

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

    def _issue_control(self, ttl: int, now: float) -> Attempt:
        own_port = self._flow.protocol is Protocol.TCP
        attempt = self._ledger.issue(probe_ttl=ttl, purpose=Purpose.CONTROL, now=now, own_port=own_port)
        self._budget.spend(attempt)
        return attempt

    def _gone(self, attempt: Attempt, failure: Failure) -> None:
        if attempt.reply is not None:
            return
        attempt.failure = failure
        if attempt.purpose is Purpose.CONTROL:
            return
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
        if sum(self._refusals.values()) < limit:
            return False
        return not any(attempt.left or attempt.reply for attempt in attempts)

    def _believe(self, attempt: Attempt, reply: Reply, now: float) -> None:
        attempt.reply = reply
        if attempt.purpose is Purpose.CONTROL:
            return
        if reply.ending is Ending.REACHED:
            self._reach(reply)
        if attempt.purpose is Purpose.SERIES:
            self._series.answered(attempt, reply)
            if self._search is not None and reply.ending is Ending.REACHED:
                self._search.target_alive = True
        elif self._search is not None:
            self._hear(attempt, reply)
            self._search.answered(attempt, reply, now)

    def _reach(self, reply: Reply) -> None:
        self._reached = True
        if reply.is_sample:
            known = self._lowest_rtt_us
            self._lowest_rtt_us = reply.rtt_us if known is None else min(known, reply.rtt_us)

    def _hear(self, attempt: Attempt, reply: Reply) -> None:
        if not reply.late:
            self._waits.heard(attempt.probe.probe_ttl, reply.rtt_us, ends=reply.ending is not Ending.PASSED)


def deliver(plan: Plan, event: Received | Unreadable | LocalError, now: float) -> None:
    """Hand one event of a driver to the call that takes it."""
    if isinstance(event, LocalError):
        plan.failed(event.number, event.failure, now, event.offender, event.mtu)
    else:
        plan.reply_received(event, now)
