"""The bottom line: in a sentence or two, is it the network, the proxy, the DNS, the application, or nothing at all."""

from collections.abc import Callable
from typing import Final

from agent.views.escape import escape, escape_text
from agent.views.prose import wrapped
from agent.views.style import PAINT_OF, Paint, Style
from agent.views.summary import last_answering, main_legs, outcome, own_failure, path_outcome
from agent.views.way import node_words
from agent.views.words import FAILURES, PROTOCOLS, milliseconds, target_words
from probes.facts import Leg, Node, Role
from probes.failure import Failure
from probes.frozen import frozen_positional
from probes.sample import Sample
from probes.web_facts import WebCheck
from rules.diagnosis import Diagnosis, FiredError, Severity, Status


@frozen_positional
class BottomLine:
    """What a person wants to know first; `good` if there is nothing to do."""

    good: bool
    text: str


def bottom_line(sample: Sample, diagnosis: Diagnosis) -> BottomLine:
    """Return whose fault it is, from the verdict and the facts alone; ends in a full stop."""
    if diagnosis.status is Status.DISCARDED:
        return BottomLine(False, "The network changed meanwhile: this sample tells nothing of the path. Measure again.")
    grave = gravest(diagnosis)
    if grave is not None:
        return BottomLine(False, _blame(sample, grave))
    portal = sample.captive_portal
    # Who gets what he came for needs no sign-in: then the check's own address is odd.
    if portal and portal.detected and not (sample.web and application_works(sample.web)):
        return BottomLine(False, f"It is this network: it wants a sign-in first{_portal(portal.portal)}.")
    if sample.web is not None:
        return _of_application(sample, sample.web)
    path = outcome(sample)
    if not path.good:
        return BottomLine(False, f"No documented error, but {path.text}")
    return BottomLine(
        True, f"None of this needs action: {path.text}" if diagnosis.errors else f"No errors: {path.text}"
    )


def bottom_line_lines(line: BottomLine, diagnosis: Diagnosis, style: Style) -> list[str]:
    """Return a bottom line wrapped, behind the mark of health or of the gravest error; else it has none."""
    grave = gravest(diagnosis)
    mark = style.symbols.icon(grave.severity) if grave else style.symbols.good if line.good else ""
    if not mark:
        return wrapped(line.text, style)
    first, *rest = wrapped(f"{mark} {line.text}", style, hanging=2)
    return [style.paint(mark, PAINT_OF[grave.severity] if grave else Paint.GOOD) + first[len(mark) :], *rest]


def gravest(diagnosis: Diagnosis) -> FiredError | None:
    """Return the first of the gravest errors, None where none is more than information."""
    grave = [error for error in diagnosis.errors if error.severity is not Severity.INFO]
    return max(grave, key=lambda error: list(Severity).index(error.severity), default=None)


def _portal(address: str | None) -> str:
    return f", at {escape_text(address)}" if address else ""


# --- the application --------------------------------------------------------------------------------------------------


def _of_application(sample: Sample, web: WebCheck) -> BottomLine:
    """Return what the application's answer and the path say together."""
    said, proxied = application_words(sample, web), _answered_by_proxy(web)
    path = path_outcome(sample) if proxied else outcome(sample)
    if application_works(web):
        return BottomLine(path.good, f"No errors: {path.text} {said}" if path.good else f"{said[:-1]}, but {path.text}")
    if path.good:
        return BottomLine(False, f"The network is fine{' as far as the proxy' if proxied else ''}: {path.text} {said}")
    # Where nobody answered, the path says why.
    return BottomLine(False, f"No documented error, but {path.text} {said if web.status else ''}".rstrip())


def _answered_by_proxy(web: WebCheck) -> bool:
    from agent.views.web_words import by_proxy  # noqa: PLC0415 - only where the web was asked

    return bool(web.exchanges) and by_proxy(web.exchanges[-1])


def application_works(web: WebCheck) -> bool:
    """Return whether a person who opens the web address gets what is there."""
    from agent.views.web_words import is_problem  # noqa: PLC0415 - only where the web was asked

    answered = web.status is not None and not is_problem(web.status)
    return answered and web.failure is None and web.redirect_problem is None


def application_words(sample: Sample, web: WebCheck) -> str:
    """Return what the application did, as a sentence with a full stop."""
    from agent.views.web_words import (  # noqa: PLC0415 - only where the web was asked
        REDIRECT_PROBLEMS,
        answer_words,
        answered,
        at_proxy,
        by_proxy,
        certificate_problem,
        exchange_failure,
        is_problem,
        took_us,
    )

    last = web.exchanges[-1] if web.exchanges else None
    invalid = certificate_problem(last) if last else None
    status = answered(last) if last else web.status
    if invalid:
        return f"This machine does not accept the certificate of {escape(sample.target.host)}: {invalid}."
    if web.redirect_problem:
        return f"The application leads nowhere: {REDIRECT_PROBLEMS[web.redirect_problem]}."
    if last and status is not None and by_proxy(last):
        return f"The proxy {answer_words(status)} in place of {escape(sample.target.host)}."
    if status is not None:
        took = sum(took_us(exchange) or 0 for exchange in web.exchanges)
        within = f" in {milliseconds(took)} ms" if took and not is_problem(status) else ""
        return f"The application {answer_words(status)}{within}."
    why = exchange_failure(last) if last else FAILURES[web.failure] if web.failure else "nobody asked"
    what = "does not answer" if web.failure is Failure.TIMED_OUT else "cannot be used"
    return f"The {'proxy' if last and at_proxy(last) else 'application'} {what}: {why}."


# --- the errors -------------------------------------------------------------------------------------------------------


def _blame(sample: Sample, error: FiredError) -> str:
    blame = _BLAMES.get(error.code)
    if blame is None:
        where = "private access" if error.code.startswith("ZPA-") else node_words(sample, error.anchor.node)
        return f"It is {where}: {_lower(escape_text(error.message))}"
    said = blame(sample, error)
    if error.severity is Severity.CRITICAL or error.code not in _INCOMPLETE:
        return said
    # A warning of the documented page: what works may still be measured better.
    if sample.web is None:
        return f"The measurement is incomplete: {said}"
    return f"{application_words(sample, sample.web)} The measurement is incomplete: {said}"


_Blame = Callable[[Sample, FiredError], str]

_TTL_OF_GATEWAY: Final = 1

# Of the reasons of CP-02, by the rule's own word: whose network it is.
_NETWORKS: Final = {
    "interface_down": "It is this machine: it is not connected to any network.",
    "no_route": "It is this machine's network settings: they know no way to {target}.",
    "local_firewall": "It is this machine's own firewall: it lets nothing out to {target}.",
    "gateway_down": "It is the local network: {gateway} does not answer.",
    "isp_upstream": "It is the Internet access: nothing behind {last} answers.",
    "all_blocked": "It is the network: something blocks everything that was tried.",
    "captive_portal": "It is this network: it wants a sign-in first{portal}.",
}


def _network(sample: Sample, error: FiredError) -> str:
    said = _NETWORKS.get(error.reason)
    if said is None:
        return f"It is the network: {escape_text(error.message)}"
    portal = sample.captive_portal.portal if sample.captive_portal else None
    gateway = node_words(sample, Node.GATEWAY)
    last = _last_beyond_gateway(sample) or gateway
    return said.format(target=target_words(sample.target, None), gateway=gateway, last=last, portal=_portal(portal))


def _last_beyond_gateway(sample: Sample) -> str | None:
    """Return the farthest router behind the gateway that answered anything, None where none did."""
    heard = [hop for leg in main_legs(sample) if (hop := last_answering(leg)) is not None]
    last = max(heard, key=lambda hop: hop.probe_ttl, default=None)
    if last is None or last.probe_ttl <= _TTL_OF_GATEWAY:
        return None
    return f"hop {last.probe_ttl} ({escape(last.responders[0].address)})"


def _agent(sample: Sample, _: FiredError) -> str:
    said = [escape_text(own.detail).rstrip(".") for own in sample.agent_failures]
    said += [own_failure(leg) for leg in sample.legs if leg.refused or leg.send_failures]
    return f"It is the agent: it could not measure{f': {said[0]}' if said else ''}."


# Of the reasons of CP-03 those that a failed look-up does not say by itself.
_NAMES: Final = {
    "dns_config": "It is the DNS: the resolvers answer nothing, whatever name they are asked for.",
    "name_syntax": "It is the name: {host} is no valid domain name.",
    "filtered": "It is the DNS: a filter there keeps {host} from being found.",
    "sinkholed": "It is the DNS: in place of the address of {host} it gives one that leads nowhere.",
    "dnssec": "It is the DNS: what is known of {host} does not pass its check for forgery (DNSSEC).",
    "unknown_to_proxy": "It is the DNS: the proxy finds no address for {host}.",
}


def _name(sample: Sample, error: FiredError) -> str:
    host = escape(sample.target.host)
    said = _NAMES.get(error.reason)
    if said is not None:
        return said.format(host=host)
    check = next((check for check in sample.dns if check.role is Role.DESTINATION and check.failure), None)
    why = f": {FAILURES[check.failure]}" if check and check.failure else ""
    return f"It is the DNS: {host} does not resolve{why}."


def _proxy(sample: Sample, _: FiredError) -> str:
    proxy, who = sample.proxy, node_words(sample, Node.EXTERNAL_PROXY)
    if proxy is None:
        return "It is the proxy."
    if proxy.pac and proxy.pac.failure:
        return f"It is the proxy setting: the PAC script {escape(proxy.pac.source)} cannot be used."
    if proxy.connect_status and not proxy.works:
        from agent.views.web_words import answer_words  # noqa: PLC0415 - only where a proxy answered

        return f"It is the proxy: {who} {answer_words(proxy.connect_status)}."
    why = FAILURES[proxy.failure] if proxy.failure else "no reason known"
    return f"It is the proxy: {who} cannot be used: {why}."


def _address(sample: Sample, error: FiredError) -> str:
    if sample.web is None:
        return f"It is the web address: {escape_text(error.explanation)}"
    return f"The network is fine. The web address is wrong: {_wrong_address(sample, sample.web)}"


def _wrong_address(sample: Sample, web: WebCheck) -> str:
    """Return what the address led to: an answer, a circle, or somebody who speaks something else."""
    from agent.views.web_words import REDIRECT_PROBLEMS, failed_words  # noqa: PLC0415 - only where the web was asked

    steps = web.exchanges[-1].steps if web.exchanges else ()
    failed = next((failed_words(step) for step in steps if step.failure), None)
    if web.redirect_problem:
        return f"{REDIRECT_PROBLEMS[web.redirect_problem]}."
    return f"{failed}." if failed and web.status is None else _lower(application_words(sample, web))


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _egress_is_tunnelled(_: Sample, __: FiredError) -> str:
    return "the way to the Internet egress runs inside a tunnel, so its part of the path does not show."


def _no_service_data(sample: Sample, _: FiredError) -> str:
    return f"{node_words(sample, Node.SERVICE_EDGE)} gave no service data, so the Internet egress is not known."


def _no_egress(sample: Sample, error: FiredError) -> str:
    return f"the Internet egress cannot be found by {_protocol(sample, error)}."


def _edge_unreachable(sample: Sample, _: FiredError) -> str:
    return f"It is the way to the service edge: {node_words(sample, Node.SERVICE_EDGE)} cannot be reached."


def _no_default_route(_: Sample, __: FiredError) -> str:
    return "this network has no default route, and lets no probes by ICMP or UDP out: measure by TCP."


def _not_reaching(node: Node) -> _Blame:
    def said(sample: Sample, error: FiredError) -> str:
        return f"{node_words(sample, node)} works, and probes by {_protocol(sample, error)} do not get to it."

    return said


def _silent_egress(sample: Sample, _: FiredError) -> str:
    return f"{node_words(sample, Node.EGRESS)} does not answer the probes of the service edge."


def _protocol(sample: Sample, error: FiredError) -> str:
    """Return the protocol of the leg that an error belongs to."""
    index = error.anchor.leg
    leg: Leg | None = sample.legs[index] if index is not None and index < len(sample.legs) else None
    return PROTOCOLS[leg.protocol] if leg and leg.protocol else "this protocol"


_BLAMES: Final[dict[str, _Blame]] = {
    "CP-01": _agent,
    "CP-02": _network,
    "CP-03": _name,
    "CP-04": _proxy,
    "CP-05": _address,
    "CP-07": _egress_is_tunnelled,
    "CP-08": _no_service_data,
    "CP-09": _no_egress,
    "CP-11": _edge_unreachable,
    "CP-12": _no_default_route,
    "CP-13": _not_reaching(Node.SERVICE_EDGE),
    "CP-16": _not_reaching(Node.EXTERNAL_PROXY),
    "CP-20": _silent_egress,
}
# What the page marks as needed "to get accurate results": the application may well work.
_INCOMPLETE: Final = frozenset({"CP-07", "CP-08", "CP-09", "CP-12", "CP-13", "CP-16", "CP-20"})
