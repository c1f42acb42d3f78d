"""The search for the path: which TTL next, when again, when to stop."""

from __future__ import annotations

from math import inf

from probes.flow_facts import EndReason
from probes.trace.attempt import Attempt, Ending
from probes.trace.rows import Rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from probes.trace.attempt import Reply
    from probes.trace.budget import Budget
    from probes.trace.near_hops import Walk
    from probes.trace.rows import Row
    from probes.trace.settings import TraceSettings
    from probes.trace.waits import Waits

    # What is done at an instant; returns the probe that leaves, if one does.
    Step = Callable[[float], Attempt | None]
    Issue = Callable[[int, float, bool], Attempt]


# A quote too short to name its probe has certainly come by 1.5 round trips of the hop behind it.
_SHORT_QUOTE_FACTOR: Final = 1.5

OUTCOME: Final = {Ending.REACHED: EndReason.REACHED, Ending.BLOCKED: EndReason.UNREACHABLE}


class Search:
    """Sends the first round ahead of the answers, fills in behind them, and closes what stays silent.

    Everything it will do next is one entry of `_agenda`: an instant and a step. Time only ever triggers that step, so
    `next_deadline` and `probes` cannot disagree.

    Args:
        settings: The numbers to obey.
        budget: How often one TTL may be asked, shared with other plans.
        waits: How long answers are worth waiting for, shared with the series.
        issue: Makes a probe: TTL, now, whether it wants a destination port of its own.
        now: When it starts.
        walk: Its near hops, where others have just asked them; None: it asks every hop.
    """

    def __init__(
        self,
        *,
        settings: TraceSettings,
        budget: Budget,
        waits: Waits,
        issue: Issue,
        now: float,
        walk: Walk | None = None,
    ) -> None:
        first_ttl = settings.first_ttl if walk is None else walk.first_ttl
        self.rows = Rows(settings.first_ttl, settings.max_ttl, from_ttl=first_ttl)
        self.outcome: EndReason | None = None
        # Set from outside: the series heard the target; quotes came back too short to name their probe; another trace
        # is to come, and what the routers' limits still allow belongs to it.
        self.target_alive = False
        self.short_quotes = False
        self.holds_retries = False
        self._settings = settings
        self._budget = budget
        self._waits = waits
        self._issue = issue
        self._started_at = now
        self._next_send_at = now
        self._quiet_since = now
        self._walk = walk
        # The lowest TTL that has later rounds: nearer ones are asked as the walk says.
        self._first_own = settings.first_ttl if walk is None else walk.last_ttl + 1
        self._closing: EndReason | None = None
        self._next_first = first_ttl
        self._retries: list[tuple[int, bool]] = []
        self._stage = 0
        self._hint = settings.distance_hint
        self._lifted = False
        self._topped_up = False
        self._idle = False

    @property
    def opened(self) -> bool:
        """Return whether the first round has covered its first window, or needs not to."""
        settings = self._settings
        window = min(settings.first_ttl + settings.window - 1, settings.max_ttl)
        return self._next_first > min(window, self._horizon) or self.rows.end is not None or self.outcome is not None

    def probes(self, now: float) -> list[Attempt]:
        """Return the probes that leave now, in order, after everything else that was due."""
        leaving: list[Attempt] = []
        if self._idle:
            self._next_send_at = max(self._next_send_at, now)
        while self.outcome is None and len(leaving) < self._settings.catch_up:
            at, step = self._agenda()
            if now < at:
                break
            attempt = step(now)
            if attempt is not None:
                leaving.append(attempt)
        self._idle = self._next_probe() is None
        return leaving

    def next_deadline(self) -> float | None:
        """Return the instant of the next thing to do, None when the search is over."""
        return None if self.outcome is not None else self._agenda()[0]

    def answered(self, attempt: Attempt, reply: Reply, now: float) -> None:
        """Take in the believed answer to a hop probe."""
        if self.rows.answered(attempt, reply.ending):
            self._stage = 0
            self._quiet_since = now
        hint = self._hint
        if hint is not None and self.rows.highest >= hint and self.rows.end is None:
            # The hop where the target was remembered passes probes on: the path is longer now.
            self._hint = None
        if self._walk is not None:
            self._ask_near(self._walk.answered(attempt.probe.probe_ttl, reply.sender, reply.ending))

    def doubt(self, *, reached: bool) -> None:
        """Ask the near hops after all, where the target lost probes or was not reached; the search is over before."""
        if self._walk is None or self.outcome is None:
            return
        asked = self._walk.in_doubt(reached=reached)
        if asked:
            self._closing, self.outcome = self.outcome, None
            self._ask_near(asked)

    def give_way(self) -> None:
        """End with what is known so far."""
        if self.outcome is None:
            end = self.rows.end
            self._finish(self._silent_end() if end is None else OUTCOME[end[1]])

    def failed(self, attempt: Attempt) -> None:
        """Take in that the host refused a hop probe, or gave it up."""
        self.rows.gone(attempt)

    # --- what comes next ----------------------------------------------------------------------------------------------

    def _agenda(self) -> tuple[float, Step]:
        """Return the next instant at which something is to be done, and what."""
        sending = self._next_probe()
        if sending is not None:
            return sending
        end = self.rows.end
        if self._closing is not None:
            outcome = self._closing
            return self.rows.settled_at(self._first_own - 1, self._waits), lambda _now: self._close(outcome)
        closing = self._tail_agenda() if end is None else self._end_agenda(*end)
        gap = self._short_quote_gap()
        if gap is None or closing[0] < gap[0]:
            return closing
        return gap

    def _next_probe(self) -> tuple[float, Step] | None:
        """Return when the next probe may leave: a retry, else the first round, else later rounds."""
        if self._retries:
            ttl, own_port = self._retries[0]
            return self._may_leave_at(ttl), lambda now: self._send_retry(ttl, now, own_port=own_port)
        ttl = self._next_first
        if ttl <= self._horizon:
            return self._may_leave_at(ttl), lambda now: self._send_first(ttl, now)
        return self._later_round()

    @property
    def _horizon(self) -> int:
        """Return the farthest TTL that the first round may ask now."""
        rows, settings = self.rows, self._settings
        end = rows.end
        if end is not None:
            return end[0]
        if self._lifted:
            return settings.max_ttl
        ahead = rows.highest + settings.window
        return min(ahead if self._hint is None else self._hint + 1, settings.max_ttl)

    @property
    def _later_horizon(self) -> int:
        """Return the farthest TTL that later rounds may ask now. The end has its own agenda."""
        rows, settings = self.rows, self._settings
        end = rows.end
        if end is not None:
            return end[0] - 1
        ahead = rows.highest + settings.later_window
        return min(ahead if self._hint is None else self._hint, self._next_first - 1)

    def _later_round(self) -> tuple[float, Step] | None:
        """Return the next query of a later round.

        Far TTLs first, with all that they still need: their answers take longest, so the last answer comes sooner.
        """
        best: tuple[float, int] | None = None
        for ttl in range(self._later_horizon, self._first_own - 1, -1):
            asked = self.rows[ttl].queries
            if not 0 < asked < self._settings.queries or (self._walk and not self._walk.wants_more(self.rows[ttl])):
                continue
            at = max(self._may_leave_at(ttl), self._round_due(asked))
            if at <= self._next_send_at:
                return at, self._query(ttl)
            if best is None or at < best[0]:
                best = (at, ttl)
        return None if best is None else (best[0], self._query(best[1]))

    def _query(self, ttl: int) -> Step:
        return lambda now: self._send(ttl, now)

    def _round_due(self, asked: int) -> float:
        """Return when a TTL may be asked once more, given its queries so far: a bucket holds so many, then refills."""
        settings = self._settings
        beyond = asked - settings.burst_limit + 1
        return self._started_at + beyond * settings.burst_period_s if beyond > 0 else -inf

    def _may_leave_at(self, ttl: int) -> float:
        return max(self._next_send_at, self._budget.free_at(ttl))

    # --- sending ------------------------------------------------------------------------------------------------------

    def _send_retry(self, ttl: int, now: float, *, own_port: bool) -> Attempt:
        self._retries.pop(0)
        return self._send(ttl, now, retry=True, own_port=own_port)

    def _send_first(self, ttl: int, now: float) -> Attempt:
        self._next_first = ttl + 1
        return self._send(ttl, now)

    def _send(self, ttl: int, now: float, *, retry: bool = False, own_port: bool = False) -> Attempt:
        settings = self._settings
        # A late loop may catch up, by a bounded number of probes.
        owed_since = max(self._may_leave_at(ttl), now - settings.catch_up * settings.gap_s)
        self._next_send_at = owed_since + settings.gap_s
        attempt = self._issue(ttl, now, own_port)
        self._budget.spend(attempt)
        self.rows.sent(attempt, retry=retry)
        self._quiet_since = now
        return attempt

    # --- the end is known ---------------------------------------------------------------------------------------------

    def _end_agenda(self, end_ttl: int, ending: Ending) -> tuple[float, Step]:
        """Return when the path's end has answers enough, or waiting for more is over.

        Answers from beyond the end are the end's own, so a probe still waiting there is one more to hope for.
        """
        rows, settings = self.rows, self._settings
        missing = settings.queries - rows.samples_from(end_ttl, ending)
        waiting = rows.open_between(end_ttl, rows.max_ttl)
        if missing > len(waiting) and len(rows[end_ttl].attempts) < settings.queries:
            return self._next_send_at, lambda _now: self._ask_end(end_ttl, missing - len(waiting))
        if missing > 0 and waiting:
            last = max(attempt.at for attempt in waiting)
            return last + self._waits.wait_s(end_ttl), lambda _now: self._give_up(waiting)
        if missing > 0 and ending is Ending.REACHED and not self._topped_up:
            return rows.last_sent_from(end_ttl) + settings.top_up_delay_s, lambda _now: self._top_up(end_ttl, missing)
        outcome = OUTCOME[ending]
        return rows.settled_at(end_ttl - 1, self._waits), lambda _now: self._close(outcome)

    def _ask_end(self, end_ttl: int, count: int) -> None:
        left = self._settings.queries - len(self.rows[end_ttl].attempts)
        self._retries.extend([(end_ttl, self.short_quotes)] * min(count, left))

    def _top_up(self, end_ttl: int, missing: int) -> None:
        """Ask the target again for what its limiter kept back."""
        self._topped_up = True
        self._retries.extend([(end_ttl, self.short_quotes)] * missing)

    def _give_up(self, waiting: list[Attempt]) -> None:
        for attempt in waiting:
            attempt.given_up = True
            self.rows.gone(attempt)

    def _ask_near(self, probe_ttls: list[int]) -> None:
        self._retries.extend((ttl, self.short_quotes) for ttl in probe_ttls)

    def _close(self, outcome: EndReason) -> None:
        """End, unless there are near hops to ask first."""
        asked = [] if self._walk is None else self._walk.at_end(self.rows)
        if not asked:
            self._finish(outcome)
            return
        self._closing = outcome
        self._ask_near(asked)

    def _finish(self, outcome: EndReason) -> None:
        # What still waits at the end and beyond only has become needless; before it, waiting is over.
        end = self.rows.end
        last = self.rows.max_ttl if end is None else end[0] - 1
        self._give_up(self.rows.open_between(self.rows.first_ttl, last))
        self.outcome = outcome

    # --- the end is not known -----------------------------------------------------------------------------------------

    def _tail_agenda(self) -> tuple[float, Step]:
        """Return what is done about the silence behind the last hop that answered."""
        rows, settings = self.rows, self._settings
        delays = settings.retry_delays_s
        first_delay_s = delays[0] if delays else settings.least_wait_s
        if self._hint is not None:
            return self._quiet_since + first_delay_s, lambda _now: self._go_on_cold()
        if self.target_alive and self._next_first <= settings.max_ttl:
            return self._quiet_since + first_delay_s, lambda _now: self._look_farther()
        if self.target_alive or rows.highest >= settings.max_ttl:
            return rows.settled_at(settings.max_ttl, self._waits), lambda _now: self._close(EndReason.MAX_TTL)
        if self._stage < len(delays) and not self.holds_retries:
            return self._quiet_since + delays[self._stage], lambda _now: self._retry_tail()
        silence_over = self._quiet_since + self._waits.wait_s(rows.highest + 1)
        settled = rows.settled_at(rows.highest, self._waits)
        return max(silence_over, settled), lambda _now: self._close(self._silent_end())

    def _silent_end(self) -> EndReason:
        settings = self._settings
        gap = settings.max_ttl - self.rows.highest
        return EndReason.GAP_LIMIT if gap >= settings.gap_limit else EndReason.MAX_TTL

    def _go_on_cold(self) -> None:
        self._hint = None

    def _look_farther(self) -> None:
        """Lift the window: the series heard the target, so it is out there behind the silence."""
        self._lifted = True

    def _retry_tail(self) -> None:
        rows, settings = self.rows, self._settings
        self._stage += 1
        last = min(rows.highest + settings.gap_limit, settings.max_ttl)
        tail = [rows[ttl] for ttl in range(rows.highest + 1, last + 1)]
        self._quiet_since += settings.retry_delays_s[self._stage - 1]
        # A TTL whose budget is spent stays as it is: waiting for the budget would cost more than the retry is worth.
        self._retries.extend((row.probe_ttl, self.short_quotes) for row in tail if self._affordable(row))

    def _affordable(self, row: Row) -> bool:
        return self._budget.free_at(row.probe_ttl) <= self._quiet_since

    # --- quotes too short ---------------------------------------------------------------------------------------------

    def _short_quote_gap(self) -> tuple[float, Step] | None:
        """Return when the next hop gap is asked again with destination ports that even a short quote carries."""
        if not self.short_quotes:
            return None
        end = self.rows.end
        last = self.rows.highest if end is None else end[0] - 1
        gaps = [self._short_quote_over(self.rows[ttl]) for ttl in range(self.rows.first_ttl, last + 1)]
        known = [gap for gap in gaps if gap is not None]
        if not known:
            return None
        at, ttl = min(known)
        return at, lambda _now: self._ask_with_own_ports(self.rows[ttl])

    def _short_quote_over(self, row: Row) -> tuple[float, int] | None:
        rtt_s = self._waits.rtt_s(row.probe_ttl)
        if row.answers or row.own_port_tried or not row.attempts or rtt_s is None:
            return None
        return row.attempts[-1].at + _SHORT_QUOTE_FACTOR * rtt_s, row.probe_ttl

    def _ask_with_own_ports(self, row: Row) -> None:
        row.own_port_tried = True
        self._retries.extend([(row.probe_ttl, True)] * self._settings.queries)
