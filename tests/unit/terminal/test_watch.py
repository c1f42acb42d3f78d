"""`cloudpath watch` on a terminal: what keys do, and that the terminal is given back whatever happens.

Loopback answers everybody, so nothing here needs a network or a right.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cli.command import COMMAND, cloudpath
from tests.unit.terminal.pty_run import Terminal

WATCH = ("watch", "--proxy", "none", "--fresh", "-n", "-i", "0.5")
ARGUMENTS = (*WATCH, "127.0.0.1")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    extra = {"XDG_STATE_HOME": str(tmp_path)}
    with Terminal([*COMMAND, *ARGUMENTS], extra=extra) as started:
        started.wait_for("No errors")
        yield started


def taken(terminal: Terminal) -> bool:
    """Return whether the terminal is not what the shell left: another screen, or no cursor."""
    return terminal.screen.alternate or terminal.screen.cursor.hidden


def test_it_shows_verdict_table_and_keys_and_q_ends_it_with_the_verdict(terminal: Terminal) -> None:
    assert taken(terminal)
    terminal.wait_for("2 rounds")
    shown = terminal.shown
    assert shown[0].startswith("127.0.0.1 ")
    assert shown[1].startswith("✔ No errors: 127.0.0.1 reached in 1 hop")
    assert any(line.split()[:3] == ["1", "127.0.0.1", "0%"] for line in shown)
    assert shown[-1].startswith("h help  q quit")
    terminal.send("q")
    assert terminal.end() == 0
    assert not taken(terminal)
    assert terminal.shown == [], "nothing of it stays behind"


def test_after_as_many_rounds_as_asked_for_the_table_stays(tmp_path: Path) -> None:
    arguments = (*ARGUMENTS, "--cycles", "2", "-i", "0.2")
    with Terminal([*COMMAND, *arguments], extra={"XDG_STATE_HOME": str(tmp_path)}) as terminal:
        assert terminal.end() == 0
        assert not taken(terminal)
        assert "2 rounds, one every 0.2 s" in terminal.shown[0]
        assert terminal.shown[-1].startswith("✔ No errors")


def test_a_target_of_the_configuration_is_watched_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text("targets: [{name: here, host: 127.0.0.1}]\nproxy: {mode: none}\n", encoding="utf-8")
    arguments = ("watch", "-c", str(file), "--cycles", "2", "-i", "0.2", "here")
    ended = cloudpath(*arguments, XDG_STATE_HOME=str(tmp_path))
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("127.0.0.1 by ICMP, from ")


def test_keys_change_what_is_shown(terminal: Terminal) -> None:
    terminal.send("h")
    terminal.wait_for("reset the figures")
    terminal.send("c")
    terminal.wait_for("watching began")
    terminal.send("e")
    terminal.wait_for("No documented error.")
    terminal.send("\x1b")
    terminal.wait_for("Hop   Host")
    terminal.send("d")
    terminal.wait_until(lambda: "Snt" not in "".join(terminal.shown), "the figures are still there")
    terminal.send("d")
    terminal.wait_for("Delay to 127.0.0.1")
    terminal.send("d\x1b[B")
    terminal.wait_for("Hop 1, the end  127.0.0.1")
    terminal.send("+")
    terminal.wait_for("every 1 s")
    terminal.send("§ü\x1b[24~\x00Y")
    terminal.send("q")
    assert terminal.end() == 0


def test_a_pause_lasts_until_it_is_over_and_a_reset_begins_anew(terminal: Terminal) -> None:
    terminal.wait_for("2 rounds")
    terminal.send("p")
    terminal.wait_for("paused")
    # A round that was under way may still come in; then none does.
    terminal.wait_until(lambda: _settled(terminal), "rounds go on")
    terminal.send(" r")
    terminal.wait_for("1 round,")
    terminal.wait_for("2 rounds")
    terminal.send("q")
    assert terminal.end() == 0


def _settled(terminal: Terminal) -> bool:
    before = [line for line in terminal.shown if "round" in line]
    deadline = time.monotonic() + 1.5
    while terminal._read(deadline):
        pass
    return [line.split(" for ")[0] for line in before] == [
        line.split(" for ")[0] for line in terminal.shown if "round" in line
    ]


def test_it_follows_the_size_of_its_terminal(terminal: Terminal) -> None:
    terminal.resize(40, 12)
    terminal.wait_until(lambda: len(terminal.shown) == 12 and "names" not in terminal.shown[-1], "still as wide")
    terminal.resize(120, 40)
    terminal.wait_for("z networks")
    terminal.send("q")
    assert terminal.end() == 0


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGQUIT, -signal.SIGQUIT), (signal.SIGHUP, -1)],
)
def test_a_signal_ends_it_and_the_terminal_is_given_back(terminal: Terminal, number: signal.Signals, code: int) -> None:
    os.kill(terminal.process.pid, number)
    assert terminal.end() == code
    assert not taken(terminal)


def test_ctrl_c_is_an_interrupt(terminal: Terminal) -> None:
    terminal.send("\x03")
    assert terminal.end() == 130
    assert not taken(terminal)


def test_ctrl_z_gives_the_terminal_to_the_shell_and_fg_takes_it_again(tmp_path: Path) -> None:
    command = " ".join((*COMMAND, *ARGUMENTS))
    with Terminal(["bash", "--norc", "-i"], extra={"XDG_STATE_HOME": str(tmp_path), "PS1": "$ "}) as terminal:
        terminal.wait_for("$")
        terminal.send(f"{command}\n")
        terminal.wait_for("No errors")
        terminal.send("\x1a")
        terminal.wait_for("Stopped")
        assert not taken(terminal)
        terminal.send("stty -a\n")
        terminal.wait_for(" icanon")
        terminal.send("fg\n")
        terminal.wait_until(lambda: taken(terminal), "it does not come back")
        terminal.wait_for("2 rounds")
        terminal.send("q")
        terminal.wait_until(lambda: not taken(terminal), "it does not end")
        terminal.send("stty -a; exit 0\n")
        terminal.end()
        assert any(" echo " in f"{line} " and "-echo " not in line for line in terminal.everything)


def test_a_mistake_of_its_own_is_one_line_on_a_terminal_that_is_whole(tmp_path: Path) -> None:
    script = """
import agent.views.watch_view as view, agent.watch.live as live
def broken(*_): raise RuntimeError("of ours")
live.watch_lines = broken
from agent.cli import main
import sys
sys.argv = ["cloudpath", "watch", "--proxy", "none", "127.0.0.1"]
main()
"""
    with Terminal([sys.executable, "-c", script], extra={"XDG_STATE_HOME": str(tmp_path)}) as terminal:
        assert terminal.end() == 3
        assert not taken(terminal)
        assert "CP-01 internal error (RuntimeError: of ours)" in " ".join(terminal.shown)


def test_a_terminal_that_goes_away_ends_it() -> None:
    with Terminal([*COMMAND, *ARGUMENTS]) as terminal:
        terminal.wait_for("No errors")
        os.close(terminal._ours)
        try:
            assert terminal.process.wait(10) in {-signal.SIGHUP, 141}
        finally:
            terminal._ours = os.open(os.devnull, os.O_RDONLY)


def test_no_color_is_heeded(tmp_path: Path) -> None:
    extra = {"XDG_STATE_HOME": str(tmp_path), "NO_COLOR": "1"}
    with Terminal([*COMMAND, *ARGUMENTS], extra=extra) as terminal:
        terminal.wait_for("2 rounds")
        terminal.send("q")
        terminal.end()
        cells = {cell.fg for line in range(24) for cell in terminal.screen.cells(line)}
        assert cells == {"default"}
        assert b"\x1b[32m" not in terminal.raw


def test_without_utf_8_everything_is_ascii(tmp_path: Path) -> None:
    extra = {"XDG_STATE_HOME": str(tmp_path), "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    with Terminal([*COMMAND, *ARGUMENTS], extra=extra) as terminal:
        terminal.wait_for("2 rounds")
        assert terminal.raw.isascii()
        terminal.send("q")
        assert terminal.end() == 0


def test_a_terminal_that_knows_no_more_than_lines_gets_a_table_in_the_end(tmp_path: Path) -> None:
    extra = {"XDG_STATE_HOME": str(tmp_path), "TERM": "dumb"}
    with Terminal([*COMMAND, *ARGUMENTS, "--cycles", "2", "-i", "0.2"], extra=extra) as terminal:
        assert terminal.end() == 0
        assert b"\x1b" not in terminal.raw
        assert terminal.shown[0].startswith("127.0.0.1 by ICMP, from ")
        assert terminal.shown[-1].startswith("✔ No errors: 127.0.0.1 reached in 1 hop")


def test_a_pipe_gets_a_table_without_control_sequences(tmp_path: Path) -> None:
    ended = cloudpath(*ARGUMENTS, "--cycles", "3", "-i", "0.2", XDG_STATE_HOME=str(tmp_path))
    assert (ended.code, ended.err) == (0, "")
    assert "\x1b" not in ended.out
    assert "3 rounds, one every 0.2 s" in ended.out
    assert "StDev   Jttr" in ended.out


def test_records_come_one_a_line_as_they_are_made(tmp_path: Path) -> None:
    arguments = (*ARGUMENTS, "--json", "--checks", "2", "--cycles", "2")
    ended = cloudpath(*arguments, XDG_STATE_HOME=str(tmp_path))
    assert (ended.code, ended.err) == (0, "")
    records = [json.loads(line) for line in ended.out.splitlines()]
    assert [record["schema"] for record in records] == ["cloudpath.sample/1"] * 2
    assert [record["seq"] for record in records] == [1, 2]
    assert len({record["id"] for record in records}) == 2


def test_a_reader_of_records_that_has_gone_ends_it(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as stream:
        ended = cloudpath(*ARGUMENTS, "--json", stdout=stream, XDG_STATE_HOME=str(tmp_path))
    assert (ended.code, ended.err) == (141, "")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("watch",), "Missing argument 'TARGET'"),
        (("watch", "-i", "0", "127.0.0.1"), "0.0 is not in the range 0.2<=x<=60"),
        (("watch", "--checks", "1", "127.0.0.1"), "1.0 is not in the range 2<=x<=3600"),
        (("watch", "--cycles", "0", "127.0.0.1"), "0 is not in the range"),
        (("watch", "-I", "-T", "127.0.0.1"), "choose one of"),
        (("watch", "no such name"), "has a blank in it"),
        (("watch", "--interface", "nowhere0", "127.0.0.1"), "nowhere0"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_drawn(arguments: tuple[str, ...], complaint: str) -> None:
    ended = cloudpath(*arguments)
    assert (ended.code, ended.out, len(ended.lines)) == (2, "", 1)
    assert complaint in ended.err
