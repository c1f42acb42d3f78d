"""What the agent itself could not do (CP-01)."""

from typing import Final

from probes.facts import EndReason
from probes.failure import Failure
from rules.evidence.scene import Scene
from rules.evidence.words import failure_words
from rules.proposition import Finding, false, proposition, true, unknown

_RESOURCES: Final = frozenset({Failure.TOO_MANY_FILES, Failure.OUT_OF_MEMORY})
_INTERNAL: Final = frozenset({Failure.INTERNAL_ERROR, Failure.MALFORMED_REPLY, Failure.OTHER})
# What opening a flow may already meet, and is the host's network's doing and not the agent's (CP-02).
NETWORK_FAILURES: Final = frozenset(
    {
        Failure.NETWORK_UNREACHABLE,
        Failure.HOST_UNREACHABLE,
        Failure.ROUTE_PROHIBITED,
        Failure.ROUTE_BLACKHOLE,
        Failure.BLOCKED_LOCALLY,
        Failure.NETWORK_DOWN,
        Failure.NO_SUCH_INTERFACE,
        Failure.ADDRESS_NOT_AVAILABLE,
    }
)


def _own_failures(scene: Scene, wanted: frozenset[Failure]) -> list[tuple[str, str]]:
    """Return pointer and words of each failure of the agent's own work that is one of the wanted."""
    return [
        (f"/agent_failures/{index}", f"{failure.operation}: {failure.detail}")
        for index, failure in enumerate(scene.sample.agent_failures)
        if failure.failure in wanted
    ]


def _refusals(scene: Scene, wanted: frozenset[Failure]) -> list[tuple[str, str]]:
    """Return each rung that was refused for one of the wanted reasons, if no rung of the leg was left to stand on."""
    leg = scene.leg
    if leg is None or leg.end_reason is not EndReason.NOT_OPENED:
        return []
    if any(refusal.failure in NETWORK_FAILURES for refusal in leg.refused):
        return []
    return [
        (f"{scene.leg_fact}/refused/{index}", f"{refusal.protocol} by {refusal.method}: {refusal.detail}")
        for index, refusal in enumerate(leg.refused)
        if refusal.failure in wanted
    ]


def _finding(found: list[tuple[str, str]], otherwise: str) -> Finding:
    if not found:
        return false(otherwise)
    return true("; ".join(words for _, words in found), *(fact for fact, _ in found))


@proposition("agent.internal_error", "A part of the agent failed by a mistake of its own.")
def _internal_error(scene: Scene) -> Finding:
    return _finding(_own_failures(scene, _INTERNAL), "the agent met no mistake of its own")


@proposition("agent.deadline_overrun", "The agent did not finish by its own deadline.")
def _deadline_overrun(scene: Scene) -> Finding:
    return _finding(_own_failures(scene, frozenset({Failure.DEADLINE_OVERRUN})), "the agent kept its deadline")


@proposition("agent.out_of_resources", "The host gave the agent no more files, memory or buffers.")
def _out_of_resources(scene: Scene) -> Finding:
    found = _own_failures(scene, _RESOURCES) + _refusals(scene, _RESOURCES)
    return _finding(found, "files, memory and buffers sufficed")


@proposition("agent.right_missing", "The agent lacks a right without which the wanted protocol cannot be probed.")
def _right_missing(scene: Scene) -> Finding:
    wanted = frozenset({Failure.NOT_PERMITTED})
    found = _refusals(scene, wanted)
    if not scene.leg_was_sent:
        # A right that only an aside needed does not matter once the path was probed.
        found += _own_failures(scene, wanted)
    return _finding(found, "no missing right kept the agent from probing")


@proposition(
    "agent.family_unsupported", "The host cannot open sockets of the family or protocol that the target needs."
)
def _family_unsupported(scene: Scene) -> Finding:
    wanted = frozenset({Failure.FAMILY_UNSUPPORTED})
    return _finding(_refusals(scene, wanted), "sockets of the needed family and protocol can be opened")


@proposition(
    "agent.could_not_open", "No way to send the wanted probes could be opened, and not for the network's sake."
)
def _could_not_open(scene: Scene) -> Finding:
    leg = scene.leg
    if leg is None:
        return unknown("no leg was to be traced")
    if leg.end_reason is not EndReason.NOT_OPENED:
        return false("a way to send probes was opened, or none was needed", scene.leg_fact)
    network = [refusal for refusal in leg.refused if refusal.failure in NETWORK_FAILURES]
    if network:
        return false(f"the network was in the way: {failure_words(network[0].failure)}", scene.leg_fact)
    refused = "; ".join(f"{refusal.protocol} by {refusal.method}: {refusal.detail}" for refusal in leg.refused)
    return true(f"no way to send probes could be opened: {refused or 'no reason given'}", scene.leg_fact)
