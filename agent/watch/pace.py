"""When the next round and the next check begin: pure, told the time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.word import Word

if TYPE_CHECKING:
    from typing import Final

# A stock Linux router answers a burst of six, then one a second, for each prober: one probe to each hop every second is
# what it always has an answer for. Checks count as rounds, and those for a reason keep this distance.
INTERVAL_S: Final = 1.0
CHECK_S: Final = 10.0
_AGAIN_S: Final = 2.0


class Step(Word):
    """What is done next."""

    ROUND = "round"
    CHECK = "check"


class Pace:
    """Says what is due when; all times are monotonic seconds.

    Args:
        interval_s: From the beginning of one round to that of the next; one that takes longer delays the next.
        check_s: From the end of one check to the beginning of the next.
        now: The time.
    """

    def __init__(self, interval_s: float, check_s: float, now: float) -> None:
        self.interval_s = interval_s
        self._check_s = check_s
        self._began_at = now - interval_s
        self._check_at = now
        self._checked_at: float | None = None

    def next(self, *, traceable: bool) -> tuple[float, Step]:
        """Return when the next step is due, and which it is; without anything to trace only checks are."""
        round_at = self._began_at + self.interval_s
        if traceable and round_at < self._check_at:
            return round_at, Step.ROUND
        return max(self._check_at, round_at) if traceable else self._check_at, Step.CHECK

    def began(self, now: float) -> None:
        """Note that a step begins; one that is late takes the beat along."""
        due = self._began_at + self.interval_s
        self._began_at = due if due <= now < due + self.interval_s / 2 else now

    def checked(self, now: float, *, found: bool) -> None:
        """Note that a check is over; one that found nothing to trace is made again soon."""
        self._checked_at = now
        self._check_at = now + (self._check_s if found else min(self._check_s, _AGAIN_S))

    def check_soon(self, now: float) -> None:
        """Want a check for a reason: at once, but not on the heels of the last one."""
        soonest = now if self._checked_at is None else max(now, self._checked_at + _AGAIN_S)
        self._check_at = min(self._check_at, soonest)

    def check_now(self, now: float) -> None:
        """Want a check at once: what the last one found holds no longer."""
        self._check_at = now
        self._began_at = now - self.interval_s
