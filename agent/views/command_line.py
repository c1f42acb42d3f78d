"""The Command Line View: one sample and its diagnosis as text for a terminal or a pipe."""

from collections.abc import Iterator
from itertools import chain

from agent.views.bottom_line import bottom_line, bottom_line_lines
from agent.views.diagnosis_view import error_lines, explanation_lines
from agent.views.escape import escape_text
from agent.views.header import header_lines
from agent.views.hop_rows import band_row, leg_rows
from agent.views.path_mtu import path_mtu_lines
from agent.views.path_signs import MARKS_HINT, mark_notes, marks, sign_notes
from agent.views.prose import wrapped
from agent.views.side_notes import side_notes
from agent.views.style import Paint, Style
from agent.views.summary import notes
from agent.views.table import Row, render
from agent.views.way import icons_of
from agent.views.words import MISSING, TUNNELS, leg_words, protocol_and_port
from probes.facts import Direction, Leg, Node, Prober
from probes.sample import Sample
from rules.diagnosis import Diagnosis, Status


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
    sections = [header_lines(sample, diagnosis, style, wide=wide or explain)]
    if diagnosis.status is Status.DISCARDED:
        sections.append(wrapped("No path is shown: the network changed while it was measured.", style))
    else:
        sections.append(_table(sample, diagnosis, style, wide=wide) if sample.legs else [])
        sections.append(_path_mtus(sample, style))
        sections.append(_notes(sample, style, every=wide or explain))
    sections.append(error_lines(sample, diagnosis, style, full=wide or explain))
    if explain:
        sections.append(explanation_lines(diagnosis, style))
    sections.append(bottom_line_lines(bottom_line(sample, diagnosis), diagnosis, style))
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


# --- the table --------------------------------------------------------------------------------------------------------


def _table(sample: Sample, diagnosis: Diagnosis, style: Style, *, wide: bool) -> list[str]:
    blocks = [_block(sample, diagnosis, index, style, every=wide) for index in range(len(sample.legs))]
    lines, dropped = render(list(chain.from_iterable(blocks)), style, wide=wide)
    body = iter(lines[1:])
    # Above dotted rows alone a header would name what is not there.
    shown = lines[:1] if any(not row.dotted for rows in blocks for row in rows) else []
    for leg, following, rows in zip(sample.legs, (*sample.legs[1:], None), blocks, strict=True):
        shown.extend(_leg_lines(leg, following, rows, body, style))
    if dropped:
        hint = f"Too narrow for {', '.join(dropped)}: widen the terminal, or use --format wide."
        shown.extend(style.paint(line, Paint.FAINT) for line in wrapped(hint, style, indent=2))
    return shown


def _block(sample: Sample, diagnosis: Diagnosis, index: int, style: Style, *, every: bool) -> list[Row]:
    """Return the rows of one leg; among several under a heading, unless the leg is a single dotted row anyway."""
    leg = sample.legs[index]
    rows = leg_rows(leg, icons_of(diagnosis, sample, index), style, every=every)
    if len(sample.legs) < 2 or rows[0].dotted:  # noqa: PLR2004 - one leg needs no heading
        return rows
    return [band_row(leg, _band(sample, leg), style), *rows]


def _band(sample: Sample, leg: Leg) -> str:
    """Return how a leg was probed, by whom if not by this machine, and what carried it."""
    parts = [protocol_and_port(leg.protocol, leg.port)] if leg.protocol else []
    used = next((edge for edge in sample.edges if edge.used), None)
    if leg.probed_by is Prober.EDGE:
        asked = (used.reverse if leg.direction is Direction.REVERSE else used.forward) if used else None
        age = f" {asked.age_s} s ago" if asked and asked.cached and asked.age_s else ""
        parts.append(f"by the edge{age}")
    tunnel = used.service_data.tunnel if used and used.service_data else None
    if tunnel and (leg.from_, leg.to) == (Node.CLIENT, Node.SERVICE_EDGE):
        parts.append(f"inside {TUNNELS[tunnel.kind]}")
    return ", ".join(parts)


def _leg_lines(leg: Leg, following: Leg | None, rows: list[Row], body: Iterator[str], style: Style) -> list[str]:
    """Return the lines of one leg; one reason for several legs in a row stands below the last of them."""
    lines = [next(body) for _ in rows]
    if rows[0].dotted and leg.reason and (following is None or following.reason != leg.reason):
        lines += [style.paint(line, Paint.FAINT) for line in wrapped(escape_text(leg.reason), style, indent=8)]
    return lines


# --- below the table --------------------------------------------------------------------------------------------------


def _path_mtus(sample: Sample, style: Style) -> list[str]:
    several = len(sample.legs) > 1
    lines: list[str] = []
    for leg in sample.legs:
        for said in path_mtu_lines(leg, style):
            lines += wrapped(f"{_upper(leg_words(leg))}: {said}" if several else said, style, hanging=2)
    return lines


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _notes(sample: Sample, style: Style, *, every: bool) -> list[str]:
    several = len(sample.legs) > 1
    lines: list[str] = []
    for leg in sample.legs:
        for note in (*notes(leg), *sign_notes(leg, every=every), *(mark_notes(leg) if every else ())):
            lines += wrapped(f"{_upper(leg_words(leg))}: {note}" if several else note, style, hanging=2)
    for said in side_notes(sample):
        lines += wrapped(said, style, hanging=2)
    if not every and any(marks(leg, hop) for leg in sample.legs for hop in leg.hops):
        lines += wrapped(MARKS_HINT, style, hanging=2)
    for failure in sample.agent_failures:
        if failure.operation in MISSING:
            lines += wrapped(MISSING[failure.operation].format(detail=escape_text(failure.detail)), style, hanging=2)
    return [style.paint(line, Paint.FAINT) for line in lines]
