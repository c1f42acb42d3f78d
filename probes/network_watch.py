"""What changed on the host's network between the start and the end of a sample, and whether it touched the sample.

A change counts when it touches what the sample used: the interface it leaves by (up, carrier), its source address, its
route to a target (interface, gateway, table), the resolvers, a tunnel in the path; or when the host slept. Metrics,
lifetimes, neighbours, and interfaces and prefixes that the sample does not use do not count. Comparing the start with
the end misses a change that is undone in between, so the kernel's events are read as well, one by one.
"""

from __future__ import annotations

from probes.frozen import frozen, mutable
from probes.host_facts import ChangeKind, NetworkChange
from probes.route_watch import RouteLookup, WatchedRoute
from probes.wire.netlink_entries import AddressEntry, LinkEntry, RouteEntry, RuleEntry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

    from probes.host_facts import Interface, Network, Resolver, Route
    from probes.route_watch import RouteNews


@frozen
class FullRead:
    """All interfaces and addresses, read anew because the kernel had to drop events."""

    links: tuple[LinkEntry, ...]
    addresses: tuple[AddressEntry, ...]


@frozen
class ResolversRead:
    """What resolv.conf says now."""

    resolvers: tuple[Resolver, ...]
    search_domains: tuple[str, ...]


@frozen
class Slept:
    """The host was suspended for this long."""

    seconds: float


NetworkEvent = LinkEntry | AddressEntry | RouteEntry | RuleEntry | RouteLookup | FullRead | ResolversRead | Slept

# Changes that did not touch the sample are for information: a host that starts a hundred containers must not fill the
# record with them.
_MAX_UNRELATED: Final = 20

# The kernel's names of tunnel drivers (IFLA_INFO_KIND), and how VPN clients begin the names of their interfaces.
_TUNNEL_KINDS: Final = frozenset(
    {"tun", "wireguard", "ppp", "gre", "gretap", "ip6gre", "ipip", "sit", "ip6tnl", "vti", "vti6", "xfrm", "geneve"}
)
_TUNNEL_NAMES: Final = ("tun", "tap", "wg", "ppp", "gre", "ipsec", "vti", "xfrm", "tailscale", "nordlynx")


@mutable
class _Link:
    """What is known of one interface."""

    name: str
    up: bool
    carrier: bool | None
    tunnel: bool
    carrier_changes: int | None = None

    @property
    def state(self) -> str:
        """Return it in words."""
        if not self.up:
            return "down"
        return "no carrier" if self.carrier is False else "up"


class NetworkWatch:
    """Follows the network through one sample.

    Feed it what `drivers.network_events` drains; ask `disturbed` as often as you like; take `changes` at the end.
    """

    def __init__(
        self, start: Network, *, bound_to: str | None = None, most_unrelated: int | None = _MAX_UNRELATED
    ) -> None:
        """Begin with the network at the start.

        Args:
            start: Every look-up in its `routes` counts as used by the sample.
            bound_to: The interface that the sample's packets must leave by, where one was asked for.
            most_unrelated: How many changes that did not touch the sample are kept; None for all.
        """
        self._bound_to = bound_to
        self._most_unrelated = most_unrelated
        self._links = {one.index: _known(one) for one in start.interfaces if one.index is not None}
        self._addresses = {
            (one.index, address.address) for one in start.interfaces for address in one.addresses if one.index
        }
        self._routes: dict[str, WatchedRoute] = {}
        self._resolvers = ResolversRead(resolvers=start.resolvers, search_domains=start.search_domains)
        self._used_interfaces: set[str] = set()
        self._used_sources: set[str] = set()
        self._changes: list[NetworkChange] = []
        self._unrelated = 0
        self._disturbed = False
        self._now = ""
        for route in start.routes:
            self.use(route)

    def use(self, route: Route) -> None:
        """Count one more look-up as used by the sample; one for an address already used changes nothing."""
        if route.destination in self._routes:
            return
        self._routes[route.destination] = WatchedRoute(route, bound_to=self._bound_to)
        self._used_interfaces |= {route.interface} if route.interface else set()
        self._used_sources |= {route.source} if route.source else set()

    def disturbed(self) -> bool:
        """Return whether a change has touched the sample, so that it may as well stop."""
        return self._disturbed

    def observe(self, events: Iterable[NetworkEvent], now_text: str) -> None:
        """Take in events, in the order in which they came, seen at `now_text` (RFC 3339)."""
        self._now = now_text
        for event in events:
            self._take(event)

    def changes(self, end: Network, now_text: str) -> tuple[NetworkChange, ...]:
        """Return every change, those that only the end shows included, in the order in which they were seen.

        Args:
            end: The network at the end, with the same look-ups as the start.
            now_text: The time now, RFC 3339.
        """
        self._now = now_text
        indexed = [one for one in end.interfaces if one.index is not None]
        self._all_links({one.index: _known(one) for one in indexed if one.index is not None})
        self._all_addresses({(one.index, address.address) for one in indexed for address in one.addresses if one.index})
        for route in end.routes:
            self._looked_up(RouteLookup(route=route))
        self._resolvers_read(ResolversRead(resolvers=end.resolvers, search_domains=end.search_domains))
        return tuple(self._changes)

    def take_changes(self) -> tuple[NetworkChange, ...]:
        """Return the changes noted since the last time, for who follows the network longer than one sample."""
        taken, self._changes = tuple(self._changes), []
        return taken

    def _take(self, event: NetworkEvent) -> None:
        match event:
            case LinkEntry():
                self._link(event.index, None if event.removed else _entered(event))
            case AddressEntry():
                self._address(event.index, event.address, present=not event.removed)
            case RouteEntry():
                self._route_entry(event)
            case RuleEntry():
                pass  # what a policy rule changes shows in the look-ups that the driver makes after it
            case RouteLookup():
                self._looked_up(event)
            case FullRead():
                self._all_links({one.index: _entered(one) for one in event.links})
                self._all_addresses({(one.index, one.address) for one in event.addresses})
            case ResolversRead():
                self._resolvers_read(event)
            case Slept():
                self._slept(event)

    # --- links --------------------------------------------------------------------------------------------------------

    def _all_links(self, now: dict[int, _Link]) -> None:
        for index in self._links.keys() | now.keys():
            self._link(index, now.get(index))

    def _link(self, index: int, now: _Link | None) -> None:
        before = self._links.get(index)
        if now is None:
            self._links.pop(index, None)
        else:
            self._links[index] = _merged(before, now)
        either = before or now
        what = _link_change(before, now)
        if either is None or what is None:
            return
        tunnel = any(one.tunnel for one in (before, now) if one)
        self._record(
            kind=ChangeKind.TUNNEL if tunnel else ChangeKind.LINK,
            subject=either.name,
            what=what,
            before=before.state if before else None,
            after=now.state if now else None,
            counts=either.name in self._used_interfaces,
        )

    def _is_tunnel(self, name: str) -> bool:
        return next((link.tunnel for link in self._links.values() if link.name == name), _tunnel_name(name))

    # --- addresses ----------------------------------------------------------------------------------------------------

    def _all_addresses(self, now: set[tuple[int, str]]) -> None:
        for index, address in self._addresses - now:
            self._address(index, address, present=False)
        for index, address in now - self._addresses:
            self._address(index, address, present=True)

    def _address(self, index: int, address: str, *, present: bool) -> None:
        key = (index, address)
        # The same address announced again is a refreshed lifetime or a renewed lease.
        if (key in self._addresses) == present:
            return
        (self._addresses.add if present else self._addresses.discard)(key)
        link = self._links.get(index)
        name = link.name if link else f"interface {index}"
        self._record(
            kind=ChangeKind.ADDRESS,
            subject=name,
            what="address added" if present else "address removed",
            before=None if present else address,
            after=address if present else None,
            counts=address in self._used_sources and name in self._used_interfaces,
        )

    # --- routes -------------------------------------------------------------------------------------------------------

    def _route_entry(self, event: RouteEntry) -> None:
        names = {index: link.name for index, link in self._links.items()}
        for destination, watched in self._routes.items():
            self._route_news(destination, watched.entry_changed(event, names))

    def _looked_up(self, lookup: RouteLookup) -> None:
        watched = self._routes.get(lookup.route.destination)
        if watched is None:
            self.use(lookup.route)
            watched = self._routes[lookup.route.destination]
        self._route_news(lookup.route.destination, watched.looked_up(lookup))

    def _route_news(self, destination: str, news: RouteNews | None) -> None:
        if news is None:
            return
        tunnel = news.counts and news.kind is ChangeKind.ROUTE and any(map(self._is_tunnel, news.interfaces))
        self._record(
            kind=ChangeKind.TUNNEL if tunnel else news.kind,
            subject=destination,
            what=news.what,
            before=news.before,
            after=news.after,
            counts=news.counts,
        )

    # --- resolvers, sleep ---------------------------------------------------------------------------------------------

    def _resolvers_read(self, now: ResolversRead) -> None:
        before, self._resolvers = self._resolvers, now
        if set(before.resolvers) != set(now.resolvers):
            self._record(
                kind=ChangeKind.RESOLVER,
                subject="resolvers",
                what="resolvers changed",
                before=" ".join(one.address for one in before.resolvers) or None,
                after=" ".join(one.address for one in now.resolvers) or None,
                counts=True,
            )
        if before.search_domains != now.search_domains:
            self._record(
                kind=ChangeKind.RESOLVER,
                subject="search",
                what="search domains changed",
                before=" ".join(before.search_domains) or None,
                after=" ".join(now.search_domains) or None,
                counts=False,
            )

    def _slept(self, event: Slept) -> None:
        self._record(
            kind=ChangeKind.SUSPEND,
            subject="host",
            what=f"the host slept for {event.seconds:.1f} s",
            before=None,
            after=None,
            counts=True,
        )

    def _record(
        self, *, kind: ChangeKind, subject: str, what: str, before: str | None, after: str | None, counts: bool
    ) -> None:
        self._disturbed = self._disturbed or counts
        self._unrelated += not counts
        if not counts and self._most_unrelated is not None and self._unrelated > self._most_unrelated:
            return
        self._changes.append(
            NetworkChange(
                at=self._now,
                kind=kind,
                subject=subject,
                what=what,
                before=before,
                after=after,
                affects_sample=counts,
            )
        )


def _known(interface: Interface) -> _Link:
    return _Link(name=interface.name, up=interface.up, carrier=interface.carrier, tunnel=_is_tunnel(interface))


def _entered(entry: LinkEntry) -> _Link:
    return _Link(
        name=entry.name,
        up=entry.up,
        carrier=entry.carrier,
        tunnel=_tunnel_name(entry.name) if entry.kind is None else entry.kind in _TUNNEL_KINDS,
        carrier_changes=entry.carrier_changes,
    )


def _merged(before: _Link | None, now: _Link) -> _Link:
    """Return what is known now; an interface as a fact says nothing of carrier changes, nor of its kind."""
    if now.carrier_changes is None and before is not None:
        return _Link(now.name, now.up, now.carrier, before.tunnel, before.carrier_changes)
    return now


def _is_tunnel(interface: Interface) -> bool:
    return _tunnel_name(interface.name) if interface.kind is None else interface.kind in _TUNNEL_KINDS


def tunnel_interface(network: Network, name: str) -> bool:
    """Return whether the interface of this name is a tunnel's, as far as the network or its name tells."""
    return next((_is_tunnel(one) for one in network.interfaces if one.name == name), _tunnel_name(name))


def _tunnel_name(name: str) -> bool:
    return name.startswith(_TUNNEL_NAMES)


def _link_change(before: _Link | None, now: _Link | None) -> str | None:
    """Return in words what changed, None for nothing: promiscuous mode, the MTU or a new master are nothing here."""
    if before is None or now is None:
        return "interface added" if before is None else "interface removed"
    if before.state != now.state:
        return "link changed"
    counts = before.carrier_changes, now.carrier_changes
    # Events of a flapping carrier are merged by the kernel; its counter is not (net/core/link_watch.c).
    if None not in counts and counts[0] != counts[1]:
        return "carrier was lost and came back"
    return None
