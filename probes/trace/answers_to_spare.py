"""What each router may still answer one prober, as far as our own probes tell: a bucket for each address."""

from __future__ import annotations

from probes.frozen import mutable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

# Of a stock Linux router: XRLIM_BURST_FACTOR of net/ipv4/route.c, and icmp_ratelimit.
BURST: Final = 6.0
# A little more than a second: kernels count it in ticks.
REFILL_S: Final = 1.02
# A bucket that is waited for until it has a whole answer has one then, however its level is rounded.
_ROUNDING: Final = 1e-6


@mutable
class _Bucket:
    """One router's; below zero: it was asked too often."""

    tokens: float
    at: float

    def level(self, now: float) -> float:
        return min(BURST, self.tokens + max(0.0, now - self.at) / REFILL_S + _ROUNDING)


class AnswersToSpare:
    """The buckets, full at first: at most so many, and of more the full ones are forgotten."""

    def __init__(self, most: int) -> None:
        self._buckets: dict[str, _Bucket] = {}
        self._most = most

    def level(self, router: str, now: float) -> float:
        """Return the answers that a router has to spare."""
        bucket = self._buckets.get(router)
        return BURST if bucket is None else bucket.level(now)

    def poorest(self, routers: Iterable[str | None], now: float) -> float:
        """Return what the poorest of these routers may still answer; None stands for one that is not known."""
        return min((self.level(router, now) for router in routers if router is not None), default=BURST)

    def take(self, router: str, count: float, now: float) -> None:
        """Count answers of a router; less than none gives some back."""
        bucket = self._bucket(router, now)
        bucket.tokens, bucket.at = max(bucket.level(now) - count, -BURST), now

    def _bucket(self, router: str, now: float) -> _Bucket:
        found = self._buckets.get(router)
        if found is None:
            if len(self._buckets) >= self._most:
                full = [address for address, one in self._buckets.items() if one.level(now) >= BURST]
                for address in full:
                    del self._buckets[address]
            found = self._buckets[router] = _Bucket(tokens=BURST, at=now)
        return found
