"""What the resolvers said of the target's name, resolver by resolver (CP-03)."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from probes.facts import Role
from probes.failure import Failure
from probes.name_facts import DnsCheck, DnsQuery, NameSource, Transport
from rules.evidence.addresses import is_sinkhole, same
from rules.evidence.scene import Scene
from rules.evidence.words import counted, some
from rules.proposition import Finding, either, false, proposition, true, unknown

_NOT_CHECKED: Final = "the name was not checked"


class Outcome(StrEnum):
    """What one resolver made of one name, the strongest first."""

    ADDRESSES = "addresses"
    NXDOMAIN = "NXDOMAIN"
    NO_DATA = "no address"
    SERVFAIL = "SERVFAIL"
    REFUSED = "REFUSED"
    CLOSED = "port closed"
    CUT_SHORT = "not awaited"
    TRUNCATED = "too long for UDP, and nothing by TCP"
    SILENT = "silent"
    UNSENT = "not sent"


_NO_ROUTE: Final = frozenset({Failure.NETWORK_UNREACHABLE, Failure.ROUTE_PROHIBITED, Failure.ROUTE_BLACKHOLE})
_WITHOUT_REPLY: Final[dict[Failure, Outcome]] = {
    **dict.fromkeys(_NO_ROUTE, Outcome.UNSENT),
    Failure.BLOCKED_LOCALLY: Outcome.UNSENT,
    Failure.NETWORK_DOWN: Outcome.UNSENT,
    Failure.NO_SUCH_INTERFACE: Outcome.UNSENT,
    Failure.ADDRESS_NOT_AVAILABLE: Outcome.UNSENT,
    Failure.ABORTED: Outcome.CUT_SHORT,
    Failure.CONNECTION_REFUSED: Outcome.CLOSED,
    Failure.CONNECTION_RESET: Outcome.CLOSED,
}
# Every other RCODE (FORMERR, NOTIMP, NOTAUTH, …) is a server that fails to serve.
_RCODES: Final[dict[str, Outcome]] = {"NXDOMAIN": Outcome.NXDOMAIN, "REFUSED": Outcome.REFUSED}
# Of several tries of one question the best counts: a retry heals, and a host reports a closed port once a second only.
_OF_ONE_QUESTION: Final = tuple(Outcome)
# A resolver that knows of no address for one type and fails for the other has not said that there is none.
_OF_ALL_QUESTIONS: Final = (*(one for one in Outcome if one is not Outcome.NO_DATA), Outcome.NO_DATA)
_MUTE: Final = frozenset({Outcome.TRUNCATED, Outcome.SILENT})
_FAILING: Final = frozenset({Outcome.SERVFAIL, Outcome.REFUSED, Outcome.CLOSED}) | _MUTE

# RFC 8914 section 4: 6-10 DNSSEC, 15-18 blocked, censored, filtered, prohibited, 22 and 23 the authorities.
_DNSSEC: Final = frozenset(range(6, 11))
_FILTERED: Final = frozenset(range(15, 19))
_AUTHORITY: Final = frozenset({22, 23})


def _check(scene: Scene) -> tuple[str, DnsCheck] | None:
    return next(iter(scene.checks(Role.DESTINATION)), None)


def _of_query(query: DnsQuery) -> Outcome:
    if query.rcode is None:
        return _WITHOUT_REPLY.get(query.failure, Outcome.SILENT) if query.failure else Outcome.SILENT
    if query.truncated and query.transport is Transport.UDP:
        # RFC 2181 section 9: its records count for nothing; what the same resolver says by TCP does.
        return Outcome.TRUNCATED
    if query.rcode == "NOERROR":
        return Outcome.ADDRESSES if query.answers else Outcome.NO_DATA
    return _RCODES.get(query.rcode, Outcome.SERVFAIL)


def _of_resolver(queries: Iterable[DnsQuery]) -> Outcome:
    """Return what a resolver's answers to all questions about the name add up to."""
    best: dict[tuple[str, str], Outcome] = {}
    for query in queries:
        asked = (query.question_name, query.question_type)
        best[asked] = min(best.get(asked, Outcome.UNSENT), _of_query(query), key=_OF_ONE_QUESTION.index)
    return min(best.values(), key=_OF_ALL_QUESTIONS.index)


def outcomes(check: DnsCheck) -> dict[str, Outcome]:
    """Return what each asked resolver made of the name."""
    asked = dict.fromkeys(query.resolver for query in check.queries)
    return {resolver: _of_resolver(q for q in check.queries if q.resolver == resolver) for resolver in asked}


def _words(found: dict[str, Outcome]) -> str:
    return some(f"{resolver}: {outcome}" for resolver, outcome in found.items())


def _unasked(scene: Scene, found: dict[str, Outcome]) -> list[str]:
    configured = (resolver.address for resolver in scene.sample.network.resolvers)
    return [address for address in configured if not any(same(address, asked) for asked in found)]


def _everywhere(scene: Scene, allowed: frozenset[Outcome], *needed: Outcome) -> Finding:
    """Return whether every configured resolver came to one of the allowed outcomes, one at least to a needed one."""
    entry = _check(scene)
    if entry is None:
        return unknown(_NOT_CHECKED)
    fact, check = entry
    found = outcomes(check)
    if not found:
        return false("no resolver was asked", fact)
    cut_short = [resolver for resolver, outcome in found.items() if outcome is Outcome.CUT_SHORT]
    others = set(found.values()) - allowed - {Outcome.CUT_SHORT}
    if others or not (cut_short or set(needed) & set(found.values())):
        return false(f"not every resolver: {_words(found)}", fact)
    if cut_short:
        return unknown(f"not awaited: {some(cut_short)}", fact)
    missing = _unasked(scene, found)
    if missing:
        return unknown(f"not asked: {some(missing)}", fact)
    return true(_words(found), fact)


@proposition("name.resolved", "The target's name has at least one address for this host, from whatever source.")
def _resolved(scene: Scene) -> Finding:
    if scene.sample.target.literal:
        return true(f"{scene.sample.target.host} is an address", "/target/host")
    entry = _check(scene)
    if entry is None:
        return unknown(_NOT_CHECKED)
    fact, check = entry
    addresses = (*check.addresses, *(check.system_addresses or ()))
    if addresses:
        return true(f"{check.name} has {some(addresses)}", fact)
    return false(f"no address for {check.name}", fact)


@proposition("name.syntax_invalid", "The target's name breaks the rules for names, so that nothing can resolve it.")
def _syntax_invalid(scene: Scene) -> Finding:
    entry = _check(scene)
    if entry is None:
        return unknown(_NOT_CHECKED)
    fact, check = entry
    invalid = check.failure is Failure.NAME_SYNTAX
    return either(invalid, f"{check.name} is {'no' if invalid else 'a'} valid name", fact)


@proposition(
    "name.sinkholed", "Resolvers give the name only addresses that no other host can have: 0.0.0.0, ::, loopback."
)
def _sinkholed(scene: Scene) -> Finding:
    entry = _check(scene)
    if entry is None:
        return unknown(_NOT_CHECKED)
    fact, check = entry
    name = check.name.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return false("the name is the host's own (RFC 6761 section 6.3)", fact)
    if check.source is not NameSource.RESOLVER or not check.addresses:
        return false("no resolver gave the address", fact)
    sunk = all(is_sinkhole(address) for address in check.addresses)
    return either(sunk, f"{check.name} resolves to {some(check.addresses)}", fact)


# --- what every resolver says -----------------------------------------------------------------------------------------


@proposition("dns.nxdomain_everywhere", "Every configured resolver says that the name does not exist (RCODE 3).")
def _nxdomain_everywhere(scene: Scene) -> Finding:
    return _everywhere(scene, frozenset({Outcome.NXDOMAIN}), Outcome.NXDOMAIN)


@proposition(
    "dns.nxdomain_where_answered", "Every resolver that answers says that the name does not exist; others fail."
)
def _nxdomain_where_answered(scene: Scene) -> Finding:
    return _everywhere(scene, frozenset({Outcome.NXDOMAIN, Outcome.NO_DATA}) | _FAILING, Outcome.NXDOMAIN)


@proposition("dns.no_data_everywhere", "Every configured resolver knows the name and no address for it (NODATA).")
def _no_data_everywhere(scene: Scene) -> Finding:
    return _everywhere(scene, frozenset({Outcome.NO_DATA}), Outcome.NO_DATA)


@proposition("dns.no_data_where_answered", "Every resolver that answers knows no address for the name; others fail.")
def _no_data_where_answered(scene: Scene) -> Finding:
    return _everywhere(scene, frozenset({Outcome.NO_DATA}) | _FAILING, Outcome.NO_DATA)


@proposition("dns.servfail_everywhere", "Every configured resolver fails for the name, one at least with SERVFAIL.")
def _servfail_everywhere(scene: Scene) -> Finding:
    return _everywhere(scene, _FAILING, Outcome.SERVFAIL)


@proposition("dns.refused_everywhere", "Every configured resolver refuses the name or the connection, or is silent.")
def _refused_everywhere(scene: Scene) -> Finding:
    allowed = frozenset({Outcome.REFUSED, Outcome.CLOSED}) | _MUTE
    return _everywhere(scene, allowed, Outcome.REFUSED, Outcome.CLOSED)


@proposition("dns.silent_everywhere", "Every configured resolver is silent about the name.")
def _silent_everywhere(scene: Scene) -> Finding:
    return _everywhere(scene, _MUTE, *_MUTE)


@proposition("dns.retried", "Every question that got no final answer was asked again.")
def _retried(scene: Scene) -> Finding:
    entry = _check(scene)
    if entry is None or not entry[1].queries:
        return unknown(_NOT_CHECKED)
    fact, check = entry
    asked: dict[tuple[str, str, str], int] = {}
    for query in check.queries:
        if _of_query(query) in _FAILING:
            key = (query.resolver, query.question_name, query.question_type)
            asked[key] = asked.get(key, 0) + 1
    once = [resolver for (resolver, _, _), attempts in asked.items() if attempts == 1]
    words = (
        f"asked only once: {some(once)}"
        if once
        else f"{counted(len(check.queries), 'query', 'queries')}, none left single"
    )
    return either(not once, words, fact)


@proposition(
    "dns.resolver_host_answers", "The host of a resolver that does not answer for the name is there all the same."
)
def _resolver_host_answers(scene: Scene) -> Finding:
    found = [entry for entry in scene.answers.asked if entry.role is Role.RESOLVER]
    answering = [entry for entry in found if entry.answered]
    if answering:
        return true(f"{answering[0].address} (resolver) is there", *dict.fromkeys(e.fact for e in answering[:4]))
    return false(f"silent: {some(entry.address for entry in found)}") if found else unknown("no resolver was asked")


# --- extended errors (RFC 8914) ---------------------------------------------------------------------------------------


def _extended(scene: Scene, codes: frozenset[int]) -> Finding:
    entry = _check(scene)
    if entry is None:
        return unknown(_NOT_CHECKED)
    fact, check = entry
    found = [
        (f"{fact}/queries/{number}", f"{query.resolver}: extended error {extended.code} {extended.text}".rstrip())
        for number, query in enumerate(check.queries)
        for extended in query.extended_errors
        if extended.code in codes
    ]
    if not found:
        return false("no resolver gives such a reason", fact)
    return true(some(words for _, words in found), *dict.fromkeys(where for where, _ in found[:4]))


@proposition(
    "dns.dnssec_failure", "A resolver says that the name's DNSSEC signatures do not hold (extended errors 6 to 10)."
)
def _dnssec_failure(scene: Scene) -> Finding:
    return _extended(scene, _DNSSEC)


@proposition("dns.filtered", "A resolver says that it blocks the name on purpose (extended errors 15 to 18).")
def _filtered(scene: Scene) -> Finding:
    return _extended(scene, _FILTERED)


@proposition(
    "dns.authority_unreachable", "A resolver says that it cannot reach the name's servers (extended errors 22, 23)."
)
def _authority_unreachable(scene: Scene) -> Finding:
    return _extended(scene, _AUTHORITY)


# --- the resolvers themselves -----------------------------------------------------------------------------------------


@proposition("dns.no_resolver", "No resolver is configured.")
def _no_resolver(scene: Scene) -> Finding:
    entry = _check(scene)
    if entry is None:
        return unknown(_NOT_CHECKED)
    none = entry[1].failure is Failure.NO_RESOLVER
    configured = some(resolver.address for resolver in scene.sample.network.resolvers)
    return either(none, "no resolver is configured" if none else f"resolvers: {configured or 'known'}", entry[0])


@proposition("dns.resolvers_unroutable", "The host has no route to any of the resolvers.")
def _resolvers_unroutable(scene: Scene) -> Finding:
    entry = _check(scene)
    if entry is None:
        return unknown(_NOT_CHECKED)
    fact, check = entry
    if not check.queries:
        return false("no resolver was asked", fact)
    unroutable = all(query.rcode is None and query.failure in _NO_ROUTE for query in check.queries)
    words = some(query.resolver for query in check.queries)
    return either(unroutable, f"{'no route' if unroutable else 'queries were sent'} to {words}", fact)


@proposition("dns.control_names_fail", "The names of all controls fail too, at every resolver, and not by NXDOMAIN.")
def _control_names_fail(scene: Scene) -> Finding:
    checks = [(fact, check) for fact, check in scene.checks(Role.CONTROL) if check.queries]
    if not checks:
        return unknown("no control name was checked")
    good = [check.name for _, check in checks if check.addresses or not set(outcomes(check).values()) <= _FAILING]
    if good:
        return false(f"the resolvers answer for {some(good)}", *(fact for fact, _ in checks[:4]))
    return true(f"the resolvers fail for {some(c.name for _, c in checks)} too", *(fact for fact, _ in checks[:4]))
