"""The Command Line View: one sample and its diagnosis as text for a terminal or a pipe."""

import re
from collections.abc import Iterator
from itertools import chain
from typing import Final

from agent.views.diagnosis_view import error_lines, explanation_lines
from agent.views.escape import escape, escape_text
from agent.views.hop_rows import END, START, Icons, Place, leg_rows
from agent.views.path_mtu import path_mtu_lines
from agent.views.path_signs import MARKS_HINT, mark_notes, marks, sign_notes
from agent.views.prose import labelled, wrapped
from agent.views.style import Paint, Style
from agent.views.summary import notes, outcome
from agent.views.table import Row, render
from agent.views.words import (
    FAILURES,
    MISSING,
    PROTOCOLS,
    PROXY_MODES,
    ROUTES,
    leg_words,
    protocol_and_port,
    proxy_words,
    target_words,
    trial_words,
)
from probes.facts import Leg
from probes.sample import Sample
from probes.web_facts import ProxyMode
from rules.diagnosis import Diagnosis, FiredError, Severity, Status

_PROTOCOL_NAME: Final = re.compile(r"\b(?:icmp|udp|tcp)\b")


def command_line_view(
    sample: Sample, diagnosis: Diagnosis, style: Style, *, wide: bool = False, explain: bool = False
) -> str:
    """Return the whole view, ending in a line break.

    Args:
        sample: The facts.
        diagnosis: What the rules made of them.
        style: Width, colour, characters.
        wide: Every column and every rung of the fallback ladder, however wide.
        explain: Also what was considered and dropped, and what could not be judged.

    No line of the table is ever wrapped; sentences are.
    """
    sections = [_header(sample, style, wide=wide or explain)]
    if diagnosis.status is Status.DISCARDED:
        sections.append(wrapped("No path is shown: the network changed while it was measured.", style))
    elif sample.legs:
        sections.append(_table(sample, diagnosis, style, wide=wide))
        sections.append(_path_mtus(sample, style))
        sections.append(_notes(sample, style, every=wide or explain))
    sections.append(_verdict(sample, diagnosis, style))
    if explain:
        sections.append(explanation_lines(diagnosis, style))
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


# --- the header -------------------------------------------------------------------------------------------------------


def _header(sample: Sample, style: Style, *, wide: bool) -> list[str]:
    traced = next((leg for leg in sample.legs if leg.address), None)
    address = traced.address if traced and len(sample.legs) == 1 else None
    target = f"{target_words(sample.target, address)}, {ROUTES[sample.target.route]}"
    lines = labelled("Target", target, style)
    if sample.target.url:
        lines += labelled("URL", escape_text(sample.target.url), style)
    if sample.proxy and sample.proxy.mode is not ProxyMode.NONE:
        said = proxy_words(sample.proxy).removeprefix("the proxy ")
        lines += labelled("Proxy", f"{said} ({PROXY_MODES[sample.proxy.mode]})", style)
    if traced is None:
        return lines
    lines += labelled("Protocol", _protocol(traced), style)
    lines += labelled("From", _source(sample, traced), style)
    if wide:
        lines += labelled("Method", _method(traced), style)
        if traced.tried:
            lines += labelled("Tried", "; ".join(trial_words(trial) for trial in traced.tried), style)
    return lines


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


# --- the table --------------------------------------------------------------------------------------------------------


def _table(sample: Sample, diagnosis: Diagnosis, style: Style, *, wide: bool) -> list[str]:
    blocks = [leg_rows(leg, _icons(diagnosis, index, leg), style) for index, leg in enumerate(sample.legs)]
    lines, dropped = render(list(chain.from_iterable(blocks)), style, wide=wide)
    head, body = lines[0], iter(lines[1:])
    shown = [head]
    for leg, rows in zip(sample.legs, blocks, strict=True):
        shown.extend(_leg_lines(leg, rows, body, style))
    if dropped:
        hint = f"Too narrow for {', '.join(dropped)}: widen the terminal, or use --format wide."
        shown.extend(style.paint(line, Paint.FAINT) for line in wrapped(hint, style, indent=2))
    return shown


def _leg_lines(leg: Leg, rows: list[Row], body: Iterator[str], style: Style) -> list[str]:
    lines = [next(body) for _ in rows]
    if rows[0].dotted and leg.reason:
        lines += [style.paint(line, Paint.FAINT) for line in wrapped(escape_text(leg.reason), style, indent=8)]
    return lines


def _icons(diagnosis: Diagnosis, index: int, leg: Leg) -> Icons:
    """Return the gravest error of each place in one leg."""
    found: dict[Place, Severity] = {}
    for error in diagnosis.errors:
        place = _place(error, index, leg)
        if place is not None:
            found[place] = max(found.get(place, error.severity), error.severity, key=list(Severity).index)
    return found


def _place(error: FiredError, index: int, leg: Leg) -> Place | None:
    """Return where in the leg an error's icon hangs: at its hop, or at the end of the leg that its node is."""
    anchor = error.anchor
    if anchor.leg is not None and anchor.leg != index:
        return None
    if anchor.ttl is not None and any(hop.probe_ttl == anchor.ttl for hop in leg.hops):
        return anchor.ttl
    if anchor.node is leg.from_:
        return START
    return END if anchor.node is leg.to else None


# --- below the table --------------------------------------------------------------------------------------------------


def _path_mtus(sample: Sample, style: Style) -> list[str]:
    several = len(sample.legs) > 1
    lines: list[str] = []
    for leg in sample.legs:
        for said in path_mtu_lines(leg, style):
            lines += wrapped(f"{leg_words(leg)}: {said}" if several else said, style, hanging=2)
    return lines


def _notes(sample: Sample, style: Style, *, every: bool) -> list[str]:
    several = len(sample.legs) > 1
    lines: list[str] = []
    for leg in sample.legs:
        for note in (*notes(leg), *sign_notes(leg, every=every), *(mark_notes(leg) if every else ())):
            lines += wrapped(f"{leg_words(leg)}: {note}" if several else note, style, hanging=2)
    if not every and any(marks(leg, hop) for leg in sample.legs for hop in leg.hops):
        lines += wrapped(MARKS_HINT, style, hanging=2)
    for failure in sample.agent_failures:
        if failure.operation in MISSING:
            lines += wrapped(MISSING[failure.operation].format(detail=escape_text(failure.detail)), style, hanging=2)
    return [style.paint(line, Paint.FAINT) for line in lines]


def _verdict(sample: Sample, diagnosis: Diagnosis, style: Style) -> list[str]:
    if diagnosis.errors:
        return error_lines(sample, diagnosis, style)
    reached = outcome(sample)
    if not reached.good:
        return wrapped(f"No documented error, but {reached.text}", style)
    first, *rest = wrapped(f"{style.symbols.good} No errors: {reached.text}", style, hanging=2)
    return [style.paint(first[:1], Paint.GOOD) + first[1:], *rest]
