"""The commands on a real terminal: what a person sees, while it runs and afterwards, whole, narrow and interrupted.

`expected/*.txt` are screens that a person has read and approved; figures, which differ each time, are shown as `0`.
"""

import json
import os
import re
import shlex
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from agent.record import document_of, record_of
from tests.unit.cli.command import COMMAND
from tests.unit.store.stores import filled, opened
from tests.unit.terminal.pty_run import Terminal, run
from tests.unit.views import samples

EXPECTED = Path(__file__).parent / "expected"
CTRL_C = "\x03"
SHELL_COMMAND = shlex.join(COMMAND)


def assert_as_approved(name: str, lines: list[str]) -> None:
    assert "\n".join(lines) + "\n" == (EXPECTED / f"{name}.txt").read_text(encoding="utf-8")


def without_figures(lines: list[str]) -> list[str]:
    """Return the lines with every figure as `0`, and columns apart by one space: how wide they are differs too."""
    return [re.sub(r" +", " ", re.sub(r"\d+(?:\.\d+)?", "0", line)) for line in lines]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Yield a TCP port of this machine that drops connections: its queue of them is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for one in waiting:
            one.close()


# --- whole screens ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [80, 40])
@pytest.mark.parametrize("arguments", [("--help",), ("errors",), ("errors", "CP-13")], ids=["help", "errors", "error"])
def test_texts_fit_the_terminal(arguments: tuple[str, ...], columns: int) -> None:
    terminal, code = run(*arguments, columns=columns)
    assert code == 0
    assert_as_approved(f"{'_'.join(arguments).strip('-').lower()}_{columns}", terminal.everything)


@pytest.mark.parametrize("arguments", [("trace", "--icmp", "127.0.0.1"), ("ping", "127.0.0.1"), ("dns", "127.0.0.1")])
def test_a_check_of_this_machine(arguments: tuple[str, ...]) -> None:
    terminal, code = run(*arguments)
    assert code == 0
    assert terminal.shown[-1].startswith("✔ ")
    assert terminal.screen.cells(len(terminal.shown) - 1)[0].fg == "green"
    assert_as_approved(f"{arguments[0]}_this_machine", without_figures(terminal.everything))


def test_columns_stand_below_each_other() -> None:
    terminal, _ = run("trace", "--icmp", "127.0.0.1")
    (header,) = (line for line in terminal.shown if line.startswith("  Hop"))
    hop, end = (line for line in terminal.shown if "0%" in line)
    for title in ("Loss", "Failed", "Min", "Avg", "Max", "Dev"):
        right = header.index(title) + len(title)
        for row in (hop, end):
            assert row[right - 1] != " "
            assert row[right : right + 1] in {"", " "}


class _Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:  # type: ignore[explicit-override] # typing.override is Python 3.12's
        """Say nothing."""


def test_a_web_address_of_this_machine() -> None:
    with HTTPServer(("127.0.0.1", 0), _Hello) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        terminal, code = run("web", f"http://127.0.0.1:{server.server_port}/", "--proxy", "none")
        server.shutdown()
    assert code == 0
    assert_as_approved("web_this_machine", without_figures(terminal.everything))


@pytest.mark.parametrize("columns", [80, 40])
def test_the_history(columns: int, tmp_path: Path) -> None:
    store = opened(tmp_path)
    filled(store, 5)
    store.close()
    terminal, code = run("history", "--state-dir", str(tmp_path), columns=columns)
    assert code == 0
    assert_as_approved(f"history_{columns}", terminal.everything)


def test_a_record_is_explained(tmp_path: Path) -> None:
    record = record_of(samples.NO_ROUTE, samples.BROKEN, samples.HEADER)
    (tmp_path / "record.json").write_text(json.dumps(document_of(record)))
    terminal, code = run("explain", "record.json", directory=tmp_path)
    assert code == 1
    # What follows the error tells of the other thirty, and grows with the rules.
    assert_as_approved("explain", terminal.everything[:20])


def test_the_doctor_is_readable_on_a_narrow_terminal() -> None:
    terminal, _ = run("doctor", columns=40, lines=100)
    colours = {"ok": "green", "warn": "brown", "fail": "red"}
    for at, line in enumerate(terminal.shown):
        word = line[:6].strip()
        assert word in {"", *colours}
        if word:
            assert terminal.screen.cells(at)[0].fg == colours[word]


# --- while it runs ----------------------------------------------------------------------------------------------------


def test_progress_shows_and_goes_without_a_trace(silent_port: int) -> None:
    with Terminal([*COMMAND, "trace", "-T", f"127.0.0.1:{silent_port}"]) as terminal:
        terminal.wait_for("Tracing 127.0.0.1 by TCP")
        terminal.end()
        assert [line for line in terminal.everything if "Tracing" in line] == []
        assert terminal.everything[0].startswith("Target    127.0.0.1")
        assert terminal.screen.cursor.x == 0


def test_progress_never_gets_into_a_pipe(silent_port: int) -> None:
    reading, writing = os.pipe()
    command = [*COMMAND, "trace", "-T", f"127.0.0.1:{silent_port}"]
    with Terminal(command, stdout=writing) as terminal, os.fdopen(reading, encoding="utf-8") as pipe:
        os.close(writing)
        terminal.wait_for("Tracing")
        terminal.end()
        assert terminal.everything == []
        text = pipe.read()
    assert "Tracing" not in text
    assert "\x1b" not in text
    assert text.startswith("Target    127.0.0.1")


def test_a_dumb_terminal_gets_plain_lines(silent_port: int) -> None:
    terminal, _ = run("trace", "-T", f"127.0.0.1:{silent_port}", TERM="dumb")
    assert terminal.everything[0].startswith("Target    127.0.0.1")
    assert b"\x1b" not in terminal.raw
    assert b"Tracing" not in terminal.raw


def test_ctrl_c_shows_what_was_measured_and_leaves_the_terminal_clean(silent_port: int) -> None:
    with Terminal([*COMMAND, "trace", "-T", f"127.0.0.1:{silent_port}"]) as terminal:
        terminal.wait_for("Tracing")
        terminal.send(CTRL_C)
        assert terminal.end() == 130
        shown = terminal.everything
        assert [line for line in shown if "Tracing" in line or "Traceback" in line] == []
        assert "127.0.0.1 was not reached before the trace was interrupted." in " ".join(shown)
        assert any(line.startswith("↓ end   127.0.0.1") for line in shown)
        assert (terminal.screen.cursor.x, terminal.screen.cursor.hidden) == (0, False)
        assert terminal.screen.cursor.attrs.fg == "default"


def test_a_reader_that_goes_early_is_no_trouble() -> None:
    with Terminal(["sh", "-c", f"{SHELL_COMMAND} errors | head -1"]) as terminal:
        assert terminal.end() == 0
        assert [line.split() for line in terminal.everything] == [["Code", "Severity", "Message"]]


def test_a_pipe_gets_no_colour_and_no_limit_of_width() -> None:
    with Terminal(["sh", "-c", f"{SHELL_COMMAND} errors | cat"], columns=200) as terminal:
        assert terminal.end() == 0
        assert b"\x1b" not in terminal.raw


def test_an_ascii_terminal_gets_ascii() -> None:
    terminal, code = run("trace", "--icmp", "127.0.0.1", LC_ALL="C", PYTHONIOENCODING="ascii")
    assert code == 0
    assert terminal.raw.isascii()
    assert terminal.shown[-1].startswith("[+] ")


def test_no_colour_is_heeded() -> None:
    terminal, code = run("trace", "--icmp", "127.0.0.1", NO_COLOR="1")
    assert code == 0
    # Progress moves the cursor, in no colour.
    assert re.search(rb"\x1b\[[0-9;]*m", terminal.raw) is None
    assert terminal.shown[-1].startswith("✔ ")
