"""What was heard from the network, what stayed silent, and what the host refused to send (CP-02)."""

from typing import Final

from probes.facts import EndReason, Prober, Role
from probes.failure import Failure
from rules.evidence.answers import Asked
from rules.evidence.scene import Scene
from rules.evidence.unreachable import prohibits
from rules.evidence.words import counted, failure_words, some
from rules.proposition import Finding, false, proposition, true, unknown

# Silence that was asked for once may be one lost packet; the retry inside the sample makes it evidence.
_RETRIED: Final = 2
_WITNESSES: Final = 2
# A site's gateway, its modem and the provider's first router: routers that may answer though the provider is gone.
_NEAR_TTL: Final = 3

_INTERFACE_LOST: Final = frozenset({Failure.NETWORK_DOWN, Failure.NO_SUCH_INTERFACE, Failure.ADDRESS_NOT_AVAILABLE})


# --- sending ----------------------------------------------------------------------------------------------------------


def _send_failures(scene: Scene, wanted: frozenset[Failure]) -> list[tuple[str, Failure]]:
    """Return what the host answered instead of sending, for probes and for opening their flow."""
    leg = scene.leg
    if leg is None:
        return []
    sending = [(f"{scene.leg_fact}/send_failures/{n}", entry.failure) for n, entry in enumerate(leg.send_failures)]
    opening = [(f"{scene.leg_fact}/refused/{n}", entry.failure) for n, entry in enumerate(leg.refused)]
    found = sending + (opening if leg.end_reason is EndReason.NOT_OPENED else [])
    return [(fact, failure) for fact, failure in found if failure in wanted]


def _query_failures(scene: Scene, wanted: frozenset[Failure]) -> list[tuple[str, Failure]]:
    """Return the failures of the target's name queries, if every one of them failed in one of these ways."""
    queries = [
        (f"{fact}/queries/{number}", query)
        for fact, check in scene.checks(scene.target_role)
        for number, query in enumerate(check.queries)
    ]
    found = [(fact, query.failure) for fact, query in queries if query.failure is not None and query.failure in wanted]
    return found if found and len(found) == len(queries) else []


def _check_failures(scene: Scene, wanted: frozenset[Failure]) -> list[tuple[str, Failure]]:
    """Return the target's plain checks that failed so, where nothing at all came back on the leg.

    connect() does not tell of a SYN that the host's own firewall drops [lab]: without rights, silence by TCP beside
    refusals by the other protocols is all there is to see.
    """
    if scene.leg is None or scene.leg.reached or any(hop.responders for hop in scene.leg.hops):
        return []
    return [
        (f"/reachability/{number}", check.failure)
        for number, check in enumerate(scene.sample.reachability)
        if check.address in scene.target_addresses and check.failure is not None and check.failure in wanted
    ]


@proposition("send.blocked_locally", "A firewall on this host refuses to let probes or name queries out.")
def _blocked_locally(scene: Scene) -> Finding:
    wanted = frozenset({Failure.BLOCKED_LOCALLY})
    found = _send_failures(scene, wanted) or _query_failures(scene, wanted) or _check_failures(scene, wanted)
    if not found:
        return false("the host refused to send nothing")
    return true(f"sending fails: {failure_words(found[0][1])}", *(fact for fact, _ in found[:4]))


@proposition("send.interface_lost", "Sending fails because the interface or its address is gone.")
def _interface_lost(scene: Scene) -> Finding:
    found = _send_failures(scene, _INTERFACE_LOST) or _query_failures(scene, _INTERFACE_LOST)
    if not found:
        return false("no sending failed for want of an interface")
    return true(f"sending fails: {failure_words(found[0][1])}", *(fact for fact, _ in found[:4]))


# --- hearing ----------------------------------------------------------------------------------------------------------


@proposition("path.answered", "Something outside this host answered something.")
def _path_answered(scene: Scene) -> Finding:
    heard = scene.answers.heard
    if not heard:
        return false("no answer from outside this host was seen")
    return true(f"heard: {some(e.address for e in heard)}", *dict.fromkeys(e.fact for e in heard[:4]))


@proposition("upstream.answered", "Something behind the gateway answered something.")
def _upstream_answered(scene: Scene) -> Finding:
    heard = scene.answers.heard_beyond_gateway()
    if not heard:
        doubtful = scene.answers.doubtful_beyond_gateway()
        if doubtful is not None:
            return unknown(f"whether {doubtful.address} itself answered: others answer for it here", doubtful.fact)
        return false("no answer from behind the gateway was seen")
    return true(
        f"heard from behind the gateway: {some(e.address for e in heard)}", *dict.fromkeys(e.fact for e in heard[:4])
    )


def _witnesses(asked: dict[str, Asked], where: str) -> Finding:
    """Return whether two or more addresses that would have answered stayed silent, and none answered."""
    answering = [entry for entry in asked.values() if entry.answered]
    if answering:
        return false(f"{answering[0].address} answers", answering[0].fact)
    counting = [entry for entry in asked.values() if entry.counts]
    if not counting:
        return unknown(f"nothing {where} was asked that would have to answer")
    words = f"silent {where}: {some(entry.address for entry in counting)}"
    if len(counting) < _WITNESSES:
        return false(f"only one to compare with; {words}", counting[0].fact)
    return true(words, *(entry.fact for entry in counting[:4]))


@proposition("upstream.two_silent", "Two or more addresses behind the gateway were asked, and none of them answered.")
def _upstream_two_silent(scene: Scene) -> Finding:
    return _witnesses(scene.answers.endpoints(beyond_gateway=True), "behind the gateway")


@proposition(
    "upstream.others_silent", "Two or more addresses behind the gateway besides the target were asked, in vain."
)
def _upstream_others_silent(scene: Scene) -> Finding:
    asked = scene.answers.endpoints(beyond_gateway=True)
    others = {address: entry for address, entry in asked.items() if address not in scene.target_addresses}
    return _witnesses(others, "behind the gateway")


@proposition(
    "upstream.only_near_routers_answer", "Behind the gateway only the nearest routers answer, and no end point."
)
def _only_near_routers_answer(scene: Scene) -> Finding:
    heard = scene.answers.heard_beyond_gateway()
    if not heard:
        return false("no answer from behind the gateway was seen")
    others = [entry for entry in heard if entry.probe_ttl is None or entry.probe_ttl > _NEAR_TTL or prohibits(entry)]
    if others:
        return false(f"{others[0].address} answers", others[0].fact)
    last = max(heard, key=lambda entry: entry.probe_ttl or 0)
    return true(f"the last router that answers is {last.address} at hop {last.probe_ttl}", last.fact)


@proposition("path.two_silent", "Two or more addresses besides the gateway were asked, and none of them answered.")
def _path_two_silent(scene: Scene) -> Finding:
    return _witnesses(scene.answers.endpoints(beyond_gateway=False), "besides the gateway")


@proposition("path.retried", "Every address that stayed silent was asked at least twice.")
def _path_retried(scene: Scene) -> Finding:
    silent = [e for e in scene.answers.endpoints(beyond_gateway=False).values() if e.counts and not e.answered]
    if not silent:
        return unknown("nothing stayed silent that would have had to answer")
    once = [entry for entry in silent if entry.attempts < _RETRIED]
    if once:
        return false(f"asked only once: {some(entry.address for entry in once)}", *(entry.fact for entry in once[:4]))
    return true(f"{counted(len(silent), 'silent address', 'silent addresses')} asked again", silent[0].fact)


@proposition("trace.silent", "Probes went on the wire, and no hop answered.")
def _trace_silent(scene: Scene) -> Finding:
    leg = scene.leg
    if leg is None or not scene.leg_was_sent or leg.end_reason is EndReason.ABORTED or not leg.hops:
        return unknown("no complete trace was made")
    answering = [hop for hop in leg.hops if hop.received]
    if leg.reached or answering:
        return false(f"{counted(len(answering), 'hop')} answered", scene.leg_fact)
    return true(f"no answer from any of {counted(len(leg.hops), 'hop')}", scene.leg_fact)


@proposition("trace.silent_behind_gateway", "Probes went past the gateway, and nothing behind it answered.")
def _trace_silent_behind_gateway(scene: Scene) -> Finding:
    heard = scene.answers.heard_beyond_gateway()
    if heard:
        return false(f"{heard[0].address} answered", heard[0].fact)
    asked = [
        f"/legs/{index}/hops/{number}"
        for index, leg in enumerate(scene.sample.legs)
        if leg.probed_by is Prober.AGENT and leg.end_reason is not EndReason.ABORTED
        for number, hop in enumerate(leg.hops)
        if hop.probe_ttl > 1 and hop.sent
    ]
    if not asked:
        return unknown("no complete trace went past the gateway")
    return true(f"{counted(len(asked), 'hop')} behind the gateway answered nothing", *asked[:4])


# --- controls ---------------------------------------------------------------------------------------------------------


@proposition("controls.answered", "A control address that the configuration names answered.")
def _controls_answered(scene: Scene) -> Finding:
    numbered = enumerate(scene.sample.reachability)
    asked = [(f"/reachability/{n}", check) for n, check in numbered if check.role is Role.CONTROL]
    asked = [(fact, check) for fact, check in asked if check.answered is not None]
    if not asked:
        return unknown("no control address was asked")
    answering = [(fact, check) for fact, check in asked if check.answered]
    if answering:
        names = list(dict.fromkeys(check.address for _, check in answering))
        words = f"{some(names)} {'answers' if len(names) == 1 else 'answer'}"
        return true(words, *(fact for fact, _ in answering[:4]))
    return false(f"silent: {some(check.address for _, check in asked)}", *(fact for fact, _ in asked[:4]))
