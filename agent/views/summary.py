"""The path in plain sentences: was the end reached, how well, and what the oddities of the table mean."""

from typing import Final

from agent.views.escape import escape, escape_text
from agent.views.path_mtu import has_black_hole
from agent.views.proxy_words import goes_without_proxy, proxy_words
from agent.views.way import node_words
from agent.views.words import (
    CLASS_NOTES,
    END_REASONS,
    FAILURES,
    LIMITED_END,
    NODES,
    PROTOCOLS,
    counted,
    icmp_words,
    listed,
    milliseconds,
    protocol_and_port,
    responder_answer,
    series_words,
    target_words,
)
from probes.facts import Answer, Direction, EndReason, Hop, Leg, LossClass, Node, Protocol, Reachability, Role
from probes.frozen import frozen_positional
from probes.sample import Sample, TopologyKind

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
    path = path_outcome(sample)
    if sample.proxy is None or goes_without_proxy(sample.proxy) or sample.proxy.works:
        return path
    # What a path past the proxy shows, the application does not see: its packets go to the proxy.
    past = "" if any(leg.to is Node.EXTERNAL_PROXY for leg in sample.legs) else "Without it: "
    return Outcome(False, f"{proxy_words(sample.proxy)}. {past or path.text[:1].upper()}{path.text[not past :]}")


def path_outcome(sample: Sample) -> Outcome:
    """Return the outcome of the legs towards the destination alone."""
    legs = main_legs(sample)
    if not legs and sample.topology and sample.topology.kind is TopologyKind.PRIVATE_ACCESS:
        return Outcome(True, f"private access carries {target_words(sample.target, None)}, and its way does not show.")
    if not legs:
        return Outcome(False, f"{target_words(sample.target, None)} was not traced: {_untraced_reason(sample)}.")
    outcomes = [_leg_outcome(sample, leg) for leg in legs]
    bad = next((each for each in outcomes if not each.good), None)
    told = bad or Outcome(True, " ".join(each.text for each in outcomes))
    return _with_the_way_on(sample, legs[-1], told)


def main_legs(sample: Sample) -> list[Leg]:
    """Return the traced legs that lead towards the destination, in order; those to the egress only without others.

    What an egress router leaves unanswered says nothing of the way: packets pass through it, and do not end there.
    """
    forward = [leg for leg in sample.legs if leg.address is not None and leg.direction is Direction.FORWARD]
    return [leg for leg in forward if leg.to is not Node.EGRESS] or forward


def _leg_outcome(sample: Sample, leg: Leg) -> Outcome:
    if leg.reached:
        return _reached(sample, leg)
    if edge_works(sample, leg):
        asked = protocol_and_port(leg.protocol, leg.port)
        return Outcome(True, f"{_end_words(sample, leg)} gives service data, and answers no probes by {asked}.")
    return Outcome(False, _not_reached(sample, leg))


def edge_works(sample: Sample, leg: Leg) -> bool:
    """Return whether a leg ends at the edge that is used, and this gave service data just now, whatever probes say."""
    used = next((edge.service_data for edge in sample.edges if edge.used), None)
    return leg.to is Node.SERVICE_EDGE and used is not None and used.fetched and not used.stale


def _untraced_reason(sample: Sample) -> str:
    """Return why nothing was traced: what the first leg lacked, for the others hang on it."""
    reason = next((leg.reason for leg in sample.legs if leg.reason), None)
    return escape_text(reason).removeprefix("not traced: ") if reason else "nothing was measured"


def _end_words(sample: Sample, leg: Leg) -> str:
    """Return what a leg ends at: the target, or a place that the way to it leads through."""
    return target_words(sample.target, leg.address) if leg.to is Node.DESTINATION else node_words(sample, leg.to)


def _with_the_way_on(sample: Sample, leg: Leg, reached: Outcome) -> Outcome:
    """Return the outcome with a word on the target where the last leg ends before it."""
    if leg.to is Node.DESTINATION or not reached.good:
        return reached
    onwards = "does not show" if leg.to is Node.EXTERNAL_PROXY else "was not traced"
    return Outcome(reached.good, f"{reached.text} The way on to {target_words(sample.target, None)} {onwards}.")


def _reached(sample: Sample, leg: Leg) -> Outcome:
    hops = leg.reached_by.probe_ttl if leg.reached_by and leg.reached_by.probe_ttl else len(leg.hops)
    # A trace that begins at or behind its target has not seen how near that is.
    within = hops > 1 and bool(leg.hops) and leg.hops[0].probe_ttl == hops
    start = "" if leg.from_ is Node.CLIENT else f" from {NODES[leg.from_]}"
    parts = [f"{_end_words(sample, leg)} reached{start} {'within' if within else 'in'} {counted(hops, 'hop')}"]
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
            return f"{who} was not reached: {own_failure(leg)}."
        case EndReason.ABORTED:
            return f"{who} was not reached before the trace was interrupted."
        case EndReason.NOT_TRACED:
            return f"{who} was not traced: {escape_text(leg.reason or 'no reason given')}."
        case EndReason.UNREACHABLE:
            return f"{who} was not reached: {_blocked_at(leg)}. {_alive(sample, leg)}".rstrip()
        case EndReason.GAP_LIMIT | EndReason.MAX_TTL | EndReason.REACHED:
            asked = protocol_and_port(leg.protocol, leg.port)
            return f"{who} does not answer {asked}. {_path_end(leg)} {_alive(sample, leg)}".rstrip()


def own_failure(leg: Leg) -> str:
    """Return why this machine itself could not send."""
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
