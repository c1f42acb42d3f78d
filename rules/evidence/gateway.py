"""The first router on the way: does it answer, on the link and above it (CP-02)."""

from typing import Final

from probes.facts import Answer, Family, NeighbourState
from probes.failure import Failure
from rules.evidence.answers import Heard
from rules.evidence.scene import Scene
from rules.evidence.words import some
from rules.proposition import Finding, either, false, proposition, true, unknown

_NO_GATEWAY: Final = "no gateway is known on the way to the target"

# What a router says that has no way on: RFC 792 and RFC 1812 section 5.2.7.1; RFC 4443 section 3.1.
_NO_WAY_ON: Final = {Family.IPV4: frozenset({0, 1, 5, 6, 7}), Family.IPV6: frozenset({0, 3})}
# What a router says that has a way on and does not let anyone pass.
_PROHIBITED: Final = {Family.IPV4: frozenset({9, 10, 13}), Family.IPV6: frozenset({1, 5, 6})}


def _neighbour_state(scene: Scene, wanted: NeighbourState) -> Finding:
    if scene.gateway is None:
        return false(_NO_GATEWAY)
    if scene.gateway_neighbour is None:
        return unknown(f"{scene.gateway} (gateway) has no neighbour entry")
    fact, entry = scene.gateway_neighbour
    return either(entry.state is wanted, f"{scene.gateway} (gateway) has the neighbour entry: {entry.state}", fact)


@proposition("gateway.neighbour_failed", "Nobody answered the host's requests for the gateway's link-layer address.")
def _neighbour_failed(scene: Scene) -> Finding:
    return _neighbour_state(scene, NeighbourState.FAILED)


@proposition("gateway.neighbour_incomplete", "The host still waits for the gateway's link-layer address.")
def _neighbour_incomplete(scene: Scene) -> Finding:
    return _neighbour_state(scene, NeighbourState.INCOMPLETE)


@proposition(
    "gateway.neighbour_unconfirmed", "The host asks a gateway it used to know for a sign of life, without answer."
)
def _neighbour_unconfirmed(scene: Scene) -> Finding:
    return _neighbour_state(scene, NeighbourState.PROBE)


@proposition("gateway.given_up_by_host", "The host itself reports destinations behind the gateway as unreachable.")
def _given_up_by_host(scene: Scene) -> Finding:
    """After 3.05 s without ARP answer the kernel gives up in its own name: EHOSTUNREACH, offender itself [measured]."""
    if scene.gateway is None:
        return false(_NO_GATEWAY)
    for index, leg in enumerate(scene.sample.legs):
        for number, sending in enumerate(leg.send_failures):
            own = sending.offender is not None and scene.on_host(sending.offender)
            if sending.failure is Failure.HOST_UNREACHABLE and own:
                words = f"{sending.offender} (this host) reports {leg.address} as unreachable"
                return true(words, f"/legs/{index}/send_failures/{number}")
    for index, check in enumerate(scene.sample.reachability):
        own = check.offender is not None and scene.on_host(check.offender)
        behind = scene.is_gateway(check.address) or scene.beyond_gateway(check.address)
        if own and behind and not check.answered:
            words = f"{check.offender} (this host) reports {check.address} as unreachable"
            return true(words, f"/reachability/{index}")
    return false("the host gave up on nothing behind the gateway")


@proposition(
    "gateway.answered", "The gateway answered something: an echo, a probe that it should pass on, a name query."
)
def _answered(scene: Scene) -> Finding:
    if scene.gateway is None:
        return false(_NO_GATEWAY)
    heard = scene.answers.heard_of_gateway()
    if heard:
        return true(f"{heard[0].address} (gateway) answers", *dict.fromkeys(entry.fact for entry in heard[:4]))
    return false(f"no answer of {scene.gateway} (gateway) was seen")


@proposition("gateway.silent", "The gateway was asked and answered nothing.")
def _silent(scene: Scene) -> Finding:
    if scene.gateway is None:
        return false(_NO_GATEWAY)
    heard = scene.answers.heard_of_gateway()
    if heard:
        return false(f"{heard[0].address} (gateway) answers", heard[0].fact)
    asked = [entry.fact for entry in scene.answers.asked if scene.is_gateway(entry.address)]
    if scene.leg_was_sent and scene.leg is not None:
        asked += [
            f"{scene.leg_fact}/hops/{n}" for n, hop in enumerate(scene.leg.hops) if hop.probe_ttl == 1 and hop.sent
        ]
    if not asked:
        return unknown(f"{scene.gateway} (gateway) could not be asked")
    return true(f"{scene.gateway} (gateway) answers nothing", *asked[:4])


def _reports(scene: Scene, codes: dict[Family, frozenset[int]], *, about_far_ones: bool) -> list[Heard]:
    """Return the gateway's destination-unreachable messages with one of these codes."""
    return [
        entry
        for entry in scene.answers.heard_of_gateway()
        if entry.answer is Answer.DESTINATION_UNREACHABLE
        and entry.icmp is not None
        and entry.icmp.code in codes[Family.IPV6 if ":" in entry.address else Family.IPV4]
        and not (about_far_ones and entry.about is not None and not scene.beyond_gateway(entry.about))
    ]


@proposition("gateway.reports_no_way_on", "The gateway answers that it has no way on (no route, or host unreachable).")
def _reports_no_way_on(scene: Scene) -> Finding:
    found = _reports(scene, _NO_WAY_ON, about_far_ones=True)
    if not found:
        return false("the gateway does not report a missing way on")
    about = some(entry.about or "the target" for entry in found)
    facts = dict.fromkeys(entry.fact for entry in found[:4])
    return true(f"{found[0].address} (gateway) reports that it cannot pass on to {about}", *facts)


@proposition("gateway.prohibits", "The gateway answers that passing is administratively prohibited.")
def _prohibits(scene: Scene) -> Finding:
    found = _reports(scene, _PROHIBITED, about_far_ones=False)
    if not found:
        return false("the gateway prohibits nothing that was tried")
    about = some(entry.about or "the target" for entry in found)
    facts = dict.fromkeys(entry.fact for entry in found[:4])
    return true(f"{found[0].address} (gateway) prohibits traffic to {about}", *facts)
