"""What no documented error covers and a person still wants to know of proxy, web, egress and resolvers: a line each."""

from collections.abc import Iterator

from agent.views.escape import escape, escape_text
from agent.views.header import source_words
from agent.views.words import FAILURES
from probes.egress_facts import Egress, EgressSource
from probes.facts import Node, Role
from probes.name_facts import DnsCheck
from probes.sample import Sample
from probes.web_facts import Speaker

# Whose source an edge can see only if they got through.
_IN_BAND = {EgressSource.STUN, EgressSource.TCP, EgressSource.ICMP}


def side_notes(sample: Sample) -> list[str]:
    """Return the notes in the order of the way, each ending in a full stop and safe to show."""
    return [
        *_resolvers(sample),
        *_portal(sample),
        *_proxy(sample),
        *_interception(sample),
        *_egress(sample),
        *_stale(sample),
    ]


def _resolvers(sample: Sample) -> Iterator[str]:
    """Yield who of several resolvers never answered, where another one did."""
    alive, dead = _heard_and_unheard(sample.dns)
    if alive and dead:
        # What it did, not what it is: a single question may have been lost.
        yield f"Resolver{'s' if len(dead) > 1 else ''} {_listed(dead)} did not answer; {_listed(alive)} did."


def _heard_and_unheard(checks: tuple[DnsCheck, ...]) -> tuple[list[str], list[str]]:
    queries = [query for check in checks for query in check.queries]
    alive = {query.resolver for query in queries if query.rcode is not None}
    # A question that was still open when another resolver answered has no failure.
    failed = {query.resolver for query in queries if query.rcode is None and query.failure is not None}
    return sorted(alive), sorted(failed - alive)


def _listed(names: list[str]) -> str:
    return " and ".join(escape(name) for name in names)


def _portal(sample: Sample) -> Iterator[str]:
    portal = sample.captive_portal
    if portal and portal.detected:
        told = f": {escape_text(portal.evidence).rstrip('.')}" if portal.evidence else ""
        yield f"A sign-in page stands before the Internet{told}."


def _proxy(sample: Sample) -> Iterator[str]:
    from agent.views.web_words import proxy_status_words  # noqa: PLC0415 - only where something went wrong

    last = sample.web.exchanges[-1] if sample.web and sample.web.exchanges else None
    if last and last.answered_by is Speaker.PROXY:
        yield from (f"The proxy says of the way behind it: {proxy_status_words(each)}." for each in last.proxy_status)


def _interception(sample: Sample) -> Iterator[str]:
    found = sample.web.interception if sample.web else None
    if found:
        # Nothing tells the two apart from here.
        vouches = (
            f"No public authority vouches for the certificate, but {escape(found.issuer)} does, which this machine"
        )
        yield f"{vouches} trusts: somebody on the way opens TLS and reads along, or the service has its own authority."


def _egress(sample: Sample) -> Iterator[str]:
    egress = sample.egress
    if egress and egress.agree is False:
        yield f"Not everybody sees the same public address: {_who_saw_what(egress)}."
    if egress and egress.address and _filters_input(sample):
        yield (
            f"The egress {escape(egress.address)} answers no probe to its own address, whatever the protocol "
            "(egress_filters_input), while the edge sees packets that come from it: many routers are set up so, and "
            "only this leg cannot be measured."
        )


def _filters_input(sample: Sample) -> bool:
    """Return whether the egress drops whatever is sent to itself, and passes on what others send."""
    traced = [leg for leg in sample.legs if leg.to is Node.EGRESS and leg.from_ is Node.CLIENT]
    checks = [check.answered for check in sample.reachability if check.role is Role.EGRESS]
    seen = [name for name, one in ((sample.egress and sample.egress.by) or {}).items() if one.address]
    passes = any(name in _IN_BAND for name in seen)
    return passes and any(leg.reached is False for leg in traced) and len(checks) > 1 and not any(checks)


def _who_saw_what(egress: Egress) -> str:
    by_address: dict[str, list[str]] = {}
    for name, seen in (egress.by or {}).items():
        if seen.address:
            by_address.setdefault(seen.address, []).append(source_words(name))
    return "; ".join(f"{', '.join(names)}: {escape(address)}" for address, names in by_address.items())


def _stale(sample: Sample) -> Iterator[str]:
    for edge in sample.edges:
        data = edge.service_data
        if edge.used and data and data.stale:
            why = FAILURES[data.failure] if data.failure else "no reason known"
            old = "" if data.age_s is None else f", {data.age_s} s old,"
            yield f"Earlier service data of {escape(edge.host)}{old} is used: asking anew failed ({why})."
