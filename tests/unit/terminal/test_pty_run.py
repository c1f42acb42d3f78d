"""The terminal of these tests itself: size, colours, keys, signals, and that it never waits for ever."""

import sys

import pytest

from tests.unit.terminal.pty_run import Terminal

PYTHON = (sys.executable, "-c")


def test_a_command_sees_a_terminal_of_this_size_and_its_exit_code_is_told() -> None:
    script = "import os, sys; print(*os.get_terminal_size(), sys.stdin.isatty()); sys.exit(7)"
    with Terminal([*PYTHON, script], columns=33, lines=5) as terminal:
        assert terminal.end() == 7
        assert terminal.shown == ["33 5 True"]


def test_colours_are_kept_by_cell_and_lines_that_scrolled_away_too() -> None:
    script = "print('\\x1b[1;31mred\\x1b[0m plain'); [print(n) for n in range(9)]"
    with Terminal([*PYTHON, script], columns=20, lines=4) as terminal:
        terminal.end()
        assert terminal.everything == ["red plain", *map(str, range(9))]
        assert terminal.shown == ["6", "7", "8"]
    with Terminal([*PYTHON, script], columns=20, lines=24) as terminal:
        terminal.end()
        cells = terminal.screen.cells(0)
        assert [(cell.data, cell.fg, cell.bold) for cell in cells[2:5]] == [
            ("d", "red", True),
            (" ", "default", False),
            ("p", "default", False),
        ]


def test_keys_resizing_and_interrupts_reach_the_command() -> None:
    script = """
import os, signal
signal.signal(signal.SIGWINCH, lambda *_: print("now", os.get_terminal_size().columns, flush=True))
print("name?", flush=True)
print("got", input())
try:
    signal.pause()
    signal.pause()
except KeyboardInterrupt:
    print("interrupted")
"""
    with Terminal([*PYTHON, script]) as terminal:
        terminal.wait_for("name?")
        terminal.send("abc\n")
        terminal.wait_for("got abc")
        terminal.resize(50, 10)
        terminal.wait_for("now 50")
        terminal.send("\x03")
        assert terminal.end() == 0
        assert "interrupted" in terminal.shown[-1]


def test_the_alternate_screen_goes_as_it_came() -> None:
    script = "print('before\\x1b[?1049h\\x1b[H\\x1b[31mfull', flush=True); input(); print('\\x1b[m\\x1b[?1049lafter')"
    with Terminal([*PYTHON, script]) as terminal:
        terminal.wait_for("full")
        assert terminal.shown == ["full"]
        assert terminal.screen.alternate
        terminal.send("\n")
        terminal.end()
        assert terminal.shown == ["beforeafter"]


def test_what_never_happens_is_told_with_the_screen() -> None:
    with Terminal([*PYTHON, "print('this much'); input()"]) as terminal:
        with pytest.raises(AssertionError, match=r"(?s)'that' is not shown.*this much"):
            terminal.wait_for("that", within_s=1.0)
        with pytest.raises(AssertionError, match=r"not ended within 0\.3 s"):
            terminal.end(within_s=0.3)
    assert terminal.process.returncode == -9


def test_a_text_that_never_comes_is_told_once_the_command_has_ended() -> None:
    with Terminal([*PYTHON, "print('bye')"]) as terminal, pytest.raises(AssertionError, match="bye"):
        terminal.wait_for("hello")
