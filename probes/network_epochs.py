"""The host's network followed from state to state for as long as the agent runs, as a few changes with their epochs.

What is watched for one sample (`network_watch`) is watched here without end: changes that come together are told
together (`network_burst`), and what nothing here uses is told of a few times an hour and counted otherwise.
"""

from __future__ import annotations

from probes.frozen import replace
from probes.host_facts import ChangeKind, NetworkChange
from probes.network_burst import Burst, HostChange
from probes.network_watch import NetworkWatch
from probes.network_ways import DEFAULT_SUBJECTS, ROUTE_CHANGED, leaving, ways_changed
from probes.route_watch import way_text
from probes.wire.netlink_entries import RouteEntry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from probes.host_facts import Network
    from probes.network_watch import NetworkEvent


# A network has settled after a second without change, and is not waited for longer than ten: one that flaps on and on
# is measured as it is.
QUIET_S: Final = 1.0
LONGEST_S: Final = 10.0
# So many changes that nothing here uses are told of at once, and so many in an hour: a host that runs containers has
# thousands a day.
_MOST_ASIDES: Final = 20
_HOUR_S: Final = 3600.0

_REST_SUBJECT: Final = "other interfaces, addresses and routes"


class NetworkEpochs:
    """Follows the network; pure, and told the time.

    Feed it the kernel's news (`observe`), the network as it is (`read`) and what others saw (`note`); take by `ended`
    what there is to tell.
    """

    def __init__(self, start: Network, now: float) -> None:
        """Begin with the network as it was read at monotonic time `now`."""
        # As it was last read, and as it was when it was last quiet.
        self._network = self._quiet = start
        self._watch = NetworkWatch(_without_ways(start), most_unrelated=None)
        self._burst: Burst | None = None
        self._newest = self._first = -LONGEST_S
        self._asides_left, self._asides_at = float(_MOST_ASIDES), now
        self._untold = 0
        self._early: dict[str, None] = {}

    @property
    def network(self) -> Network:
        """Return the network as it was last read."""
        return self._network

    @property
    def disturbed(self) -> bool:
        """Return whether a burst is under way."""
        return self._burst is not None

    def settled(self, now: float) -> bool:
        """Return whether nothing that matters has changed for a second, or things have been changing for ten."""
        return now >= self.settles_at(now)

    def settles_at(self, now: float) -> float:
        """Return when it will have settled if nothing more changes, in monotonic seconds; `now` if it has."""
        return max(now, min(self._newest + QUIET_S, self._first + LONGEST_S))

    def ends_at(self) -> float | None:
        """Return when the burst under way is over if nothing more comes, in monotonic seconds; None without one."""
        burst = self._burst
        return None if burst is None else min(burst.newest + QUIET_S, burst.began + LONGEST_S)

    def observe(self, events: Sequence[NetworkEvent], now: float, now_text: str) -> None:
        """Take in what the kernel told, in its order, at monotonic time `now`."""
        entries = [event for event in events if isinstance(event, RouteEntry)]
        self._watch.observe([event for event in events if not isinstance(event, RouteEntry)], now_text)
        self._take(now)
        for entry in entries:
            self._default_lost(entry, now, now_text)

    def read(self, network: Network, now: float, now_text: str) -> None:
        """Take in the network as it is, with a look-up of each address that the agent's samples lead to."""
        # Without its ways: what changed of them is told once for all that changed alike.
        self._watch.changes(_without_ways(network), now_text)
        before, self._network = self._network, network
        self._take(now, also=before)
        for change in ways_changed(before, network, now_text):
            self.note(change, now)
        if self._burst is None:
            self._quiet = network
            self._early.clear()

    def note(self, change: NetworkChange, now: float) -> None:
        """Take in one change; `affects_sample` says whether it matters."""
        if change.affects_sample:
            self._first = now if now >= self._newest + QUIET_S else self._first
            self._newest = now
        if self._burst is None:
            self._burst = Burst(self._quiet, now)
            for target in self._early:
                self._burst.abort(target)
            self._early.clear()
        self._burst.add(change, now)

    def abort(self, target: str) -> None:
        """Note that what is going on ended a sample of this target, which may have seen it before the next reading."""
        if self._burst is not None:
            self._burst.abort(target)
        else:
            self._early[target] = None

    def ended(self, now: float, now_text: str) -> tuple[HostChange, ...]:
        """Return what there is to tell of a burst that is over, those that matter first; nothing while it goes on."""
        burst, ends_at = self._burst, self.ends_at()
        if burst is None or ends_at is None or now < ends_at:
            return ()
        self._burst, self._quiet = None, self._network
        told = burst.told(self._network)
        # What was kept back comes first, or one more aside would take its place again and again.
        kept_back = self._rest(now, now_text)
        shown = [change for change in told if change.matters or self._may_tell(now)]
        self._untold += burst.untold + sum(change.times for change in told if change not in shown)
        return (*shown, *(kept_back or self._rest(now, now_text)))

    # --- what matters -------------------------------------------------------------------------------------------------

    def _take(self, now: float, also: Network | None = None) -> None:
        """Take over what the watch noted since the last time; `also` is a network that held until now."""
        for change in self._watch.take_changes():
            self.note(replace(change, affects_sample=self._matters(change, also)), now)

    def _matters(self, change: NetworkChange, also: Network | None) -> bool:
        networks = [one for one in (self._network, also) if one is not None]
        if change.affects_sample:
            return True
        if change.kind not in {ChangeKind.LINK, ChangeKind.TUNNEL, ChangeKind.ADDRESS}:
            return False
        if not any(change.subject in leaving(network) for network in networks):
            return False
        return change.kind is not ChangeKind.ADDRESS or any(_sent_from(change, network) for network in networks)

    def _default_lost(self, entry: RouteEntry, now: float, now_text: str) -> None:
        """Note a default route that goes: it may be back before anybody looks."""
        if not entry.removed or entry.prefix_length or entry.narrowed or entry.cached:
            return
        gateways = {way.gateway for way in entry.next_hops}
        for route in self._network.default_routes:
            same = (route.family, route.table, route.metric) == (entry.family, entry.table, entry.metric)
            if same and route.gateway in gateways:
                lost = NetworkChange(
                    at=now_text,
                    kind=ChangeKind.ROUTE,
                    subject=DEFAULT_SUBJECTS[entry.family],
                    what=ROUTE_CHANGED,
                    before=way_text(route),
                    after=None,
                    affects_sample=True,
                )
                self.note(lost, now)

    # --- what nothing here uses ---------------------------------------------------------------------------------------

    def _may_tell(self, now: float) -> bool:
        """Return whether one more aside may be told of, and count it."""
        earned = (now - self._asides_at) * _MOST_ASIDES / _HOUR_S
        self._asides_left, self._asides_at = min(float(_MOST_ASIDES), self._asides_left + earned), now
        if self._asides_left < 1:
            return False
        self._asides_left -= 1
        return True

    def _rest(self, now: float, now_text: str) -> tuple[HostChange, ...]:
        """Return the word of how much was not told, as soon as there may be one."""
        if not self._untold or not self._may_tell(now):
            return ()
        untold, self._untold = self._untold, 0
        epoch = self._network.epoch
        return (
            HostChange(
                at=now_text,
                kind=ChangeKind.LINK,
                subject=_REST_SUBJECT,
                what=f"{untold} further changes of what nothing here uses",
                before=None,
                after=None,
                matters=False,
                times=untold,
                epoch_before=epoch,
                epoch_after=epoch,
            ),
        )


def _without_ways(network: Network) -> Network:
    return replace(network, routes=(), default_routes=())


def _sent_from(change: NetworkChange, network: Network) -> bool:
    """Return whether a packet may have been sent from the address that went.

    One more address is no change for those that were there, and a temporary one leaves for the next (RFC 8981).
    """
    sources = {
        route.source for route in (*network.routes, *network.default_routes) if route.interface == change.subject
    }
    if change.before is None or change.before in sources:
        return change.before is not None
    return any(
        one.address == change.before and not one.temporary and not one.address.startswith("fe80:")
        for interface in network.interfaces
        if interface.name == change.subject
        for one in interface.addresses
    )
