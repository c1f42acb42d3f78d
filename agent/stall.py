"""Whether the agent itself stood still in the middle of a sample: then what it measured is its own absence."""

from probes.clock import Clock
from probes.failure import Failure
from probes.sample import AgentFailure

# Everything in a sample looks up at least ten times a second. A process that is stopped (SIGSTOP, a frozen control
# group) or starved misses answers and deadlines alike. A suspended host is told apart: this clock stands still with it.
LONGEST_S = 1.0


class Stall:
    """Told often that the sample goes on; notes when that was too long ago."""

    def __init__(self, clock: Clock) -> None:
        """Begin now."""
        self._clock = clock
        self._seen_at = clock.monotonic()
        self._longest_s = 0.0

    def found(self) -> bool:
        """Return whether the sample has stood still for more than a second at any time until now."""
        now = self._clock.monotonic()
        # Several threads ask; whoever comes first after a stall sees all of it.
        away_s, self._seen_at = now - self._seen_at, now
        self._longest_s = max(self._longest_s, away_s)
        return self._longest_s > LONGEST_S

    def failure(self) -> AgentFailure | None:
        """Return it as a fact, None for a sample that went on all the time."""
        if not self.found():
            return None
        detail = f"the agent did not run for {self._longest_s:.1f} s: it was stopped, or the host is overloaded"
        return AgentFailure(operation="sample", failure=Failure.DEADLINE_OVERRUN, detail=detail)
