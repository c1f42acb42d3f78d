"""A watched path on a terminal, live: verdict, table, what changed, and whatever a person asked to see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from agent.views.bottom_line import bottom_line, bottom_line_lines, gravest
from agent.views.escape import escape, escape_text
from agent.views.prose import wrapped
from agent.views.style import Style
from agent.views.watch_curve import bars, chart
from agent.views.watch_sheets import (
    changes_lines,
    details_lines,
    errors_lines,
    event_line,
    help_lines,
    sheet_style,
    window,
)
from agent.views.watch_table import BAD, FAINT, HEAD, Canvas, cut, host_words, network_of, table_lines
from agent.views.watch_words import age_words, time_words
from agent.views.way import icons_of, way_words
from agent.views.words import PROTOCOLS, counted, target_words
from agent.watch.controls import Controls, Mode, Sheet
from agent.watch.news import Phase
from agent.watch.picture import EventKind
from agent.watch.tally import newest
from probes.facts import EndToEnd, RttSummary
from probes.frozen import replace

if TYPE_CHECKING:
    from typing import Final

    from agent.views.hop_rows import Icons
    from agent.watch.news import Check
    from agent.watch.picture import Event, Picture, Row
    from probes.sample import Sample

# From this height on there is room for sentences, for what happened, and for details beside the table.
_ROOMY: Final = 20
_FAIR: Final = 12
_MOST_VERDICT: Final = 3
_FEW_VERDICT: Final = 2
_MOST_EVENTS: Final = 3
_DETAILS: Final = 9
_LEAST_CHART: Final = 6
_MOST_CHART: Final = 10
# What the end lost before that is history: the verdict is about now, the table about all.
_VERDICT_ROUNDS: Final = 60
# A change is news for so long.
_NEWS_S: Final = 300.0

_FOOTER: Final = (
    ("h", "help"),
    ("q", "quit"),
    ("p", "pause"),
    ("d", "display"),
    ("e", "errors"),
    ("c", "changes"),
    ("r", "reset"),
    ("n", "names"),
    ("z", "networks"),
)


def watch_lines(picture: Picture, controls: Controls, canvas: Canvas) -> list[Text]:
    """Return the whole screen: exactly `canvas.height` lines, none wider than it is."""
    top = _top(picture, controls, canvas)
    footer = [_footer(controls, canvas)] if canvas.height >= 4 else []  # noqa: PLR2004 - a screen that is none
    room = max(1, canvas.height - len(top) - len(footer))
    body = _body(picture, controls, canvas, room)[:room]
    lines = [*top, *body, *(Text() for _ in range(room - len(body))), *footer]
    return [cut(line, canvas) for line in lines[: canvas.height]]


# --- above the table --------------------------------------------------------------------------------------------------


def _top(picture: Picture, controls: Controls, canvas: Canvas) -> list[Text]:
    lines = [_title(picture, canvas)]
    if canvas.height < _FAIR // 2:
        return lines
    lines += _verdict(picture, canvas)
    lines.append(_status(picture, controls, canvas))
    return [*lines, Text()] if canvas.height >= _FAIR else lines


def _title(picture: Picture, canvas: Canvas) -> Text:
    leg = None if picture.check is None else picture.check.main_leg
    named = escape(picture.target)
    if picture.check is not None:
        named = target_words(picture.check.sample.target, None if leg is None else leg.address)
    protocol = PROTOCOLS[leg.protocol] if leg is not None and leg.protocol else ""
    right = ", ".join(part for part in (protocol, time_words(canvas.now_s, canvas.zone)) if part)
    spare = canvas.width - len(right) - 2
    if spare < len("cloudpath"):
        return cut(Text(named, style=HEAD), canvas)
    line = Text()
    line.append(named, style=HEAD)
    if line.cell_len > spare:
        line.truncate(spare - 1)
        line.append(canvas.symbols.cut)
    line.pad_right(spare - line.cell_len + 2)
    line.append(right, style=FAINT)
    return line


def _verdict(picture: Picture, canvas: Canvas) -> list[Text]:
    """Return the bottom line, and what to do where something is wrong."""
    check = picture.check
    if check is None:
        said = "The first check is under way: names, network, proxy, path."
        return [cut(Text(said, style=FAINT), canvas)]
    sample = with_figures(check, picture, rounds=_VERDICT_ROUNDS)
    style = sheet_style(canvas)
    lines = bottom_line_lines(bottom_line(sample, check.diagnosis), check.diagnosis, style)
    most = _MOST_VERDICT if canvas.height >= _ROOMY else _FEW_VERDICT if canvas.height >= _FAIR else 1
    shown = [Text.from_ansi(line) for line in lines[:most]]
    if len(lines) > most:
        shown[-1].append(canvas.symbols.cut)
    grave = gravest(check.diagnosis)
    if grave is not None and canvas.height >= _FAIR:
        todo = wrapped(f"{grave.code}: {escape_text(grave.solution)}", Style(width=canvas.width), indent=2)
        shown += [Text(line) for line in todo[: most - 1 or 1]]
        if len(todo) > (most - 1 or 1):
            shown[-1].append(canvas.symbols.cut)
    way = way_words(sample, check.diagnosis, Style(unicode=canvas.unicode))
    if way and canvas.height >= _ROOMY:
        shown.append(Text(way, style=FAINT))
    return [cut(line, canvas) for line in shown]


def with_figures(check: Check, picture: Picture, *, rounds: int | None = None) -> Sample:
    """Return the sample with the probes to the end of its main leg in so many rounds, not the check's ten alone.

    Args:
        check: The newest check.
        picture: What the rounds came to.
        rounds: How many of the newest count; None for all since the start.
    """
    leg, figures = check.main_leg, picture.rows[-1].figures if picture.rows else None
    figures = figures if figures is None or rounds is None else newest(figures, rounds)
    if leg is None or figures is None or not figures.sent or leg.protocol is None or not leg.reached:
        return check.sample
    rtt_us = None
    if figures.avg_us is not None and figures.best_us is not None and figures.worst_us is not None:
        rtt_us = RttSummary(
            min=figures.best_us,
            avg=round(figures.avg_us),
            max=figures.worst_us,
            stddev=round(figures.stddev_us or 0),
            jitter=None if figures.jitter_us is None else round(figures.jitter_us),
        )
    series = EndToEnd(
        protocol=leg.protocol,
        sent=figures.sent,
        received=figures.answered,
        loss_ratio=figures.lost / figures.sent,
        rtt_us=rtt_us,
    )
    legs = list(check.sample.legs)
    legs[check.leg or 0] = replace(leg, end_to_end=series, loss_ratio=series.loss_ratio)
    return replace(check.sample, legs=tuple(legs))


def _status(picture: Picture, controls: Controls, canvas: Canvas) -> Text:
    line = Text()
    if controls.paused:
        line.append("paused", style="bold yellow")
        line.append("  ")
    elif _just_changed(picture):
        line.append("network changed, measuring anew", style="bold yellow")
        line.append("  ")
    if controls.networks and not any(network_of(row) for row in picture.rows):
        # A key that shows nothing says why.
        line.append("no hop's network known (-z, --asn-db FILE)", style="bold yellow")
        line.append("  ")
    age = "" if picture.check is None else f"checked {age_words(canvas.now_s - picture.check.at_s)} ago"
    checking = "checking everything" if picture.phase is Phase.CHECKING else age
    since = f"for {age_words(canvas.now_s - picture.since_s)}"
    parts = [counted(picture.rounds, "round"), f"every {picture.interval_s:g} s", since, checking]
    line.append(", ".join(part for part in parts if part), style=FAINT)
    return cut(line, canvas)


def _just_changed(picture: Picture) -> bool:
    """Return whether nothing was measured since the network changed."""
    checked_s = None if picture.check is None else picture.check.at_s
    discarded_s = picture.discarded_s
    return discarded_s is not None and (checked_s is None or checked_s < discarded_s)


# --- the table and what is beside it ----------------------------------------------------------------------------------


def _body(picture: Picture, controls: Controls, canvas: Canvas, room: int) -> list[Text]:
    match controls.sheet:
        case Sheet.HELP:
            return window(help_lines(canvas), controls.at, room, canvas)
        case Sheet.ERRORS:
            return window(errors_lines(picture, canvas), controls.at, room, canvas)
        case Sheet.CHANGES:
            return changes_lines(picture, controls, canvas, room)
        case _:
            return _path(picture, controls, canvas, room)


def _path(picture: Picture, controls: Controls, canvas: Canvas, room: int) -> list[Text]:
    if not picture.rows:
        return [cut(Text(_nothing_yet(picture), style=FAINT), canvas)]
    news = _news(picture, canvas, room)
    selected = _selected(picture, controls)
    rest = max(1, room - len(news))
    if controls.mode is Mode.CHART:
        return [*_chart(selected or picture.rows[-1], canvas, rest - 1), *news]
    if selected is None:
        table = _table(picture, controls, canvas, rest)
        return [*table, *_chart_below(picture, canvas, rest - len(table)), *news]
    details = details_lines(picture, selected, canvas, max(_DETAILS, rest - len(picture.rows) - 2))
    if rest < _FAIR:
        return [*details[:rest], *news]
    table = _table(picture, controls, canvas, max(4, rest - len(details) - 1))
    return [*table, Text(), *details, *news]


def _nothing_yet(picture: Picture) -> str:
    if picture.check is None:
        return ""
    traced = picture.check.leg is not None
    return "The next round shows the path." if traced else "There is no path to show: nothing could be traced."


def _selected(picture: Picture, controls: Controls) -> Row | None:
    if controls.selected is None or not picture.rows:
        return None
    return picture.rows[min(controls.selected, len(picture.rows) - 1)]


def _table(picture: Picture, controls: Controls, canvas: Canvas, room: int) -> list[Text]:
    selected = None if controls.selected is None else min(controls.selected, len(picture.rows) - 1)
    chosen = replace(controls, selected=selected)
    lines = table_lines(picture.rows, icons_of_check(picture), chosen, canvas, room, controls.mode)
    if picture.check is not None and picture.check.leg is None:
        # As it was: there is nothing to measure now.
        for line in lines[1:]:
            line.stylize(FAINT)
    return lines


def icons_of_check(picture: Picture) -> Icons:
    """Return what hangs where in the leg that is shown."""
    check = picture.check
    if check is None or check.leg is None:
        return {}
    return icons_of(check.diagnosis, check.sample, check.leg)


def _chart_below(picture: Picture, canvas: Canvas, room: int) -> list[Text]:
    """Return the end's delay over time where the table leaves lines for it."""
    height = min(_MOST_CHART, room - 1)
    return [Text(), *_chart(picture.rows[-1], canvas, height)] if height >= _LEAST_CHART else []


def _chart(row: Row, canvas: Canvas, room: int) -> list[Text]:
    title = Text(f"Delay to {host_words(row, names=False)}, ms", style=HEAD)
    if row.figures.avg_us is None:
        return [cut(title, canvas), Text("no answer so far", style=FAINT)]
    lines = chart(row.figures, row.loss_class, canvas.width, max(1, room - 1), bars(canvas.unicode))
    drawn = [Text(line, style="cyan") for line in lines]
    for line in drawn:
        # The line that a person follows stands out from what is below it.
        line.highlight_regex(f"{bars(canvas.unicode)[-1]}+", style=FAINT)
        line.highlight_regex(r"x+", style=BAD)
        line.stylize(f"not bold default {FAINT}", 0, line.plain.index("|") + 1)
    return [cut(title, canvas), *(cut(line, canvas) for line in drawn)]


def _news(picture: Picture, canvas: Canvas, room: int) -> list[Text]:
    """Return the newest changes, oldest first, behind an empty line; none where there is no room or no news."""
    most = min(_MOST_EVENTS, room // 6)
    recent = [event for event in picture.events if _is_news(event) and canvas.now_s - event.at_s < _NEWS_S]
    return [Text(), *(event_line(event, canvas) for event in recent[-most:])] if most and recent else []


def _is_news(event: Event) -> bool:
    """Return whether a person should see an event without asking: what the path does not rest on is for the sheet."""
    if event.network is not None:
        return event.network.affects_sample
    return event.kind not in {EventKind.STARTED, EventKind.RESET}


def _footer(controls: Controls, canvas: Canvas) -> Text:
    line = Text()
    for key, does in _FOOTER if controls.sheet is None else (("Esc", "back"), *_FOOTER):
        said = "go on" if key == "p" and controls.paused else does
        if line.cell_len + len(key) + len(said) + 3 > canvas.width:
            break
        line.append(f"{key} ", style="bold cyan")
        line.append(f"{said}  ", style=FAINT)
    return line
