"""The icon of each of the 31 errors, on a real terminal: at its place, in its colour, with what to do below.

`expected/anchors*.txt` hold the lines with icons above the list of errors; a person has read and approved them.
"""

import sys
from functools import cache
from pathlib import Path

import pytest
from pyte.screens import Char

from agent.views.command_line import command_line_view
from agent.views.style import ASCII, UNICODE, Style, Symbols
from rules.diagnosis import Severity
from rules.shipped import shipped_rules
from tests.cases.judged import judged
from tests.unit.terminal.draw import APART
from tests.unit.terminal.pty_run import Terminal

EXPECTED = Path(__file__).parent / "expected"
NARROW = 40
CODES = tuple(shipped_rules().catalogue)
HEADINGS = {"Errors", "For information"}
# What pyte calls the colours that ECMA-48 numbers 36, 33 and 31.
COLOURS = {Severity.INFO: "cyan", Severity.WARNING: "brown", Severity.CRITICAL: "red"}

Cells = list[list[Char]]


@cache
def views(columns: int, *, utf8: bool = True, no_colour: bool = False) -> dict[str, Cells]:
    """Return the cells of each code's view on a terminal tall enough for all of them."""
    extra = ({} if utf8 else {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}) | ({"NO_COLOR": "1"} if no_colour else {})
    command = (sys.executable, "-m", "tests.unit.terminal.draw", *CODES)
    with Terminal(command, columns=columns, lines=3_000, extra=extra) as terminal:
        assert terminal.end() == 0
        assert terminal.screen.gone == []
        cells = [terminal.screen.cells(line) for line in range(len(terminal.shown))]
    parts: list[Cells] = [[]]
    for line in cells:
        if text_of(line) == APART:
            parts.append([])
        else:
            parts[-1].append(line)
    return dict(zip(CODES, parts[:-1], strict=True))


def text_of(line: list[Char]) -> str:
    return "".join(cell.data for cell in line).rstrip()


def above_the_errors(view: Cells) -> Cells:
    end = next(at for at, line in enumerate(view) if text_of(line) in HEADINGS)
    return view[:end]


def lines_with_icons(code: str, symbols: Symbols, *, columns: int = 80, utf8: bool = True) -> list[str]:
    marks = tuple(f" {symbols.mark(severity)}" for severity in Severity)
    lines = [text_of(line) for line in above_the_errors(views(columns, utf8=utf8)[code])]
    return [line for line in lines if any(mark in line for mark in marks)]


def all_places(symbols: Symbols, *, utf8: bool) -> str:
    return "".join(
        f"{code}\n" + "".join(f"  {x}\n" for x in lines_with_icons(code, symbols, utf8=utf8)) for code in CODES
    )


def test_every_error_shows_at_the_places_that_were_approved() -> None:
    assert len(CODES) == 31
    assert all_places(UNICODE, utf8=True) == (EXPECTED / "anchors.txt").read_text(encoding="utf-8")


def test_in_ascii_as_well() -> None:
    places = all_places(ASCII, utf8=False)
    assert places.isascii()
    assert places == (EXPECTED / "anchors_ascii.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", CODES)
def test_its_icon_has_the_colour_of_its_severity_at_its_place_and_at_its_words(code: str) -> None:
    error = next(each for each in judged(code)[1].errors if each.code == code)
    icon, view = UNICODE.icon(error.severity), views(80)[code]
    at_places = [cell for line in above_the_errors(view) for cell in line if cell.data == icon]
    headline = next(line for line in view if text_of(line).startswith(f"{icon} {code}  "))
    assert at_places
    assert {cell.fg for cell in (*at_places, headline[0])} == {COLOURS[error.severity]}
    # The words keep the terminal's own colour, which can be read on any ground.
    words = [cell for cell in headline[len(f"{icon} {code}") :] if cell.data != " "]
    assert {(cell.fg, cell.bg, cell.bold) for cell in words} == {("default", "default", True)}


@pytest.mark.parametrize("code", CODES)
def test_a_narrow_terminal_hides_none(code: str) -> None:
    assert lines_with_icons(code, UNICODE, columns=NARROW) != []


@pytest.mark.parametrize("code", CODES)
def test_what_to_do_is_said_of_everything_grave(code: str) -> None:
    error = next(each for each in judged(code)[1].errors if each.code == code)
    text = " ".join(" ".join(text_of(line) for line in views(80)[code]).split())
    assert " ".join(error.message.split()) in text
    if error.severity is not Severity.INFO:
        assert f"What to do {' '.join(error.solution.split())}" in text


@pytest.mark.parametrize("columns", [NARROW, 80])
@pytest.mark.parametrize("code", CODES)
def test_the_terminal_wraps_nothing(code: str, columns: int) -> None:
    drawn = command_line_view(*judged(code), Style(width=columns))
    assert [text_of(line) for line in views(columns)[code]] == drawn.splitlines()


def test_without_colour_nothing_else_is_lost() -> None:
    for code, view in views(80, no_colour=True).items():
        assert [text_of(line) for line in view] == [text_of(line) for line in views(80)[code]]
        assert {(cell.fg, cell.bold) for line in view for cell in line} == {("default", False)}
