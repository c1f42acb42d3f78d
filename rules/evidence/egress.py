"""The client's egress: does the trace to it show the way out, and can it be found by the protocol (CP-07, CP-09)."""

from typing import Final

from probes.egress_facts import EgressSource, SeenAddress
from probes.facts import EndReason, Leg, Node, Protocol, ProtocolChoice, Role
from probes.failure import Failure
from rules.evidence.addresses import in_prefix, is_inside, same
from rules.evidence.places import UNSENT_ENDS
from rules.evidence.scene import Scene
from rules.evidence.service_data import edges_asked
from rules.evidence.words import PROTOCOL_NAMES, counted, some
from rules.proposition import Finding, either, false, proposition, true, unknown

_NOT_WANTED: Final = "nobody was told where to learn the public address"
_UNKNOWN: Final = "the public address of this network is not known"
_NOT_TRACED: Final = "the way to the public address was not traced"

# Which packets an edge is shown for a protocol.
_IN_BAND: Final[dict[ProtocolChoice, tuple[EgressSource, ...]]] = {
    ProtocolChoice.ICMP: (EgressSource.ICMP,),
    ProtocolChoice.UDP: (EgressSource.STUN,),
    ProtocolChoice.TCP: (EgressSource.TCP,),
    ProtocolChoice.ADAPTIVE: (EgressSource.STUN, EgressSource.TCP, EgressSource.ICMP),
}
_PROTOCOLS: Final = {
    EgressSource.STUN: Protocol.UDP,
    EgressSource.TCP: Protocol.TCP,
    EgressSource.ICMP: Protocol.ICMP,
}
# What says that packets did not get through; that this host may not send them, or the edge broke, says nothing of it.
_LOST: Final = frozenset(
    {
        Failure.TIMED_OUT,
        Failure.CONNECTION_REFUSED,
        Failure.CONNECTION_RESET,
        Failure.HOST_UNREACHABLE,
        Failure.NETWORK_UNREACHABLE,
        Failure.ROUTE_PROHIBITED,
        Failure.BLOCKED_LOCALLY,
        Failure.MALFORMED_REPLY,
    }
)
# 1500 octets less 20 of IPv4 and 4 of GRE (RFC 2784 section 2, RFC 7676 section 4.1); IPsec leaves less.
_TUNNEL_MTU: Final = 1476


def _leg(scene: Scene) -> tuple[str, Leg] | None:
    """Return the leg to the egress where it was traced to its end, whatever that was."""
    found = scene.own_leg_to(Node.EGRESS)
    if found is None or found[1].end_reason in UNSENT_ENDS or found[1].end_reason is EndReason.ABORTED:
        return None
    return found


def _untraced(scene: Scene) -> Finding:
    return unknown(_NOT_TRACED) if _is_wanted(scene) else false(_NOT_WANTED)


def _is_wanted(scene: Scene) -> bool:
    return scene.sample.egress is not None or any(edge.api is not None for edge in scene.sample.edges)


def _address(scene: Scene) -> str | None:
    return scene.sample.egress.address if scene.sample.egress is not None else None


def _ttl(leg: Leg) -> int | None:
    """Return at which TTL a leg's end answered."""
    own = [hop.probe_ttl for hop in leg.hops if any(same(r.address, leg.address) for r in hop.responders)]
    told = leg.reached_by.probe_ttl if leg.reached_by is not None else None
    return min(own, default=told)


def _rtt_us(leg: Leg) -> int | None:
    """Return the lowest round trip to a leg's end."""
    own = [rtt for hop in leg.hops for r in hop.responders if same(r.address, leg.address) for rtt in r.rtt_us]
    if leg.end_to_end is not None and leg.end_to_end.rtt_us is not None:
        own.append(leg.end_to_end.rtt_us.min)
    return min(own, default=None)


def _milliseconds(rtt_us: int) -> str:
    return f"{rtt_us / 1000:.1f} ms"


# --- what is known of the address -------------------------------------------------------------------------------------


@proposition(
    "egress.on_this_host", "The public address is this host's own: nothing translates, and nothing lies between."
)
def _on_this_host(scene: Scene) -> Finding:
    address = _address(scene)
    if address is None:
        return unknown(_UNKNOWN) if _is_wanted(scene) else false(_NOT_WANTED)
    own = scene.on_host(address)
    return either(own, f"{address} is {'this host' if own else 'not this host'}'s own", "/egress/address")


@proposition(
    "egress.known_apart_from_tunnel",
    "The public address is known from the administrator, or from an edge that knows whose tunnel the caller is in.",
)
def _known_apart_from_tunnel(scene: Scene) -> Finding:
    """Return whether a tunnel can have hidden it: a question that went through one is told the tunnel's far end."""
    address, egress = _address(scene), scene.sample.egress
    if address is None or egress is None:
        return unknown(_UNKNOWN) if _is_wanted(scene) else false(_NOT_WANTED)
    if egress.source is EgressSource.CONFIGURED:
        return true(f"{address} is configured", "/egress/address")
    for fact, edge, data in edges_asked(scene):
        if data.fetched and data.tunnel is not None and same(data.tunnel.egress, address):
            return true(f"{edge.host} knows that the tunnel comes from {address}", f"{fact}/tunnel")
    return false(f"{address} is what an edge saw, and no more", "/egress/address")


@proposition("egress.several_seen", "Those who saw a public address saw different ones: there are several ways out.")
def _several_seen(scene: Scene) -> Finding:
    egress = scene.sample.egress
    if egress is None:
        return unknown(_UNKNOWN) if _is_wanted(scene) else false(_NOT_WANTED)
    seen = [one.address for name, one in (egress.by or {}).items() if one.address and name != EgressSource.PROXY]
    return either(egress.agree is False, f"seen: {some(seen) or 'nothing'}", "/egress/by")


# --- is there a tunnel? -----------------------------------------------------------------------------------------------


def _all_edge_addresses(scene: Scene) -> tuple[str, ...]:
    """Return every address that is known to be some edge's own."""
    told = [data.server_address for _, _, data in edges_asked(scene) if data.server_address]
    looked_up = [address for _, check in scene.checks(Role.SERVICE_EDGE) for address in check.addresses]
    found = scene.own_leg_to(Node.SERVICE_EDGE)
    traced = [found[1].address] if found is not None and found[1].address else []
    back = scene.edge_leg_to(Node.EGRESS)
    sending = [back[1].source_address] if back is not None and back[1].source_address else []
    return tuple(dict.fromkeys([*traced, *told, *looked_up, *sending]))


def _is_on_own_link(scene: Scene, address: str) -> bool:
    links = (entry for _, interface in scene.interfaces for entry in interface.addresses)
    return any(in_prefix(address, entry.address, entry.prefix_length) for entry in links)


@proposition("egress.edge_before_it", "A service edge answers as a router on the way to the public address, before it.")
def _edge_before_it(scene: Scene) -> Finding:
    found = _leg(scene)
    if found is None:
        return _untraced(scene)
    fact, leg = found
    # An edge on the premises may well be a router of the site.
    edges = [address for address in _all_edge_addresses(scene) if not is_inside(address)]
    end = _ttl(leg)
    for number, hop in enumerate(leg.hops):
        if end is not None and hop.probe_ttl >= end:
            break
        for responder in hop.responders:
            known = any(same(responder.address, edge) for edge in edges)
            if known and not _is_on_own_link(scene, responder.address):
                words = f"the service edge {responder.address} answers at hop {hop.probe_ttl}"
                behind = (
                    f", and {leg.address} only at hop {end}" if end is not None else f" on the way to {leg.address}"
                )
                return true(words + behind, f"{fact}/hops/{number}")
    return false(f"no service edge answers on the way to {leg.address}", fact)


@proposition("egress.tunnel_told", "A service edge says that this host's traffic comes to it through a tunnel.")
def _tunnel_told(scene: Scene) -> Finding:
    asked = edges_asked(scene)
    for fact, edge, data in asked:
        if data.fetched and data.tunnel is not None:
            kind = {"gre": "GRE", "ipsec": "IPsec"}.get(data.tunnel.kind.value, data.tunnel.kind.value)
            words = f"{edge.host} gets this host's traffic through a tunnel ({kind}, {data.tunnel.inner} inside)"
            return true(words, f"{fact}/tunnel")
    told = [(fact, edge) for fact, edge, data in asked if data.fetched]
    if told:
        return false(f"{told[0][1].host} sees no tunnel", told[0][0])
    return unknown("no service edge told anything") if asked else false("no service edge is asked")


@proposition("egress.public_router_before", "A router with a public address answers on the way to the public address.")
def _public_router_before(scene: Scene) -> Finding:
    found = _leg(scene)
    if found is None:
        return _untraced(scene)
    fact, leg = found
    routers = [
        (f"{fact}/hops/{number}", responder.address)
        for number, hop in enumerate(leg.hops)
        for responder in hop.responders
        if not is_inside(responder.address) and not same(responder.address, leg.address)
    ]
    if not routers:
        return false(f"no router outside this site answers on the way to {leg.address}", fact)
    return true(f"{some(a for _, a in routers)} answer before {leg.address}", *(f for f, _ in routers[:4]))


@proposition("egress.behind_edge", "The public address answers at a hop behind the one of the service edge.")
def _behind_edge(scene: Scene) -> Finding:
    found, edge = _leg(scene), scene.own_leg_to(Node.SERVICE_EDGE)
    if found is None:
        return _untraced(scene)
    if edge is None:
        return unknown("the service edge was not traced")
    ttl, edge_ttl = _ttl(found[1]), _ttl(edge[1])
    if not scene.reached(found[1]) or not scene.reached(edge[1]) or ttl is None or edge_ttl is None:
        return unknown("how many hops lie before each of the two is not known", found[0], edge[0])
    words = f"{found[1].address} is {counted(ttl, 'hop')} away, and the service edge {counted(edge_ttl, 'hop')}"
    return either(ttl > edge_ttl, words, found[0], edge[0])


@proposition("egress.as_far_as_edge", "The round trip to the public address takes no less than that to a service edge.")
def _as_far_as_edge(scene: Scene) -> Finding:
    found = _leg(scene)
    if found is None:
        return _untraced(scene)
    fact, leg = found
    rtt_us = _rtt_us(leg)
    if rtt_us is None:
        return unknown(f"{leg.address} did not answer", fact)
    edge = _edge_rtt_us(scene)
    if edge is None:
        return unknown("the round trip to a service edge was not measured", fact)
    edge_fact, edge_us = edge
    words = f"{leg.address} takes {_milliseconds(rtt_us)}, and the service edge {_milliseconds(edge_us)}"
    return either(rtt_us >= edge_us, words, fact, edge_fact)


def _edge_rtt_us(scene: Scene) -> tuple[str, int] | None:
    """Return the lowest round trip to an edge, by whatever was sent to one; a STUN answer takes one round trip."""
    times: list[tuple[int, str]] = []
    traced = scene.own_leg_to(Node.SERVICE_EDGE)
    if traced is not None and (rtt_us := _rtt_us(traced[1])) is not None:
        times.append((rtt_us, traced[0]))
    for number, check in enumerate(scene.sample.reachability):
        if check.role is Role.SERVICE_EDGE and check.rtt_us:
            times.append((min(check.rtt_us), f"/reachability/{number}"))
    by = (scene.sample.egress.by if scene.sample.egress is not None else None) or {}
    stun = by.get(EgressSource.STUN)
    if stun is not None and stun.failure is None and stun.duration_us is not None:
        times.append((stun.duration_us, "/egress/by/stun"))
    return None if not times else (min(times)[1], min(times)[0])


@proposition("egress.narrow_way", "The way to the public address takes no larger packets than a tunnel does.")
def _narrow_way(scene: Scene) -> Finding:
    found = _leg(scene)
    if found is None:
        return _untraced(scene)
    fact, leg = found
    if leg.path_mtu is None:
        return unknown("the path MTU was not measured", fact)
    return either(leg.path_mtu <= _TUNNEL_MTU, f"the path MTU is {leg.path_mtu} octets", f"{fact}/path_mtu")


# --- is it found by the protocol? -------------------------------------------------------------------------------------


@proposition("egress.trace_in_vain", "The trace to the public address got no answer from it.")
def _trace_in_vain(scene: Scene) -> Finding:
    found = _leg(scene)
    if found is None:
        return _untraced(scene)
    fact, leg = found
    reached = scene.reached(leg)
    if reached is None:
        return unknown("somebody on the way answers this protocol for others", fact)
    name = PROTOCOL_NAMES[leg.protocol] if leg.protocol is not None else "the"
    return either(not reached, f"{leg.address} answers {'' if reached else 'no '}{name} probes", fact)


def _shown(scene: Scene, sources: tuple[EgressSource, ...]) -> list[tuple[str, EgressSource, SeenAddress]]:
    """Return what edges made of the packets that they were shown, where those left this host."""
    by = (scene.sample.egress.by if scene.sample.egress is not None else None) or {}
    shown = [(source, by[source]) for source in sources if source in by]
    return [
        (f"/egress/by/{source}", source, seen)
        for source, seen in shown
        if seen.failure in _LOST or (seen.failure is None and (seen.address or seen.duration_us is not None))
    ]


@proposition("egress.unseen_by_protocol", "No service edge saw the packets of the sample's protocol that it was shown.")
def _unseen_by_protocol(scene: Scene) -> Finding:
    if not _is_wanted(scene):
        return false(_NOT_WANTED)
    if all(data.stale for _, _, data in edges_asked(scene) if data.fetched):
        return unknown("no service edge answers now that could have seen anything")
    shown = _shown(scene, _IN_BAND[scene.sample.target.protocol])
    if not shown:
        return unknown("no service edge offers to tell the source of packets of this protocol")
    seen = [(fact, source) for fact, source, one in shown if one.failure is None]
    if seen:
        return false(f"the service edge saw {PROTOCOL_NAMES[_PROTOCOLS[seen[0][1]]]} packets", seen[0][0])
    names = some(PROTOCOL_NAMES[_PROTOCOLS[source]] for _, source, _ in shown)
    return true(f"no {names} packets got to the service edge", *(fact for fact, _, _ in shown))


@proposition("egress.seen_by_another", "A service edge saw packets of another protocol than the sample's.")
def _seen_by_another(scene: Scene) -> Finding:
    if not _is_wanted(scene):
        return false(_NOT_WANTED)
    own = _IN_BAND[scene.sample.target.protocol]
    shown = _shown(scene, tuple(source for source in _PROTOCOLS if source not in own))
    if not shown:
        return unknown("no other protocol was tried")
    seen = [(fact, source) for fact, source, one in shown if one.failure is None]
    if not seen:
        return false("no other protocol gets to the service edge either", *(fact for fact, _, _ in shown))
    names = some(PROTOCOL_NAMES[_PROTOCOLS[source]] for _, source in seen)
    return true(f"{names} packets get to the service edge", *(fact for fact, _ in seen))


@proposition("egress.answers_another", "The public address answers another protocol than the trace's.")
def _answers_another(scene: Scene) -> Finding:
    found = _leg(scene)
    if found is None:
        return _untraced(scene)
    checks = _other_checks(scene, found[1])
    if not checks:
        return unknown("the public address was asked by no other protocol", found[0])
    answering = [(fact, name) for fact, name, answered in checks if answered]
    if not answering:
        return false(f"it does not answer {some(name for _, name, _ in checks)} either", *(f for f, _, _ in checks))
    return true(f"{found[1].address} answers {some(name for _, name in answering)}", *(fact for fact, _ in answering))


def _other_checks(scene: Scene, leg: Leg) -> list[tuple[str, str, bool]]:
    """Return what the egress made of protocols other than the trace's: the pointer, the protocol, did it answer."""
    return [
        (f"/reachability/{number}", PROTOCOL_NAMES[check.protocol], bool(check.answered))
        for number, check in enumerate(scene.sample.reachability)
        if same(check.address, leg.address)
        and check.answered is not None
        and check.protocol is not leg.protocol
        and not scene.intercepted(check.protocol)
    ]
