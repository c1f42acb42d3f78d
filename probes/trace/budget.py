"""How often one TTL may be asked: never faster than stock Linux routers answer."""

from __future__ import annotations

from math import inf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from probes.trace.attempt import Attempt


class Budget:
    """Lets at most `limit` probes to one TTL leave within any `period_s`; shared by all plans of one trace."""

    def __init__(self, limit: int, period_s: float) -> None:
        self._limit = limit
        self._period_s = period_s
        self._recent: dict[int, list[Attempt]] = {}

    def free_at(self, probe_ttl: int) -> float:
        """Return the monotonic time from which one more probe to this TTL may leave; minus infinity: at once."""
        recent = self._recent.get(probe_ttl)
        if recent is None or len(recent) < self._limit:
            return -inf
        return recent[0].at + self._period_s

    def spend(self, attempt: Attempt) -> None:
        """Count a probe that was issued; its own stamp, once it left, says when."""
        ttl = attempt.probe.probe_ttl
        recent = self._recent.setdefault(ttl, [])
        recent.append(attempt)
        del recent[: -self._limit]
