"""Service data: what edges were asked for over HTTPS, and how that failed (CP-08)."""

from typing import Final

from probes.egress_facts import Edge, EgressSource, ServiceData
from probes.failure import Failure
from probes.web_facts import WebPhase
from rules.evidence.scene import Scene
from rules.evidence.words import counted, failure_words
from rules.proposition import Finding, either, false, proposition, true, unknown

_NOT_ASKED: Final = "no service edge is asked for service data"
_UNASKED: Final = "no service edge could be asked for service data"
_TOLD: Final = "service data came"

_TRIES: Final = 2

# Nobody was asked: a setting of ours, or the end of the sample.
_OWN: Final = frozenset({Failure.INVALID_SETTING, Failure.ABORTED})

# What a resolver, a host or a router said in so many words; everything else at these steps is silence.
_SAID: Final = frozenset({Failure.NXDOMAIN, Failure.NO_DATA, Failure.SERVFAIL, Failure.REFUSED, Failure.NAME_SYNTAX})
_TURNED_AWAY: Final = frozenset(
    {
        Failure.CONNECTION_REFUSED,
        Failure.CONNECTION_RESET,
        Failure.HOST_UNREACHABLE,
        Failure.NETWORK_UNREACHABLE,
        Failure.ROUTE_PROHIBITED,
        Failure.BLOCKED_LOCALLY,
    }
)
_SILENT: Final = frozenset({Failure.TIMED_OUT, Failure.NO_RESOLVER, Failure.RCODE_OTHER, Failure.CONNECTION_RESET})
_WRONG: Final = {Failure.MALFORMED_REPLY: "its answer makes no sense", Failure.EXPIRED: "its answer is too old"}

# RFC 9110 sections 15.5.2 and 15.5.4.
_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403

_STEPS: Final[dict[WebPhase, str]] = {
    WebPhase.RESOLVE: "looking up its name",
    WebPhase.CONNECT: "connecting",
    WebPhase.PROXY_TLS: "the TLS handshake with the proxy",
    WebPhase.PROXY_CONNECT: "the proxy",
    WebPhase.TLS: "the TLS handshake",
    WebPhase.REQUEST: "its answer",
}


def edges_asked(scene: Scene) -> list[tuple[str, Edge, ServiceData]]:
    """Return each edge that was asked for service data, with the pointer to what came of it."""
    return [
        (f"/edges/{index}/service_data", edge, edge.service_data)
        for index, edge in enumerate(scene.sample.edges)
        if edge.service_data is not None and edge.service_data.failure not in _OWN
    ]


def _through_proxy(scene: Scene) -> bool:
    by = (scene.sample.egress.by if scene.sample.egress is not None else None) or {}
    seen = by.get(EgressSource.PROXY)
    return seen is not None and seen.address is not None


def _first_failure(scene: Scene) -> tuple[str, str, ServiceData] | None:
    """Return how the first edge was lost, if none told anything: the pointer, its host, and what came of it."""
    asked = edges_asked(scene)
    if not asked or _through_proxy(scene) or any(data.fetched for _, _, data in asked):
        return None
    fact, edge, data = asked[0]
    return fact, edge.host, data


def _nothing_lost(scene: Scene) -> Finding:
    """Return what to say where no failure is known: nothing failed, or nobody could be asked."""
    if edges_asked(scene) or _through_proxy(scene):
        return false(_TOLD)
    return unknown(_UNASKED) if any(edge.api is not None for edge in scene.sample.edges) else false(_NOT_ASKED)


def _in_words(data: ServiceData) -> str:
    step = _STEPS[data.phase] if data.phase is not None else "asking it"
    return f"{step} fails ({data.detail or failure_words(data.failure)})"


@proposition("service.told", "A service edge told its service data, now or so lately that it still stands by it.")
def _told(scene: Scene) -> Finding:
    asked = edges_asked(scene)
    for fact, edge, data in asked:
        if data.fetched:
            age = f", {counted(data.age_s or 0, 'second')} ago" if data.stale else ""
            return true(f"{edge.host} told service data{age}", fact)
    if _through_proxy(scene):
        return true("service data came through the proxy", "/egress/by/proxy")
    if not asked:
        return _nothing_lost(scene)
    edges = counted(len(asked), "service edge")
    return false(f"{edges} asked, and no service data came", *(fact for fact, _, _ in asked[:4]))


@proposition("service.asked_twice", "Service data was asked for at least twice.")
def _asked_twice(scene: Scene) -> Finding:
    found = _first_failure(scene)
    if found is None:
        return _nothing_lost(scene)
    fact, host, data = found
    return either(data.attempts >= _TRIES, f"{host} was asked {counted(data.attempts, 'time')}", fact)


@proposition("service.name_unknown", "A resolver says that it has no address for the name of the service data.")
def _name_unknown(scene: Scene) -> Finding:
    found = _first_failure(scene)
    if found is None:
        return _nothing_lost(scene)
    fact, _, data = found
    return either(data.phase is WebPhase.RESOLVE and data.failure in _SAID, _in_words(data), fact)


@proposition("service.turned_away", "The host of the service data, or a router on the way, refuses the connection.")
def _turned_away(scene: Scene) -> Finding:
    found = _first_failure(scene)
    if found is None:
        return _nothing_lost(scene)
    fact, _, data = found
    return either(data.phase is WebPhase.CONNECT and data.failure in _TURNED_AWAY, _in_words(data), fact)


@proposition("service.silent", "Nobody answers who is asked for service data, or he falls silent on the way.")
def _silent(scene: Scene) -> Finding:
    found = _first_failure(scene)
    if found is None:
        return _nothing_lost(scene)
    fact, _, data = found
    turned_away = data.phase is WebPhase.CONNECT and data.failure in _TURNED_AWAY
    return either(data.failure in _SILENT and not turned_away, _in_words(data), fact)


@proposition("service.tls_failed", "The TLS handshake for service data fails.")
def _tls_failed(scene: Scene) -> Finding:
    found = _first_failure(scene)
    if found is None:
        return _nothing_lost(scene)
    fact, _, data = found
    return either(data.failure is Failure.TLS_FAILED, _in_words(data), fact)


@proposition("service.token_refused", "The service edge does not accept the token, or lets this client ask nothing.")
def _token_refused(scene: Scene) -> Finding:
    found = _first_failure(scene)
    if found is None:
        return _nothing_lost(scene)
    fact, _, data = found
    return either(data.status in {_UNAUTHORIZED, _FORBIDDEN}, f"it answers {data.detail or data.status}", fact)


@proposition("service.status_bad", "The service edge answers with another status than success.")
def _status_bad(scene: Scene) -> Finding:
    found = _first_failure(scene)
    if found is None:
        return _nothing_lost(scene)
    fact, _, data = found
    words = f"it answers {data.detail or data.status}" if data.status is not None else _in_words(data)
    return either(data.failure is Failure.UNEXPECTED_STATUS, words, fact)


@proposition("service.answer_useless", "The service edge answers, and what it says is malformed or too old.")
def _answer_useless(scene: Scene) -> Finding:
    found = _first_failure(scene)
    if found is None:
        return _nothing_lost(scene)
    fact, _, data = found
    said = _WRONG.get(data.failure) if data.failure is not None else None
    return either(said is not None, f"{said or 'its answer was not read'} ({data.detail or 'not stated'})", fact)
