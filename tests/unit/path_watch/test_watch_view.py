"""Screens of watched paths, drawn by a terminal's rules, against text that a person has read."""

from datetime import UTC

import pytest
from rich.text import Text

from agent.views.style import ASCII, UNICODE
from agent.views.watch_columns import STATISTICS, layout
from agent.views.watch_table import Canvas
from agent.views.watch_view import watch_lines
from agent.watch.controls import Controls, Mode, Sheet
from agent.watch.picture import Picture
from probes.frozen import replace
from tests.unit.path_watch import pictures
from tests.unit.path_watch.pictures import EXPECTED, HOSTILE, REPORTS, SHOTS, text_of
from tests.unit.path_watch.told import NOON_S, check_at, leg, round_at

SITUATIONS = (pictures.lossy, pictures.changed, pictures.broken, pictures.through_edge, pictures.hostile, pictures.long)
CHOICES = (
    Controls(),
    Controls(selected=0),
    Controls(mode=Mode.HISTORY, networks=True),
    Controls(mode=Mode.CHART, selected=3),
    *(Controls(sheet=sheet, at=2) for sheet in Sheet),
)
SIZES = ((1, 1), (3, 2), (10, 4), (20, 6), (40, 12), (57, 15), (80, 24), (132, 43), (240, 70))


@pytest.mark.parametrize("name", [*SHOTS, *REPORTS])
def test_a_screen_is_as_approved(name: str) -> None:
    assert text_of(name) == (EXPECTED / f"{name}.txt").read_text(encoding="utf-8")


def test_every_approved_screen_is_drawn() -> None:
    assert {file.stem for file in EXPECTED.glob("*.txt")} == {*SHOTS, *REPORTS}


@pytest.mark.parametrize("size", SIZES)
def test_a_frame_fills_the_terminal_and_no_more(size: tuple[int, int]) -> None:
    width, height = size
    for watching in SITUATIONS:
        picture = watching().picture()
        for controls in CHOICES:
            canvas = Canvas(width=width, height=height, symbols=UNICODE, unicode=True, now_s=NOON_S + 33, zone=UTC)
            lines = watch_lines(picture, controls, canvas)
            assert len(lines) == height
            assert [line.plain for line in lines if line.cell_len > width or "\n" in line.plain] == []


def test_without_unicode_everything_is_ascii() -> None:
    canvas = Canvas(width=80, height=24, symbols=ASCII, unicode=False, now_s=NOON_S + 33, zone=UTC)
    for watching in SITUATIONS:
        for controls in CHOICES:
            lines = watch_lines(watching().picture(), controls, canvas)
            assert [line.plain for line in lines if not line.plain.isascii()] == []


def test_names_that_were_made_to_do_harm_are_shown_and_obeyed_by_nobody() -> None:
    screen = SHOTS["hostile_200"].draw()
    text = "\n".join(screen.shown)
    assert "[red]evil[/red]\\u001b[2J" in text
    assert "[bold]x[/bold]\\u001b[31m" in text
    raw = "".join(line.plain for line in _hostile_frame())
    assert not set(raw) & set(HOSTILE) & {"\x1b", "\x07", "\u202e"}
    red = [cell for line in range(60) for cell in screen.cells(line) if cell.data == "e" and cell.fg == "red"]
    assert red == [], "no markup of theirs paints anything"


def _hostile_frame() -> list[Text]:
    canvas = Canvas(width=200, height=60, symbols=UNICODE, unicode=True, now_s=NOON_S + 33, zone=UTC)
    return watch_lines(pictures.hostile().picture(), Controls(selected=0), canvas)


def test_loss_is_red_where_it_is_the_path_s_and_faint_where_a_router_spares_itself() -> None:
    screen = SHOTS["lossy"].draw()
    colours = {}
    for number, line in enumerate(screen.shown):
        at = line.find("%")
        if line[:5].strip().isdecimal() and at > 0:
            colours[line.split()[0]] = screen.cells(number)[at].fg
    assert colours == {"1": "default", "2": "default", "3": "default", "4": "default", "5": "red"}


def test_networks_that_nobody_knows_are_missed_in_words_and_known_ones_are_shown() -> None:
    canvas = Canvas(width=80, height=24, symbols=UNICODE, unicode=True, now_s=NOON_S + 33, zone=UTC)
    wanted, missed = Controls(networks=True), "no hop's network known"
    without = pictures.lossy().picture()
    assert missed in _text(without, wanted, canvas)
    assert missed not in _text(without, Controls(), canvas)
    (responder,) = {row.responder for row in without.rows[:1]}
    assert responder is not None
    known = replace(without.rows[0], responder=replace(responder, asn=64500))
    assert missed not in _text(replace(without, rows=(known, *without.rows[1:])), wanted, canvas)


def test_a_verdict_is_about_the_last_minute_and_the_table_about_all() -> None:
    watching = pictures.lossy()
    for second in range(30, 95):
        watching.take(round_at(second, leg(12_300)))
    watching.take(check_at(95))
    canvas = Canvas(width=80, height=24, symbols=UNICODE, unicode=True, now_s=NOON_S + 96, zone=UTC)
    lines = [line.plain for line in watch_lines(watching.picture(), Controls(), canvas)]
    assert "no loss" in " ".join(lines[1:3])
    assert watching.picture().rows[-1].figures.lost > 0


def _text(picture: Picture, controls: Controls, canvas: Canvas) -> str:
    return "\n".join(line.plain for line in watch_lines(picture, controls, canvas))


def test_the_errors_icon_stands_beside_its_hop() -> None:
    (line,) = [line for line in SHOTS["refused"].draw().shown if line.startswith("  3")]
    assert line.startswith("  3 ⚠ 198.51.100.77")


def test_the_chosen_row_is_reversed_but_for_its_curve_which_would_read_otherwise() -> None:
    screen = SHOTS["lossy_details"].draw()
    (number,) = [number for number, line in enumerate(screen.shown) if line.startswith("  2   ae-1")]
    figures = len(screen.shown[number][:68].rstrip())
    assert all(cell.reverse for cell in screen.cells(number)[:figures])
    assert not any(cell.reverse for cell in screen.cells(number) if cell.data in "▁▂▃▄▅▆▇█")
    assert not any(cell.reverse for cell in screen.cells(number + 1))


@pytest.mark.parametrize("width", range(30, 200, 7))
def test_a_wider_terminal_never_shows_fewer_figures(width: int) -> None:
    hosts, networks = ["ae-1.r20.access.isp.example.net (198.51.100.1)"], [""]
    narrow = layout(hosts, networks, width, Mode.STATISTICS)
    wide = layout(hosts, networks, width + 7, Mode.STATISTICS)
    assert set(narrow.columns) <= set(wide.columns)
    assert [column for column in STATISTICS if column in wide.columns] == list(wide.columns)
