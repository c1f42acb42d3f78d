"""Whether the way to one address changed, told from look-ups and from the table entries that come and go between them.

A look-up tells what holds now; entries tell what held for a moment. Interface, gateway, table and source count: an
entry that comes back with another metric is no change.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from probes.frozen import frozen
from probes.host_facts import ChangeKind, Route
from probes.wire.netlink_entries import RTN_UNICAST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from probes.facts import Family
    from probes.host_facts import Network
    from probes.wire.netlink_entries import RouteEntry


@frozen
class RouteLookup:
    """What the kernel says now of the way to one address, and the table entry that decides it."""

    route: Route
    entry: RouteEntry | None = None


@frozen
class RouteNews:
    """One change of a way; `interfaces` are those that it led through before and leads through after."""

    kind: ChangeKind
    what: str
    before: str | None
    after: str | None
    counts: bool
    interfaces: tuple[str, ...] = ()


class WatchedRoute:
    """The way to one address through one sample, from the look-up at the start."""

    def __init__(self, start: Route, *, bound_to: str | None = None) -> None:
        """Begin with a look-up; `bound_to` names the interface that the sample's packets must leave by, if one."""
        self.route = start
        self._bound_to = bound_to
        self._destination = ip_address(start.destination.partition("%")[0])
        # The entry that decides, and others that lead the same way with another metric.
        self._entry: RouteEntry | None = None
        self._spares: dict[int, RouteEntry] = {}
        # Set while the deciding entry is gone and neither a successor nor a look-up has said what that means.
        self._lost = False
        # Set while the way is read from an entry, which does not tell the source that the kernel would choose.
        self._source_unknown = False

    def looked_up(self, lookup: RouteLookup) -> RouteNews | None:
        """Return what a new look-up changes, None for nothing."""
        before, after = self.route, lookup.route
        source_was_unknown, self._source_unknown = self._source_unknown, False
        self.route, self._lost = after, False
        if lookup.entry is not None:
            self._entry = lookup.entry
        if not _same_look_up(before, after):
            return _moved(ChangeKind.ROUTE, "route changed", before, after)
        if before.source != after.source and not source_was_unknown:
            return _moved(ChangeKind.ADDRESS, "source address changed", before, after)
        return None

    def entry_changed(self, event: RouteEntry, names: Mapping[int, str]) -> RouteNews | None:
        """Return what the news of one table entry changes, None for nothing or for what only a look-up can tell.

        Args:
            event: An entry that came or went.
            names: Interface names by index.
        """
        entry = self._entry
        if entry is None or event.table != entry.table or not self._concerns(event, names):
            return None
        if event.removed:
            self._removed(event, entry)
            return None
        if event.prefix_length == entry.prefix_length and _same_way(event, entry):
            return self._same_way_added(event, entry)
        return self._overruled(event, names) if self._overrules(event, entry) else None

    def _removed(self, event: RouteEntry, entry: RouteEntry) -> None:
        if event.prefix_length != entry.prefix_length or not _same_way(event, entry):
            return
        if event.metric != entry.metric:
            self._spares.pop(event.metric, None)
        elif self._spares:
            self._entry = self._spares.pop(min(self._spares))
        else:
            self._lost = True

    def _same_way_added(self, event: RouteEntry, entry: RouteEntry) -> RouteNews | None:
        was_lost, self._lost = self._lost, False
        if event.metric == entry.metric:
            return _came_back(self.route) if was_lost else None
        # Another metric is no other way, whether the old entry goes before or after the new one comes.
        better, other = (event, entry) if was_lost or event.metric < entry.metric else (entry, event)
        self._entry = better
        if not was_lost:
            self._spares[other.metric] = other
        return _metric_changed(self.route, entry, event)

    def _overrules(self, event: RouteEntry, entry: RouteEntry) -> bool:
        if _same_way(event, entry) or event.prefix_length < entry.prefix_length:
            return False
        if event.prefix_length > entry.prefix_length or self._lost:
            return True
        return event.metric < entry.metric or (event.replaces and event.metric == entry.metric)

    def _overruled(self, event: RouteEntry, names: Mapping[int, str]) -> RouteNews:
        before, self.route = self.route, _as_route(self.route, event, names)
        self._entry, self._lost, self._source_unknown = event, False, True
        self._spares.clear()
        return _moved(ChangeKind.ROUTE, "route changed", before, self.route)

    def _concerns(self, event: RouteEntry, names: Mapping[int, str]) -> bool:
        if event.narrowed or event.cached:
            return False
        by = {names.get(way.index) for way in event.next_hops if way.index is not None}
        if self._bound_to is not None and self._bound_to not in by:
            return False
        network = ip_network(f"{event.prefix}/{event.prefix_length}", strict=False)
        return network.version == self._destination.version and self._destination in network


def _same_look_up(before: Route, after: Route) -> bool:
    """Return whether two look-ups lead the same way, as far as both could tell."""
    half_seen = any(route.table is None and route.failure is None for route in (before, after))
    if half_seen:
        # Without netlink a look-up knows neither gateway nor table (`drivers.host_fallback`).
        return (before.interface, before.failure) == (after.interface, after.failure)
    return _way(before) == _way(after)


def _way(route: Route) -> tuple[object, ...]:
    return route.interface, route.gateway, route.table, route.failure


def _same_way(one: RouteEntry, other: RouteEntry) -> bool:
    return one.type == other.type and set(one.next_hops) == set(other.next_hops)


def _as_route(before: Route, event: RouteEntry, names: Mapping[int, str]) -> Route:
    way = event.next_hops[0] if event.next_hops else None
    return Route(
        destination=before.destination,
        family=before.family,
        interface=None if way is None or way.index is None else names.get(way.index, f"interface {way.index}"),
        gateway=None if way is None else way.gateway,
        source=event.source,
        table=event.table,
        failure=None if event.type == RTN_UNICAST else before.failure,
    )


def _named(*routes: Route) -> tuple[str, ...]:
    return tuple(route.interface for route in routes if route.interface)


def _moved(kind: ChangeKind, what: str, before: Route, after: Route) -> RouteNews:
    return RouteNews(
        kind=kind,
        what=what,
        before=way_text(before),
        after=way_text(after),
        counts=True,
        interfaces=_named(before, after),
    )


def _came_back(route: Route) -> RouteNews:
    text = way_text(route)
    return RouteNews(
        kind=ChangeKind.ROUTE,
        what="route was removed and came back",
        before=text,
        after=text,
        counts=True,
        interfaces=_named(route),
    )


def _metric_changed(route: Route, before: RouteEntry, after: RouteEntry) -> RouteNews:
    return RouteNews(
        kind=ChangeKind.ROUTE,
        what="metric changed",
        before=f"metric {before.metric}",
        after=f"metric {after.metric}",
        counts=False,
        interfaces=_named(route),
    )


def default_text(network: Network, family: Family) -> str | None:
    """Return the default routes of a family in words, the same whatever their metrics; None where there is none."""
    ways = {way_text(route) for route in network.default_routes if route.family is family}
    return "; ".join(sorted(ways)) or None


def way_text(route: Route) -> str:
    """Return a way in words, as `ip route` would say it."""
    if route.failure is not None:
        return str(route.failure)
    parts = (
        ("via", route.gateway),
        ("dev", route.interface),
        ("src", route.source),
        ("table", None if route.table is None else str(route.table)),
    )
    return " ".join(f"{word} {value}" for word, value in parts if value)
