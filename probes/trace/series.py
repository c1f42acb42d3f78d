"""End-to-end probes: when the series that measures a target leaves, and the plain check whether it answers at all."""

from __future__ import annotations

from math import inf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from probes.trace.attempt import Attempt, Reply
    from probes.trace.settings import TraceSettings
    from probes.trace.waits import Waits


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
