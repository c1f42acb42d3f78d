"""What keeps the proxy that applies from carrying traffic, and whose fault that is (CP-03, CP-04)."""

from typing import Final

from probes.facts import Node, Protocol, Reachability, Role
from probes.failure import Failure
from probes.web_facts import Pac, Proxy, ProxyMode, Speaker, WebExchange, WebPhase
from rules.evidence.addresses import same
from rules.evidence.places import UNSENT_ENDS
from rules.evidence.scene import Scene
from rules.evidence.words import counted, failure_words, some
from rules.proposition import Finding, either, false, proposition, true, unknown

NO_PROXY: Final = "no proxy applies"
UNTRIED: Final = "the proxy was not tried"

# The proxy reached no origin: RFC 9110 sections 15.6.3 to 15.6.5; squid 5.7 and tinyproxy 1.11 say 500 [measured].
GATEWAY_STATUSES: Final = frozenset({500, 502, 503, 504})
_DENIALS: Final = frozenset({401, 403})
# What web servers make of a CONNECT, which they need not know (RFC 9110 section 9.3.6).
_NO_PROXY_STATUSES: Final = frozenset({400, 404, 405, 501})
_PROXY_AUTHENTICATION: Final = 407
_HTTPS_PORT: Final = 443

_OF_NAMES: Final = frozenset(
    {
        Failure.NAME_SYNTAX,
        Failure.NXDOMAIN,
        Failure.NO_DATA,
        Failure.SERVFAIL,
        Failure.REFUSED,
        Failure.RCODE_OTHER,
        Failure.NO_RESOLVER,
    }
)
_DENIED_NAMES: Final = frozenset({Failure.NAME_SYNTAX, Failure.NXDOMAIN, Failure.NO_DATA})
# The proxy hung up or fell silent once it had been asked: it may itself wait for the target.
_WITHOUT_ANSWER: Final = frozenset({Failure.TIMED_OUT, Failure.CONNECTION_RESET})
# What a proxy may say of a name that it does not find: RFC 9209 section 2.3.2, and squid's own word.
_NAME_ERRORS: Final = frozenset({"dns_error", "destination_not_found"})
_SQUID_NAME_ERROR: Final = "ERR_DNS_FAIL"
_NO_SUCH_NAME: Final = "NXDOMAIN"


def applying(scene: Scene) -> Proxy | None:
    """Return the proxy that the target's traffic goes to, on this host or elsewhere; None for none."""
    proxy = scene.sample.proxy
    return None if proxy is None or proxy.mode is ProxyMode.NONE or proxy.host is None else proxy


def failed_step(proxy: Proxy) -> tuple[str, WebPhase, Failure, str | None] | None:
    """Return the step at which the attempt ended: its pointer, phase, failure and words; None where it did not fail."""
    for index, step in enumerate(proxy.steps):
        if step.failure is not None:
            return f"/proxy/steps/{index}", step.phase, step.failure, step.detail
    if proxy.failure is None or proxy.steps:
        return None
    return "/proxy", _phase_of(proxy), proxy.failure, None


def _phase_of(proxy: Proxy) -> WebPhase:
    """Return where an attempt must have ended of which no steps are known."""
    if proxy.connect_status is not None:
        return WebPhase.PROXY_CONNECT
    if proxy.failure in _OF_NAMES:
        return WebPhase.RESOLVE
    return WebPhase.PROXY_TLS if proxy.failure is Failure.TLS_FAILED else WebPhase.CONNECT


def _through(scene: Scene) -> list[tuple[str, WebExchange]]:
    """Return the exchanges of the web check that went through the proxy, each with its pointer."""
    web = scene.sample.web
    numbered = enumerate(web.exchanges if web is not None else ())
    return [(f"/web/exchanges/{index}", one) for index, one in numbered if one.through_proxy]


def proxys_answers(scene: Scene) -> list[tuple[str, int]]:
    """Return every status that the proxy itself gave for the target, each with its pointer."""
    proxy = applying(scene)
    found = []
    if proxy is not None and proxy.connect_status is not None:
        found.append(("/proxy", proxy.connect_status))
    for fact, exchange in _through(scene):
        if exchange.connect_status is not None:
            found.append((fact, exchange.connect_status))
        elif exchange.status is not None and exchange.answered_by is Speaker.PROXY:
            found.append((fact, exchange.status))
    return found


def _status(scene: Scene, wanted: frozenset[int], words: str) -> Finding:
    proxy = applying(scene)
    if proxy is None:
        return false(NO_PROXY)
    answers = proxys_answers(scene)
    matching = [(fact, status) for fact, status in answers if status in wanted]
    if matching:
        fact, status = matching[0]
        return true(f"{proxy.host} {words} (status {status})", fact)
    if answers or failed_step(proxy) is not None:
        return false(f"{proxy.host} did not say so", "/proxy")
    return unknown(UNTRIED, "/proxy")


# --- the way to it ----------------------------------------------------------------------------------------------------


def _ends_in(scene: Scene, phase: WebPhase) -> Finding | tuple[str, Failure, str]:
    """Return the failure of one step with its pointer and the words of whoever noticed; or why there is none."""
    proxy = applying(scene)
    if proxy is None:
        return false(NO_PROXY)
    if carries(scene):
        return false(f"{proxy.host} carries traffic all the same", "/proxy")
    failed = failed_step(proxy)
    if failed is None:
        return unknown(UNTRIED, "/proxy") if proxy.works is None and not proxy.steps else false("this step succeeded")
    fact, at, failure, detail = failed
    if at is not phase:
        return false(f"it was not this step that failed, but {at}", fact)
    return fact, failure, detail or failure_words(failure)


def carries(scene: Scene) -> bool:
    """Return whether somebody behind the proxy was heard through it, so that it carries traffic."""
    egress = scene.sample.egress
    seen = (egress.by or {}).get("proxy") if egress is not None else None
    return target_heard(scene) or (seen is not None and seen.address is not None)


def target_heard(scene: Scene) -> bool:
    """Return whether the target's own web server was heard through the proxy."""
    return any(one.answered_by is Speaker.ORIGIN for _, one in _through(scene))


@proposition("proxy.name_unknown", "The name of the proxy that applies has no address for this host.")
def _name_unknown(scene: Scene) -> Finding:
    found = _ends_in(scene, WebPhase.RESOLVE)
    if isinstance(found, Finding):
        return found
    fact, failure, _ = found
    facts = (fact, *(pointer for pointer, _ in scene.checks(Role.PROXY)))
    return true(f"{scene.words_for('proxy')} has no address: {failure_words(failure)}", *facts)


@proposition("proxy.name_denied", "Resolvers say that the name of the proxy does not exist, or has no address.")
def _name_denied(scene: Scene) -> Finding:
    found = _ends_in(scene, WebPhase.RESOLVE)
    if isinstance(found, Finding):
        return found
    fact, failure, _ = found
    return either(failure in _DENIED_NAMES, f"the resolvers: {failure_words(failure)}", fact)


def _connection(scene: Scene, *, silent: bool) -> Finding:
    found = _ends_in(scene, WebPhase.CONNECT)
    if isinstance(found, Finding):
        return found
    fact, failure, _ = found
    proxy = applying(scene)
    where = f"{proxy.address or proxy.host} port {proxy.port}" if proxy is not None else "the proxy"
    another = [pointer for pointer, check in checks_of(scene) if check.answered]
    if another:
        return false(f"{where} accepted another connection", *another)
    words = "was not answered" if failure is Failure.TIMED_OUT else f"failed: {failure_words(failure)}"
    return either((failure is Failure.TIMED_OUT) is silent, f"a connection to {where} {words}", fact)


def checks_of(scene: Scene) -> list[tuple[str, Reachability]]:
    """Return the plain TCP connections to the proxy's port, apart from its own test."""
    proxy = applying(scene)
    numbered = enumerate(scene.sample.reachability)
    return [
        (f"/reachability/{index}", check)
        for index, check in numbered
        if proxy is not None
        and check.protocol is Protocol.TCP
        and check.port == proxy.port
        and same(check.address, proxy.address)
        and check.answer in {None, "syn_ack"}
    ]


@proposition("proxy.refuses_connections", "The connection to the proxy was refused, or nothing leads there.")
def _refuses_connections(scene: Scene) -> Finding:
    return _connection(scene, silent=False)


@proposition("proxy.silent", "The connection to the proxy was not answered.")
def _silent(scene: Scene) -> Finding:
    return _connection(scene, silent=True)


@proposition("proxy.tls_fails", "The proxy is spoken to by TLS, and that fails.")
def _tls_fails(scene: Scene) -> Finding:
    found = _ends_in(scene, WebPhase.PROXY_TLS)
    if isinstance(found, Finding):
        return found
    return true(f"TLS with {scene.words_for('proxy')}: {found[2]}", found[0], "/proxy/tls")


@proposition("proxy.is_no_proxy", "What listens at the proxy's port answers, and not as an HTTP proxy does.")
def _is_no_proxy(scene: Scene) -> Finding:
    found = _ends_in(scene, WebPhase.PROXY_CONNECT)
    if isinstance(found, Finding):
        return found
    fact, failure, words = found
    proxy = applying(scene)
    status = proxy.connect_status if proxy is not None else None
    holds = failure is Failure.MALFORMED_REPLY or status in _NO_PROXY_STATUSES
    return either(holds, f"{scene.words_for('proxy')} answered: {words}", fact)


# --- what it says -----------------------------------------------------------------------------------------------------


@proposition("proxy.wants_credentials", "The proxy wants to know who asks, and was not content (status 407).")
def _wants_credentials(scene: Scene) -> Finding:
    found = _status(scene, frozenset({_PROXY_AUTHENTICATION}), "asks for a sign-in")
    schemes = _schemes(scene)
    offered = f"; it offers {some(schemes)}" if schemes else ""
    return found._replace(statement=found.statement + offered)


def _schemes(scene: Scene) -> tuple[str, ...]:
    proxy = applying(scene)
    own = proxy.authenticate if proxy is not None else ()
    return own or next((one.authenticate for _, one in _through(scene) if one.authenticate), ())


@proposition("proxy.offers_basic", "The proxy accepts a user name and a password (Basic), or does not say what.")
def _offers_basic(scene: Scene) -> Finding:
    if applying(scene) is None:
        return false("no proxy applies")
    schemes = _schemes(scene)
    offered = not schemes or "basic" in {scheme.lower() for scheme in schemes}
    return either(offered, f"it offers {some(schemes) or 'no scheme by name'}", "/proxy/authenticate")


@proposition("proxy.denies", "The proxy itself denies this target (status 401 or 403).")
def _denies(scene: Scene) -> Finding:
    target = scene.sample.target
    found = _status(scene, _DENIALS, "denies access to this target")
    if found.facts[:1] == ("/proxy",) and target.url is None and target.port not in {None, _HTTPS_PORT}:
        # Proxies open tunnels to well-known ports only (RFC 9110 section 9.3.6): that says nothing of the application.
        return unknown(f"a tunnel to port {target.port} is refused, as it is by most proxies", "/proxy")
    return found


@proposition(
    "proxy.misses_target",
    "The proxy says that it does not reach the target (status 500, 502, 503, 504), or never answers.",
)
def _misses_target(scene: Scene) -> Finding:
    proxy = applying(scene)
    if proxy is not None and not carries(scene):
        failed = failed_step(proxy)
        if failed is not None and failed[1] is WebPhase.PROXY_CONNECT and failed[2] in _WITHOUT_ANSWER:
            return true(f"{proxy.host} was asked for the target and gave no answer", failed[0])
    return _status(scene, GATEWAY_STATUSES, "says that it does not reach the target")


def _said_of_names(scene: Scene) -> list[tuple[str, str, bool]]:
    """Return what the proxy says of the target's name: the pointer, the words, whether the name does not exist."""
    proxy = applying(scene)
    found = []
    told = [("/proxy", proxy.proxy_status)] if proxy is not None else []
    told += [(fact, one.proxy_status) for fact, one in _through(scene)]
    for fact, members in told:
        for index, said in enumerate(members):
            if said.error in _NAME_ERRORS:
                exact = said.rcode == _NO_SUCH_NAME
                words = f"{said.proxy}: {said.error}" + (f", {said.rcode}" if said.rcode else "")
                found.append((f"{fact}/proxy_status/{index}", words, exact))
    if proxy is not None and (proxy.error_token or "").startswith(_SQUID_NAME_ERROR):
        found.append(("/proxy/error_token", f"{proxy.host}: {proxy.error_token}", False))
    return found


@proposition("proxy.finds_no_name", "The proxy says that it does not find the target's name.")
def _finds_no_name(scene: Scene) -> Finding:
    proxy = applying(scene)
    if proxy is None:
        return false(NO_PROXY)
    said = _said_of_names(scene)
    if said:
        return true(f"the proxy says so ({said[0][1]})", *(fact for fact, _, _ in said[:2]))
    return false("the proxy says nothing of the name", "/proxy")


@proposition("proxy.name_does_not_exist", "The proxy says that the target's name does not exist (NXDOMAIN).")
def _name_does_not_exist(scene: Scene) -> Finding:
    exact = [(fact, words) for fact, words, certain in _said_of_names(scene) if certain]
    return true(f"the proxy says so ({exact[0][1]})", exact[0][0]) if exact else false("the proxy does not say so")


# --- compared with others ---------------------------------------------------------------------------------------------


def _controls(scene: Scene) -> dict[bool, list[tuple[str, str]]]:
    """Return pointer and name of each control that the same proxy reached, and of each that it did not."""
    proxy, found = applying(scene), dict[bool, list[tuple[str, str]]]({True: [], False: []})
    for index, control in enumerate(proxy.controls if proxy is not None else ()):
        if control.works is not None:
            found[control.works].append((f"/proxy/controls/{index}", control.url))
    return found


@proposition("proxy.control_fails", "No control that was asked for through the same proxy was reached either.")
def _control_fails(scene: Scene) -> Finding:
    if applying(scene) is None:
        return false(NO_PROXY)
    if carries(scene):
        return false("others are reached through it")
    found = _controls(scene)
    if found[True]:
        return false(f"{found[True][0][1]} is reached through it", found[True][0][0])
    if not found[False]:
        return unknown("no control was asked for through the proxy")
    return true(f"{some(name for _, name in found[False])} is not reached through it either", found[False][0][0])


@proposition(
    "proxy.control_seen_failing", "A control was asked for through the same proxy, and was not reached either."
)
def _control_seen_failing(scene: Scene) -> Finding:
    found = _controls(scene)
    failing = found[False] if not found[True] else []
    return either(bool(failing), f"{counted(len(failing), 'control')} failed and none was reached")


@proposition("proxy.control_works", "A control, or a service edge, was reached through the same proxy.")
def _control_works(scene: Scene) -> Finding:
    if applying(scene) is None:
        return false(NO_PROXY)
    found = _controls(scene)
    if found[True]:
        return true(f"{found[True][0][1]} is reached through it", found[True][0][0])
    if carries(scene):
        return true("others are reached through it")
    return false("none was reached") if found[False] else unknown("no control was asked for through the proxy")


# --- the script -------------------------------------------------------------------------------------------------------


@proposition("proxy.script_fails", "The PAC script that names the proxy cannot be fetched or evaluated.")
def _script_fails(scene: Scene) -> Finding:
    pac = scene.sample.proxy.pac if scene.sample.proxy is not None else None
    if pac is None:
        return false("no script names the proxy")
    if pac.failure is Failure.UNSUPPORTED:
        return unknown(f"the script was not evaluated: {pac.detail}", "/proxy/pac")
    if pac.failure is None:
        return false(f"the script says {pac.result!r}", "/proxy/pac")
    return true(f"{pac.source}: {_pac_words(pac)}", "/proxy/pac")


def _pac_words(pac: Pac) -> str:
    failure = failure_words(pac.failure)
    # The host's own words for an errno are mostly ours.
    more = pac.detail is not None and pac.detail.casefold() != failure
    return f"{failure} ({pac.detail})" if more else failure


@proposition("proxy.direct_way_works", "The target was reached without any proxy.")
def _direct_way_works(scene: Scene) -> Finding:
    web = scene.sample.web
    direct = [one for one in web.exchanges if not one.through_proxy] if web is not None else []
    if any(one.status is not None for one in direct):
        return true("the web address answered without a proxy", "/web")
    if direct:
        return false("the web address does not answer without a proxy", "/web")
    legs = [(f"/legs/{i}", leg) for i, leg in scene.own_legs if leg.to is Node.DESTINATION]
    tried = [(fact, leg) for fact, leg in legs if leg.end_reason not in UNSENT_ENDS]
    if any(leg.protocol is Protocol.TCP and scene.reached(leg) for _, leg in tried):
        return true("a TCP trace reached it", tried[0][0])
    if not tried:
        return either(False, "nothing was sent to the target") if legs else unknown("the target was not tried")
    if any(leg.protocol is Protocol.TCP or not leg.reached for _, leg in tried):
        return false("the trace did not reach the target", tried[0][0])
    return unknown("only ICMP or UDP reached the target", tried[0][0])
