"""Whether probes get to the proxy, apart from whether connections do (CP-16)."""

from probes.facts import Answer, EndReason, Leg, Node, Protocol
from probes.web_facts import WebPhase
from rules.evidence.addresses import same
from rules.evidence.places import UNSENT_ENDS
from rules.evidence.proxy_failure import NO_PROXY, UNTRIED, applying, checks_of, failed_step, proxys_answers
from rules.evidence.scene import Scene
from rules.evidence.words import PROTOCOL_NAMES, counted
from rules.proposition import Finding, either, false, proposition, true, unknown


def _leg(scene: Scene) -> tuple[str, Leg] | None:
    found = scene.own_leg_to(Node.EXTERNAL_PROXY)
    return (
        None
        if found is None or found[1].end_reason in UNSENT_ENDS or found[1].end_reason is EndReason.ABORTED
        else found
    )


@proposition("proxy.accepts_connections", "The proxy accepts TCP connections: it can be used.")
def _accepts_connections(scene: Scene) -> Finding:
    proxy = applying(scene)
    if proxy is None:
        return false(NO_PROXY)
    if scene.intercepted(Protocol.TCP):
        return unknown("somebody on the way answers TCP for others", "/middlebox")
    if proxys_answers(scene) or any(s.phase is WebPhase.CONNECT and s.failure is None for s in proxy.steps):
        return true(f"{proxy.host} port {proxy.port} accepts connections", "/proxy")
    another = [fact for fact, check in checks_of(scene) if check.answered]
    if another:
        return true(f"{proxy.host} port {proxy.port} accepts connections", *another)
    if failed_step(proxy) is not None:
        return false(f"{proxy.host} accepts no connection", "/proxy")
    return unknown(UNTRIED, "/proxy")


@proposition("proxy.trace_in_vain", "Probes of the path's protocol went towards the proxy, and it answered none.")
def _trace_in_vain(scene: Scene) -> Finding:
    found = _leg(scene)
    if found is None:
        traced = scene.own_leg_to(Node.EXTERNAL_PROXY)
        return false("no proxy was to be traced") if traced is None else unknown("it was not traced", traced[0])
    fact, leg = found
    reached = scene.reached(leg)
    if reached is None:
        return unknown("somebody on the way answers this protocol for others", fact)
    name = PROTOCOL_NAMES[leg.protocol] if leg.protocol is not None else "no"
    words = f"{name} probes {'reached' if reached else 'did not reach'} {leg.address}"
    return either(not reached, words, fact)


@proposition("proxy.asked_again", "Each hop of the trace to the proxy that stayed silent was probed twice or more.")
def _asked_again(scene: Scene) -> Finding:
    found = _leg(scene)
    if found is None:
        return unknown("the proxy was not traced")
    fact, leg = found
    silent = [hop.sent for hop in leg.hops if not hop.received]
    if not silent:
        return unknown("no silent hop is known", fact)
    return either(min(silent) > 1, f"silent hops were probed {counted(min(silent), 'time')} or more", fact)


@proposition("proxy.refused_on_the_way", "A router on the way reports that probes to the proxy may not or cannot pass.")
def _refused_on_the_way(scene: Scene) -> Finding:
    found = _leg(scene)
    if found is None:
        return unknown("the proxy was not traced")
    fact, leg = found
    for number, hop in enumerate(leg.hops):
        for who in hop.responders:
            if who.answer is Answer.DESTINATION_UNREACHABLE and not same(who.address, leg.address):
                numbers = f" (ICMP {who.icmp.type}/{who.icmp.code})" if who.icmp is not None else ""
                return true(f"{who.address} refuses to pass them on{numbers}", f"{fact}/hops/{number}")
    return false("no router reports a refusal", fact)
