"""What many traces through one gateway know together: who answered where, and what each router may still answer.

A stock Linux router answers each prober six ICMP errors at once and then one a second (icmp_ratelimit, and
XRLIM_BURST_FACTOR of net/ipv4/route.c). So of targets behind the same routers one is traced whole, and the others show
its near hops: for as long as these are fresh, and with a check of their own as often as the last of them can bear it.
"""

from __future__ import annotations

from itertools import islice, zip_longest
from math import inf

from probes.facts import EndReason, SharedCheck
from probes.frozen import field, frozen, frozen_positional, replace
from probes.trace.answers_to_spare import BURST, REFILL_S, AnswersToSpare
from probes.trace.near_hops import NearHops
from probes.word import Word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence
    from typing import Final

    from probes.facts import Hop, Leg

    # Who answered at each TTL from 1 on, None where nobody did; the target itself is not part of its path.
    Path = tuple[str | None, ...]

# Whoever comes later than this after the near hops were asked asks them again: loss and delay are news of seconds.
REFRESH_S: Final = 10.0
# Nobody is shown answers older than this.
USABLE_S: Final = 20.0
# One target is checked so often that all that share a router take half of what that answers.
_CHECKS_PER_S: Final = 0.5
# What so many targets share is taken to be shared by one more, until its turn to be checked comes.
_SUPPORTED_BY: Final = 4
# Whoever goes where nobody has been takes what it asks there of one bucket that stands for anybody whom it meets, and
# leaves an answer for the next: several may meet one router that none of them knows of. Where so many share the way to
# there it asks each hop twice, or once: otherwise a thousand new targets would wait for each other.
_ANYBODY: Final = ""
_QUERIES_TO_EXPLORE: Final = 2
# A trace that has not come back after so long leads nobody any more.
_ASKS_S: Final = 6.0
# Nor do others wait for one longer than this where what is known will do: it waits itself, for an answer that was lost.
_FOR_NEWS_S: Final = 0.5
_LOOK_AGAIN_S: Final = 0.05

MOST_PATHS: Final = 4096
_MOST_SEEN: Final = 4096
_MOST_COMPARED: Final = 32


class Patience(Word):
    """What a trace can wait for: everything, only for others that are under way where it wants to go, or nothing."""

    FULL = "full"
    OTHERS = "others"
    NONE = "none"


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
    """Begin behind these near hops, with so many queries for each hop that is the trace's own."""

    near: NearHops
    queries: int


@frozen
class _Asked:
    """One hop as it was answered: to whose probes, when they left, and who answered before it on that way."""

    hop: Hop
    owner: str
    asked_at: float
    before: Path


@frozen
class _Fresh:
    """The hops that were asked lately, as one trace sees them from its beginning to its end."""

    asked: Mapping[tuple[int, str | None], _Asked]
    now: float

    def chain(self, probe_ttl: int, responder: str) -> tuple[Hop, ...] | None:
        """Return the hops 1 to `probe_ttl` of a way that ends with this responder, None where one is not fresh."""
        found = self.asked_up_to(probe_ttl, responder, USABLE_S, 1)
        return tuple(map(self._marked, found)) if found else None

    def asked_up_to(self, probe_ttl: int, responder: str, oldest_s: float, queries: int) -> list[_Asked]:
        """Return the same as it was asked, if no longer ago and with so many queries at least; else nothing."""
        last = self.asked.get((probe_ttl, responder))
        if last is None:
            return []
        places = (*enumerate(last.before, start=1), (probe_ttl, responder))
        found = [one for place in places if (one := self.asked.get(place)) is not None]
        good = all(self.now - one.asked_at <= oldest_s and one.hop.sent >= queries for one in found)
        return found if good and len(found) == probe_ttl else []

    def longest_chain(self, way: Sequence[str | None], oldest_s: float, queries: int) -> tuple[Hop, ...]:
        """Return the hops of the longest beginning of a way that was asked so, and ends with an answer."""
        for ttl in range(len(way), 0, -1):
            responder = way[ttl - 1]
            found = [] if responder is None else self.asked_up_to(ttl, responder, oldest_s, queries)
            if found:
                return tuple(map(self._marked, found))
        return ()

    def _marked(self, one: _Asked) -> Hop:
        return replace(one.hop, shared_with=one.owner, shared_age_us=round((self.now - one.asked_at) * 1e6))


@frozen
class _View:
    """What is known when one trace wants to begin.

    Attributes:
        address: Its end, None for one that is not known yet.
        path: Who answered on its way when it was last traced, None if it never was.
        way: The same, or else what is presumed.
        fresh: What was asked lately.
        good: The hops of its way that need not be asked again.
        usable: Those that can be shown if they cannot be asked.
    """

    address: str | None
    path: Path | None
    way: Path
    fresh: _Fresh
    good: tuple[Hop, ...]
    usable: tuple[Hop, ...]

    @property
    def to_ask(self) -> frozenset[str]:
        """Return the routers that it would ask."""
        return frozenset(router for router in self.way[len(self.good) :] if router is not None)


@frozen
class _Held:
    """What one trace takes: answers of routers, by address; and whom it asks. None: nobody knows, so others wait."""

    at: float
    tokens: Mapping[str, int] = field(default_factory=dict)
    asks: frozenset[str] | None = frozenset()


class Neighbourhood:
    """All that is known of the ways through one gateway, from one source; every call is told the time.

    A trace asks `decide` until it may begin, and reports with `settle`, whatever came of it.
    """

    def __init__(self) -> None:
        self._asked: dict[tuple[int, str | None], _Asked] = {}
        self._paths: dict[str, Path] = {}
        self._sharers: dict[tuple[int, str], int] = {}
        self._seen: dict[tuple[int, str], None] = {}
        self._moved: dict[tuple[int, str], str | None] = {}
        self._checked_at: dict[str, float] = {}
        self._spare = AnswersToSpare(MOST_PATHS)
        self._held: dict[Hashable, _Held] = {}

    # --- before a trace -----------------------------------------------------------------------------------------------

    def decide(
        self,
        ticket: Hashable,
        address: str | None,
        queries: int,
        now: float,
        patience: Patience,
    ) -> Wait | Whole | Shared:
        """Return how a target may be traced, and hold what that takes.

        Args:
            ticket: By which `settle` or `drop` gives back what is held.
            address: Where to; None: a target that nobody has traced yet.
            queries: Probes to each hop.
            now: The time.
            patience: What it can wait for; without any it gets along with what there is.
        """
        self._forget_held(now)
        decision, held = self._weigh(address, queries, now, patience)
        if not isinstance(decision, Wait):
            self._held[ticket] = held
            for router, count in held.tokens.items():
                self._spare.take(router, count, now)
        return decision

    def _weigh(
        self, address: str | None, queries: int, now: float, patience: Patience
    ) -> tuple[Wait | Whole | Shared, _Held]:
        view = self._view(address, queries, now)
        others = self._others_ask(view)
        if patience is not Patience.NONE and (others or self._is_crowded(view, queries, now)):
            return self._beside_others(view, queries, now, patience)
        if not others and self._spare.poorest(view.way, now) >= BURST:
            return self._ask(replace(view, good=()), queries, now)
        spare = self._spare.poorest(view.way[len(view.good) :], now)
        if spare >= queries:
            return self._ask(view, queries, now, patience)
        if view.usable:
            return self._ask(replace(view, good=view.usable), queries, now, patience)
        if patience is Patience.FULL:
            return Wait(now + (queries - spare) * REFILL_S), _Held(at=now)
        return self._ask(view, max(1, int(spare)), now)

    def _others_ask(self, view: _View, since: float = -inf) -> bool:
        """Return whether another trace, begun after an instant, asks what this one would, as far as anybody knows."""
        return any(held.at > since and (held.asks is None or held.asks & view.to_ask) for held in self._held.values())

    def _beside_others(
        self, view: _View, queries: int, now: float, patience: Patience
    ) -> tuple[Wait | Whole | Shared, _Held]:
        """Return how to trace while others ask the same hops anew, or explore.

        They will have told in a moment. If not, what was asked a little longer ago will do: else every target that
        comes meanwhile would be late.
        """
        around = replace(view, good=view.usable)
        own = view.way[len(around.good) :]
        expected = self._others_ask(view, now - _FOR_NEWS_S) or self._others_ask(around)
        free = not expected and not self._is_crowded(view, queries, now)
        if around.good and free and self._spare.poorest(own, now) >= queries:
            return self._ask(around, queries, now, patience)
        return Wait(now + _LOOK_AGAIN_S), _Held(at=now)

    def _view(self, address: str | None, queries: int, now: float) -> _View:
        path = self._moved_path(address or "")
        way = self._presumed() if path is None else path
        fresh = _Fresh(asked=dict(self._asked), now=now)
        return _View(
            address=address,
            path=path,
            way=way,
            fresh=fresh,
            good=fresh.longest_chain(way, REFRESH_S, queries),
            usable=fresh.longest_chain(way, USABLE_S, 1),
        )

    def _ask(
        self, view: _View, queries: int, now: float, patience: Patience = Patience.NONE
    ) -> tuple[Wait | Whole | Shared, _Held]:
        """Return the trace of what lies behind the hops that are good, and what it takes of whom."""
        asks = frozenset(router for router in view.way[len(view.good) :] if router is not None)
        own = queries if view.path is not None or not view.good else max(1, self._to_explore_with(view, queries, now))
        taken = dict.fromkeys(asks, queries) | ({_ANYBODY: own} if view.path is None else {})
        if not view.good:
            return Whole(own), _Held(at=now, tokens=taken, asks=asks if view.way else None)
        last, router = len(view.good), view.good[-1].responders[0].address
        level, path = self._spare.level(router, now), view.path
        due = path is None or self._is_due(view.address or "", last, router, now)
        supported = self._is_supported(view)
        if path is None and level < 1 and patience is Patience.FULL and not supported:
            # What nobody has seen is not assumed where a little patience shows it.
            return Wait(now + (1 - level) * REFILL_S), _Held(at=now)
        # Checks, three a second where a thousand have none yet, leave enough for whoever asks the near hops anew.
        check = due and level >= (1 + queries if supported else 1)
        near = NearHops(
            hops=view.good,
            known=view.fresh,
            check=check,
            own_first=None if path is None else (*path, view.address)[last],
            explores=path is None,
            take=lambda: 0,
        )
        return Shared(near, own), _Held(at=now, tokens=taken | ({router: 1} if check else {}), asks=asks)

    def _is_crowded(self, view: _View, queries: int, now: float) -> bool:
        """Return whether a trace goes where nobody has been while too many others do."""
        return view.path is None and not self._to_explore_with(view, queries, now)

    def _to_explore_with(self, view: _View, queries: int, now: float) -> int:
        """Return how many probes may go to each hop of whom nobody knows, 0 for none now."""
        spare = int(self._spare.level(_ANYBODY, now)) - 1
        if self._is_supported(view):
            return max(0, min(queries, _QUERIES_TO_EXPLORE, spare))
        return queries if spare >= queries else 0

    def _is_supported(self, view: _View) -> bool:
        """Return whether so many share the last hop that can be shown that one more is taken to."""
        shown = view.good or view.usable
        return bool(shown) and self._sharers.get((len(shown), shown[-1].responders[0].address), 0) >= _SUPPORTED_BY

    def _moved_path(self, address: str) -> Path | None:
        """Return the path of a target, with who has taken the place of a router since, as others found out."""
        path = self._paths.get(address)
        if path is None or not self._moved:
            return path
        return tuple(
            None if router is None else self._moved.get((ttl, router), router)
            for ttl, router in enumerate(path, start=1)
        )

    def _presumed(self) -> Path:
        """Return the way that an unknown target probably has: the beginning common to those that were traced last."""
        paths = islice(reversed(self._paths.values()), _MOST_COMPARED)
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
        path = self._merged(address, leg)
        held = self._held.pop(ticket, _Held(at=now))
        spent = _spent(path, asked)
        for router in {*held.tokens, *spent}:
            self._spare.take(router, spent.get(router, 0) - held.tokens.get(router, 0), now)
        if leg.end_reason in {EndReason.ABORTED, EndReason.NOT_TRACED} or not (path or leg.reached):
            return
        own = [hop for hop in leg.hops[: len(path)] if hop.shared_with is None and hop.sent]
        self._drop_contradicted(address, path, leg)
        self._remember_path(address, path)
        self._remember_hops(address, own, path, started_at)
        if not all(hop.sent for hop in leg.hops):
            self._checked_at.pop(address, None)
        elif leg.shared_check is not SharedCheck.NOT_ASKED:
            self._checked_at[address] = now

    def take(self, ticket: Hashable, near: NearHops, queries: int, now: float) -> int:
        """Return how many probes a trace may send to each of its near hops after all; they are held for it."""
        routers = {router for hop in near.hops if (router := _responder(hop)) is not None}
        count = max(0, min(queries, int(self._spare.poorest(routers, now))))
        held = self._held.get(ticket)
        if held is None or not count:
            return 0
        self._held[ticket] = replace(
            held, tokens={**held.tokens, **{r: held.tokens.get(r, 0) + count for r in routers}}
        )
        for router in routers:
            self._spare.take(router, count, now)
        return count

    def drop(self, ticket: Hashable, now: float) -> None:
        """Give back what is held for a trace that was never made."""
        held = self._held.pop(ticket, _Held(at=now))
        for router, count in held.tokens.items():
            self._spare.take(router, -count, now)

    def _merged(self, address: str, leg: Leg) -> Path:
        """Return a leg's path; who is silent is who answered there before, if the others are who they were.

        Who was not asked is taken for who answered before in any case.
        """
        known, path = self._paths.get(address, ()), path_of(leg)
        asked = [hop.sent > 0 for hop in leg.hops]
        path = tuple(
            now if was_asked else was
            for now, was_asked, was in zip_longest(path, asked[: len(path)], known[: len(path)])
        )
        same = len(known) == len(path) and not any(_differ(*pair) for pair in zip(known, path, strict=True))
        return tuple(now or was for now, was in zip(path, known, strict=True)) if same else path

    def _drop_contradicted(self, address: str, path: Path, leg: Leg) -> None:
        """Forget the hops behind the first that somebody new answers at, or that nobody answers at any more.

        Who was met there before on some way is one of several (a balancer's), and contradicts nothing.
        """
        known = self._paths.get(address, ())
        changed = next((ttl for ttl, pair in enumerate(zip(known, path, strict=False), 1) if _differ(*pair)), None)
        if changed is not None and (changed, path[changed - 1] or "") in self._seen:
            return
        if changed is None and len(path) < len(known) and not leg.reached:
            changed = len(path) + 1
        if changed is None:
            return
        for ttl, (was, now) in enumerate(zip(known, path, strict=False), start=1):
            if was is not None and _differ(was, now):
                self._moved[ttl, was] = now
        gone = known[changed - 1]
        for place, one in tuple(self._asked.items()):
            if place == (changed, gone) or one.before[changed - 1 : changed] == (gone,):
                del self._asked[place]

    def _remember_path(self, address: str, path: Path) -> None:
        self._forget_path(address)
        self._paths[address] = path
        for place in _places(path):
            self._sharers[place] = self._sharers.get(place, 0) + 1
            self._seen.pop(place, None)
            self._seen[place] = None
            # Whoever took its place has not done so on every way.
            self._moved.pop(place, None)
        if len(self._paths) > MOST_PATHS:
            oldest = next(iter(self._paths))
            self._forget_path(oldest)
            self._checked_at.pop(oldest, None)
        for places in (self._seen, self._moved):
            while len(places) > _MOST_SEEN:
                del places[next(iter(places))]

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
            before = self._asked.get((ttl, _responder(hop)))
            if before is None or not _says_more(before, one):
                self._asked[ttl, _responder(hop)] = one
        old = [place for place, one in self._asked.items() if started_at - one.asked_at > USABLE_S]
        for place in old:
            del self._asked[place]

    def _forget_held(self, now: float) -> None:
        old = [ticket for ticket, held in self._held.items() if now - held.at > _ASKS_S]
        for ticket in old:
            self._held[ticket] = replace(self._held[ticket], asks=frozenset())


def _says_more(before: _Asked, now: _Asked) -> bool:
    """Return whether a hop as it was asked before, not long ago, says more than as it was asked now, without loss."""
    fresh = now.asked_at - before.asked_at <= REFRESH_S and now.before == before.before
    return fresh and before.hop.sent > now.hop.sent == now.hop.received


def path_of(leg: Leg) -> Path:
    """Return who answered before the end of a leg; where that is not known, without the silence behind the last."""
    reached = leg.end_reason is EndReason.REACHED
    found = [_responder(hop) for hop in leg.hops[: len(leg.hops) - reached]]
    while not reached and found and found[-1] in {None, leg.address}:
        found.pop()
    return tuple(found)


def _spent(path: Path, asked: Mapping[int, int]) -> dict[str, int]:
    """Return the answers that probes took of each router, if it answered them all."""
    spent: dict[str, int] = {}
    for ttl, router in enumerate(path, start=1):
        if router is not None and asked.get(ttl):
            spent[router] = spent.get(router, 0) + asked[ttl]
    return spent


def _responder(hop: Hop) -> str | None:
    return hop.responders[0].address if hop.responders else None


def _differ(was: str | None, now: str | None) -> bool:
    return None not in {was, now} and was != now


def _places(path: Path) -> list[tuple[int, str]]:
    return [(ttl, router) for ttl, router in enumerate(path, start=1) if router is not None]
