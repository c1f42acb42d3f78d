"""What one process knows of the ways that its traces share, for all of its threads: who asks which hops, and when."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

from probes.frozen import frozen, replace
from probes.trace.near_knowledge import Neighbourhood, Patience, Shared, Wait, Whole

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from agent.world import Sending
    from probes.clock import Clock
    from probes.trace.account import TraceOutcome
    from probes.trace.memory import Surroundings
    from probes.trace.near_hops import NearHops
    from probes.trace.settings import TraceSettings

# A trace waits no longer than this for routers to have answers to spare, and twice as long at most for others that ask
# the same hops: its sample has other ends to meet.
PATIENCE_S: Final = 1.5
# Who was let in and has not begun its trace after so long holds nothing any more: it was looking up names.
_ADMITTED_S: Final = 3.0
_LOOK_AGAIN_S: Final = 0.1
_LEAST_PAUSE_S: Final = 0.005
# The others wait so long for the very first one, which nobody can say anything about.
_FIRST_S: Final = 1.0
# A host has as many ways out as it has gateways; others are of networks that it has left.
_MOST_WAYS: Final = 8

# From where, and how, probes leave: hops asked otherwise are other hops.
_Way = tuple["Surroundings", "Sending", bool]


@frozen
class Turn:
    """One trace that may begin.

    Attributes:
        near: The hops that it need not ask, None where it asks all.
        queries: Probes to each hop.
        began_at: When, in monotonic seconds.
        ticket: By which what it holds is found.
    """

    way: _Way
    address: str
    near: NearHops | None
    queries: int
    began_at: float
    ticket: object


@frozen
class _Known:
    """Where a target was last traced to."""

    way: _Way
    address: str
    queries: int


class SharedPaths:
    """The near hops that the targets of one process share, and what their routers may still answer.

    Every trace takes a turn with `begin` and gives it back with `end`. Where samples are planned, `ready_at` says
    beforehand when a target's turn will come, so that no thread has to wait for it.
    """

    def __init__(self, clock: Clock) -> None:
        """Know nothing yet."""
        self._clock = clock
        self._lock = threading.Lock()
        self._ways: dict[_Way, Neighbourhood] = {}
        self._targets: dict[str, _Known] = {}
        self._admitted: dict[str, tuple[float, _Way]] = {}
        self._first_at: float | None = None
        self._learned = False

    def ready_at(self, name: str, now: float) -> float:
        """Return the monotonic time from which a sample of this target may begin; `now` or earlier: it is let in.

        What it takes is held for it for some seconds. Never to be waited for longer than the sample's interval allows.

        Args:
            name: The target's, as in the configuration.
            now: The time.
        """
        with self._lock:
            self._forget_admitted(now)
            if name in self._admitted:
                return now
            known = self._targets.get(name)
            way = known.way if known is not None and known.way in self._ways else next(reversed(self._ways), None)
            if way is None:
                return self._first_of_all(now)
            address, queries = (None, 3) if known is None else (known.address, known.queries)
            decision = self._ways[way].decide(("admitted", name), address, queries, now, Patience.FULL)
            if isinstance(decision, Wait):
                return max(decision.until, now + _LOOK_AGAIN_S)
            self._admitted[name] = (now, way)
            return now

    def begin(
        self,
        name: str | None,
        address: str,
        here: Surroundings,
        sending: Sending,
        settings: TraceSettings,
        pause: Callable[[float], bool],
    ) -> Turn | None:
        """Return the turn of a trace, None where it has no near hops that it could share.

        Args:
            name: The target, if this is the way to it: a sample may make further traces.
            address: The end of this one.
            here: From where it is traced.
            sending: How its probes leave.
            settings: How it is to be traced.
            pause: Waits so many seconds, and returns whether to go on waiting.
        """
        if here.gateway is None or settings.first_ttl > 1:
            self._learned = True
            return None
        way = (here, sending, ":" in address)
        began_at = self._clock.monotonic()
        ticket = object()
        may_wait = True
        while True:
            now = self._clock.monotonic()
            patience = _patience(now - began_at) if may_wait else Patience.NONE
            decision = self._decide(ticket, name, address, way, settings.queries, now, patience)
            if isinstance(decision, Wait):
                may_wait = pause(min(max(decision.until - now, _LEAST_PAUSE_S), _LOOK_AGAIN_S))
                continue
            near = None
            if isinstance(decision, Shared):
                take = partial(self._take, way, ticket, decision.near, decision.queries)
                near = replace(decision.near, take=take)
            return Turn(way=way, address=address, near=near, queries=decision.queries, began_at=now, ticket=ticket)

    def end(self, turn: Turn, outcome: TraceOutcome | None) -> None:
        """Learn from a trace that is over, None for one that failed, and let the others go on."""
        now = self._clock.monotonic()
        with self._lock:
            self._learned = True
            ways = self._ways.get(turn.way)
            if ways is None:
                # The network has changed meanwhile: what was there says nothing here.
                return
            if outcome is None:
                ways.drop(turn.ticket, now)
            else:
                ways.settle(turn.ticket, turn.address, outcome.leg, outcome.asked, turn.began_at, now)

    def forget(self) -> None:
        """Forget every way: the network has changed."""
        with self._lock:
            self._ways.clear()
            self._admitted.clear()

    def _take(self, way: _Way, ticket: object, near: NearHops, queries: int) -> int:
        with self._lock:
            ways = self._ways.get(way)
            return 0 if ways is None else ways.take(ticket, near, queries, self._clock.monotonic())

    def _decide(
        self, ticket: object, name: str | None, address: str, way: _Way, queries: int, now: float, patience: Patience
    ) -> Wait | Whole | Shared:
        with self._lock:
            if name is not None:
                self._let_go(name, now)
                self._targets[name] = _Known(way=way, address=address, queries=queries)
            ways = self._ways.get(way)
            if ways is None:
                ways = self._ways[way] = Neighbourhood()
                if len(self._ways) > _MOST_WAYS:
                    del self._ways[next(iter(self._ways))]
            return ways.decide(ticket, address, queries, now, patience)

    def _first_of_all(self, now: float) -> float:
        """Let one target in, from which all others learn where they are; soon all of them, if it learns nothing."""
        if self._first_at is None:
            self._first_at = now
        elif not self._learned and now - self._first_at < _FIRST_S:
            return now + _LOOK_AGAIN_S
        return now

    def _let_go(self, name: str, now: float) -> None:
        """Give back what was held for a target, whose trace now takes what it needs."""
        admitted = self._admitted.pop(name, None)
        ways = None if admitted is None else self._ways.get(admitted[1])
        if ways is not None:
            ways.drop(("admitted", name), now)

    def _forget_admitted(self, now: float) -> None:
        for name in [name for name, (since, _) in self._admitted.items() if now - since > _ADMITTED_S]:
            self._let_go(name, now)


def _patience(waited_s: float) -> Patience:
    if waited_s < PATIENCE_S:
        return Patience.FULL
    return Patience.OTHERS if waited_s < 2 * PATIENCE_S else Patience.NONE
