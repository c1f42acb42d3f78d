"""Whose fault an error is, in a sentence: the network's, the proxy's, the DNS's, the application's, or our own."""

from collections.abc import Callable
from typing import Final

from agent.views.application import application_words
from agent.views.escape import escape, escape_text
from agent.views.summary import last_answering, main_legs, own_failure, path_outcome
from agent.views.way import node_words
from agent.views.words import FAILURES, PROTOCOLS, target_words
from probes.facts import Leg, Node, Role
from probes.sample import Sample
from probes.web_facts import Proxy, WebCheck
from rules.diagnosis import FiredError, Severity


def blame_words(sample: Sample, error: FiredError) -> str:
    """Return the sentence, with a full stop."""
    blame = _BLAMES.get(error.code)
    if blame is None:
        where = "private access" if error.code.startswith("ZPA-") else node_words(sample, error.anchor.node)
        return f"It is {where}: {_lower(escape_text(error.message))}"
    said = blame(sample, error)
    if error.severity is Severity.CRITICAL or error.code not in _INCOMPLETE:
        return said[:1].upper() + said[1:]
    # A warning of the documented page: what works may still be measured better.
    return f"{_what_works(sample)} The measurement is incomplete: {said}".lstrip()


def _what_works(sample: Sample) -> str:
    """Return what the application did; where nobody asked it, whether the path leads there; nothing where neither."""
    if sample.web is not None:
        return application_words(sample, sample.web)
    return "The path works." if path_outcome(sample).good else ""


_Blame = Callable[[Sample, FiredError], str]

_TTL_OF_GATEWAY: Final = 1
_PORTAL: Final = "captive_portal"

# Of the reasons of CP-02, by the rule's own word: whose network it is.
_NETWORKS: Final = {
    "interface_down": "It is this machine: its network connection is down.",
    "no_route": "It is this machine's network settings: they know no way to {target}.",
    "local_firewall": "It is this machine's own firewall: it lets nothing out to {target}.",
    "gateway_down": "It is the local network: {gateway} does not answer.",
    "isp_upstream": "It is the Internet access: nothing behind {last} answers.",
    "all_blocked": "It is the network: something blocks everything that was tried.",
}


def _network(sample: Sample, error: FiredError) -> str:
    if error.reason == _PORTAL:
        return sign_in_words(sample.captive_portal.portal if sample.captive_portal else None)
    said = _NETWORKS.get(error.reason)
    if said is None:
        return f"It is the network: {escape_text(error.message)}"
    gateway = node_words(sample, Node.GATEWAY)
    last = _last_beyond_gateway(sample) or gateway
    return said.format(target=target_words(sample.target, None), gateway=gateway, last=last)


def sign_in_words(address: str | None) -> str:
    """Return what a network says that wants a sign-in; `address` is where, as far as it told."""
    return f"It is this network: it wants a sign-in first{f', at {escape_text(address)}' if address else ''}."


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


# The reason of CP-04 that says that somebody else is there.
_NO_PROXY: Final = "no_proxy"

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


def _proxy(sample: Sample, error: FiredError) -> str:
    proxy, who = sample.proxy, _called(sample, Node.EXTERNAL_PROXY)
    if proxy is None:
        return "It is the proxy."
    if proxy.pac and proxy.pac.failure:
        return f"It is the proxy setting: the PAC script {escape(proxy.pac.source)} cannot be used."
    if error.reason == _NO_PROXY:
        return f"It is the proxy: what answers at {who} is no proxy."
    from agent.views.web_words import answer_words, failed_words  # noqa: PLC0415 - only where a proxy is at fault

    status = _refusal(sample, proxy)
    if status is not None:
        return f"It is the proxy: {who} {answer_words(status)}."
    failed = next((failed_words(step) for step in proxy.steps if step.failure), None)
    why = failed or (FAILURES[proxy.failure] if proxy.failure else "no reason known")
    return f"It is the proxy: {who} cannot be used: {why}."


def _refusal(sample: Sample, proxy: Proxy) -> int | None:
    """Return the status by which a proxy refused a CONNECT, or what it was asked for in plain HTTP."""
    from agent.views.web_words import answered, by_proxy  # noqa: PLC0415 - only where a proxy is at fault

    if proxy.connect_status and not proxy.works:
        return proxy.connect_status
    last = sample.web.exchanges[-1] if sample.web and sample.web.exchanges else None
    return answered(last) if last and by_proxy(last) else None


def _called(sample: Sample, node: Node) -> str:
    """Return a place by its own name alone, where its kind was named just before."""
    return node_words(sample, node).removeprefix("the proxy ").removeprefix("the service edge ")


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
    """Return a sentence as it goes on behind a colon; one that begins with a name (ZPA, App Connector) stays."""
    first, second = (*text.split(maxsplit=2), "", "")[:2]
    return text if first[1:2].isupper() or second[:1].isupper() else text[:1].lower() + text[1:]


def _egress_is_tunnelled(_: Sample, __: FiredError) -> str:
    return "the way to the Internet egress runs inside a tunnel, so its part of the path does not show."


def _no_service_data(sample: Sample, _: FiredError) -> str:
    return f"{node_words(sample, Node.SERVICE_EDGE)} gave no service data, so the Internet egress is not known."


def _no_egress(sample: Sample, error: FiredError) -> str:
    return f"the Internet egress cannot be found by {_protocol(sample, error)}."


def _edge_unreachable(sample: Sample, _: FiredError) -> str:
    return f"It is the way to the service edge: {_called(sample, Node.SERVICE_EDGE)} cannot be reached."


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
