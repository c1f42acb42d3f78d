"""The hop table's geometry: which columns fit, how wide each is, and how a row becomes a line.

A row is never wrapped. Where the terminal is too narrow, space between columns goes first, then names are cut in their
middle, then columns go in the order of `DROP_ORDER`; names go before loss and average do, and last of all addresses are
cut.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from agent.views.style import Paint, Style
from probes.frozen import field, frozen, replace


@frozen
class Column:
    """One column of figures. `narrow_gap` is the space before it when space is short."""

    key: str
    header: str
    left: bool = False
    narrow_gap: int = 1
    wide_only: bool = False


COLUMNS: Final = (
    Column(key="asn", header="ASN", left=True, narrow_gap=2),
    Column(key="loss", header="Loss", narrow_gap=2),
    Column(key="class", header="Class", left=True),
    Column(key="failed", header="Failed"),
    Column(key="min", header="Min", narrow_gap=2),
    Column(key="avg", header="Avg"),
    Column(key="max", header="Max"),
    Column(key="dev", header="Dev"),
    Column(key="jitter", header="Jitter"),
    Column(key="late", header="Late", wide_only=True),
    Column(key="reply_ttl", header="TTL", wide_only=True),
    Column(key="as_name", header="Network", left=True, wide_only=True),
    Column(key="place", header="Place", left=True, wide_only=True),
    Column(key="answer", header="Answer", left=True, wide_only=True),
)
DROP_ORDER: Final = ("jitter", "dev", "min", "max", "class", "failed", "asn", "avg", "loss")
# Where no hop lost anything its class tells nothing, and goes before any figure.
DROP_ORDER_WITHOUT_LOSS: Final = ("class", "jitter", "dev", "min", "max", "failed", "asn", "avg", "loss")
# What a path is looked at for: names go before these do.
_ESSENTIAL: Final = ("avg", "loss")
NO_LOSS: Final = frozenset({"", "none"})

_WIDE_GAP: Final = 2
_NAME_GAP: Final = 2
# A name cut shorter than this says nothing; a column of figures goes before it.
_SHORTEST_NAME: Final = 12
# However wide the terminal: one absurd name must not push the figures out of sight.
_LONGEST_NAME: Final = 64
_FEWEST_DOTS: Final = 8
_BAND_START: Final = 2


@frozen
class Row:
    """One line of the table: where, who, and the figures by column key (absent: an empty cell).

    Without figures the name may run on to the end of the line; `dotted` fills what is left of it with dots. A `band`
    is a heading of the rows below it: its name between lines, and nothing else.
    """

    arrow: str = ""
    hop: str = ""
    icon: str = ""
    icon_paint: Paint = Paint.PLAIN
    address: str = ""
    name: str = ""
    cells: Mapping[str, str] = field(default_factory=dict)
    paint: Paint = Paint.PLAIN
    dotted: bool = False
    band: bool = False


@frozen
class Layout:
    """The columns that are shown, with their gaps and widths, and the widths of what stands before them."""

    columns: tuple[tuple[Column, int, int], ...]
    hop: int
    icon: int
    address: int
    name: int
    dropped: tuple[str, ...] = ()

    @property
    def front(self) -> int:
        """Return the width of arrow, hop and icon, each with a space behind it."""
        return len("v ") + self.hop + len(" ") + self.icon + len(" ")

    @property
    def width(self) -> int:
        """Return the width of a whole line with figures."""
        host = self.address + _NAME_GAP + self.name if self.name else self.address
        return self.front + host + sum(gap + width for _, gap, width in self.columns)


def render(rows: Sequence[Row], style: Style, *, wide: bool) -> tuple[list[str], tuple[str, ...]]:
    """Return header and rows as lines without trailing spaces, and the headers of the figures that did not fit."""
    layout = fit(rows, None if wide else style.width, wide=wide)
    room = (
        style.width if style.width and not wide else max(layout.width, *(_running_width(row, layout) for row in rows))
    )
    # A class that says `none` throughout is not missed.
    missed = tuple(header for header in layout.dropped if header != "Class" or not _lossless(rows))
    return [_header(layout, style), *(_line(row, layout, style, room) for row in rows)], missed


def fit(rows: Sequence[Row], width: int | None, *, wide: bool) -> Layout:
    """Return the roomiest layout in which the rows fit into `width` columns of the terminal (None: no limit)."""
    with_cells = [row for row in rows if row.cells]
    hop = max([len("Hop"), *(len(row.hop) for row in rows)])
    address = max([len("Address"), *(len(row.address) for row in with_cells or rows)])
    name = min(_LONGEST_NAME, max([0, *(len(row.name) for row in with_cells)]))
    columns = _sized_columns(rows, wide=wide)
    front = Layout(columns=(), hop=hop, icon=max(1, *(len(row.icon) for row in rows)), address=address, name=name)
    order = DROP_ORDER_WITHOUT_LOSS if _lossless(rows) else DROP_ORDER
    layout = _with_columns(front, columns, narrow=False)
    if width is None or layout.width <= width:
        return layout
    for count in range(len(order) - len(_ESSENTIAL) + 1):
        layout = _with_columns(front, columns, narrow=True, dropped=order[:count])
        spare = width - (layout.width - name)
        if spare >= min(name, _SHORTEST_NAME):
            return replace(layout, name=min(name, spare))
    for count in range(len(order) + 1):
        layout = _with_columns(replace(front, name=0), columns, narrow=True, dropped=order[:count])
        if layout.width <= width:
            break
    room = max(1, width - layout.front)
    return replace(layout, address=min(address, room), dropped=(*(("Name",) if name else ()), *layout.dropped))


def _lossless(rows: Sequence[Row]) -> bool:
    return all(row.cells.get("class", "") in NO_LOSS for row in rows)


def _sized_columns(rows: Sequence[Row], *, wide: bool) -> list[tuple[Column, int]]:
    """Return the columns that have anything to show, with the widths that they need."""
    widest = {column: max(len(row.cells.get(column.key, "")) for row in rows) for column in COLUMNS}
    return [
        (column, max(len(column.header), cells))
        for column, cells in widest.items()
        if cells and (wide or not column.wide_only)
    ]


def _with_columns(
    front: Layout, columns: Sequence[tuple[Column, int]], *, narrow: bool, dropped: Sequence[str] = ()
) -> Layout:
    shown = tuple(
        (column, column.narrow_gap if narrow else _WIDE_GAP, width)
        for column, width in columns
        if column.key not in dropped
    )
    headers = tuple(column.header for column, _ in columns if column.key in dropped)
    return replace(front, columns=shown, dropped=headers)


# --- lines ------------------------------------------------------------------------------------------------------------


def _header(layout: Layout, style: Style) -> str:
    cells = {column.key: column.header for column, _, _ in layout.columns}
    name = "Name" if layout.name >= len("Name") else ""
    return style.paint(
        _plain_line(Row(hop="Hop", address="Address", name=name, cells=cells), layout, style), Paint.HEAD
    )


def _line(row: Row, layout: Layout, style: Style, room: int) -> str:
    if row.band:
        return style.paint(_band_line(row, layout, style, room), row.paint)
    line = _plain_line(row, layout, style) if row.cells else _running_line(row, layout, style, room)
    if not row.icon or not style.colour:
        return style.paint(line, row.paint)
    at = layout.front - layout.icon - len(" ")
    icon = style.paint(row.icon, row.icon_paint)
    return style.paint(line[:at], row.paint) + icon + style.paint(line[at + len(row.icon) :], row.paint)


def _front_of(row: Row, layout: Layout) -> str:
    return f"{row.arrow:1} {row.hop:>{layout.hop}} {row.icon:{layout.icon}} "


def _plain_line(row: Row, layout: Layout, style: Style) -> str:
    mark = style.symbols.cut
    host = cut_middle(row.address, layout.address, mark).ljust(layout.address)
    if layout.name:
        host += " " * _NAME_GAP + cut_middle(row.name, layout.name, mark).ljust(layout.name)
    cells = "".join(" " * gap + _cell(row, column, width) for column, gap, width in layout.columns)
    return (_front_of(row, layout) + host + cells).rstrip()


def _running_line(row: Row, layout: Layout, style: Style, room: int) -> str:
    """Return a row without figures: address and name run on, then dots where they are asked for."""
    text = cut_middle(_running_text(row, layout), max(1, room - layout.front), style.symbols.cut)
    line = _front_of(row, layout) + text
    dots = style.symbols.gap * (min(room, max(layout.width, len(line) + _FEWEST_DOTS + 1)) - len(line) - 1)
    return f"{line} {dots}".rstrip() if row.dotted else line.rstrip()


def _band_line(row: Row, layout: Layout, style: Style, room: int) -> str:
    """Return `── this machine to the service edge ───────`, as wide as the rows with figures."""
    line = style.symbols.line
    text = f"{line * _BAND_START} {cut_middle(row.name, max(1, room - _BAND_START - 1), style.symbols.cut)} "
    return (text + line * (min(room, layout.width) - len(text))).rstrip()


def _running_text(row: Row, layout: Layout) -> str:
    if not row.address or not row.name:
        return row.address or row.name
    return f"{row.address:<{layout.address}}" + " " * _NAME_GAP + row.name


def _running_width(row: Row, layout: Layout) -> int:
    if row.band:
        return _BAND_START + 1 + len(row.name)
    return layout.front + len(_running_text(row, layout)) + (_FEWEST_DOTS + 1 if row.dotted else 0)


def _cell(row: Row, column: Column, width: int) -> str:
    text = row.cells.get(column.key, "")
    return text.ljust(width) if column.left else text.rjust(width)


def cut_middle(text: str, width: int, mark: str) -> str:
    """Return the text in at most `width` characters, its middle given for `mark`: both ends of a name tell most."""
    if len(text) <= width:
        return text
    if width <= len(mark):
        return mark[:width]
    front = (width - len(mark) + 1) // 2
    back = width - len(mark) - front
    return text[:front] + mark + text[len(text) - back :]
