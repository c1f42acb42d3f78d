"""Control probes: who answers at a TTL, asked once by another protocol, beside everything else."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from probes.trace.attempt import Attempt


class Control:
    """Sends one probe to each of a few TTLs, and waits for them no longer than it was told.

    Args:
        probe_ttls: Whom to ask.
        wait_s: How long their answers are worth waiting for.
        issue: Makes a probe to a TTL.
        now: When it starts, in monotonic seconds.
    """

    def __init__(
        self, probe_ttls: Sequence[int], *, wait_s: float, issue: Callable[[int, float], Attempt], now: float
    ) -> None:
        self._due = list(probe_ttls)
        self._wait_s = wait_s
        self._issue = issue
        self._until = now + wait_s
        self._attempts: list[Attempt] = []

    def probes(self, now: float) -> list[Attempt]:
        """Return the probes that leave now: all of them, the first time."""
        leaving = [self._issue(ttl, now) for ttl in self._due]
        if leaving:
            self._due.clear()
            self._attempts = leaving
            self._until = now + self._wait_s
        return leaving

    def next_deadline(self) -> float | None:
        """Return the instant at which it is to be asked again, None when everything was answered."""
        if self._due:
            return self._until - self._wait_s
        return self._until if any(_is_open(attempt) for attempt in self._attempts) else None

    def waits(self, now: float) -> bool:
        """Return whether something is left to send or to wait for."""
        return bool(self._due) or (now < self._until and any(_is_open(attempt) for attempt in self._attempts))


def _is_open(attempt: Attempt) -> bool:
    return attempt.reply is None and attempt.failure is None
