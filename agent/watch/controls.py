"""What a person at a watched path has chosen to see, and what each key changes of it: pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.frozen import frozen, replace
from probes.word import Word

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from agent.watch.picture import Picture


class Key(Word):
    """Keys beside those that print: what they send is told apart by `agent.watch.keys`."""

    UP = "up"
    DOWN = "down"
    PAGE_UP = "page_up"
    PAGE_DOWN = "page_down"
    HOME = "home"
    END = "end"
    ENTER = "enter"
    ESCAPE = "escape"


class Mode(Word):
    """What the table shows of each place: figures, the newest rounds as a curve, or one place's delay over time."""

    STATISTICS = "statistics"
    HISTORY = "history"
    CHART = "chart"


class Sheet(Word):
    """What may lie over the table."""

    HELP = "help"
    ERRORS = "errors"
    CHANGES = "changes"


class Wish(Word):
    """What a key asks of the rest of the program."""

    QUIT = "quit"
    RESET = "reset"
    CHECK = "check"
    FASTER = "faster"
    SLOWER = "slower"


@frozen
class Controls:
    """What is shown, and how.

    Attributes:
        selected: The index of the row whose details are shown, None for none.
        at: Which line of a sheet stands at its top; of the changes, which one is chosen, 0 the newest.
    """

    mode: Mode = Mode.STATISTICS
    sheet: Sheet | None = None
    selected: int | None = None
    at: int = 0
    paused: bool = False
    names: bool = True
    networks: bool = False


_PAGE: Final = 10
# Further than any sheet is long.
_FAR: Final = 1_000_000


def pressed(controls: Controls, key: str, picture: Picture) -> tuple[Controls, Wish | None]:
    """Return what is shown after a key, and what it asks for; an unknown key changes nothing.

    Args:
        controls: What is shown now.
        key: A printed character, or one of `Key`.
        picture: What there is to choose from.
    """
    if key in _WISHES:
        return controls, _WISHES[key]
    if key in _STEPS:
        return _moved(controls, _STEPS[key], picture), None
    change = _CHANGES.get(key)
    return (controls if change is None else change(controls)), None


def _moved(controls: Controls, steps: int, picture: Picture) -> Controls:
    """Return the same further up or down: in a sheet by lines, in the table from row to row."""
    if controls.sheet is not None:
        last = len(picture.events) - 1 if controls.sheet is Sheet.CHANGES else _FAR
        return replace(controls, at=max(0, min(controls.at + steps, last)))
    if not picture.rows:
        return controls
    last = len(picture.rows) - 1
    start = (-1 if steps > 0 else last + 1) if controls.selected is None else controls.selected
    return replace(controls, selected=max(0, min(start + steps, last)))


def _sheet(sheet: Sheet) -> Callable[[Controls], Controls]:
    """Return what opens a sheet, or closes it where it is open."""
    return lambda controls: replace(controls, sheet=None if controls.sheet is sheet else sheet, at=0)


def _next_mode(controls: Controls) -> Controls:
    modes = list(Mode)
    return replace(controls, mode=modes[(modes.index(controls.mode) + 1) % len(modes)], sheet=None)


def _back(controls: Controls) -> Controls:
    return replace(controls, sheet=None, at=0) if controls.sheet is not None else replace(controls, selected=None)


def _paused(controls: Controls) -> Controls:
    return replace(controls, paused=not controls.paused)


_WISHES: Final[dict[str, Wish]] = {
    "q": Wish.QUIT,
    "Q": Wish.QUIT,
    "r": Wish.RESET,
    "x": Wish.CHECK,
    "+": Wish.SLOWER,
    "-": Wish.FASTER,
}
_STEPS: Final[dict[str, int]] = {
    Key.UP: -1,
    "k": -1,
    Key.DOWN: 1,
    "j": 1,
    Key.PAGE_UP: -_PAGE,
    Key.PAGE_DOWN: _PAGE,
    Key.HOME: -_FAR,
    Key.END: _FAR,
}
_CHANGES: Final[dict[str, Callable[[Controls], Controls]]] = {
    "p": _paused,
    " ": _paused,
    "d": _next_mode,
    "n": lambda controls: replace(controls, names=not controls.names),
    "z": lambda controls: replace(controls, networks=not controls.networks),
    "h": _sheet(Sheet.HELP),
    "?": _sheet(Sheet.HELP),
    "e": _sheet(Sheet.ERRORS),
    Key.ENTER: _sheet(Sheet.ERRORS),
    "c": _sheet(Sheet.CHANGES),
    Key.ESCAPE: _back,
}
