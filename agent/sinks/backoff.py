"""How long a sink that failed is left alone: exponential with full jitter, never under a second; pure."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

# One try a second is what a sink that is down has to bear at most.
SHORTEST_S: Final = 1.0
LONGEST_S: Final = 300.0
# A sink that asks for a day off gets an hour: its clock or its configuration may be wrong.
LONGEST_ASKED_S: Final = 3_600.0
# 2 to the power of 9 seconds is beyond the longest.
_MOST_DOUBLINGS: Final = 9


class Backoff:
    """Counts failures in a row and says how long to wait after each.

    Full jitter (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter): agents that lost the same
    collector at the same moment do not come back at the same moment.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        """Begin; `random` returns numbers from 0 up to 1."""
        self._random = random
        self._failures = 0

    def failed(self, asked_s: float | None = None) -> float:
        """Return the seconds to wait now, 1 to 300; where the sink asked for more, that, up to an hour."""
        ceiling_s = min(LONGEST_S, 2.0 ** min(self._failures + 1, _MOST_DOUBLINGS))
        self._failures += 1
        spread_s = self._random() * (ceiling_s - SHORTEST_S)
        if asked_s is None:
            return SHORTEST_S + spread_s
        # RFC 9110 section 10.2.3: no sooner. Those who were told the same come back apart all the same.
        own_s = min(max(asked_s, SHORTEST_S), LONGEST_ASKED_S)
        return min(own_s + min(spread_s, own_s / 10), LONGEST_ASKED_S)

    def succeeded(self) -> None:
        """Forget all failures."""
        self._failures = 0
