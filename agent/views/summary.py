"""The path in plain sentences: was the end reached, how well, and what the oddities of the table mean."""

from typing import Final

from agent.views.escape import escape, escape_text
from agent.views.path_mtu import has_black_hole
from agent.views.words import (
    CLASS_NOTES,
    END_REASONS,
    FAILURES,
    LIMITED_END,
    NODES,
    PROTOCOLS,
    counted,
    host_words,
    icmp_words,
    listed,
    milliseconds,
    protocol_and_port,
    proxy_words,
    responder_answer,
    series_words,
    target_words,
)
from probes.facts import Answer, EndReason, Hop, Leg, LossClass, Node, Protocol, Reachability, Role
from probes.frozen import frozen_positional
from probes.sample import Sample
from probes.web_facts import ProxyMode

# What a router says when it passes nothing on; from the target itself `port unreachable` means "arrived".
_PASSING: Final = frozenset({Answer.TIME_EXCEEDED, Answer.ECHO_REPLY, Answer.SYN_ACK, Answer.RST, Answer.UDP_REPLY})

_OTHER_OPTIONS: Final[dict[Protocol, str]] = {
    Protocol.ICMP: "-T or -u",
    Protocol.UDP: "-T or -I",
    Protocol.TCP: "-I or -u",
}


@frozen_positional
class Outcome:
    """What became of the trace, in sentences without a capital at the start; `good` if nothing is left to explain."""

    good: bool
    text: str


def outcome(sample: Sample) -> Outcome:
    """Return the outcome of the last traced leg, and of the proxy, for somebody who is no network engineer."""
    path = _path_outcome(sample)
    if sample.proxy is None or sample.proxy.mode is ProxyMode.NONE or sample.proxy.works:
        return path
    # What the path shows, the application does not see: its packets go to the proxy.
    return Outcome(False, f"{proxy_words(sample.proxy)}. Without it: {path.text}")


def _path_outcome(sample: Sample) -> Outcome:
    leg = next((leg for leg in reversed(sample.legs) if leg.address is not None), None)
    if leg is None:
        return Outcome(False, f"{target_words(sample.target, None)} was not traced: {_untraced_reason(sample)}.")
    if leg.reached:
        return _with_the_way_on(sample, leg, _reached(sample, leg))
    return Outcome(False, _not_reached(sample, leg))


def _untraced_reason(sample: Sample) -> str:
    """Return why nothing was traced: what the first leg lacked, for the others hang on it."""
    reason = next((leg.reason for leg in sample.legs if leg.reason), None)
    return escape_text(reason) if reason else "nothing was measured"


def _end_words(sample: Sample, leg: Leg) -> str:
    """Return what a leg ends at: the target, or a service edge that the way to it leads through."""
    if leg.to is not Node.SERVICE_EDGE:
        return target_words(sample.target, leg.address)
    return f"{NODES[leg.to]} {host_words(sample.target.edge_host or '', leg.address)}"


def _with_the_way_on(sample: Sample, leg: Leg, reached: Outcome) -> Outcome:
    """Return the outcome with a word on the target where the leg ends before it."""
    if leg.to is not Node.SERVICE_EDGE:
        return reached
    return Outcome(reached.good, f"{reached.text} The way on to {target_words(sample.target, None)} was not traced.")


def _reached(sample: Sample, leg: Leg) -> Outcome:
    hops = leg.reached_by.probe_ttl if leg.reached_by and leg.reached_by.probe_ttl else len(leg.hops)
    # A trace that begins at or behind its target has not seen how near that is.
    within = hops > 1 and bool(leg.hops) and leg.hops[0].probe_ttl == hops
    parts = [f"{_end_words(sample, leg)} reached {'within' if within else 'in'} {counted(hops, 'hop')}"]
    series = leg.end_to_end
    if series and series.rtt_us:
        parts.append(f"{milliseconds(series.rtt_us.avg)} ms")
    if series:
        parts.append(series_words(series))
    sentence = ", ".join(parts) + "."
    box = sample.middlebox
    if box and (box.protocol, box.target) == (leg.protocol, leg.address):
        asked = protocol_and_port(box.protocol, box.port)
        who = f"somebody at hop {box.probe_ttl} ({escape(box.address)}) answers {asked} in the target's place"
        return Outcome(False, f"{who}: {sentence}")
    if series and series.loss_ratio:
        return Outcome(False, f"packets are lost: {sentence}")
    if has_black_hole(leg):
        return Outcome(False, f"large packets vanish on the way: {sentence}")
    if _port_refused(sample, leg):
        also = f"It is up, but it, or a firewall in its place, refuses connections to TCP port {leg.port}."
        return Outcome(False, f"the port is closed: {sentence} {also}")
    return Outcome(True, sentence)


def _port_refused(sample: Sample, leg: Leg) -> bool:
    """Return whether the port that the person named refuses; that of a bare host was only our guess."""
    refused = leg.reached_by is not None and leg.reached_by.answer is Answer.RST
    named = sample.target.edge_port if leg.to is Node.SERVICE_EDGE else sample.target.port
    return refused and leg.port == named


def _not_reached(sample: Sample, leg: Leg) -> str:
    who = _end_words(sample, leg)
    match leg.end_reason:
        case EndReason.SEND_FAILED | EndReason.NOT_OPENED:
            return f"{who} was not reached: {_own_failure(leg)}."
        case EndReason.ABORTED:
            return f"{who} was not reached before the trace was interrupted."
        case EndReason.NOT_TRACED:
            return f"{who} was not traced: {escape_text(leg.reason or 'no reason given')}."
        case EndReason.UNREACHABLE:
            return f"{who} was not reached: {_blocked_at(leg)}. {_alive(sample, leg)}".rstrip()
        case EndReason.GAP_LIMIT | EndReason.MAX_TTL | EndReason.REACHED:
            asked = protocol_and_port(leg.protocol, leg.port)
            return f"{who} does not answer {asked}. {_path_end(leg)} {_alive(sample, leg)}".rstrip()


def _own_failure(leg: Leg) -> str:
    if leg.send_failures:
        return FAILURES[leg.send_failures[0].failure]
    if leg.refused:
        return FAILURES[leg.refused[-1].failure]
    return END_REASONS[leg.end_reason]


def _blocked_at(leg: Leg) -> str:
    for hop in leg.hops:
        for responder in hop.responders:
            if responder.answer is Answer.DESTINATION_UNREACHABLE:
                return f"hop {hop.probe_ttl} ({escape(responder.address)}) reports: {responder_answer(responder)}"
    if leg.reached_by:
        answer = icmp_words(leg.reached_by.answer, leg.reached_by.icmp, ipv6=":" in leg.reached_by.address)
        return f"{escape(leg.reached_by.address)} reports: {answer}"
    return END_REASONS[EndReason.UNREACHABLE]


def last_answering(leg: Leg) -> Hop | None:
    """Return the farthest hop that anybody answered from."""
    return next((hop for hop in reversed(leg.hops) if hop.responders), None)


def _path_end(leg: Leg) -> str:
    last = last_answering(leg)
    if last is None:
        return "No router on the way answered either."
    return f"The path is visible up to hop {last.probe_ttl} ({escape(last.responders[0].address)})."


def _alive(sample: Sample, leg: Leg) -> str:
    """Return what else is known of the end: answering another way, or what to try."""
    other = next((check for check in sample.reachability if _answers_otherwise(check, leg)), None)
    if other:
        return f"It does answer {protocol_and_port(other.protocol, other.port)}: the machine can be reached."
    if leg.protocol is None:
        return ""
    silent = [check for check in sample.reachability if _is_of_the_end(check, leg) and check.answered is False]
    others = [check for check in silent if check.protocol is not leg.protocol]
    if len(others) == len(_OTHER_OPTIONS) - 1:
        named = " or ".join(protocol_and_port(check.protocol, check.port) for check in others)
        return f"It does not answer {named} either: it is off, or a firewall drops everything for it."
    return (
        f"Many machines and firewalls ignore {PROTOCOLS[leg.protocol]} probes although applications work; "
        f"another protocol may show more: try {_OTHER_OPTIONS[leg.protocol]}."
    )


def _answers_otherwise(check: Reachability, leg: Leg) -> bool:
    return _is_of_the_end(check, leg) and check.answered is True


def _is_of_the_end(check: Reachability, leg: Leg) -> bool:
    return check.role in {Role.DESTINATION, Role.SERVICE_EDGE} and check.address == leg.address


def notes(leg: Leg) -> list[str]:
    """Return what the table's classes of loss and unusual answers mean, a sentence or two each."""
    found = [_class_note(leg, loss_class) for loss_class in CLASS_NOTES]
    found.extend(LIMITED_END.format(hop=hop.probe_ttl) for hop in leg.hops if _limited_end(hop, leg))
    found.extend(_translated(leg))
    found.extend(_odd_answers(leg))
    found.extend(_own_refusals(leg))
    return [note for note in found if note]


def _class_note(leg: Leg, loss_class: LossClass) -> str:
    ttls = [hop.probe_ttl for hop in leg.hops if hop.loss_class is loss_class and not _limited_end(hop, leg)]
    if not ttls:
        return ""
    one, several = CLASS_NOTES[loss_class]
    return one.format(hop=ttls[0]) if len(ttls) == 1 else several.format(hops=listed(ttls), hop=ttls[0])


def _limited_end(hop: Hop, leg: Leg) -> bool:
    """Return whether a hop is the leg's end and misses answers by its own limit."""
    limited = hop.loss_class is LossClass.RATE_LIMITED
    return limited and any(_is_arrival(responder.address, leg) for responder in hop.responders)


def _translated(leg: Leg) -> list[str]:
    """Return a note where hops before the destination answer under its address."""
    ttls = [
        hop.probe_ttl
        for hop in leg.hops
        if any(each.answer is Answer.TIME_EXCEEDED and each.address == leg.address for each in hop.responders)
    ]
    if not ttls:
        return []
    who, do = (f"Hop {ttls[0]} answers", "forwards") if len(ttls) == 1 else (f"Hops {listed(ttls)} answer", "forward")
    return [f"{who} under the destination's address, yet {do}: a translator (NAT) probably hides who is there."]


def _odd_answers(leg: Leg) -> list[str]:
    """Return a note for each hop that answered with something else than the ordinary."""
    return [
        f"Hop {hop.probe_ttl} ({escape(responder.address)}) reports: {responder_answer(responder)}."
        for hop in leg.hops
        for responder in hop.responders
        if responder.answer not in _PASSING and not _is_arrival(responder.address, leg)
    ]


def _is_arrival(address: str, leg: Leg) -> bool:
    return leg.reached is True and address == leg.address


def _own_refusals(leg: Leg) -> list[str]:
    return [
        f"{counted(failed.count, 'packet')} could not be sent: {FAILURES[failed.failure]}"
        + (f" (says {escape(failed.offender)})." if failed.offender else ".")
        for failed in leg.send_failures
    ]
