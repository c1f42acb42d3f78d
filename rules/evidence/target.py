"""The target: how it is named, where it is, and whether it answered."""

from probes.facts import Leg, Node, Protocol, ProtocolChoice
from rules.evidence.scene import Scene
from rules.evidence.words import PROTOCOL_NAMES, some
from rules.proposition import Finding, either, false, proposition, true, unknown


@proposition("target.literal", "The target is given as an address and not as a name.")
def _literal(scene: Scene) -> Finding:
    target = scene.sample.target
    return either(target.literal, f"{target.host} is {'an address' if target.literal else 'a name'}", "/target/host")


@proposition("target.address_known", "At least one address of the target is known.")
def _address_known(scene: Scene) -> Finding:
    if scene.target_addresses:
        return true(f"known: {some(scene.target_addresses)}")
    return false("no address of the target is known", *(fact for fact, _ in scene.checks(scene.target_role)))


@proposition("target.on_host", "A known address of the target belongs to this host.")
def _on_host(scene: Scene) -> Finding:
    own = [address for address in scene.target_addresses if scene.on_host(address)]
    return true(f"{own[0]} is this host itself") if own else false("no known address of the target is this host's")


@proposition("target.answered", "The target itself answered something: a probe, an echo, a connection.")
def _answered(scene: Scene) -> Finding:
    found = [a for a in scene.answers.asked if a.answered and a.address in scene.target_addresses]
    if not found and scene.leg is not None and scene.reached(scene.leg):
        return true("the trace reached the target", scene.leg_fact)
    if found:
        return true(f"{found[0].address} answered", *dict.fromkeys(a.fact for a in found))
    doubtful = scene.answers.doubtful_of(scene.target_addresses)
    if doubtful is not None:
        return unknown(f"whether {doubtful.address} itself answered: others answer for it here", doubtful.fact)
    return false("no answer of the target was seen")


@proposition("target.tcp_answered", "The target answered a TCP connection attempt, by accepting or refusing it.")
def _tcp_answered(scene: Scene) -> Finding:
    found = [
        (f"/legs/{index}", leg.address, scene.reached(leg))
        for index, leg in scene.own_legs
        if leg.protocol is Protocol.TCP and leg.reached is not None and leg.address in scene.target_addresses
    ]
    found += [
        (f"/reachability/{index}", check.address, None if scene.intercepted(Protocol.TCP) else check.answered)
        for index, check in enumerate(scene.sample.reachability)
        if check.protocol is Protocol.TCP and check.address in scene.target_addresses and check.answered is not None
    ]
    answering = [(fact, address) for fact, address, answered in found if answered]
    if answering:
        return true(f"{answering[0][1]} answers TCP", *(fact for fact, _ in answering))
    if any(answered is None for _, _, answered in found):
        return unknown("somebody on the way answers TCP for others")
    return false("the target answered no TCP connection") if found else unknown("TCP to the target was not tried")


# --- the probes aimed at it -------------------------------------------------------------------------------------------


def _protocol(scene: Scene) -> Protocol | None:
    if scene.leg is not None and scene.leg.protocol is not None:
        return scene.leg.protocol
    choice = scene.sample.target.protocol
    return None if choice is ProtocolChoice.ADAPTIVE else Protocol(choice.value)


@proposition("probe.icmp_or_udp", "The probes of the path are ICMP or UDP, not TCP.")
def _icmp_or_udp(scene: Scene) -> Finding:
    protocol = _protocol(scene)
    if protocol is None:
        return unknown("no protocol was chosen yet")
    fact = "/target/protocol" if scene.leg is None else f"{scene.leg_fact}/protocol"
    return either(protocol is not Protocol.TCP, f"the probes are {PROTOCOL_NAMES[protocol]}", fact)


def _says_nothing(scene: Scene, leg: Leg) -> bool:
    """Return whether the leg's success says nothing of this protocol's way out: it ends at a proxy, and was told so."""
    return leg.to is Node.EXTERNAL_PROXY and scene.sample.target.protocol is not ProtocolChoice.ADAPTIVE


@proposition("probe.passed", "Probes of the path's protocol got an answer from where they have to get.")
def _passed(scene: Scene) -> Finding:
    leg = scene.leg
    if leg is None:
        return unknown("no leg was to be traced")
    reached = scene.reached(leg)
    if leg.reached and reached is None:
        return unknown("somebody on the way answers this protocol for others", scene.leg_fact)
    if not reached:
        words = "the probes did not reach the target" if scene.leg_was_sent else "no probe was sent"
        return false(words, scene.leg_fact)
    if _says_nothing(scene, leg):
        return false(
            "the probes reached the proxy, which is inside; the way on from there is the proxy's", scene.leg_fact
        )
    by = leg.reached_by
    return true(f"reached: {by.address} answered" if by else "reached", scene.leg_fact)


@proposition("probe.sent", "Probes towards the target went on the wire.")
def _sent(scene: Scene) -> Finding:
    if scene.leg is None:
        return unknown("no leg was to be traced")
    return either(scene.leg_was_sent, f"the trace ended: {scene.leg.end_reason}", scene.leg_fact)


@proposition("probe.other_protocol_passes", "Another protocol than the path's got an answer from the target.")
def _other_protocol_passes(scene: Scene) -> Finding:
    protocol, tried, doubtful = _protocol(scene), False, False
    for index, check in enumerate(scene.sample.reachability):
        if check.protocol is protocol or check.address not in scene.target_addresses or check.answered is None:
            continue
        tried = True
        if check.answered and not scene.intercepted(check.protocol):
            return true(f"{PROTOCOL_NAMES[check.protocol]} to {check.address} is answered", f"/reachability/{index}")
        doubtful = doubtful or check.answered
    if doubtful:
        return unknown("somebody on the way answers the other protocol for others")
    return false("no other protocol passes") if tried else unknown("no other protocol was tried")
