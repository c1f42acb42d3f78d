"""Keys: what a keyboard sends, and what each key changes."""

import pytest

from agent.views.watch_sheets import HELP
from agent.watch.controls import Controls, Key, Mode, Sheet, Wish, pressed
from agent.watch.keys import keys_in
from agent.watch.live import next_interval
from agent.watch.picture import Picture
from tests.unit.path_watch.told import NOON_S, leg, watched

PICTURE = watched(leg(), leg()).picture()
EMPTY = Picture(target="x", since_s=NOON_S)


def after(keys: str | list[str], picture: Picture = PICTURE) -> Controls:
    controls = Controls()
    for key in keys:
        controls, _ = pressed(controls, key, picture)
    return controls


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"q", ["q"]),
        (b"dd", ["d", "d"]),
        (b"\x1b[A\x1b[B", [Key.UP, Key.DOWN]),
        (b"\x1bOA\x1b[5~\x1b[6~", [Key.UP, Key.PAGE_UP, Key.PAGE_DOWN]),
        (b"\x1b[H\x1b[4~", [Key.HOME, Key.END]),
        (b"\r\n", [Key.ENTER, Key.ENTER]),
        (b"\x1b", [Key.ESCAPE]),
        (b"\x1b[1;5C", []),
        (b"\x1b[200~q\x1b[201~", ["q"]),
        (b"\xc3\xbc\x00\x01\x7f", []),
        (b"", []),
    ],
)
def test_what_a_keyboard_sends_becomes_keys(data: bytes, keys: list[str]) -> None:
    assert keys_in(data) == keys


def test_an_unknown_key_changes_nothing() -> None:
    assert pressed(Controls(), "§", PICTURE) == (Controls(), None)
    assert after("yYwW~") == Controls()


@pytest.mark.parametrize(
    ("key", "wish"), [("q", Wish.QUIT), ("r", Wish.RESET), ("x", Wish.CHECK), ("+", Wish.SLOWER), ("-", Wish.FASTER)]
)
def test_some_keys_ask_for_something(key: str, wish: Wish) -> None:
    assert pressed(Controls(), key, PICTURE) == (Controls(), wish)


def test_display_goes_round() -> None:
    assert [after("d" * n).mode for n in range(4)] == [Mode.STATISTICS, Mode.HISTORY, Mode.CHART, Mode.STATISTICS]


def test_pausing_names_and_networks_are_switches() -> None:
    assert after("p").paused
    assert after(" ").paused
    assert not after("pp").paused
    assert not after("n").names
    assert after("z").networks


def test_choosing_begins_at_either_end_and_stops_there() -> None:
    assert after("j").selected == 0
    assert after([Key.UP]).selected == 4
    assert after("jjjjjjjjjj").selected == 4
    assert after(["j", "j", "k", "k", "k"]).selected == 0
    assert after(["j", Key.END]).selected == 4
    assert after(["j", Key.ESCAPE]).selected is None
    assert after("jk", EMPTY).selected is None


def test_a_sheet_opens_closes_and_scrolls() -> None:
    assert after("h").sheet is Sheet.HELP
    assert after("hh").sheet is None
    assert after("hc").sheet is Sheet.CHANGES
    assert after([Key.ENTER]).sheet is Sheet.ERRORS
    assert after("ejj").at == 2
    assert after("ejjk").at == 1
    assert after(["e", "j", Key.ESCAPE]) == Controls()
    assert after("cjjjj").at == len(PICTURE.events) - 1, "no further than there are changes"


def test_every_key_of_the_help_does_something() -> None:
    named = {word for keys, _ in HELP for word in keys.replace(", ", " ").split()} - {"Ctrl-C"}
    keys = {"Space": " ", "Enter": Key.ENTER, "Esc": Key.ESCAPE}
    start = Controls(selected=1)
    for name in named:
        controls, wish = pressed(start, keys.get(name, name), PICTURE)
        assert wish is not None or controls != start, name


def test_intervals_go_step_by_step_and_stop_at_the_ends() -> None:
    assert [next_interval(1.0, slower=True), next_interval(1.0, slower=False)] == [2.0, 0.5]
    assert [next_interval(60.0, slower=True), next_interval(0.2, slower=False)] == [60.0, 0.2]
    assert [next_interval(3.0, slower=True), next_interval(3.0, slower=False)] == [5.0, 2.0]
