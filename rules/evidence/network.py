"""Interfaces, routes, and what changed while the sample ran (CP-02, CP-06)."""

from typing import Final

from probes.host_facts import ChangeKind, Interface, NetworkChange
from rules.evidence.addresses import is_sinkhole
from rules.evidence.scene import Scene
from rules.evidence.words import FAMILY_NAMES, failure_words, interface_words, some
from rules.proposition import Finding, either, false, proposition, true, unknown

_UNREAD: Final = "the host's interfaces and routes were not read"


# --- changes ----------------------------------------------------------------------------------------------------------


def _changed(scene: Scene, kinds: frozenset[ChangeKind]) -> Finding:
    changes = [
        (f"/network/changes/{index}", change)
        for index, change in enumerate(scene.sample.network.changes)
        if change.affects_sample and change.kind in kinds
    ]
    if changes:
        return true("; ".join(_change_words(change) for _, change in changes), *(fact for fact, _ in changes))
    if not scene.network_was_read:
        return unknown(_UNREAD)
    aside = len(scene.sample.network.changes)
    return false("nothing of this that the sample used changed" + (f"; {aside} other changes seen" if aside else ""))


def _change_words(change: NetworkChange) -> str:
    return f"{change.subject}: {change.what} ({change.before or 'absent'} -> {change.after or 'absent'})"


@proposition("network.suspended", "The host slept while the sample ran.")
def _suspended(scene: Scene) -> Finding:
    return _changed(scene, frozenset({ChangeKind.SUSPEND}))


@proposition("network.link_changed", "Carrier or flags of the interface in use changed while the sample ran.")
def _link_changed(scene: Scene) -> Finding:
    return _changed(scene, frozenset({ChangeKind.LINK}))


@proposition("network.tunnel_changed", "A tunnel in the path came up or went down while the sample ran.")
def _tunnel_changed(scene: Scene) -> Finding:
    return _changed(scene, frozenset({ChangeKind.TUNNEL}))


@proposition("network.address_changed", "The source address in use was removed or changed while the sample ran.")
def _address_changed(scene: Scene) -> Finding:
    return _changed(scene, frozenset({ChangeKind.ADDRESS}))


@proposition("network.route_changed", "The route to the target changed while the sample ran.")
def _route_changed(scene: Scene) -> Finding:
    return _changed(scene, frozenset({ChangeKind.ROUTE}))


@proposition("network.resolver_changed", "The set of resolvers changed while the sample ran.")
def _resolver_changed(scene: Scene) -> Finding:
    return _changed(scene, frozenset({ChangeKind.RESOLVER}))


@proposition("network.proxy_changed", "The proxy that applies changed while the sample ran.")
def _proxy_changed(scene: Scene) -> Finding:
    return _changed(scene, frozenset({ChangeKind.PROXY}))


# --- interfaces -------------------------------------------------------------------------------------------------------


def _usable(interface: Interface) -> bool | None:
    if not interface.up or not interface.addresses:
        return False
    return interface.carrier


@proposition("interface.usable", "At least one interface besides loopback is up with carrier and an address.")
def _any_usable(scene: Scene) -> Finding:
    if not scene.network_was_read:
        return unknown(_UNREAD)
    states = [(fact, interface, _usable(interface)) for fact, interface in scene.interfaces]
    good = [(fact, interface) for fact, interface, usable in states if usable]
    if good:
        return true(f"usable: {some(interface.name for _, interface in good)}", *(fact for fact, _ in good))
    facts = [fact for fact, _, _ in states] or ["/network/interfaces"]
    if any(usable is None for _, _, usable in states):
        return unknown("the kernel does not say whether there is carrier", *facts)
    words = some(interface_words(interface) for _, interface in scene.interfaces)
    return false(f"no usable interface: {words}" if words else "no interface but loopback", *facts)


@proposition("interface.outgoing_without_carrier", "A route leads to the target, by an interface without carrier.")
def _outgoing_without_carrier(scene: Scene) -> Finding:
    name = scene.way_out[1].interface if scene.way_out is not None else None
    if name is None:
        return false("no route leads to the target by any interface")
    numbered = enumerate(scene.sample.network.interfaces)
    found = next(((index, entry) for index, entry in numbered if entry.name == name), None)
    if found is None:
        return unknown(f"the state of {name} was not read")
    fact, interface = f"/network/interfaces/{found[0]}", found[1]
    if interface.up and interface.carrier is None and not interface.loopback:
        return unknown(f"the kernel does not say whether {interface.name} has carrier", fact)
    dead = not interface.loopback and not (interface.up and interface.carrier)
    return either(dead, interface_words(interface), fact)


# --- routes -----------------------------------------------------------------------------------------------------------


@proposition("route.default", "The routing tables hold a default route of the family that the target needs.")
def _default(scene: Scene) -> Finding:
    if scene.default_routes:
        fact, route = scene.default_routes[0]
        return true(f"default route by {route.gateway or 'no gateway'} on {route.interface}", fact)
    if not scene.network_was_read:
        return unknown(_UNREAD)
    family = f"{FAMILY_NAMES[scene.family]} " if scene.family else ""
    return false(f"no {family}default route in any table", "/network/default_routes")


@proposition("route.to_target", "The host has a route to the target.")
def _to_target(scene: Scene) -> Finding:
    if scene.target_route is None:
        return unknown("no route was looked up: no address of the target is known")
    fact, route = scene.target_route
    if route.failure is not None and is_sinkhole(route.destination):
        return unknown(f"{route.destination} is nobody's address, so that no way leads there says nothing")
    if route.failure is not None:
        return false(f"no way to {route.destination}: {failure_words(route.failure)}", fact)
    by = f"by {route.gateway}" if route.gateway else "on the local link"
    return true(f"{route.destination} is routed {by} on {route.interface}", fact)


@proposition("route.via_gateway", "The way to the target leads through a gateway.")
def _via_gateway(scene: Scene) -> Finding:
    if scene.way_out is None:
        return unknown("no route to the target is known")
    fact, route = scene.way_out
    if route.failure is not None:
        return false(f"no way to {route.destination}: {failure_words(route.failure)}", fact)
    where = f"the gateway is {route.gateway}" if route.gateway else f"no gateway: {route.interface} reaches it directly"
    return either(route.gateway is not None, where, fact)
