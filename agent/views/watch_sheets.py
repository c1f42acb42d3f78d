"""What lies over or below the live table: help, errors in full, changes with former paths, one place's details."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from agent.views.diagnosis_view import error_lines
from agent.views.escape import escape
from agent.views.hop_rows import network_words, place_words
from agent.views.path_signs import marks
from agent.views.prose import wrapped
from agent.views.style import Style
from agent.views.watch_curve import bars, histogram
from agent.views.watch_table import CHOSEN, FAINT, HEAD, Canvas, cut, host_words, table_lines
from agent.views.watch_words import event_words, time_words
from agent.views.words import CLASS_NOTES, counted, milliseconds, percent, responder_answer, spread_ms
from agent.watch.controls import Controls, Mode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from agent.watch.picture import Event, FormerPath, Picture, Row
    from agent.watch.tally import Figures

HELP: Final = (
    ("q, Ctrl-C", "quit"),
    ("p, Space", "pause, and go on"),
    ("r", "reset the figures"),
    ("d", "display: statistics, history, chart"),
    ("up, down, k, j", "choose a hop: its details are shown below"),
    ("e, Enter", "the errors in full: why, and what to do"),
    ("c", "changes, and paths as they were"),
    ("n", "names on and off"),
    ("z", "networks (AS numbers) on and off"),
    ("x", "check everything now"),
    ("+, -", "rounds further apart, closer together"),
    ("Esc", "back to the table"),
    ("h, ?", "this help"),
)
LEGEND: Final = (
    "Loss in red goes on to the end of the path; faint, the router only spares itself: nothing is lost.",
    "Times are milliseconds. In curves, x is a lost probe, and . one that a router left unanswered.",
)
_KEY_WIDTH: Final = 16


def sheet_style(canvas: Canvas) -> Style:
    """Return how sentences may be drawn on the canvas."""
    return Style(width=max(1, canvas.width), colour=True, unicode=canvas.unicode)


def help_lines(canvas: Canvas) -> list[Text]:
    """Return what each key does."""
    lines = [Text("Keys", style=HEAD)]
    for keys, does in HELP:
        line = Text(f"  {keys:<{_KEY_WIDTH}}", style="cyan")
        line.append(does, style="default")
        line.truncate(canvas.width)
        lines.append(line)
    lines.append(Text())
    for sentence in LEGEND:
        lines += [Text(line) for line in wrapped(sentence, Style(width=canvas.width), hanging=0)]
    return lines


def errors_lines(picture: Picture, canvas: Canvas) -> list[Text]:
    """Return the errors of the newest check with everything that they rest on."""
    check = picture.check
    if check is None:
        return [Text("The first check is not over yet.", style=FAINT)]
    if not check.diagnosis.errors:
        return [Text("No documented error.", style=FAINT)]
    lines = error_lines(check.sample, check.diagnosis, sheet_style(canvas), full=True)
    return [cut(Text.from_ansi(line), canvas) for line in lines]


def window(lines: Sequence[Text], at: int, room: int, canvas: Canvas) -> list[Text]:
    """Return `room` of the lines from the one at `at` on, the last of them saying that there are more."""
    first = max(0, min(at, len(lines) - room))
    shown = list(lines[first : first + room])
    left = len(lines) - first - len(shown)
    if left > 0 and shown:
        shown[-1] = cut(Text(f"{left + 1} lines more: down", style=FAINT), canvas)
    return shown


# --- changes ----------------------------------------------------------------------------------------------------------


def changes_lines(picture: Picture, controls: Controls, canvas: Canvas, room: int) -> list[Text]:
    """Return what happened, newest first, and the path as it was before the chosen change."""
    events = list(reversed(picture.events))
    at = max(0, min(controls.at, len(events) - 1))
    former = next((path for path in picture.former if path.number == events[at].path), None)
    below = _in_full(events[at], canvas) if former is None else _former_lines(former, controls, canvas, room // 2)
    above = max(1, room - len(below) - 1)
    first = max(0, min(at - above // 2, len(events) - above))
    lines = [Text("Changes, the newest first", style=HEAD)]
    for index, event in enumerate(events[first : first + above], first):
        line = event_line(event, canvas)
        if index == at:
            line.pad_right(canvas.width - line.cell_len)
            line.stylize(CHOSEN)
        lines.append(line)
    return [*lines, *below]


def event_line(event: Event, canvas: Canvas) -> Text:
    """Return `12:03:04  path changed (hop 4: A → B)`."""
    line = Text(f"{time_words(event.at_s, canvas.zone)}  ", style=FAINT)
    line.append(event_words(event, canvas.symbols), style="not dim")
    return cut(line, canvas)


def _in_full(event: Event, canvas: Canvas) -> list[Text]:
    """Return an event that its line has no room for, as a sentence of several lines."""
    said = event_words(event, canvas.symbols)
    if len(said) + len("12:03:04  ") <= canvas.width:
        return []
    return [Text(), *(Text(line) for line in wrapped(said, Style(width=canvas.width), indent=2))]


def _former_lines(former: FormerPath, controls: Controls, canvas: Canvas, room: int) -> list[Text]:
    span = f"{time_words(former.since_s, canvas.zone)} to {time_words(former.until_s, canvas.zone)}"
    title = cut(Text(f"The path from {span}", style=HEAD), canvas)
    plain = Controls(names=controls.names, networks=controls.networks)
    return [Text(), title, *table_lines(former.rows, {}, plain, canvas, max(1, room - 2), Mode.STATISTICS)]


# --- one place --------------------------------------------------------------------------------------------------------


def details_lines(picture: Picture, row: Row, canvas: Canvas, room: int) -> list[Text]:
    """Return what is known of one place, in at most `room` lines."""
    title = cut(Text(f"{_place(row)}  {host_words(row, names=True)}", style=HEAD), canvas)
    lines = [title]
    for label, said in _facts(picture, row):
        if said:
            for index, part in enumerate(wrapped(said, Style(width=max(1, canvas.width - _KEY_WIDTH)), hanging=0)):
                line = Text(f"  {label if index == 0 else '':<{_KEY_WIDTH - 2}}", style=FAINT)
                line.append(part, style="not dim")
                lines.append(cut(line, canvas))
    spread = histogram(row.figures, canvas.width - 2, bars(canvas.unicode))
    if spread and len(lines) + len(spread) + 1 <= room:
        lines += [Text(), *(cut(Text(f"  {line}", style="cyan"), canvas) for line in spread)]
    return lines[:room]


def _place(row: Row) -> str:
    if row.probe_ttl is None:
        return "End"
    return f"Hop {row.probe_ttl}{', the end' if row.is_end else ''}"


def _facts(picture: Picture, row: Row) -> list[tuple[str, str]]:
    responder = row.responder
    network = "" if responder is None else ", ".join(filter(None, (network_words(responder), place_words(responder))))
    reply_ttl = "" if responder is None or responder.reply_ttl is None else f", reply TTL {responder.reply_ttl}"
    return [
        ("Loss", _loss(row)),
        ("Times, ms", _times(row.figures)),
        ("Takes turns", ", ".join(escape(address) for address in row.shared)),
        ("Network", network),
        ("Answers", "" if responder is None else f"{responder_answer(responder)}{reply_ttl}"),
        ("Signs", _signs(picture, row)),
    ]


def _loss(row: Row) -> str:
    figures = row.figures
    if not figures.sent:
        return "nothing was sent"
    said = f"{figures.lost} of {counted(figures.sent, 'packet')} ({percent(figures.lost, figures.sent)})"
    notes = CLASS_NOTES.get(row.loss_class)
    return said if notes is None or not figures.lost else f"{said}. {notes[0].format(hop=row.probe_ttl)}"


def _times(figures: Figures) -> str:
    if figures.avg_us is None:
        return "no answer so far"
    parts = [
        ("last", "-" if figures.last_us is None else milliseconds(figures.last_us)),
        ("average", milliseconds(figures.avg_us)),
        ("best", "-" if figures.best_us is None else milliseconds(figures.best_us)),
        ("worst", "-" if figures.worst_us is None else milliseconds(figures.worst_us)),
        ("deviation", "-" if figures.stddev_us is None else spread_ms(figures.stddev_us)),
        ("jitter", "-" if figures.jitter_us is None else spread_ms(figures.jitter_us)),
    ]
    return ", ".join(f"{name} {value}" for name, value in parts)


def _signs(picture: Picture, row: Row) -> str:
    leg = None if picture.check is None else picture.check.main_leg
    if leg is None:
        return ""
    hop = next((hop for hop in leg.hops if hop.probe_ttl == row.probe_ttl), None)
    return "" if hop is None else " ".join(marks(leg, hop))
