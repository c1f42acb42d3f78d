"""What many traces through one gateway know together: who answered where, and what each router may still answer.

A stock Linux router answers each prober six ICMP errors at once and then one a second (icmp_ratelimit, and
XRLIM_BURST_FACTOR of net/ipv4/route.c). So of targets behind the same routers one is traced whole, and the others show
its near hops: for as long as these are fresh, and with a check of their own as often as the last of them can bear it.
"""

from __future__ import annotations

from math import inf

from probes.facts import EndReason, SharedCheck
from probes.frozen import field, frozen, frozen_positional, mutable, replace
from probes.trace.near_hops import NearHops

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence
    from typing import Final

    from probes.facts import Hop, Leg

    # Who answered at each TTL from 1 on, None where nobody did; the target itself is not part of its path.
    Path = tuple[str | None, ...]

BURST: Final = 6.0
# A little more than a second: kernels count it in ticks.
REFILL_S: Final = 1.02

# Whoever comes later than this after the near hops were asked asks them again: loss and delay are news of seconds.
REFRESH_S: Final = 10.0
# Nobody is shown answers older than this.
USABLE_S: Final = 20.0
# One target is checked so often that all that share a router take half of what that answers.
_CHECKS_PER_S: Final = 0.5
# A trace that has not come back after so long leads nobody any more.
_LEADS_S: Final = 6.0
_LOOK_AGAIN_S: Final = 0.05

MOST_PATHS: Final = 4096
_MOST_SEEN: Final = 4096


@frozen_positional
class Wait:
    """Not yet: ask again at this monotonic instant."""

    until: float


@frozen_positional
class Whole:
    """Ask every hop, with so many queries each."""

    queries: int


@frozen_positional
class Shared:
    """Begin behind these near hops."""

    near: NearHops


@frozen
class _Asked:
    """One hop as it was answered: to whose probes, when they left, and who answered before it on that way."""

    hop: Hop
    owner: str
    asked_at: float
    before: Path


@mutable
class _Bucket:
    """What one router may still answer, as far as our own probes tell; below zero: it was asked too often."""

    tokens: float
    at: float

    def level(self, now: float) -> float:
        """Return the answers that it has to spare."""
        return min(BURST, self.tokens + max(0.0, now - self.at) / REFILL_S)

    def take(self, count: float, now: float) -> None:
        """Count answers; less than none gives some back."""
        self.tokens, self.at = max(self.level(now) - count, -BURST), now


@frozen
class _Fresh:
    """The hops that were asked lately, as one trace sees them from its beginning to its end."""

    asked: Mapping[tuple[int, str | None], _Asked]
    now: float

    def chain(self, probe_ttl: int, responder: str) -> tuple[Hop, ...] | None:
        """Return the hops 1 to `probe_ttl` of a way that ends with this responder, None where one is not fresh."""
        last = self.asked.get((probe_ttl, responder))
        if last is None:
            return None
        places = (*enumerate(last.before, start=1), (probe_ttl, responder))
        found = [self.asked.get(place) for place in places]
        fresh = [one for one in found if one is not None and self.now - one.asked_at <= USABLE_S]
        return tuple(self._marked(one) for one in fresh) if len(fresh) == probe_ttl else None

    def _marked(self, one: _Asked) -> Hop:
        return replace(one.hop, shared_with=one.owner, shared_age_us=round((self.now - one.asked_at) * 1e6))


@frozen
class _Held:
    """What one trace may take: answers of routers, by address; and whether others wait for it."""

    at: float
    tokens: Mapping[str, int] = field(default_factory=dict)
    leads: bool = False


class Neighbourhood:
    """All that is known of the ways through one gateway, from one source; every call is told the time.

    A trace asks `decide` until it may begin, and reports with `settle`, whatever came of it.
    """

    def __init__(self) -> None:
        self._asked: dict[tuple[int, str | None], _Asked] = {}
        self._paths: dict[str, Path] = {}
        self._sharers: dict[tuple[int, str], int] = {}
        self._seen: dict[tuple[int, str], None] = {}
        self._checked_at: dict[str, float] = {}
        self._buckets: dict[str, _Bucket] = {}
        self._held: dict[Hashable, _Held] = {}

    @property
    def knows_paths(self) -> bool:
        """Return whether any target was traced."""
        return bool(self._paths)

    # --- before a trace -----------------------------------------------------------------------------------------------

    def decide(
        self, ticket: Hashable, address: str | None, queries: int, now: float, *, patient: bool
    ) -> Wait | Whole | Shared:
        """Return how a target may be traced, and hold what that takes.

        Args:
            ticket: By which `settle` or `drop` gives back what is held.
            address: Where to; None: a target that nobody has traced yet.
            queries: Probes to each hop.
            now: The time.
            patient: Whether it can wait; else it gets along with what there is.
        """
        self._forget_held(now)
        decision, held = self._weigh(address, queries, now, patient=patient)
        if not isinstance(decision, Wait):
            self._held[ticket] = held
            for router, count in held.tokens.items():
                self._bucket(router, now).take(count, now)
        return decision

    def _weigh(
        self, address: str | None, queries: int, now: float, *, patient: bool
    ) -> tuple[Wait | Whole | Shared, _Held]:
        path = self._paths.get(address or "")
        way = self._presumed() if path is None else path
        fresh = _Fresh(asked=dict(self._asked), now=now)
        hops = _longest_chain(fresh, way)
        led = any(held.leads for held in self._held.values())
        stale = not hops or max(hop.shared_age_us or 0 for hop in hops) > REFRESH_S * 1e6
        if stale and led and patient:
            return Wait(now + _LOOK_AGAIN_S), _Held(at=now)
        spare = self._spare(way, now)
        if not hops or (not led and ((stale and spare >= queries) or spare >= BURST)):
            return self._lead(way, queries, spare, now, patient=patient)
        return self._share(address, path, hops, fresh, queries, now, patient=patient)

    def _lead(self, way: Path, queries: int, spare: float, now: float, *, patient: bool) -> tuple[Wait | Whole, _Held]:
        if spare < queries and patient:
            return Wait(now + (queries - spare) * REFILL_S), _Held(at=now)
        asked = max(1, min(queries, int(spare)))
        routers = {router: asked for router in way if router is not None}
        return Whole(asked), _Held(at=now, tokens=routers, leads=True)

    def _share(
        self,
        address: str | None,
        path: Path | None,
        hops: tuple[Hop, ...],
        fresh: _Fresh,
        queries: int,
        now: float,
        *,
        patient: bool,
    ) -> tuple[Wait | Shared, _Held]:
        last = len(hops)
        router = hops[-1].responders[0].address
        level = self._level(router, now)
        due = path is None or self._is_due(address or "", last, router, now)
        if path is None and level < 1 and patient:
            # What nobody has seen is not assumed where a little patience shows it.
            return Wait(now + (1 - level) * REFILL_S), _Held(at=now)
        check = due and level >= 1
        spare = self._spare([_responder(hop) for hop in hops], now) - check
        near = NearHops(
            hops=hops,
            known=fresh,
            check=check,
            own_first=None if path is None else (*path, address)[last],
            queries=max(0, min(queries, int(spare))),
        )
        return Shared(near), _Held(at=now, tokens={router: 1} if check else {})

    def _presumed(self) -> Path:
        """Return the way that an unknown target probably has: the beginning common to all that are known."""
        paths = iter(self._paths.values())
        common = next(paths, ())
        for path in paths:
            same = 0
            while same < min(len(common), len(path)) and common[same] == path[same]:
                same += 1
            # A target of this very link, or beside the gateway, has nothing in common with anybody.
            common = common[:same] if same else common
        return common

    def _is_due(self, address: str, probe_ttl: int, router: str, now: float) -> bool:
        sharers = self._sharers.get((probe_ttl, router), 0)
        return now - self._checked_at.get(address, -inf) >= sharers / _CHECKS_PER_S

    # --- after a trace ------------------------------------------------------------------------------------------------

    def settle(
        self, ticket: Hashable, address: str, leg: Leg, asked: Mapping[int, int], started_at: float, now: float
    ) -> None:
        """Learn from a trace: who answered, and what it took of the routers.

        Args:
            ticket: That of `decide`.
            address: Where to.
            leg: What it found, shared hops included.
            asked: The probes that left to each TTL.
            started_at: When its first probe left.
            now: When it was over.
        """
        path = self._merged(address, path_of(leg))
        held = self._held.pop(ticket, _Held(at=now))
        spent = _spent(path, asked)
        for router in {*held.tokens, *spent}:
            self._bucket(router, now).take(spent.get(router, 0) - held.tokens.get(router, 0), now)
        if leg.end_reason in {EndReason.ABORTED, EndReason.NOT_TRACED} or not (path or leg.reached):
            return
        own = [hop for hop in leg.hops[: len(path)] if hop.shared_with is None and hop.sent]
        if self._contradicted(own, path, leg):
            self._asked.clear()
        self._remember_path(address, path)
        self._remember_hops(address, own, path, started_at)
        if leg.shared_check is not SharedCheck.NOT_ASKED:
            self._checked_at[address] = now

    def drop(self, ticket: Hashable, now: float) -> None:
        """Give back what is held for a trace that was never made."""
        held = self._held.pop(ticket, _Held(at=now))
        for router, count in held.tokens.items():
            self._bucket(router, now).take(-count, now)

    def _merged(self, address: str, path: Path) -> Path:
        """Return a path whose silent hops are who answered there before, where all the others are who they were."""
        known = self._paths.get(address, ())
        if len(known) != len(path) or any(a != b and a is not None for a, b in zip(path, known, strict=True)):
            return path
        return known

    def _contradicted(self, own: Iterable[Hop], path: Path, leg: Leg) -> bool:
        """Return whether somebody new answers on a way that others have asked lately, or nobody does any more."""
        for hop in own:
            ttl, responder = hop.probe_ttl, path[hop.probe_ttl - 1]
            if responder is not None and (ttl, responder) not in self._seen and self._others_at(ttl, path):
                return True
        beyond = len(path) + 1
        return leg.reached is False and self._others_at(beyond, path) and leg.shared_check is None

    def _others_at(self, probe_ttl: int, path: Path) -> bool:
        """Return whether somebody else was met at this TTL behind the same hops."""
        before = path[: probe_ttl - 1]
        responder = path[probe_ttl - 1] if probe_ttl <= len(path) else None
        return any(
            ttl == probe_ttl and other not in {None, responder} and one.before == before
            for (ttl, other), one in self._asked.items()
        )

    def _remember_path(self, address: str, path: Path) -> None:
        self._forget_path(address)
        self._paths[address] = path
        for place in _places(path):
            self._sharers[place] = self._sharers.get(place, 0) + 1
            self._seen.pop(place, None)
            self._seen[place] = None
        if len(self._paths) > MOST_PATHS:
            oldest = next(iter(self._paths))
            self._forget_path(oldest)
            self._checked_at.pop(oldest, None)
        while len(self._seen) > _MOST_SEEN:
            del self._seen[next(iter(self._seen))]

    def _forget_path(self, address: str) -> None:
        for place in _places(self._paths.pop(address, ())):
            left = self._sharers.pop(place) - 1
            if left:
                self._sharers[place] = left

    def _remember_hops(self, address: str, own: Iterable[Hop], path: Path, started_at: float) -> None:
        for hop in own:
            ttl = hop.probe_ttl
            clean = replace(hop, shared_with=None, shared_age_us=None)
            one = _Asked(hop=clean, owner=address, asked_at=started_at, before=path[: ttl - 1])
            self._asked[ttl, _responder(hop)] = one
        old = [place for place, one in self._asked.items() if started_at - one.asked_at > USABLE_S]
        for place in old:
            del self._asked[place]

    # --- what routers may still answer --------------------------------------------------------------------------------

    def _bucket(self, router: str, now: float) -> _Bucket:
        found = self._buckets.get(router)
        if found is None:
            if len(self._buckets) >= MOST_PATHS:
                full = [address for address, one in self._buckets.items() if one.level(now) >= BURST]
                for address in full:
                    del self._buckets[address]
            found = self._buckets[router] = _Bucket(BURST, now)
        return found

    def _level(self, router: str, now: float) -> float:
        bucket = self._buckets.get(router)
        return BURST if bucket is None else bucket.level(now)

    def _spare(self, routers: Iterable[str | None], now: float) -> float:
        """Return what the poorest of these routers may still answer."""
        return min((self._level(router, now) for router in routers if router is not None), default=BURST)

    def _forget_held(self, now: float) -> None:
        old = [ticket for ticket, held in self._held.items() if now - held.at > _LEADS_S]
        for ticket in old:
            self._held[ticket] = replace(self._held[ticket], leads=False)


def path_of(leg: Leg) -> Path:
    """Return who answered before the end of a leg, without the silence behind the last who did."""
    hops = leg.hops[:-1] if leg.end_reason is EndReason.REACHED else leg.hops
    found = [_responder(hop) for hop in hops]
    while found and found[-1] in {None, leg.address}:
        found.pop()
    return tuple(found)


def _longest_chain(fresh: _Fresh, way: Sequence[str | None]) -> tuple[Hop, ...]:
    """Return the hops of the longest beginning of a way that was asked lately and ends with an answer."""
    for ttl in range(len(way), 0, -1):
        responder = way[ttl - 1]
        chain = None if responder is None else fresh.chain(ttl, responder)
        if chain is not None:
            return chain
    return ()


def _spent(path: Path, asked: Mapping[int, int]) -> dict[str, int]:
    """Return the answers that probes took of each router, if it answered them all."""
    spent: dict[str, int] = {}
    for ttl, router in enumerate(path, start=1):
        if router is not None and asked.get(ttl):
            spent[router] = spent.get(router, 0) + asked[ttl]
    return spent


def _responder(hop: Hop) -> str | None:
    return hop.responders[0].address if hop.responders else None


def _places(path: Path) -> list[tuple[int, str]]:
    return [(ttl, router) for ttl, router in enumerate(path, start=1) if router is not None]
