"""The live table: each place of the path as one line, and the places that a terminal has lines for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from agent.views.escape import escape
from agent.views.hop_rows import END, START, network_words
from agent.views.table import cut_middle
from agent.views.watch_columns import FRONT, LOSS, layout
from agent.views.watch_curve import bars, curve
from agent.views.words import NODES
from probes.facts import LossClass, Node
from probes.frozen import frozen
from rules.diagnosis import Severity

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo
    from typing import Final

    from agent.views.hop_rows import Icons, Place
    from agent.views.style import Symbols
    from agent.views.watch_columns import Layout
    from agent.watch.controls import Controls, Mode
    from agent.watch.picture import Row

# rich's names of styles: few colours, each with one meaning.
HEAD: Final = "bold"
FAINT: Final = "dim"
CHOSEN: Final = "reverse"
ICON_STYLES: Final = {Severity.INFO: "cyan", Severity.WARNING: "yellow", Severity.CRITICAL: "bold red"}
GOOD: Final = "green"
BAD: Final = "red"
# Missing answers that are no loss do not shout.
_HARMLESS: Final = frozenset({LossClass.NONE, LossClass.RATE_LIMITED, LossClass.SILENT, LossClass.RETURN_PATH})
_LEAST_BOTH: Final = 12


@frozen
class Canvas:
    """What is drawn on.

    Attributes:
        now_s: The time, in seconds since 1970.
        zone: Where the clock on the wall stands; None for the host's own.
    """

    width: int
    height: int
    symbols: Symbols
    unicode: bool
    now_s: float
    zone: tzinfo | None = None


def table_lines(
    rows: Sequence[Row], icons: Icons, controls: Controls, canvas: Canvas, room: int, mode: Mode, *, whole: bool = False
) -> list[Text]:
    """Return the header and as many places as `room` lines hold; the end of the path is always one of them.

    `whole`: with every figure and no curve, as wide as that takes.
    """
    hosts = [host_words(row, names=controls.names) for row in rows]
    networks = [network_of(row) if controls.networks else "" for row in rows]
    chosen = layout(hosts, networks, None if whole else canvas.width, mode)
    lines = [
        _line(row, ttl, host, network, icons, chosen, canvas, selected=index == controls.selected)
        for index, ((row, ttl), host, network) in enumerate(zip(_numbered_once(rows), hosts, networks, strict=True))
    ]
    if START in icons:
        lines.insert(0, _start_line(icons, canvas))
    shown = _shown(lines, max(1, room - 1), controls.selected, canvas)
    return [_header(chosen, canvas), *shown] if room > 1 else shown[:room]


def host_words(row: Row, *, names: bool) -> str:
    """Return what a place is called: its name where one is known and wanted, and its address; safe to show."""
    if row.address is None:
        return "*"
    address = escape(row.address)
    name = row.responder.name if row.responder is not None and names else None
    return f"{escape(name.removesuffix('.'))} ({address})" if name else address


def fitted_host(host: str, width: int, mark: str) -> str:
    """Return the same in `width` characters: where both do not fit, the name alone, cut in its middle."""
    if len(host) <= width or not host.endswith(")"):
        return cut_middle(host, width, mark)
    name, _, rest = host.partition(" (")
    spare = width - len(rest) - 2
    return f"{cut_middle(name, spare, mark)} ({rest}" if spare >= _LEAST_BOTH else cut_middle(name, width, mark)


def cut(line: Text, canvas: Canvas) -> Text:
    """Return the line no wider than the canvas; what was cut ends in a mark."""
    if line.cell_len > canvas.width:
        line.truncate(max(0, canvas.width - 1))
        line.append(canvas.symbols.cut)
    return line


def place_of_row(row: Row) -> Place | None:
    """Return where an icon of this row hangs in its leg."""
    return END if row.is_end else row.probe_ttl


def _numbered_once(rows: Sequence[Row]) -> list[tuple[Row, str]]:
    """Return the rows with their numbers; of those that take turns at one TTL only the first has it."""
    before = [None, *(row.probe_ttl for row in rows[:-1])]
    return [
        (row, "?" if row.probe_ttl is None else "" if row.probe_ttl == last else str(row.probe_ttl))
        for row, last in zip(rows, before, strict=True)
    ]


def network_of(row: Row) -> str:
    """Return whose network a place is in, as far as a database says; empty for unknown."""
    return network_words(row.responder) if row.responder is not None else ""


def _header(chosen: Layout, canvas: Canvas) -> Text:
    text = f"{'Hop':>3}   {'Host':<{chosen.host}}"
    if chosen.network:
        text += f"  {'Network':<{chosen.network - 2}}"
    text += "".join(f" {column.header:>{column.width}}" for column in chosen.columns)
    if chosen.curve:
        text += " Newest rounds" if chosen.curve >= len("Newest rounds") else " Newest"
    return Text(text[: canvas.width], style=HEAD)


def _line(
    row: Row, ttl: str, host: str, network: str, icons: Icons, chosen: Layout, canvas: Canvas, *, selected: bool
) -> Text:
    symbols = canvas.symbols
    at = place_of_row(row)
    severity = icons.get(at) if at is not None and ttl else None
    line = Text(f"{ttl:>3} ", style="" if row.address else FAINT)
    line.append(symbols.icon(severity) if severity else " ", style=ICON_STYLES[severity] if severity else "")
    line.append(f" {fitted_host(host, chosen.host, symbols.cut):<{chosen.host}}", style=HEAD if row.is_end else "")
    if chosen.network:
        line.append(f"  {cut_middle(network, chosen.network - 2, symbols.cut):<{chosen.network - 2}}", style=FAINT)
    for column in chosen.columns:
        cell = f" {column.cell(row.figures):>{column.width}}"
        line.append(cell, style=_loss_style(row) if column is LOSS else "")
    if selected:
        # Not the curve: turned inside out, its bars would stand for something else.
        line.stylize(CHOSEN)
    if chosen.curve:
        line.append(" ")
        line.append_text(_curve(row, chosen.curve, canvas))
    line.truncate(canvas.width)
    return line


def _loss_style(row: Row) -> str:
    if not row.figures.lost:
        return ""
    return FAINT if row.loss_class in _HARMLESS else BAD


def _curve(row: Row, width: int, canvas: Canvas) -> Text:
    drawn = Text(curve(row.figures, row.loss_class, width, bars(canvas.unicode)), style="cyan")
    drawn.highlight_regex("x+", style=BAD)
    drawn.highlight_regex(r"\.+", style=FAINT)
    return drawn


def _start_line(icons: Icons, canvas: Canvas) -> Text:
    severity = icons[START]
    line = Text(f"{0:>3} ")
    line.append(canvas.symbols.icon(severity), style=ICON_STYLES[severity])
    line.append(f" {NODES[Node.CLIENT]}")
    line.truncate(canvas.width)
    return line


def _shown(lines: list[Text], room: int, selected: int | None, canvas: Canvas) -> list[Text]:
    """Return what fits: all, or a window around the chosen place with the end of the path below it."""
    if len(lines) <= room:
        return lines
    if room < 3:  # noqa: PLR2004 - a place, the mark, the end
        return lines[-room:]
    body = room - 2
    chosen = min(selected or 0, len(lines) - 2)
    first = max(0, min(chosen - body // 2, len(lines) - 1 - body))
    hidden = len(lines) - 1 - body
    mark = Text(f"{'':{FRONT}}{hidden} more: up and down show them", style=FAINT)
    mark.truncate(canvas.width)
    return [*lines[first : first + body], mark, lines[-1]]
