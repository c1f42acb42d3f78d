"""The service edge: do probes get there, is it alive, and what did it see of the way back (CP-11, CP-13, CP-20)."""

from typing import Final
from urllib.parse import urlsplit

from probes.facts import Answer, EndReason, Hop, Leg, Node, Protocol, Reachability, Role, TrialOutcome
from rules.evidence.addresses import in_prefix, is_inside, same
from rules.evidence.places import UNSENT_ENDS
from rules.evidence.scene import Scene
from rules.evidence.words import PROTOCOL_NAMES, counted, some
from rules.proposition import Finding, either, false, proposition, true, unknown

_NO_EDGE: Final = "no service edge is on this path"
_NO_LEG: Final = "the leg to the service edge was not traced to its end"

# Silence that was asked for once may be one lost packet.
_RETRIED: Final = 2

# The usual sizes of a link's prefix. An inference: nobody tells a prober how large the edge's own link is.
_LINK_LENGTH: Final = {4: 24, 6: 64}

# What TTL answers start with, on one system or another.
_STARTS: Final = (32, 64, 128, 255)

_FAILED_TRIALS: Final = frozenset({TrialOutcome.NO_ANSWER, TrialOutcome.UNREACHABLE})


def _leg(scene: Scene) -> tuple[str, Leg] | None:
    """Return the agent's leg to the edge where it was traced to its end, whatever that was."""
    found = scene.own_leg_to(Node.SERVICE_EDGE)
    if found is None or found[1].end_reason in UNSENT_ENDS or found[1].end_reason is EndReason.ABORTED:
        return None
    return found


def _untraced(scene: Scene) -> Finding:
    """Return what to say of a leg that was not traced: there is none, or nothing is known of it."""
    found = scene.own_leg_to(Node.SERVICE_EDGE)
    return false(_NO_EDGE) if found is None else unknown(_NO_LEG, found[0])


# --- the trace to the edge --------------------------------------------------------------------------------------------


@proposition("edge.trace_in_vain", "Probes of the path's protocol went towards the service edge, and it answered none.")
def _trace_in_vain(scene: Scene) -> Finding:
    found = _leg(scene)
    if found is None:
        return _untraced(scene)
    fact, leg = found
    reached = scene.reached(leg)
    if reached is None:
        return unknown("somebody on the way answers this protocol for others", fact)
    name = PROTOCOL_NAMES[leg.protocol] if leg.protocol is not None else "no"
    return either(not reached, f"{name} probes {'reached' if reached else 'did not reach'} {leg.address}", fact)


@proposition(
    "edge.tcp_trace_in_vain", "The TCP trace to the service edge got neither an accepting nor a refusing answer."
)
def _tcp_trace_in_vain(scene: Scene) -> Finding:
    found = _leg(scene)
    if found is None:
        return _untraced(scene)
    fact, leg = found
    if scene.intercepted(Protocol.TCP):
        return unknown("somebody on the way answers TCP for others", "/middlebox")
    if leg.reached:
        return false(f"the trace reached {leg.address}", fact)
    trial = next((trial for trial in leg.tried if trial.protocol is Protocol.TCP), None)
    if leg.protocol is Protocol.TCP or (trial is not None and trial.outcome in _FAILED_TRIALS):
        where = f" port {leg.port}" if leg.port is not None and leg.protocol is Protocol.TCP else ""
        return true(f"no TCP probe to {leg.address}{where} was answered", fact)
    return false("the trace to the edge was not by TCP", fact)


def _answering_hops(leg: Leg) -> list[Hop]:
    return [hop for hop in leg.hops if hop.received]


@proposition("edge.hops_answered", "Routers on the way to the service edge answered the probes.")
def _hops_answered(scene: Scene) -> Finding:
    found = _leg(scene)
    if found is None:
        return _untraced(scene)
    fact, leg = found
    hops = _answering_hops(leg)
    if not hops:
        return false("no router on the way answered", fact)
    last = f"the last one {hops[-1].responders[0].address} at hop {hops[-1].probe_ttl}" if hops[-1].responders else ""
    return true(f"{counted(len(hops), 'router')} on the way answered, {last}".rstrip(", "), fact)


@proposition(
    "edge.asked_again", "Each hop of the trace to the service edge that stayed silent was probed twice or more."
)
def _asked_again(scene: Scene) -> Finding:
    found = _leg(scene)
    if found is None:
        return _untraced(scene)
    fact, leg = found
    silent = [hop for hop in leg.hops if not hop.received]
    if not silent:
        return unknown("no silent hop is known", fact)
    fewest = min(hop.sent for hop in silent)
    return either(fewest >= _RETRIED, f"silent hops were probed {counted(fewest, 'time')} or more", fact)


@proposition("edge.last_hop_is_beside_it", "The last router that answered is the service edge's own neighbour.")
def _last_hop_is_beside_it(scene: Scene) -> Finding:
    """Return whether it has an address on the edge's link, or is as far away as the edge's neighbour has to be."""
    found = _leg(scene)
    if found is None:
        return _untraced(scene)
    fact, leg = found
    hops = _answering_hops(leg)
    if not hops or leg.address is None:
        return false("no router on the way answered", fact)
    last, length = hops[-1], _LINK_LENGTH[6 if ":" in leg.address else 4]
    beside = [r.address for r in last.responders if in_prefix(r.address, leg.address, length)]
    if beside:
        return true(f"{beside[0]} at hop {last.probe_ttl} is in {leg.address}/{length}", fact)
    distance = _distance_by_way_back(scene, leg)
    if distance is None:
        return false(f"hop {last.probe_ttl} is not in {leg.address}/{length}", fact)
    words = f"hop {last.probe_ttl} answered last, and the edge's own trace back puts it at hop {distance}"
    return either(last.probe_ttl == distance - 1, words, fact)


def _distance_by_way_back(scene: Scene, forward: Leg) -> int | None:
    """Return how many hops away the edge is by its own trace back, taken to be as long as the way there."""
    back, own = _reverse(scene), _egress_from_client(scene, forward)
    ttl = _reached_ttl(back[1]) if back is not None and back[1].reached else None
    return None if ttl is None or own is None else ttl + own


@proposition(
    "edge.refused_on_the_way", "A router on the way reports that probes to the service edge may not or cannot pass."
)
def _refused_on_the_way(scene: Scene) -> Finding:
    found = _leg(scene)
    if found is None:
        return _untraced(scene)
    fact, leg = found
    refusing = [
        (f"{fact}/hops/{number}", responder)
        for number, hop in enumerate(leg.hops)
        for responder in hop.responders
        if responder.answer is Answer.DESTINATION_UNREACHABLE and not same(responder.address, leg.address)
    ]
    if not refusing:
        return false("no router reports a refusal", fact)
    where, who = refusing[0]
    numbers = f" (ICMP {who.icmp.type}/{who.icmp.code})" if who.icmp is not None else ""
    return true(f"{who.address} refuses to pass them on{numbers}", where)


# --- apart from the trace ---------------------------------------------------------------------------------------------


def _tcp_checks(scene: Scene) -> list[tuple[str, Reachability]]:
    """Return the plain TCP connection attempts to the edge, the trace's own word left out: it comes first."""
    checks = [
        (f"/reachability/{number}", check)
        for number, check in enumerate(scene.sample.reachability)
        if check.protocol is Protocol.TCP and check.answered is not None and scene.is_edge(check.address)
    ]
    found = scene.own_leg_to(Node.SERVICE_EDGE)
    by_trace = found is not None and (
        found[1].protocol is Protocol.TCP or any(trial.protocol is Protocol.TCP for trial in found[1].tried)
    )
    return checks[1:] if by_trace else checks


@proposition(
    "edge.tcp_connection_fails", "A TCP connection to the service edge, apart from any trace, was not answered."
)
def _tcp_connection_fails(scene: Scene) -> Finding:
    checks = _tcp_checks(scene)
    if not checks:
        return unknown("no separate TCP connection to the edge was tried")
    if scene.intercepted(Protocol.TCP):
        return unknown("somebody on the way answers TCP for others", "/middlebox")
    fact, check = next(((fact, check) for fact, check in checks if check.answered), checks[0])
    words = f"a separate TCP connection to {check.address} port {check.port}"
    return either(not check.answered, f"{words} is {'answered' if check.answered else 'not answered either'}", fact)


def _signs_of_life(scene: Scene) -> list[tuple[str, str]]:
    """Return what shows that the edge is alive though a trace may not get there, each with its pointer."""
    found = []
    for index, edge in enumerate(scene.sample.edges):
        data = edge.service_data
        # What it told a while ago says nothing of now.
        told = edge.used and data is not None and data.fetched and not data.stale
        if (
            told
            and data is not None
            and (scene.is_edge(data.server_address) or urlsplit(data.url).hostname == edge.host)
        ):
            found.append((f"/edges/{index}/service_data", "it tells service data over HTTPS"))
    for index, check in enumerate(scene.sample.reachability):
        if check.answered and scene.is_edge(check.address) and not scene.intercepted(check.protocol):
            port = f" port {check.port}" if check.port is not None else ""
            found.append((f"/reachability/{index}", f"it answers {PROTOCOL_NAMES[check.protocol]}{port}"))
    return found


@proposition(
    "edge.alive", "The service edge is alive: it answers another protocol, a connection, or told service data."
)
def _alive(scene: Scene) -> Finding:
    found = _signs_of_life(scene)
    if found:
        return true(" and ".join(dict.fromkeys(words for _, words in found[:2])), *(fact for fact, _ in found[:4]))
    if scene.portal_seen or any(scene.answers.doubtful_of([address]) for address in scene.edge_addresses):
        return unknown("whoever answers for others may have answered for the edge")
    asked = [check for check in scene.sample.reachability if scene.is_edge(check.address) and check.answered is False]
    fetched = [edge for edge in scene.sample.edges if edge.used and edge.service_data is not None]
    if not asked and not fetched:
        return unknown("the edge was asked in no other way")
    return false("the edge answers in no other way either")


@proposition("edge.another_answers", "Another configured service edge answers a TCP connection, or told service data.")
def _another_answers(scene: Scene) -> Finding:
    others = [
        (f"/reachability/{number}", check.address, bool(check.answered) and not scene.intercepted(check.protocol))
        for number, check in enumerate(scene.sample.reachability)
        if check.role is Role.SERVICE_EDGE and check.answered is not None and not scene.is_edge(check.address)
    ]
    others += [
        (
            f"/edges/{index}/service_data",
            edge.name or edge.host,
            edge.service_data.fetched and not edge.service_data.stale,
        )
        for index, edge in enumerate(scene.sample.edges)
        if not edge.used and edge.service_data is not None
    ]
    answering = [(fact, name) for fact, name, answered in others if answered]
    if answering:
        return true(f"another edge, {answering[0][1]}, answers", answering[0][0])
    if not others:
        return unknown("no other edge was asked")
    return false(f"no other edge answers: {some(name for _, name, _ in others)}", *(fact for fact, _, _ in others[:4]))


# --- the way back, as the edge traced it ------------------------------------------------------------------------------


def _reverse(scene: Scene) -> tuple[str, Leg] | None:
    """Return the leg from the edge back to the client's egress where the edge traced it to its end."""
    found = scene.edge_leg_to(Node.EGRESS)
    if found is None or found[1].end_reason in UNSENT_ENDS or found[1].end_reason is EndReason.ABORTED:
        return None
    return found


@proposition("egress.traced_by_edge", "The service edge ran a trace back to the client's egress.")
def _traced_by_edge(scene: Scene) -> Finding:
    found = _reverse(scene)
    if found is None:
        return unknown("no trace from a service edge back to the egress")
    return true(f"the edge traced {found[1].address} over {counted(len(found[1].hops), 'hop')}", found[0])


@proposition("egress.answered_edge", "The egress answered a probe of the service edge, with whatever message.")
def _answered_edge(scene: Scene) -> Finding:
    found = _reverse(scene)
    if found is None:
        return unknown("no trace from a service edge back to the egress")
    fact, leg = found
    own = [hop for hop in leg.hops if any(same(r.address, leg.address) for r in hop.responders)]
    answered = bool(leg.reached) or bool(own)
    return either(answered, f"{leg.address} {'answered' if answered else 'answered nothing'}", fact)


def egress_ttl(scene: Scene) -> tuple[int, str] | None:
    """Return at which TTL the edge's probes meet the egress router, and what that is counted from; None: not known.

    The edge cannot see it: a router that answers nothing looks like any other silence. The client's own traces can
    tell: so many routers to the edge, so many of them up to the egress. How long the way back is, the TTL of the edge's
    own answer says; without one it is taken to be as long as the way there, which is an inference.
    """
    forward = scene.own_leg_to(Node.SERVICE_EDGE)
    if forward is None or not scene.reached(forward[1]):
        return None
    edge_ttl, own_ttl = _way_back(forward[1]) or _reached_ttl(forward[1]), _egress_from_client(scene, forward[1])
    if edge_ttl is None or own_ttl is None or own_ttl >= edge_ttl:
        return None
    words = f"the edge is {counted(edge_ttl, 'hop')} from this host and the egress {counted(own_ttl, 'hop')}"
    return edge_ttl - own_ttl, words


def _way_back(leg: Leg) -> int | None:
    """Return how many hops the end's answer came over, by the TTL that was left; None where no answer shows one."""
    left = [r.reply_ttl for hop in leg.hops for r in hop.responders if same(r.address, leg.address) and r.reply_ttl]
    return min(start for start in _STARTS if start >= left[0]) - left[0] + 1 if left else None


def _reached_ttl(leg: Leg) -> int | None:
    if leg.reached_by is not None and leg.reached_by.probe_ttl is not None:
        return leg.reached_by.probe_ttl
    own = (hop.probe_ttl for hop in leg.hops if any(same(r.address, leg.address) for r in hop.responders))
    return min(own, default=None)


def _egress_from_client(scene: Scene, forward: Leg) -> int | None:
    """Return how many hops away the egress is: it answered there, else it is the last router with an inner address."""
    found = scene.own_leg_to(Node.EGRESS)
    if found is not None and scene.reached(found[1]):
        return _reached_ttl(found[1])
    inner = [hop.probe_ttl for hop in forward.hops if any(is_inside(r.address) for r in hop.responders)]
    last = max(inner, default=None)
    following = next((hop for hop in forward.hops if last is not None and hop.probe_ttl == last + 1), None)
    return last if following is not None and following.received else None


@proposition(
    "egress.silent_to_edge", "The router before the egress answered the edge, and the egress at its own TTL did not."
)
def _silent_to_edge(scene: Scene) -> Finding:
    found = _reverse(scene)
    if found is None:
        return unknown("no trace from a service edge back to the egress")
    fact, leg = found
    by_ttl = {hop.probe_ttl: (f"{fact}/hops/{number}", hop) for number, hop in enumerate(leg.hops)}
    last = max((ttl for ttl, (_, hop) in by_ttl.items() if hop.received), default=0)
    place = egress_ttl(scene)
    if place is None:
        return unknown("how far the egress is from the edge is not known", fact)
    ttl, words = place
    if ttl not in by_ttl or (ttl > 1 and last != ttl - 1):
        return unknown(f"everything behind hop {last} is silent, and the egress should be at hop {ttl}", fact)
    where, hop = by_ttl[ttl]
    if ttl == 1:
        return true(
            f"{leg.address}, the edge's next hop, answered none of {counted(hop.sent, 'probe')} ({words})", where
        )
    before = by_ttl[ttl - 1][1].responders[0].address if by_ttl[ttl - 1][1].responders else "the router"
    seen = f"{before} at hop {ttl - 1} answered, and {leg.address} at hop {ttl} none of {counted(hop.sent, 'probe')}"
    return true(f"{seen} ({words})", where, by_ttl[ttl - 1][0])


@proposition("egress.asked_twice_by_edge", "The edge probed the silent TTL of the egress in two rounds or more.")
def _asked_twice_by_edge(scene: Scene) -> Finding:
    found = _reverse(scene)
    if found is None:
        return unknown("no trace from a service edge back to the egress")
    fact, leg = found
    last = max((hop.probe_ttl for hop in leg.hops if hop.received), default=0)
    silent = [hop.sent for hop in leg.hops if hop.probe_ttl == last + 1]
    if not silent:
        return unknown("nothing behind the last answering hop was probed", fact)
    return either(silent[0] >= _RETRIED, f"hop {last + 1} was probed {counted(silent[0], 'time')}", fact)
