"""The live table's geometry: which columns a terminal has room for, and what each shows of a place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.views.words import milliseconds, percent, spread_ms
from agent.watch.controls import Mode
from probes.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Final

    from agent.watch.tally import Figures

_UNKNOWN: Final = "-"
_GAP: Final = 1


@frozen
class Column:
    """One column of figures, right-aligned, and what it shows."""

    header: str
    width: int
    cell: Callable[[Figures], str]


def _ms(us: float | None) -> str:
    return _UNKNOWN if us is None else milliseconds(us)


def _spread(us: float | None) -> str:
    return _UNKNOWN if us is None else spread_ms(us)


LOSS: Final = Column(header="Loss", width=5, cell=lambda figures: percent(figures.lost, figures.sent))
SENT: Final = Column(header="Snt", width=5, cell=lambda figures: str(figures.sent))
LAST: Final = Column(header="Last", width=6, cell=lambda figures: _ms(figures.last_us))
AVG: Final = Column(header="Avg", width=6, cell=lambda figures: _ms(figures.avg_us))
BEST: Final = Column(header="Best", width=6, cell=lambda figures: _ms(figures.best_us))
WORST: Final = Column(header="Wrst", width=6, cell=lambda figures: _ms(figures.worst_us))
DEVIATION: Final = Column(header="StDev", width=6, cell=lambda figures: _spread(figures.stddev_us))
JITTER: Final = Column(header="Jttr", width=6, cell=lambda figures: _spread(figures.jitter_us))

# As they stand from left to right, and which of them is given up first where it is narrow.
STATISTICS: Final = (LOSS, SENT, LAST, AVG, BEST, WORST, DEVIATION, JITTER)
_GIVEN_UP: Final = (JITTER, DEVIATION, SENT, BEST, WORST, AVG, LAST, LOSS)
_BESIDE_CURVE: Final = (LOSS, LAST, AVG)

# "  1 i " before the address.
FRONT: Final = len(" 12 i ")
# The narrowest host that tells hosts apart, the usual one, and more than anybody needs.
_LEAST_HOST: Final = 8
_FAIR_HOST: Final = len("255.255.255.255")
_FAIR_NAME: Final = 22
_MOST_HOST: Final = 72
_MOST_NETWORK: Final = 24
_LEAST_CURVE: Final = 10
_FAIR_CURVE: Final = 20


@frozen
class Layout:
    """What fits: widths in characters, 0 for what is left out."""

    host: int
    network: int
    columns: tuple[Column, ...]
    curve: int


def layout(hosts: Sequence[str], networks: Sequence[str], width: int | None, mode: Mode) -> Layout:
    """Return the layout of a table.

    Args:
        hosts: What each place is called.
        networks: Whose network each is in; empty texts where that is not shown.
        width: The terminal's, None for no terminal: then every figure, and no curve.
        mode: Whether figures or curves come first.
    """
    wanted = min(_MOST_HOST, max([_FAIR_HOST, *map(len, hosts)]))
    network = min(_MOST_NETWORK, max([0, *map(len, networks)]))
    network += _GAP * 2 if network else 0
    if width is None:
        return Layout(host=wanted, network=network, columns=STATISTICS, curve=0)
    if mode is Mode.HISTORY:
        return _for_curves(wanted, network, width)
    columns = list(STATISTICS)
    for given_up in (None, *_GIVEN_UP):
        columns = [column for column in columns if column is not given_up]
        spare = width - FRONT - network - _wide(columns)
        # The figures of spread are worth less than a curve and a readable name, the others more.
        spread = DEVIATION in columns
        needed = min(wanted, _FAIR_NAME) + _GAP + _LEAST_CURVE if spread else min(wanted, _FAIR_HOST)
        if spare >= needed:
            return _shared_out(columns, network, wanted, spare)
    return Layout(host=max(1, width - FRONT), network=0, columns=(), curve=0)


def _shared_out(columns: list[Column], network: int, wanted: int, spare: int) -> Layout:
    """Return the layout with what the figures leave, shared between names and curve: a fair curve, then the names."""
    fair = min(_FAIR_CURVE, max(0, spare - min(wanted, _FAIR_NAME) - _GAP))
    curve = fair if fair >= _LEAST_CURVE else 0
    host = min(wanted, spare - (curve + _GAP if curve else 0))
    if curve:
        curve = spare - host - _GAP
    return Layout(host=host, network=network, columns=tuple(columns), curve=curve)


def _for_curves(wanted: int, network: int, width: int) -> Layout:
    columns = list(_BESIDE_CURVE)
    for given_up in (None, AVG, LAST, LOSS):
        columns = [column for column in columns if column is not given_up]
        spare = width - FRONT - network - _wide(columns)
        if spare >= _FAIR_HOST + _GAP + _LEAST_CURVE or not columns:
            break
    host = max(1, min(wanted, max(_LEAST_HOST, min(_FAIR_HOST, spare - _GAP - _LEAST_CURVE), spare // 3)))
    return Layout(host=host, network=network, columns=tuple(columns), curve=max(0, spare - host - _GAP))


def _wide(columns: Sequence[Column]) -> int:
    return sum(_GAP + column.width for column in columns)
