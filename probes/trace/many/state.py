"""One trace among thousands: its probes in arrays, and what to ask next.

It searches as `probes.trace.search` does, by the same settings, with less haste: later rounds wait for the end of the
path instead of running beside the first. Asked nothing, it costs nothing; asked what came, it answers with TTLs.
"""

from __future__ import annotations

from array import array
from math import inf

from probes.facts import EndReason
from probes.trace.attempt import Ending
from probes.trace.search import OUTCOME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from probes.facts import RejectReason
    from probes.failure import Failure
    from probes.many_seam import Lane
    from probes.trace.settings import TraceSettings

# What became of a probe, a bit each; two more hold the ending that its answer meant.
ANSWERED: Final = 1
GIVEN_UP: Final = 2
FAILED: Final = 4
REFUSED: Final = 8
ENDING_SHIFT: Final = 4
_OVER: Final = ANSWERED | GIVEN_UP | FAILED
ENDINGS: Final = (Ending.PASSED, Ending.BLOCKED, Ending.REACHED)
_CODE: Final = {ending: code for code, ending in enumerate(ENDINGS)}
_PASSED, _BLOCKED, _REACHED = range(3)
# In place of a TTL: a probe of the end-to-end series.
SERIES: Final = 0
_NOTHING: Final = b""


class ManyTrace:
    """One target's trace. Times are monotonic seconds; `key` is the caller's.

    Every call that may want probes returns their TTLs, one octet each, in sending order; `SERIES` is one of the
    end-to-end series. Who sends them says so by `left` or `refused`, one by one.
    """

    __slots__ = (
        "_asked",
        "_blocked",
        "_filled",
        "_held",
        "_highest",
        "_hint",
        "_lifted",
        "_next_first",
        "_open",
        "_passed",
        "_quiet_since",
        "_reached",
        "_rtts",
        "_stage",
        "_target_alive",
        "_top_up_at",
        "armed_at",
        "deadline",
        "duplicates",
        "end",
        "ended_at",
        "ending",
        "evidence",
        "failures",
        "flags",
        "key",
        "lane",
        "outcome",
        "queued",
        "rejected",
        "rtt_us",
        "sent_at",
        "settings",
        "slots",
        "started_at",
        "ttls",
    )

    def __init__(self, key: object, lane: Lane, settings: TraceSettings, *, hint: int | None) -> None:
        self.key = key
        self.lane = lane
        self.settings = settings
        # One entry for each probe, in sending order.
        self.ttls = bytearray()
        self.flags = bytearray()
        self.sent_at = array("d")
        self.rtt_us = array("i")
        self.slots = array("I")
        self.evidence: list[bytes | None] = []
        self.duplicates: dict[int, int] | None = None
        self.failures: list[tuple[Failure, int, str | None]] | None = None
        self.rejected: dict[RejectReason, int] | None = None
        # What is on its way: in the sender's queue, and unanswered.
        self.queued = 0
        self._open = 0
        # The end of the path: 0 while unknown.
        self.end = 0
        self.ending = _PASSED
        self.outcome: EndReason | None = None
        self.started_at = self.ended_at = 0.0
        # When the next step is due, and for when the loop has set a timer.
        self.deadline = self.armed_at = inf
        self._reached = 0
        self._blocked = 0
        self._passed = self._highest = settings.first_ttl - 1
        self._hint = hint
        self._lifted = self._target_alive = False
        self._stage = 0
        self._filled = 0
        self._top_up_at = 0.0
        self._next_first = settings.first_ttl
        self._held = settings.series_count
        # For each TTL: how often it was asked (retries apart), and its longest RTT; the last entry is the end's.
        self._asked: bytearray | None = bytearray(settings.max_ttl + 1)
        self._rtts: array[int] | None = array("i", bytes(4 * (settings.max_ttl + 2)))
        self._quiet_since = 0.0

    # --- what the sender is told --------------------------------------------------------------------------------------

    def begin(self, now: float) -> bytes:
        """Return what to ask first: the first round's window, and the scouts of the series."""
        self.started_at = self._quiet_since = now
        return self._wanted(self._first_round() + self._series(self.settings.scouts))

    def due(self, now: float) -> bytes:
        """Return what to ask because `deadline` has passed; sets the next one, or the outcome."""
        if self.outcome is not None or self.queued:
            self.deadline = inf
            return _NOTHING
        at = self._agenda_at()
        if now < at:
            self.deadline = at
            return _NOTHING
        wanted = self._step_end(now) if self.end else self._step_tail(now)
        if not wanted and self.outcome is None:
            # The step changed what comes next.
            self.deadline = self._agenda_at()
        return self._wanted(wanted)

    # --- what became of a probe ---------------------------------------------------------------------------------------

    def left(self, ttl: int, slot: int, at: float) -> None:
        """Take in that a probe left."""
        self.ttls.append(ttl)
        self.flags.append(0)
        self.sent_at.append(at)
        self.rtt_us.append(0)
        self.slots.append(slot)
        self.evidence.append(None)
        self._open += 1
        self._quiet_since = at
        self.queued -= 1
        if not self.queued:
            # No wait is shorter, and most traces are over before: when it has passed, `due` looks again with care.
            self.deadline = at + self.settings.least_wait_s if self.end else self._agenda_at()

    def refused(self, ttl: int, slot: int, failure: Failure, now: float) -> None:
        """Take in that the host refused to send a probe."""
        self.left(ttl, slot, now)
        self._open -= 1
        self.flags[-1] = FAILED | REFUSED
        self._note_failure(failure, len(self.ttls) - 1, None, now)
        if not self.queued:
            self.deadline = self._agenda_at()

    def failed(self, number: int, failure: Failure, offender: str | None, now: float) -> bytes:
        """Take in the host's own verdict on a probe that left, and return what to ask because of it."""
        if not self.flags[number] & _OVER:
            self._open -= 1
            self.flags[number] |= FAILED
        self._note_failure(failure, number, offender, now)
        return _NOTHING if self.outcome is not None else self._proceed(now)

    def answered(self, number: int, ending: int, at: float, evidence: bytes, now: float) -> bytes | None:
        """Take in a believed answer and return what to ask because of it; None: nothing changes."""
        flag = self.flags[number]
        if flag & ANSWERED:
            self.duplicates = self.duplicates or {}
            self.duplicates[number] = self.duplicates.get(number, 0) + 1
            return None
        rtt_us = int((at - self.sent_at[number]) * 1e6 + 0.5)
        rtt_us = max(rtt_us, 0)
        self.flags[number] = flag | ANSWERED | ending << ENDING_SHIFT
        self.rtt_us[number] = rtt_us
        self.evidence[number] = evidence
        if not flag & _OVER:
            self._open -= 1
        ttl = self.ttls[number]
        if ttl != SERIES:
            self._note_ending(ttl, ending, now)
        elif ending == _REACHED:
            self._target_alive = True
        rtts = self._rtts
        if rtts is None:
            return None
        if rtt_us < self.settings.timeout_s * 1e6:
            if ttl != SERIES and rtt_us > rtts[ttl]:
                rtts[ttl] = rtt_us
            if ending != _PASSED and rtt_us > rtts[-1]:
                rtts[-1] = rtt_us
        if self._open and self.end and self._filled == self.end:
            return None
        return self._proceed(now)

    def stop(self, reason: EndReason, now: float) -> None:
        """End the trace now, with what it has."""
        if self.outcome is None:
            self._finish(reason, now)

    # --- the books ----------------------------------------------------------------------------------------------------

    def _note_failure(self, failure: Failure, number: int, offender: str | None, now: float) -> None:
        self.failures = self.failures or []
        self.failures.append((failure, number, offender))
        hopeless = len(self.failures) >= self.settings.send_failure_limit
        if hopeless and all(flag & FAILED for flag in self.flags):
            self.stop(EndReason.SEND_FAILED, now)

    def _note_ending(self, ttl: int, ending: int, now: float) -> None:
        """Find the end as the answers so far show it, by the same rule as `probes.trace.rows`."""
        if ttl > self._highest:
            self._highest = ttl
            self._stage = 0
            self._quiet_since = now
        if ending == _REACHED:
            self._reached = min(ttl, self._reached or ttl)
        elif ending == _BLOCKED:
            self._blocked |= 1 << ttl
        elif ttl > self._passed:
            self._passed = ttl
        if self._reached:
            self.end, self.ending = self._reached, _REACHED
        elif self._blocked:
            behind = self._blocked >> self._passed << self._passed
            self.end, self.ending = (behind & -behind).bit_length() - 1 if behind else 0, _BLOCKED
        if self._hint is not None and not self.end and self._highest >= self._hint:
            # The hop where the target was remembered passes probes on: the path is longer now.
            self._hint = None

    # --- what comes next ----------------------------------------------------------------------------------------------

    def _wanted(self, ttls: bytes) -> bytes:
        """Count what is about to be queued: a trace with probes in the queue has nothing to wait for."""
        if ttls:
            self.queued += len(ttls)
            self.deadline = inf
        return ttls

    def _proceed(self, now: float) -> bytes:
        """Return what an answer asks for at once."""
        if self.end:
            if self._filled != self.end:
                if wanted := self._fill():
                    return self._wanted(wanted)
                if not self.queued:
                    self.deadline = self._agenda_at()
        elif wanted := self._first_round():
            return self._wanted(wanted)
        if self._open or self.queued:
            return _NOTHING
        self.deadline = now
        return self.due(now)

    def _first_round(self) -> bytes:
        """Return the TTLs that the first round may go on to."""
        settings = self.settings
        ahead = self._highest + settings.window if self._hint is None else self._hint + 1
        last = min(settings.max_ttl if self._lifted else ahead, settings.max_ttl)
        first, self._next_first = self._next_first, max(self._next_first, last + 1)
        wanted = bytes(range(first, last + 1))
        for ttl in wanted:
            self._count(ttl)
        return wanted

    def _series(self, count: int) -> bytes:
        """Return so many probes of the series, as far as it is not yet all sent."""
        count = min(count, self._held)
        self._held -= count
        return bytes(count)

    def _fill(self) -> bytes:
        """Return the later rounds up to the path's end, far TTLs first, and the rest of the series."""
        self._filled = self.end
        settings = self.settings
        at_end = self._samples() + self._open_from(self.end)
        rounds = bytearray()
        for asked in range(settings.queries - 1):
            # Answers from beyond the end are the end's own.
            if at_end <= asked + 1:
                rounds.append(self.end)
                at_end += 1
            rounds += self._round(self.end - 1, asked + 1)
        return bytes(rounds) + self._series(self._held)

    def _round(self, last_ttl: int, asked: int) -> bytes:
        """Return the TTLs up to the last that were asked so often and no more."""
        counts = self._asked
        if counts is None:
            return _NOTHING
        wanted = bytes(ttl for ttl in range(last_ttl, self.settings.first_ttl - 1, -1) if counts[ttl] == asked)
        for ttl in wanted:
            counts[ttl] += 1
        return wanted

    def _count(self, ttl: int) -> None:
        if self._asked is not None:
            self._asked[ttl] += 1

    def _samples(self) -> int:
        """Return how many answers at the end and beyond mean the same end."""
        wanted = ANSWERED | self.ending << ENDING_SHIFT
        mask = ANSWERED | 3 << ENDING_SHIFT
        return sum(
            flag & mask == wanted and ttl >= self.end for ttl, flag in zip(self.ttls, self.flags, strict=True) if ttl
        )

    def _open_from(self, first_ttl: int) -> int:
        return sum(ttl >= first_ttl and not flag & _OVER for ttl, flag in zip(self.ttls, self.flags, strict=True))

    # --- waiting ------------------------------------------------------------------------------------------------------

    def _agenda_at(self) -> float:
        """Return the instant of the next step, with nothing in the queue."""
        if self.end:
            short = self._samples() < self.settings.queries
            scheduled = short and 0.0 < self._top_up_at < inf
            return self._top_up_at if scheduled else self._over_at(self.end - 1, with_end=short)
        settings = self.settings
        delays = settings.retry_delays_s
        if self._hint is not None or (self._target_alive and self._next_first <= settings.max_ttl):
            return self._quiet_since + (delays[0] if delays else settings.least_wait_s)
        if self._target_alive or self._highest >= settings.max_ttl:
            return self._over_at(settings.max_ttl, with_end=False)
        if self._stage < len(delays):
            return self._quiet_since + delays[self._stage]
        silence_over = self._quiet_since + self._waits()[self._highest + 1]
        return max(silence_over, self._over_at(self._highest, with_end=False))

    def _over_at(self, last_ttl: int, *, with_end: bool) -> float:
        """Return when the last wait up to a TTL is over, the series' included; minus infinity: none waits."""
        waits = self._waits()
        last = -inf
        for ttl, flag, at in zip(self.ttls, self.flags, self.sent_at, strict=True):
            if flag & _OVER or (ttl > last_ttl and not with_end):
                continue
            over = at + (waits[-1] if ttl == SERIES or ttl > last_ttl else waits[ttl])
            last = max(last, over)
        return last

    def _waits(self) -> list[float]:
        """Return the seconds that a probe to each TTL may take, the end's last, by the rule of `probes.trace.waits`."""
        settings, rtts = self.settings, self._rtts
        if rtts is None:
            return []
        silence_s = max(settings.silence_factor * max(rtts) / 1e6, settings.silence_wait_s)
        waits = [0.0] * len(rtts)
        wait_s = min(silence_s, settings.timeout_s)
        for place in range(len(rtts) - 1, -1, -1):
            if rtts[place]:
                wait_s = min(max(settings.rtt_factor * rtts[place] / 1e6, settings.least_wait_s), settings.timeout_s)
            waits[place] = wait_s
        return waits

    # --- steps --------------------------------------------------------------------------------------------------------

    def _step_end(self, now: float) -> bytes:
        """The end is known and nothing more is waited for: ask it once more, or finish."""
        settings = self.settings
        if self._filled != self.end:
            return self._fill()
        missing = settings.queries - self._samples()
        if missing > 0 and self.ending == _REACHED:
            if self._top_up_at == 0.0:
                self._top_up_at = self._last_sent() + settings.top_up_delay_s
                return _NOTHING
            if self._top_up_at < inf:
                # There is one top-up and no second.
                self._top_up_at = inf
                return bytes((self.end,)) * missing
        self._finish(OUTCOME[ENDINGS[self.ending]], now)
        return _NOTHING

    def _last_sent(self) -> float:
        return max(at for ttl, at in zip(self.ttls, self.sent_at, strict=True) if ttl >= self.end)

    def _step_tail(self, now: float) -> bytes:
        """The end is not known and nothing was heard for long: ask farther, ask again, or finish."""
        settings = self.settings
        if self._hint is not None:
            self._hint = None
            return self._first_round()
        if self._target_alive and self._next_first <= settings.max_ttl:
            self._lifted = True
            return self._first_round()
        owed = self._rounds_up_to(self._highest) + self._series(self._held)
        at_last = self._target_alive or self._highest >= settings.max_ttl
        if not at_last and self._stage < len(settings.retry_delays_s):
            return owed + self._retry_tail()
        if owed:
            return owed
        if at_last:
            self._finish(EndReason.MAX_TTL, now)
        else:
            gap = settings.max_ttl - self._highest
            self._finish(EndReason.GAP_LIMIT if gap >= settings.gap_limit else EndReason.MAX_TTL, now)
        return _NOTHING

    def _rounds_up_to(self, last_ttl: int) -> bytes:
        """Return all that the later rounds still owe to these TTLs."""
        return b"".join(self._round(last_ttl, asked) for asked in range(1, self.settings.queries))

    def _retry_tail(self) -> bytes:
        """Ask again what lies behind the last answer, as far as the gap limit reaches."""
        self._quiet_since += self.settings.retry_delays_s[self._stage]
        self._stage += 1
        last = min(self._highest + self.settings.gap_limit, self.settings.max_ttl)
        return bytes(ttl for ttl in range(self._highest + 1, last + 1) if self._affordable(ttl))

    def _affordable(self, ttl: int) -> bool:
        """Return whether a TTL may be asked again, with what it is still owed, before its router's bucket is empty."""
        counts, settings = self._asked, self.settings
        owed = 0 if counts is None else settings.queries - counts[ttl]
        return self.ttls.count(ttl) + owed < settings.burst_limit

    def _finish(self, outcome: EndReason, now: float) -> None:
        """End: whatever still waits before the end has waited long enough."""
        self.outcome = outcome
        self.ended_at = now
        self.deadline = inf
        self._asked = self._rtts = None
        if outcome is EndReason.ABORTED:
            return
        for number, (ttl, flag) in enumerate(zip(self.ttls, self.flags, strict=True)):
            if not flag & _OVER and (ttl < self.end or not self.end):
                self.flags[number] = flag | GIVEN_UP


def code_of(ending: Ending) -> int:
    """Return an ending as `ManyTrace.answered` takes it."""
    return _CODE[ending]
