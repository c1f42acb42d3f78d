"""What a watched path came to, as text that stays: for a pipe, a file, or a terminal that knows no more than lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.views.bottom_line import bottom_line, bottom_line_lines
from agent.views.diagnosis_view import error_lines
from agent.views.escape import escape
from agent.views.watch_sheets import event_line
from agent.views.watch_table import Canvas, table_lines
from agent.views.watch_view import icons_of_check, with_figures
from agent.views.watch_words import time_words
from agent.views.words import PROTOCOLS, counted, target_words
from agent.watch.controls import Controls, Mode
from agent.watch.picture import EventKind

if TYPE_CHECKING:
    from datetime import tzinfo
    from typing import Final

    from agent.views.style import Style
    from agent.watch.picture import Picture

_WIDEST: Final = 200


def watch_report(
    picture: Picture, style: Style, *, now_s: float, networks: bool = False, zone: tzinfo | None = None
) -> str:
    """Return heading, table, changes, errors and bottom line, ending in a line break; never wider than it has to be."""
    controls = Controls(networks=networks)
    rows = len(picture.rows)
    # No table is ever wrapped: what is wider than a terminal of lines runs on there.
    canvas = Canvas(
        width=style.width or _WIDEST, height=rows, symbols=style.symbols, unicode=style.unicode, now_s=now_s, zone=zone
    )
    sections = [[_heading(picture, canvas)]]
    if picture.rows:
        icons, whole = icons_of_check(picture), style.width is None
        table = table_lines(picture.rows, icons, controls, canvas, rows + 2, Mode.STATISTICS, whole=whole)
        sections.append([line.plain.rstrip() for line in table])
    sections.append([event_line(e, canvas).plain for e in picture.events if e.kind is not EventKind.STARTED])
    check = picture.check
    if check is None:
        sections.append(["Nothing was measured."])
    else:
        sample = with_figures(check, picture)
        sections.append(error_lines(sample, check.diagnosis, style, full=False))
        sections.append(bottom_line_lines(bottom_line(sample, check.diagnosis), check.diagnosis, style))
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _heading(picture: Picture, canvas: Canvas) -> str:
    check = picture.check
    leg = None if check is None else check.main_leg
    named = escape(picture.target)
    if check is not None:
        named = target_words(check.sample.target, None if leg is None else leg.address)
    by = f" by {PROTOCOLS[leg.protocol]}" if leg is not None and leg.protocol else ""
    span = f"from {time_words(picture.since_s, canvas.zone)} to {time_words(canvas.now_s, canvas.zone)}"
    return f"{named}{by}, {span}: {counted(picture.rounds, 'round')}, one every {picture.interval_s:g} s"
