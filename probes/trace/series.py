"""End-to-end probes: the series that measures a target, and the plain check whether it answers at all."""

from __future__ import annotations

from math import inf

from probes.facts import EndToEnd
from probes.trace.attempt import Ending
from probes.trace.rtt import summarise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from probes.facts import Protocol
    from probes.trace.attempt import Attempt, Reply
    from probes.trace.settings import TraceSettings
    from probes.trace.waits import Waits


_SHARED: Final = (
    "counted on the path's own probes: a target limits its port-unreachable answers, so a series of its own would "
    "show the limiter"
)
_LIMITED: Final = "a target limits its port-unreachable answers, so missing ones say nothing about loss"
_NO_DISTANCE: Final = "the target did not answer, and udp has no series of its own"
_NOTHING_LEFT: Final = "no probe left the host"
_CUT_SHORT: Final = "ended while answers could still come"


class Series:
    """Sends end-to-end probes when they are due, and closes them when waiting is over.

    Args:
        settings: The numbers to obey.
        waits: How long answers are worth waiting for, shared with the search.
        issue: Makes a probe with the series' TTL.
    """

    def __init__(self, *, settings: TraceSettings, waits: Waits, issue: Callable[[float], Attempt]) -> None:
        self._settings = settings
        self._waits = waits
        self._issue = issue
        self._due: list[float] = []
        self._held = 0
        self._checking = False
        self._waiting: list[Attempt] = []
        self.attempts: list[Attempt] = []

    def start_check(self, now: float) -> None:
        """Ask a few times, each time only if the answer before did not come."""
        self._checking = True
        at = now
        for delay_s in self._settings.check_delays_s:
            at += delay_s
            self._due.append(at)

    def start_series(self, now: float) -> None:
        """Send the scouts now; the rest waits for `release`. What a check has sent counts."""
        self._checking = False
        self._due.clear()
        left = max(0, self._settings.series_count - len(self.attempts))
        scouts = min(self._settings.scouts, left)
        self._held = left - scouts
        self._spread(scouts, now)

    def release(self, now: float) -> None:
        """Send what is held, from now on."""
        self._spread(self._held, now)
        self._held = 0

    def probes(self, now: float, *, may_close: bool) -> list[Attempt]:
        """Return the probes that leave now; `may_close`: after closing those that waited long enough.

        While a search still listens, waiting costs nothing, and a far target answers late.
        """
        if may_close and now >= self._over_at():
            self._give_up()
        leaving: list[Attempt] = []
        while self._due and now >= self._due[0] and len(leaving) < self._settings.catch_up:
            self._due.pop(0)
            attempt = self._issue(now)
            self.attempts.append(attempt)
            self._waiting.append(attempt)
            leaving.append(attempt)
        return leaving

    def next_deadline(self, *, may_close: bool) -> float | None:
        """Return the instant of the next thing to do, None when there is none."""
        if self._due:
            return self._due[0]
        return self._over_at() if may_close and self._waiting and not self._held else None

    @property
    def finished(self) -> bool:
        """Return whether nothing is left to send or to wait for."""
        return not (self._due or self._held or self._waiting)

    def answered(self, attempt: Attempt, reply: Reply) -> None:
        """Take in the believed answer to a probe of the series; any answer settles a check."""
        self.gone(attempt)
        if self._checking:
            self._due.clear()
            self._waiting.clear()
        if not reply.late:
            self._waits.heard(self._settings.series_ttl, reply.rtt_us, ends=True)

    def gone(self, attempt: Attempt) -> None:
        """Note that a probe needs no more waiting."""
        if attempt in self._waiting:
            self._waiting.remove(attempt)

    def give_way(self) -> None:
        """Send no more and wait no more."""
        self._due.clear()
        self._held = 0
        self._give_up()

    def _give_up(self) -> None:
        for attempt in self._waiting:
            attempt.given_up = True
        self._waiting.clear()

    def _spread(self, count: int, now: float) -> None:
        self._due.extend(now + index * self._settings.series_gap_s for index in range(count))

    def _over_at(self) -> float:
        if self._due or self._held or not self._waiting:
            return inf
        return self._waiting[-1].at + self._waits.wait_s(inf)


def end_to_end(protocol: Protocol, attempts: list[Attempt]) -> EndToEnd:
    """Return what a series of probes of its own says of the way to the target and back."""
    sent = [attempt for attempt in attempts if attempt.left]
    answered = [attempt for attempt in sent if _reached(attempt)]
    late = sum(not attempt.in_time for attempt in answered)
    cut_short = any(attempt.reply is None and not attempt.given_up for attempt in sent)
    return EndToEnd(
        protocol=protocol,
        sent=len(sent),
        received=len(answered) - late,
        loss_ratio=(len(sent) - len(answered)) / len(sent) if sent and not cut_short else None,
        rtt_us=summarise(_samples_us(answered)),
        late=late,
        reason=_series_reason(sent, cut_short=cut_short),
    )


def shared_end_to_end(protocol: Protocol, attempts: list[Attempt]) -> EndToEnd:
    """Return the same of hop probes that went as far as the target, for a protocol whose answers are limited.

    Only complete answers are a measurement: silence may be the target's limiter (stock Linux: six, then one a second).
    """
    sent = [attempt for attempt in attempts if attempt.left]
    answered = [attempt for attempt in sent if _reached(attempt)]
    late = sum(not attempt.in_time for attempt in answered)
    complete = bool(sent) and len(answered) == len(sent)
    return EndToEnd(
        protocol=protocol,
        sent=len(sent),
        received=len(answered) - late,
        loss_ratio=0.0 if complete else None,
        rtt_us=summarise(_samples_us(answered)),
        late=late,
        reason=_SHARED if complete else (_LIMITED if answered else _NO_DISTANCE),
    )


def _reached(attempt: Attempt) -> bool:
    return attempt.reply is not None and attempt.reply.ending is Ending.REACHED


def _samples_us(answered: list[Attempt]) -> list[int]:
    return [a.reply.rtt_us for a in answered if a.reply is not None and a.reply.is_sample]


def _series_reason(sent: list[Attempt], *, cut_short: bool) -> str | None:
    if not sent:
        return _NOTHING_LEFT
    return _CUT_SHORT if cut_short else _refusal(sent)


def _refusal(sent: list[Attempt]) -> str | None:
    """Return who answered in the target's place, in words, if anybody did."""
    for attempt in sent:
        reply = attempt.reply
        if reply is not None and reply.ending is not Ending.REACHED:
            icmp = "" if reply.icmp is None else f" ({reply.icmp.type}/{reply.icmp.code})"
            return f"{reply.sender} answered with {reply.answer}{icmp} in the target's place"
    return None
