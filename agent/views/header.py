"""What stands above the table: the target and the way to it, what web, proxy and edges said, and how it was sent."""

import re
from typing import Final

from agent.views.escape import escape, escape_text
from agent.views.prose import labelled, with_coloured_marks
from agent.views.proxy_words import PROXY_MODES, proxy_words
from agent.views.style import Style
from agent.views.way import way_words
from agent.views.words import (
    EGRESS_SOURCES,
    FAILURES,
    PROTOCOLS,
    ROUTES,
    SESSION_SOURCES,
    TUNNELS,
    leg_words,
    protocol_and_port,
    target_words,
    trial_words,
)
from probes.egress_facts import Edge, Egress, EgressSource, ServiceData
from probes.facts import Leg, Prober, RouteKind
from probes.sample import Sample
from probes.session_facts import SessionEvent
from probes.web_facts import ProxyAttempt, ProxyMode
from rules.diagnosis import Diagnosis

_WAY: Final = "Way"
_PROTOCOL_NAME: Final = re.compile(r"\b(?:icmp|udp|tcp)\b")
# The newest session decides; a few before it show how it came to that.
_MOST_SESSIONS: Final = 3


def header_lines(sample: Sample, diagnosis: Diagnosis, style: Style, *, wide: bool) -> list[str]:
    """Return `Label     text` lines; with `wide` also how everything was sent and what it all rests on."""
    traced = [leg for leg in sample.legs if leg.address and leg.probed_by is Prober.AGENT]
    parts = [
        *_of_target(sample, wide=wide),
        (_WAY, way_words(sample, diagnosis, style)),
        *(_grounds(sample) if wide else ()),
        *_of_proxy(sample, style, wide=wide),
        *_of_web(sample, style, wide=wide),
        *_of_edges(sample, wide=wide),
        *_of_egress(sample),
        *(("Session", _session(event)) for event in sample.sessions[-_MOST_SESSIONS:]),
    ]
    if traced:
        parts += _of_sending(sample, traced, wide=wide)
    lines: list[str] = []
    last = ""
    for label, text in parts:
        laid_out = labelled("" if label == last else label, text, style)
        lines += with_coloured_marks(laid_out, style) if label == _WAY else laid_out
        last = label or last
    return lines


_Parts = list[tuple[str, str]]


def _of_target(sample: Sample, *, wide: bool) -> _Parts:
    known = {leg.address for leg in sample.legs if leg.to is sample.legs[-1].to and leg.address}
    address = known.pop() if len(sample.legs) == 1 and known else None
    proxied = sample.proxy is not None and sample.proxy.host is not None
    through = "through a proxy" if proxied and sample.target.route is RouteKind.DIRECT else ROUTES[sample.target.route]
    parts = [("Target", f"{target_words(sample.target, address)}, {through}")]
    if sample.target.url:
        parts.append(("URL", escape_text(sample.target.url)))
    if wide and sample.captive_portal and sample.captive_portal.detected is False:
        parts.append(("Sign-in", f"none asked for, says {escape(sample.captive_portal.url)}"))
    return parts


def _grounds(sample: Sample) -> _Parts:
    """Return why the way is believed to be as it is shown."""
    return [("", escape_text(sample.topology.evidence))] if sample.topology and sample.topology.evidence else []


def _of_proxy(sample: Sample, style: Style, *, wide: bool) -> _Parts:
    proxy = sample.proxy
    if proxy is None or proxy.mode is ProxyMode.NONE:
        return []
    said = proxy_words(proxy).removeprefix("the proxy ")
    unusable = proxy.host is None and proxy.pac is not None and proxy.pac.failure is not None
    parts = [("Proxy", said if unusable else f"{said} ({PROXY_MODES[proxy.mode]})")]
    if not wide:
        return parts
    from agent.views.web_words import proxy_status_words, steps_words  # noqa: PLC0415 - only where a proxy is

    parts += [("", steps_words(proxy.steps, style))] if proxy.steps else []
    parts += [("", f"it says: {proxy_status_words(status)}") for status in proxy.proxy_status]
    parts += [("", f"passed over: {_passed_over(attempt)}") for attempt in proxy.passed_over]
    if proxy.pac:
        said = escape_text(proxy.pac.result or proxy.pac.detail or "nothing")
        parts.append(("PAC", f"{escape(proxy.pac.source)} says {said}"))
    return parts


def _passed_over(attempt: ProxyAttempt) -> str:
    why = f", {FAILURES[attempt.failure]}" if attempt.failure else ""
    return f"{escape(attempt.url)}{why}"


def _of_web(sample: Sample, style: Style, *, wide: bool) -> _Parts:
    web = sample.web
    if web is None:
        return []
    from agent.views.web_words import certificate_words, web_lines  # noqa: PLC0415 - only where the web was asked

    lines = web_lines(web, style)
    parts = [("" if index else "Web", line) for index, line in enumerate(lines)]
    tls = web.exchanges[-1].tls if web.exchanges else None
    if wide and tls:
        kind = ", ".join(escape(part) for part in (tls.version, tls.cipher) if part)
        parts.append(("TLS", "; ".join(part for part in (kind, certificate_words(tls)) if part)))
    return parts


# --- the far end ------------------------------------------------------------------------------------------------------


def _of_edges(sample: Sample, *, wide: bool) -> _Parts:
    parts: _Parts = []
    for edge in sample.edges:
        if edge.used or wide:
            parts.append(("Edge", _edge(edge)))
        data = edge.service_data
        if edge.used and data and data.tunnel:
            behind = f", behind {escape(data.tunnel.egress)}" if data.tunnel.egress else ""
            inside = f"{TUNNELS[data.tunnel.kind]} carries this machine to it ({escape(data.tunnel.inner)}{behind})"
            parts.append(("Tunnel", inside))
    return parts


def _edge(edge: Edge) -> str:
    named = f"{escape(edge.host)}:{edge.port}"
    told = [] if edge.used else ["is there to compare with"]
    if edge.name and edge.name != edge.host:
        told.append(f"calls itself {escape(edge.name, 64)}")
    if edge.service_data:
        told.append(_service_data(edge.service_data))
    return f"{named} {', '.join(told)}".rstrip()


def _service_data(data: ServiceData) -> str:
    if data.fetched and not data.stale:
        return "gives service data"
    why = FAILURES[data.failure] if data.failure else "no reason known"
    if data.fetched:
        return f"gave service data {data.age_s or 0} s ago"
    return f"gives no service data: {why}"


def _of_egress(sample: Sample) -> _Parts:
    egress = sample.egress
    if egress is None or egress.address is None:
        return []
    return [("Egress", f"{escape(egress.address)}{_seen_by(egress)}")]


def _seen_by(egress: Egress) -> str:
    """Return by which ways this very address was seen; who saw another one is a note of its own."""
    order = [source.value for source in EgressSource]
    same = [name for name, seen in (egress.by or {}).items() if seen.address == egress.address]
    same.sort(key=lambda name: order.index(name) if name in order else len(order))
    seen = [source_words(name) for name in same if name != EgressSource.CONFIGURED]
    parts = [EGRESS_SOURCES[EgressSource.CONFIGURED]] if egress.source is EgressSource.CONFIGURED else []
    joined = " and ".join((", ".join(seen[:-1]), seen[-1])) if len(seen) > 1 else "".join(seen)
    parts += [f"as the edge sees it over {joined}"] if seen else []
    return f", {', '.join(parts)}" if parts else ""


def source_words(name: str) -> str:
    """Return by what somebody saw an address, from the key of `egress.by`."""
    return EGRESS_SOURCES[EgressSource(name)] if name in list(EgressSource) else escape(name, 32)


def _session(event: SessionEvent) -> str:
    what = escape(event.internal_reason) or "no complaint"
    named = escape(event.application or event.host or "")
    parts = [escape(event.at, 40) if event.at else "", escape(event.connection_status or "", 16), what]
    where = f"line {event.line} of {SESSION_SOURCES[event.source]}"
    return f"{' '.join(part for part in parts if part)} ({', '.join(part for part in (named, where) if part)})"


# --- how it was sent --------------------------------------------------------------------------------------------------


def _of_sending(sample: Sample, traced: list[Leg], *, wide: bool) -> _Parts:
    """Return protocol and source; with several legs each has its protocol above its own rows."""
    several = len(sample.legs) > 1
    parts = [] if several and not wide else [("Protocol", _per_leg(leg, _protocol(leg), several)) for leg in traced]
    parts.append(("From", next(filter(None, (_source(sample, leg) for leg in _routed_first(sample, traced))), "")))
    if wide:
        parts += [("Method", _per_leg(leg, _method(leg), several)) for leg in traced]
        parts += [("Tried", _per_leg(leg, _tried(leg), several)) for leg in traced if leg.tried]
    return parts


def _routed_first(sample: Sample, traced: list[Leg]) -> list[Leg]:
    """Return the legs with those first whose way out of this machine is known."""
    known = {route.destination for route in sample.network.routes if route.interface}
    return sorted(traced, key=lambda leg: leg.address not in known)


def _per_leg(leg: Leg, said: str, several: bool) -> str:  # noqa: FBT001 - one of three of the same
    return f"{leg_words(leg)}: {said}" if several else said


def _tried(leg: Leg) -> str:
    return "; ".join(trial_words(trial) for trial in leg.tried)


def _protocol(leg: Leg) -> str:
    named = protocol_and_port(leg.protocol, leg.port)
    if not leg.protocol_reason:
        return named
    reason = _PROTOCOL_NAME.sub(lambda found: found[0].upper(), escape_text(leg.protocol_reason))
    return f"{named}: {reason.removeprefix(PROTOCOLS[leg.protocol]).lstrip(': ') if leg.protocol else reason}"


def _source(sample: Sample, leg: Leg) -> str:
    route = next((route for route in sample.network.routes if route.destination == leg.address), None)
    source = leg.source_address or (route.source if route else None)
    parts = [escape(source)] if source else []
    if route and route.interface:
        parts.append(f"on {escape(route.interface, 16)}")
    if route and route.gateway:
        parts.append(f"through gateway {escape(route.gateway)}")
    return " ".join(parts)


def _method(leg: Leg) -> str:
    """Return how the probes left, and each better way that was refused."""
    used = leg.method.replace("_", " ") if leg.method else "none"
    refused = [
        f"{PROTOCOLS[refusal.protocol]} by {refusal.method.replace('_', ' ')} refused: {FAILURES[refusal.failure]}"
        for refusal in leg.refused
    ]
    return "; ".join([used, *refused])
