"""The first router on the way: does it answer, on the link and above it (CP-02)."""

from typing import Final

from probes.failure import Failure
from probes.host_facts import NeighbourState
from rules.evidence.answers import Heard
from rules.evidence.scene import Scene
from rules.evidence.unreachable import has_no_way_on, prohibits
from rules.evidence.words import some
from rules.proposition import Finding, either, false, proposition, true, unknown

_NO_GATEWAY: Final = "no gateway is known on the way to the target"


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


def _report(found: list[Heard], what: str, otherwise: str) -> Finding:
    if not found:
        return false(otherwise)
    about = some(entry.about or "the target" for entry in found)
    return true(f"{found[0].address} (gateway) {what} {about}", *dict.fromkeys(entry.fact for entry in found[:4]))


@proposition("gateway.reports_no_way_on", "The gateway answers that it has no way on (no route, or host unreachable).")
def _reports_no_way_on(scene: Scene) -> Finding:
    found = [
        entry
        for entry in scene.answers.heard_of_gateway()
        if has_no_way_on(entry) and (entry.about is None or scene.beyond_gateway(entry.about))
    ]
    return _report(found, "reports that it cannot pass on to", "the gateway does not report a missing way on")


@proposition("gateway.prohibits", "The gateway answers that passing is administratively prohibited.")
def _prohibits(scene: Scene) -> Finding:
    found = [entry for entry in scene.answers.heard_of_gateway() if prohibits(entry)]
    return _report(found, "prohibits traffic to", "the gateway prohibits nothing that was tried")
