"""Each leg as a page shows it: a lane with its hops, its outcome, and how it was measured."""

from collections.abc import Sequence

from agent.views.escape import escape_text
from agent.views.hop_html.dots import scale_us
from agent.views.hop_html.findings import Finding
from agent.views.hop_html.hops import Bead, Labelled, bead_of
from agent.views.path_mtu import path_mtu_lines
from agent.views.path_signs import mark_notes, sign_notes
from agent.views.style import Style
from agent.views.summary import notes
from agent.views.words import (
    END_REASONS,
    NODES,
    SHORT_NODES,
    TUNNELS,
    counted,
    milliseconds,
    protocol_and_port,
    series_words,
    trial_words,
)
from probes.facts import Direction, Leg, Node, Prober
from probes.frozen import frozen
from probes.sample import Sample

_WHO = {Prober.AGENT: "measured by this machine", Prober.EDGE: "measured by the service edge"}


@frozen
class Lane:
    """One leg: its ends, what was found, its hops; `dotted` where nothing is known, and `reason` says why."""

    id: str
    from_: Node
    to: Node
    title: str
    reverse: bool
    dotted: bool
    protocol: str
    who: str
    tunnel: str
    outcome: str
    outcome_tone: str
    reached: bool | None
    reason: str
    start: str
    end: str
    beads: tuple[Bead, ...]
    facts: tuple[Labelled, ...]
    notes: tuple[str, ...]
    findings: tuple[Finding, ...]


def lane_of(
    sample: Sample, index: int, findings: Sequence[Finding], prefix: str, style: Style, *, discarded: bool
) -> Lane:
    """Return the leg with this index; `findings` are all of the sample, those at its hops are put there.

    Of a `discarded` sample nothing that was measured counts: the leg is dotted, and its reason says why.
    """
    leg = sample.legs[index]
    identity = f"{prefix}-leg-{index + 1}"
    mine = tuple(each for each in findings if each.leg == index)
    said = (*notes(leg), *path_mtu_lines(leg, style), *sign_notes(leg, every=True), *mark_notes(leg))
    return Lane(
        id=identity,
        from_=leg.from_,
        to=leg.to,
        title=f"{_upper(NODES[leg.from_])} to {NODES[leg.to]}",
        reverse=leg.direction is Direction.REVERSE,
        dotted=discarded or is_dotted(leg),
        protocol=protocol_and_port(leg.protocol, leg.port) if leg.protocol else "",
        who=_who(sample, leg),
        tunnel=_tunnel(sample, leg),
        outcome="not known" if discarded else outcome_words(leg),
        outcome_tone="open" if discarded else _tone(leg),
        reached=None if discarded else leg.reached,
        reason=escape_text(leg.reason or ""),
        start=SHORT_NODES[leg.from_],
        end=SHORT_NODES[leg.to],
        beads=_beads(leg, mine, identity),
        facts=tuple(_facts(leg)),
        notes=tuple(dict.fromkeys(said)),
        findings=mine,
    )


def _beads(leg: Leg, findings: Sequence[Finding], prefix: str) -> tuple[Bead, ...]:
    """Return the hops of a leg, whose delays are drawn to one scale; `findings` are the leg's own."""
    up_to_us = scale_us(us for hop in leg.hops for each in hop.responders for us in each.rtt_us)
    return tuple(
        bead_of(
            leg,
            hop,
            up_to_us,
            [each for each in findings if each.ttl == hop.probe_ttl],
            f"{prefix}-hop-{hop.probe_ttl}",
        )
        for hop in leg.hops
    )


def is_dotted(leg: Leg) -> bool:
    """Return whether nothing at all was measured on a leg."""
    return leg.reached is None and not leg.hops and leg.end_to_end is None


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _who(sample: Sample, leg: Leg) -> str:
    """Return who measured a leg, and how long ago where an edge gave an earlier answer; nothing if nobody did."""
    if is_dotted(leg):
        return ""
    used = next((edge for edge in sample.edges if edge.used), None)
    asked = (used.reverse if leg.direction is Direction.REVERSE else used.forward) if used else None
    old = leg.probed_by is Prober.EDGE and asked is not None and asked.cached and asked.age_s
    return f"{_WHO[leg.probed_by]}{f', {asked.age_s} s ago' if old and asked else ''}"


def _tunnel(sample: Sample, leg: Leg) -> str:
    tunnel = next((edge.service_data.tunnel for edge in sample.edges if edge.used and edge.service_data), None)
    inside = tunnel is not None and (leg.from_, leg.to) == (Node.CLIENT, Node.SERVICE_EDGE)
    return f"inside {TUNNELS[tunnel.kind]}" if tunnel and inside else ""


def _tone(leg: Leg) -> str:
    """Return the class of an outcome's colour; reached through loss is not simply well."""
    if not leg.reached:
        return "open" if leg.reached is None else "bad"
    return "warning" if leg.end_to_end and leg.end_to_end.loss_ratio else "good"


def outcome_words(leg: Leg) -> str:
    """Return `reached in 5 hops, 12.3 ms, no loss`."""
    if is_dotted(leg):
        return "not known"
    if not leg.reached:
        known = "not reached" if leg.reached is False else "not known"
        return known if leg.end_reason.value == "reached" else f"{known}: {END_REASONS[leg.end_reason]}"
    hops = leg.reached_by.probe_ttl if leg.reached_by and leg.reached_by.probe_ttl else len(leg.hops)
    series = leg.end_to_end
    parts = [f"reached in {counted(hops, 'hop')}" if hops else "reached"]
    parts += [f"{milliseconds(series.rtt_us.avg)} ms"] if series and series.rtt_us else []
    parts += [series_words(series)] if series else []
    return ", ".join(parts)


def _facts(leg: Leg) -> list[Labelled]:
    series = leg.end_to_end
    clocks = f"sent by the {leg.clocks.sent}, received by the {leg.clocks.received}" if leg.clocks else ""
    pairs = [
        ("Address", escape_text(leg.address or "")),
        ("From", escape_text(leg.source_address or "")),
        ("Protocol", protocol_and_port(leg.protocol, leg.port) if leg.protocol else ""),
        ("Why this protocol", escape_text(leg.protocol_reason or "")),
        ("Tried", "; ".join(trial_words(trial) for trial in leg.tried)),
        ("End to end", f"{series.received} of {counted(series.sent, 'packet')} answered" if series else ""),
        ("Sent by", leg.method.replace("_", " ") if leg.method else ""),
        ("Flow", leg.flow.replace("_", " ") if leg.flow else ""),
        ("Clocks", clocks),
        ("Took", f"{milliseconds(leg.duration_us)} ms" if leg.duration_us else ""),
    ]
    return [Labelled(label=label, text=text) for label, text in pairs if text]
