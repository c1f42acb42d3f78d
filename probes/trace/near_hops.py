"""The near hops of one trace that another target's trace has just asked: not asked again, but checked.

The search begins at the last hop that is thought to be shared, with one probe. If a router answers there that is known
at that TTL, the hops before it are those of whoever asked them. Else the search walks towards the host, a hop at a
time, until it meets what is known: Doubletree's local stop set (B. Donnet, P. Raoult, T. Friedman, M. Crovella:
Efficient algorithms for large-scale topology discovery, ACM SIGMETRICS 2005).
"""

from __future__ import annotations

from probes.facts import LossClass, SharedCheck
from probes.frozen import frozen, replace
from probes.trace.attempt import Ending

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol as Interface

    from probes.facts import Hop
    from probes.trace.rows import Row, Rows

    class Known(Interface):
        """The hops that other traces have just asked."""

        def chain(self, probe_ttl: int, responder: str) -> tuple[Hop, ...] | None:
            """Return the hops 1 to `probe_ttl` of a way that ends with this responder, None where none is known."""
            ...


@frozen
class NearHops:
    """What a trace is told of its near hops.

    Attributes:
        hops: Those that it probably shares, from TTL 1 on, as they were answered to others; each is marked as theirs.
        known: Where other ways that were asked are looked up.
        check: Whether the last of them has an answer to spare for a probe of this trace.
        own_first: Who answered at the first TTL behind them when it was last asked, None where nobody knows.
        take: Takes what their routers have to spare if this trace has to ask them itself after all, and returns how
            many probes may go to each.
        explores: Nobody has traced this target before: where its own hops are known after all, one probe is enough.
    """

    hops: tuple[Hop, ...]
    known: Known
    check: bool
    own_first: str | None
    take: Callable[[], int]
    explores: bool = False

    @property
    def last_ttl(self) -> int:
        """Return the last TTL that is not this trace's own."""
        return len(self.hops)


class Walk:
    """How far one search has come with its near hops; asked by the search what to send besides."""

    def __init__(self, near: NearHops, queries: int) -> None:
        self._near = near
        self._queries = queries
        # The lowest TTL that was asked; below it nothing left this host for this trace.
        self._lowest = near.last_ttl if near.check else near.last_ttl + 1
        self._shared: tuple[Hop, ...] = ()
        self._settled = False
        self._doubted = False
        self._allowed: int | None = None
        self.check: SharedCheck | None = None

    @property
    def first_ttl(self) -> int:
        """Return the TTL at which the search begins."""
        near = self._near
        return near.last_ttl if near.check else near.last_ttl + 1

    @property
    def last_ttl(self) -> int:
        """Return the last TTL that was thought to be shared."""
        return self._near.last_ttl

    def answered(self, probe_ttl: int, responder: str, ending: Ending) -> list[int]:
        """Return the TTLs to ask now that somebody answered at one of them, once for each probe."""
        if self._settled or probe_ttl != self._lowest:
            return []
        if probe_ttl > self._near.last_ttl:
            return self._first_own(responder)
        chain = self._near.known.chain(probe_ttl, responder) if ending is Ending.PASSED else None
        if chain is not None:
            self._take(chain, SharedCheck.CONFIRMED)
            return []
        return [probe_ttl] * (self._queries - 1) + self._step()

    def wants_more(self, row: Row) -> bool:
        """Return whether a hop behind the shared ones is to be asked again."""
        if not self._near.explores:
            return True
        replies = [attempt.reply for attempt in row.attempts if attempt.reply is not None]
        return bool(replies) and not any(
            self._near.known.chain(row.probe_ttl, reply.sender) for reply in replies if reply.ending is Ending.PASSED
        )

    def at_end(self, rows: Rows) -> list[int]:
        """Return the TTLs to ask before the search ends: what lies before silence is asked all at once."""
        if self._settled:
            return []
        near = self._near
        if self._lowest > near.last_ttl:
            if rows.highest < self._lowest:
                return self._step()
            self._take(near.hops, SharedCheck.NOT_ASKED)
            return []
        if self._lowest == near.last_ttl and self._behind_is_as_remembered(rows):
            self._take(near.hops, SharedCheck.UNANSWERED)
            return []
        return self._ask_rest()

    def in_doubt(self, *, reached: bool) -> list[int]:
        """Return the TTLs to ask because the target lost probes, or was not reached.

        Loss is looked for at every hop by this trace itself. Where the way ends early, one answer of the last shared
        hop shows that the way up to there is whole; without it nothing is said of the hops that nobody asks now.
        """
        if self._doubted:
            return []
        self._doubted = True
        if reached:
            return self._ask_rest() if self._queries_allowed() else []
        if self.check is not SharedCheck.NOT_ASKED:
            return []
        self._settled, self._shared, self.check = False, (), None
        return self._step()

    def completed(self, hops: Sequence[Hop], *, target_loss: bool) -> tuple[Hop, ...]:
        """Return the hops with the shared ones in place; one that nobody asked is there, and nothing is said of it."""
        return tuple(self._completed(hop, target_loss=target_loss) for hop in hops)

    def _completed(self, hop: Hop, *, target_loss: bool) -> Hop:
        ttl = hop.probe_ttl
        if ttl > self._near.last_ttl:
            return self._met(hop)
        if hop.sent > (ttl == len(self._shared)):
            return hop
        if ttl > len(self._shared):
            return hop if hop.sent else replace(hop, loss_class=LossClass.UNKNOWN)
        shared = self._shared[ttl - 1]
        # Another target's loss is not this one's: probes of this trace went past.
        blamed = shared.loss_class is LossClass.LOSS and not target_loss
        return replace(shared, loss_class=LossClass.UNKNOWN) if blamed else shared

    def _met(self, hop: Hop) -> Hop:
        """Return a hop behind the shared ones: another's, where one probe showed that others have asked it."""
        if not self._near.explores or hop.sent > 1 or not hop.responders or not self._shared:
            return hop
        chain = self._near.known.chain(hop.probe_ttl, hop.responders[0].address)
        return hop if chain is None else chain[-1]

    def _behind_is_as_remembered(self, rows: Rows) -> bool:
        behind = self._near.last_ttl + 1
        return behind <= rows.max_ttl and self._near.own_first in rows.responders(behind)

    def _first_own(self, responder: str) -> list[int]:
        """Take the first answer behind the shared hops for a check, where memory says what it should be."""
        if self._near.own_first in {None, responder}:
            self._take(self._near.hops, SharedCheck.NOT_ASKED)
            return []
        return self._step()

    def _step(self) -> list[int]:
        """Return the next TTL towards this host, if there is one that may be asked."""
        if self._lowest <= 1 or not self._queries_allowed():
            self._settled = True
            return []
        self._lowest -= 1
        return [self._lowest]

    def _ask_rest(self) -> list[int]:
        self._settled = True
        self._shared, self.check = (), None
        below, self._lowest = range(1, self._lowest), 1
        return [ttl for ttl in below for _ in range(self._queries_allowed())]

    def _queries_allowed(self) -> int:
        """Return how many probes may go to each near hop: others may have asked them since this trace began."""
        if self._allowed is None:
            self._allowed = self._near.take()
        return self._allowed

    def _take(self, chain: tuple[Hop, ...], check: SharedCheck) -> None:
        self._settled = True
        self._shared, self.check = chain, check
