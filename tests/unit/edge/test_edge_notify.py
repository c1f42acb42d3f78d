"""What a manager of services hears of an edge: when it serves, that its loop comes round, reloads, and the end."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.edge.running import TOKEN, Running, running

WATCHDOG_S = 0.4


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "notify"))
        heard.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", str(int(WATCHDOG_S * 1_000_000)))
        yield heard


@pytest.fixture
def serving(tmp_path: Path, manager: socket.socket) -> Iterator[Running]:
    del manager
    with running(tmp_path) as edge:
        yield edge


def hear(manager: socket.socket, wanted: Callable[[list[str]], bool]) -> list[str]:
    """Return the lines of the first message that is wanted; further ones of the watchdog may come before it."""
    while True:
        lines = manager.recv(4096).decode().splitlines()
        if wanted(lines):
            return lines


def test_it_is_ready_once_it_answers(serving: Running, manager: socket.socket) -> None:
    assert hear(manager, lambda lines: "READY=1" in lines) == ["READY=1", "STATUS=loop knows 1 tokens"]
    assert serving.ask("GET", "/v1/service-data").status == 200


def test_its_loop_feeds_the_watchdog_in_time(serving: Running, manager: socket.socket) -> None:
    hear(manager, lambda lines: lines == ["WATCHDOG=1"])
    manager.settimeout(WATCHDOG_S)
    for _ in range(4):
        assert manager.recv(4096)
    os.kill(serving.process.pid, signal.SIGSTOP)
    try:
        with pytest.raises(TimeoutError):
            hear(manager, lambda lines: "a loop that stands still" in lines)
    finally:
        os.kill(serving.process.pid, signal.SIGCONT)


@pytest.mark.parametrize(
    ("tokens", "known", "said"),
    [(f"{TOKEN}\nanother-token-of-nobody\n", 2, "was read again"), ("short\n", 1, "stays")],
)
def test_a_reload_begins_and_ends_whether_it_succeeds_or_not(
    serving: Running, manager: socket.socket, tmp_path: Path, tokens: str, known: int, said: str
) -> None:
    hear(manager, lambda lines: "READY=1" in lines)
    (tmp_path / "tokens").write_text(tokens)
    serving.process.send_signal(signal.SIGHUP)
    begun = hear(manager, lambda lines: lines != ["WATCHDOG=1"])
    assert begun[0] == "RELOADING=1"
    assert begun[1].startswith("MONOTONIC_USEC=")
    assert hear(manager, lambda lines: lines != ["WATCHDOG=1"]) == ["READY=1", f"STATUS=loop knows {known} tokens"]
    assert said in serving.log.read_text()


def test_the_end_is_told_and_comes(serving: Running, manager: socket.socket) -> None:
    hear(manager, lambda lines: "READY=1" in lines)
    serving.process.terminate()
    assert hear(manager, lambda lines: lines != ["WATCHDOG=1"]) == ["STOPPING=1"]
    assert serving.process.wait(10) == 0
