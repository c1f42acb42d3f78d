"""How much one caller may have done: so many in any minute, so many at once; pure, with a bounded memory."""

from collections import OrderedDict, deque
from collections.abc import Hashable
from ipaddress import IPv6Address, ip_address, ip_network
from itertools import islice
from math import ceil
from typing import Final

from probes.frozen import frozen, mutable

_MINUTE_S: Final = 60.0
# A caller that is forgotten begins anew, so whoever is remembered longest ago goes first.
MOST_CALLERS: Final = 20_000
# RFC 4291 section 2.5.4, RFC 6177: whoever has one IPv6 address has all of its /64.
_OWN_IPV6_BITS: Final = 64


@frozen
class Allowance:
    """What one caller may have: works begun in any sixty seconds, and at once."""

    per_minute: int
    concurrent: int


@mutable
class _Account:
    begun_at: deque[float]
    running: int = 0


class Limiter:
    """Counts works by caller: a token, or an address."""

    def __init__(self, most_callers: int = MOST_CALLERS) -> None:
        """Remember at most so many callers."""
        self._most_callers = most_callers
        self._accounts: OrderedDict[Hashable, _Account] = OrderedDict()

    def __len__(self) -> int:
        return len(self._accounts)

    def wait_s(self, caller: Hashable, allowance: Allowance, now: float) -> int:
        """Return after how many seconds this caller may ask again, 0 where a work may begin now."""
        account = self._accounts.get(caller)
        if account is None:
            return 0
        while account.begun_at and account.begun_at[0] <= now - _MINUTE_S:
            account.begun_at.popleft()
        if account.running >= allowance.concurrent:
            return 1
        if len(account.begun_at) < allowance.per_minute:
            return 0
        # The allowance may have been cut while the edge runs: then several must have passed.
        freed_by = account.begun_at[len(account.begun_at) - allowance.per_minute]
        return max(1, ceil(freed_by + _MINUTE_S - now))

    def begin(self, caller: Hashable, now: float) -> None:
        """Count a work that begins."""
        account = self._accounts.setdefault(caller, _Account(deque()))
        self._accounts.move_to_end(caller)
        account.begun_at.append(now)
        account.running += 1
        self._forget()

    def end(self, caller: Hashable) -> None:
        """Count it as over."""
        account = self._accounts.get(caller)
        if account is not None and account.running:
            account.running -= 1

    def _forget(self) -> None:
        """Forget who asked longest ago and has nothing running, where there are too many."""
        excess = len(self._accounts) - self._most_callers
        if excess > 0:
            idle = (caller for caller, account in self._accounts.items() if not account.running)
            for caller in list(islice(idle, excess)):
                del self._accounts[caller]


class Sprinkler:
    """Limits answers to packets whose source nobody has proven: a token bucket for each source, and one for all.

    The one for all bounds what forged sources, each with a bucket of its own, could have sent to others.
    """

    def __init__(self, *, per_s: float, burst: int, total_per_s: float, most_sources: int = MOST_CALLERS) -> None:
        """Allow `burst` at once to one source and `per_s` after that, and `total_per_s` to all together."""
        self._total_per_s = total_per_s
        self._total = total_per_s, 0.0
        self._per_s = per_s
        self._burst = burst
        self._most_sources = most_sources
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, source: Hashable, now: float) -> bool:
        """Return whether this source may be answered once more, and count that."""
        own, at = self._buckets.pop(source, (float(self._burst), now))
        own = min(float(self._burst), own + (now - at) * self._per_s)
        total, at = self._total
        total = min(self._total_per_s, total + (now - at) * self._total_per_s)
        allowed = own >= 1.0 and total >= 1.0
        taken = 1.0 if allowed else 0.0
        self._buckets[source] = own - taken, now
        self._total = total - taken, now
        if len(self._buckets) > self._most_sources:
            self._buckets.popitem(last=False)
        return allowed


def owner_of(address: str) -> str:
    """Return what one caller's addresses have in common: an IPv4 address, or an IPv6 /64."""
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv6Address):
        return str(ip_network((int(parsed) >> _OWN_IPV6_BITS << _OWN_IPV6_BITS, _OWN_IPV6_BITS)))
    return str(parsed)
