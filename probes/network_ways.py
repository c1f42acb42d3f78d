"""How the ways out of a host differ between two readings of its network: default routes, and the ways to addresses."""

from __future__ import annotations

from itertools import pairwise

from probes.facts import Family
from probes.host_facts import ChangeKind, NetworkChange
from probes.link_watch import tunnel_interface
from probes.route_watch import default_text, way_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from probes.host_facts import Network, Route

# What happened to a way, in words.
ROUTE_CHANGED: Final = "route changed"
# What a default route is called as the subject of a change.
DEFAULT_SUBJECTS: Final = {Family.IPV4: "default route, IPv4", Family.IPV6: "default route, IPv6"}


def leaving(network: Network) -> frozenset[str]:
    """Return the names of the interfaces that default routes and looked-up ways leave by."""
    routes = (*network.default_routes, *network.routes)
    return frozenset(route.interface for route in routes if route.interface)


def ways_changed(before: Network, after: Network, at: str) -> Iterator[NetworkChange]:
    """Yield a change for each family whose default routes differ, and one for all addresses whose ways changed alike.

    An address with a look-up in only one of the two readings is none that changed. What changed with a default route
    alone is told by that.
    """
    defaults = [
        _changed(at, DEFAULT_SUBJECTS[family], default_text(before, family), default_text(after, family), after)
        for family in Family
        if default_text(before, family) != default_text(after, family)
    ]
    yield from defaults
    told = {(change.before, change.after) for change in defaults}
    for (was, now), addresses in _moved(before, after).items():
        if (was, now) not in told:
            yield _changed(at, _one_of(addresses), was, now, after)


def _moved(before: Network, after: Network) -> dict[tuple[str, str], list[str]]:
    """Return the addresses whose ways changed, by what these were and are."""
    known = {route.destination: route for route in before.routes}
    moved: dict[tuple[str, str], list[str]] = {}
    for route in after.routes:
        was = known.get(route.destination)
        if was is not None and _way(was) != _way(route):
            moved.setdefault((way_text(was), way_text(route)), []).append(route.destination)
    return moved


def _way(route: Route) -> tuple[object, ...]:
    return route.interface, route.gateway, route.table, route.failure, route.source


def _one_of(addresses: list[str]) -> str:
    others = len(addresses) - 1
    return f"{addresses[0]} and {others} more" if others else addresses[0]


def _changed(at: str, subject: str, was: str | None, now: str | None, after: Network) -> NetworkChange:
    words = f"{was or ''} {now or ''}".split()
    by = {name for word, name in pairwise(words) if word == "dev"}
    return NetworkChange(
        at=at,
        kind=ChangeKind.TUNNEL if any(tunnel_interface(after, name) for name in by) else ChangeKind.ROUTE,
        subject=subject,
        what=ROUTE_CHANGED,
        before=was,
        after=now,
        affects_sample=True,
    )
