"""One TTL of a watched path: who answers there, who did before, and each one's own figures: pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.watch.tally import Tally
from probes.frozen import frozen

if TYPE_CHECKING:
    from typing import Final

    from probes.facts import Hop, Responder

# Who stood for so many rounds and is then replaced was the path; who came and went sooner shares the load.
STOOD_ROUNDS: Final = 3
# Who was alone for so long takes turns with nobody any more.
ALONE_ROUNDS: Final = 10


@frozen
class HopChange:
    """Another router answers at one TTL; None: nobody did, or there is no such hop any more."""

    probe_ttl: int
    before: str | None
    after: str | None


class Tenant:
    """One address at one TTL, with what its own probes came to."""

    def __init__(self, tally: Tally | None = None) -> None:
        """Take over the tally of probes that nobody had answered yet."""
        self.tally = tally or Tally()
        self.responder: Responder | None = None


class Place:
    """One TTL: unanswered probes count for whoever answered last."""

    def __init__(self, probe_ttl: int) -> None:
        """Know nobody."""
        self.probe_ttl = probe_ttl
        self.address: str | None = None
        self.shared: tuple[str, ...] = ()
        self._tenants: dict[str, Tenant] = {}
        self._nobody = Tenant()
        self._since = 0

    @property
    def tenant(self) -> Tenant:
        """Return who answers here now, as far as anybody does."""
        return self._nobody if self.address is None else self._tenants[self.address]

    def tenants(self) -> list[tuple[str | None, Tenant]]:
        """Return who is shown here: the one who answers, or all that take turns, always in the same order."""
        if not self.shared:
            return [(self.address, self.tenant)]
        return [(address, self._tenants[address]) for address in self.shared]

    def take(self, hop: Hop, number: int, *, end_lost: bool) -> HopChange | None:
        """Take in the hop of one round; return the change if another one answers than before.

        Routers that take turns share the load: the first turn of each is a change, the next ones are none.

        Args:
            hop: What the round saw here.
            number: The round's, counted up from 1.
            end_lost: Whether the end of the path did not answer in it.
        """
        first = hop.responders[0] if hop.responders else None
        change = None if first is None else self._meet(first.address, number)
        tenant = self.tenant
        if first is not None:
            tenant.responder = first
        rtts_us = [rtt_us for responder in hop.responders for rtt_us in responder.rtt_us]
        tenant.tally.add(hop.sent, hop.received + hop.late, rtts_us, end_lost=end_lost)
        return change

    def _meet(self, address: str, number: int) -> HopChange | None:
        before = self.address
        known = address in self._tenants
        if not known:
            # Who answers at last was asked all the time.
            inherited = self._nobody.tally if before is None else None
            self._tenants[address] = Tenant(inherited)
        if address == before:
            if number - self._since >= ALONE_ROUNDS:
                self.shared = ()
            return None
        stood = number - self._since >= STOOD_ROUNDS
        self.address, self._since = address, number
        if before is None:
            return None
        # One who comes back so soon takes turns, and so does whoever joins those that do.
        turns = not stood and (known or self.shared)
        self.shared = tuple(sorted({*self.shared, before, address})) if turns else ()
        if known and not stood:
            return None
        return HopChange(probe_ttl=self.probe_ttl, before=before, after=address)
