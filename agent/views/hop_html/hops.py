"""The hops of one leg as a page shows them: a bead each, and what it tells when it is opened."""

from collections.abc import Sequence
from typing import Final

from agent.views.escape import escape
from agent.views.hop_html.dots import Plot, plot
from agent.views.hop_html.findings import Finding
from agent.views.hop_rows import network_words, place_words
from agent.views.path_mtu import mtu_marks
from agent.views.path_signs import marks
from agent.views.words import (
    CLASS_NOTES,
    CLASSES,
    SIGNS,
    counted,
    milliseconds,
    percent,
    responder_answer,
    spread_ms,
    unanswered,
)
from probes.facts import Hop, Leg, LossClass, MplsLabel, Responder
from probes.frozen import frozen

_SMALL: Final = (72, 12, 4)
_LARGE: Final = (320, 56, 7)
# Names that are longer are cut in the bead; the details have them whole.
_LONGEST_IN_BEAD: Final = 64


@frozen
class Labelled:
    """A label and what it says, both safe to show."""

    label: str
    text: str


@frozen
class ResponderFacts:
    """Who answered at a hop."""

    address: str
    name: str
    facts: tuple[Labelled, ...]


@frozen
class Bead:
    """One hop: what stands at it, and its details under `id`; `tone` is how its ring looks."""

    id: str
    ttl: int
    tone: str
    address: str
    name: str
    more: int
    delay: str
    loss: str
    marks: tuple[str, ...]
    small: Plot | None
    large: Plot | None
    responders: tuple[ResponderFacts, ...]
    facts: tuple[Labelled, ...]
    note: str
    words: str
    findings: tuple[Finding, ...]


def bead_of(leg: Leg, hop: Hop, up_to_us: int, findings: Sequence[Finding], identity: str) -> Bead:
    """Return one hop of a leg whose slowest answer took `up_to_us`; `findings` are those that hang at it."""
    first = hop.responders[0] if hop.responders else None
    series = [responder.rtt_us for responder in hop.responders]
    failed = unanswered(hop)
    delay = f"{milliseconds(hop.rtt_us.avg)} ms" if hop.rtt_us else ""
    loss = f"{percent(failed, hop.sent)} unanswered" if failed and first else ""
    small, large = (plot(series, up_to_us, width=w, height=h, dot=d) for w, h, d in (_SMALL, _LARGE))
    return Bead(
        id=identity,
        ttl=hop.probe_ttl,
        tone=_tone(hop),
        address=escape(first.address) if first else "no answer",
        name=_name(first, _LONGEST_IN_BEAD) if first else "",
        more=max(0, len(hop.responders) - 1),
        delay=delay,
        loss=loss,
        marks=(*marks(leg, hop), *mtu_marks(leg, hop)),
        small=small,
        large=large,
        responders=tuple(_responder(responder) for responder in hop.responders),
        facts=tuple(_facts(leg, hop)),
        note=_note(hop),
        words=_words(hop, first, delay, loss, findings),
        findings=tuple(findings),
    )


def _tone(hop: Hop) -> str:
    if not hop.responders:
        return "silent"
    return "lossy" if hop.loss_class is LossClass.LOSS else "answered"


def _words(hop: Hop, first: Responder | None, delay: str, loss: str, findings: Sequence[Finding]) -> str:
    """Return what a screen reader says of a bead."""
    name = _name(first, _LONGEST_IN_BEAD) if first else ""
    errors = counted(len(findings), "error") if findings else ""
    parts = (f"Hop {hop.probe_ttl}", escape(first.address) if first else "no answer", name, delay, loss, errors)
    return ", ".join(part for part in parts if part)


def _name(responder: Responder, limit: int) -> str:
    return escape(responder.name.removesuffix("."), limit) if responder.name else ""


def _note(hop: Hop) -> str:
    return CLASS_NOTES[hop.loss_class][0].format(hop=hop.probe_ttl) if hop.loss_class in CLASS_NOTES else ""


def _facts(leg: Leg, hop: Hop) -> list[Labelled]:
    rtt = hop.rtt_us
    times = ""
    if rtt:
        times = f"{milliseconds(rtt.min)} / {milliseconds(rtt.avg)} / {milliseconds(rtt.max)} ms"
    jitter = "" if rtt is None or rtt.jitter is None else f", jitter {spread_ms(rtt.jitter)} ms"
    shared = f"asked for {escape(hop.shared_with)}, which has the same hop" if hop.shared_with else ""
    pairs = [
        ("Answered", f"{hop.received} of {counted(hop.sent, 'probe')}{_odd(hop)}"),
        ("Class of loss", CLASSES[hop.loss_class]),
        ("Min / avg / max", times),
        ("Spread", f"{spread_ms(rtt.stddev)} ms{jitter}" if rtt else ""),
        ("Shared", shared),
        *(
            (SIGNS[sign.kind], escape(sign.evidence, 400))
            for sign in leg.signs or ()
            if sign.probe_ttl == hop.probe_ttl
        ),
    ]
    return [Labelled(label=label, text=text) for label, text in pairs if text]


def _odd(hop: Hop) -> str:
    late = f", {hop.late} too late" if hop.late else ""
    return late + (f", {counted(hop.duplicates, 'duplicate')}" if hop.duplicates else "")


def _responder(responder: Responder) -> ResponderFacts:
    pairs = [
        ("Answer", responder_answer(responder)),
        ("Network", network_words(responder)),
        ("Place", place_words(responder)),
        ("TTL of the answer", _number(responder.reply_ttl)),
        ("TTL left in the quote", _number(responder.quoted_ttl)),
        ("Traffic class in the quote", _traffic_class(responder.quoted_tos)),
        ("Source in the quote (NAT)", escape(responder.quoted_source or "")),
        *(("MPLS label", _label(label)) for label in responder.mpls),
    ]
    facts = tuple(Labelled(label=label, text=text) for label, text in pairs if text)
    return ResponderFacts(address=escape(responder.address), name=_name(responder, 253), facts=facts)


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _traffic_class(tos: int | None) -> str:
    """Return DSCP and ECN, the six and the two bits of the octet (RFC 2474, RFC 3168)."""
    return "" if tos is None else f"DSCP {tos >> 2}, ECN {tos & 3}"


def _label(label: MplsLabel) -> str:
    return f"{label.label}, class {label.traffic_class}, TTL {label.mpls_ttl}"
