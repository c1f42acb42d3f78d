"""What changed on the host's network between the start and the end of a sample, and whether it touched the sample.

A change counts when it touches what the sample used: the interface it leaves by (up, carrier), its source address, its
route to a target (interface, gateway, table), the resolvers, a tunnel in the path; or when the host slept. Metrics,
lifetimes, neighbours, and interfaces and prefixes that the sample does not use do not count. Comparing the start with
the end misses a change that is undone in between, so the kernel's events are read as well, one by one.
"""

from __future__ import annotations

from probes.facts import Family
from probes.frozen import frozen, replace
from probes.host_facts import ChangeKind, NetworkChange
from probes.link_watch import WatchedLink, entered_link, known_link, link_change, merged_link, tunnel_name
from probes.route_watch import RouteLookup, WatchedRoute, default_text
from probes.wire.netlink_entries import AddressEntry, LinkEntry, RouteEntry, RuleEntry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

    from probes.host_facts import Network, Resolver, Route
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


@frozen
class DefaultsRead:
    """The default routes as they are now."""

    default_routes: tuple[Route, ...]


NetworkEvent = (
    LinkEntry | AddressEntry | RouteEntry | RuleEntry | RouteLookup | FullRead | ResolversRead | DefaultsRead | Slept
)

# Changes that did not touch the sample are for information: a host that starts a hundred containers must not fill the
# record with them.
_MAX_UNRELATED: Final = 20


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
        self._links = {one.index: known_link(one) for one in start.interfaces if one.index is not None}
        self._addresses = {
            (one.index, address.address) for one in start.interfaces for address in one.addresses if one.index
        }
        self._routes: dict[str, WatchedRoute] = {}
        self._resolvers = ResolversRead(resolvers=start.resolvers, search_domains=start.search_domains)
        self._start = start
        # Whether nothing is known yet of the way to what the sample looks at.
        self._meanwhile = False
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
        self._forget_meanwhile()
        if route.destination in self._routes:
            return
        self._follow(route)
        self._judge_again(route)

    def look_up(self, network: Network, now_text: str) -> None:
        """Count the look-ups of a later reading as used; one that fails shows what changed since the start.

        Before its first look-up a sample has no way that could change: what happened to the one that it finds, or does
        not find any more, counts all the same.
        """
        self._now = now_text
        for route in network.routes:
            new = route.destination not in self._routes
            self.use(route)
            if new and route.failure is not None:
                self._lost(route, network)

    def use_meanwhile(self, ways: Iterable[Route]) -> None:
        """Count these ways as used until the first way to a target is known: those to the resolvers.

        Without any, names are asked for on this host, and who answers there uses the default routes.
        """
        if self._routes:
            return
        self._meanwhile = True
        for route in ways:
            self._follow(route)
        if not self._routes:
            self._used_interfaces |= {route.interface for route in self._start.default_routes if route.interface}

    def disturbed(self) -> bool:
        """Return whether a change has touched the sample, so that it may as well stop."""
        return self._disturbed

    def observe(self, events: Iterable[NetworkEvent], now_text: str) -> None:
        """Take in events, in the order in which they came, seen at `now_text` (RFC 3339)."""
        self._now = now_text
        for event in events:
            self._take(event)

    def script_changed(self, path: str, before: str | None, after: str | None, now_text: str) -> None:
        """Take in that a script that chooses the proxy says something else; `WatchedFile.content` before and after."""
        self._now = now_text
        self._record(
            kind=ChangeKind.PROXY, subject=path, what="script changed", before=before, after=after, counts=True
        )

    def changes(self, end: Network, now_text: str) -> tuple[NetworkChange, ...]:
        """Return every change, those that only the end shows included, in the order in which they were seen.

        Args:
            end: The network at the end, with the same look-ups as the start.
            now_text: The time now, RFC 3339.
        """
        self._now = now_text
        indexed = [one for one in end.interfaces if one.index is not None]
        self._all_links({one.index: known_link(one) for one in indexed if one.index is not None})
        self._all_addresses({(one.index, address.address) for one in indexed for address in one.addresses if one.index})
        self._defaults_read(end.default_routes)
        for route in end.routes:
            self._looked_up(RouteLookup(route=route))
        self._resolvers_read(ResolversRead(resolvers=end.resolvers, search_domains=end.search_domains))
        return tuple(self._changes)

    def take_changes(self) -> tuple[NetworkChange, ...]:
        """Return the changes noted since the last time, for who follows the network longer than one sample."""
        taken, self._changes = tuple(self._changes), []
        return taken

    def _follow(self, route: Route) -> None:
        self._routes[route.destination] = WatchedRoute(route, bound_to=self._bound_to)
        self._used_interfaces |= {route.interface} if route.interface else set()
        self._used_sources |= {route.source} if route.source else set()

    def _forget_meanwhile(self) -> None:
        if self._meanwhile:
            self._meanwhile = False
            self._routes.clear()
            self._used_interfaces.clear()
            self._used_sources.clear()

    def _judge_again(self, route: Route) -> None:
        """Count what happened before this look-up to the interface that it leaves by and the address it leaves from."""
        for index, change in enumerate(self._changes):
            if change.subject != route.interface or change.affects_sample:
                continue
            if change.kind in {ChangeKind.LINK, ChangeKind.TUNNEL} or change.before == route.source is not None:
                self._changes[index] = replace(change, affects_sample=True)
                self._disturbed = True

    def _lost(self, route: Route, network: Network) -> None:
        before, after = default_text(self._start, route.family), default_text(network, route.family)
        if before != after:
            self._record(
                kind=ChangeKind.ROUTE,
                subject=route.destination,
                what="route changed",
                before=before,
                after=str(route.failure),
                counts=True,
            )

    def _take(self, event: NetworkEvent) -> None:
        match event:
            case LinkEntry():
                self._link(event.index, None if event.removed else entered_link(event))
            case AddressEntry():
                self._address(event.index, event.address, present=not event.removed)
            case RouteEntry():
                self._route_entry(event)
            case RuleEntry():
                pass  # what a policy rule changes shows in the look-ups that the driver makes after it
            case RouteLookup():
                self._looked_up(event)
            case FullRead():
                self._all_links({one.index: entered_link(one) for one in event.links})
                self._all_addresses({(one.index, one.address) for one in event.addresses})
            case ResolversRead():
                self._resolvers_read(event)
            case DefaultsRead():
                self._defaults_read(event.default_routes)
            case Slept():
                self._slept(event)

    # --- links --------------------------------------------------------------------------------------------------------

    def _all_links(self, now: dict[int, WatchedLink]) -> None:
        for index in self._links.keys() | now.keys():
            self._link(index, now.get(index))

    def _link(self, index: int, now: WatchedLink | None) -> None:
        before = self._links.get(index)
        if now is None:
            self._links.pop(index, None)
        else:
            self._links[index] = merged_link(before, now)
        either = before or now
        what = link_change(before, now)
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
        return next((link.tunnel for link in self._links.values() if link.name == name), tunnel_name(name))

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

    def _defaults_read(self, now: tuple[Route, ...]) -> None:
        """Take in the default routes, which count as long as no other way is known to be used."""
        if not self._meanwhile or self._routes:
            return
        network = replace(self._start, default_routes=now)
        for family in (Family.IPV4, Family.IPV6):
            before, after = default_text(self._start, family), default_text(network, family)
            if before == after:
                continue
            by = [one.interface for one in (*self._start.default_routes, *now) if one.family is family]
            self._record(
                kind=ChangeKind.TUNNEL if any(self._is_tunnel(name) for name in by if name) else ChangeKind.ROUTE,
                subject=f"default route, {'IPv4' if family is Family.IPV4 else 'IPv6'}",
                what="route changed",
                before=before,
                after=after,
                counts=True,
            )
        self._start = network

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
