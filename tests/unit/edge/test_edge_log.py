"""Unit tests of the edge's log: whoever reads it may stop, go or be a full disk; callers are answered all the same."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.log import Log
from tests.unit.edge.running import Running, configure, free_port

_READY_WITHIN_S = 20.0


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    yield reader, writer
    for end in (reader, writer):
        os.close(end)


def fill(writer: int) -> None:
    os.set_blocking(writer, False)
    try:
        while os.write(writer, b"x" * 4_096):
            pass
    except BlockingIOError:
        os.set_blocking(writer, True)


def test_what_was_lost_is_said_once_somebody_reads_again(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    log = Log(writer)
    fill(writer)
    log.tell("one")
    log.tell("two")
    while os.read(reader, 65_536)[-4_096:] != b"x" * 4_096:
        pass
    assert log.unsaid == 2
    log.tell("three")
    lost, three = os.read(reader, 65_536).decode().splitlines()
    assert lost.endswith("Z 2 lines of the log were lost: stderr did not take them")
    assert three.endswith("Z three")
    assert log.unsaid == 0


def test_a_line_is_cut_to_what_a_pipe_takes_at_once(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    Log(writer).tell("ä" * 4_096)
    line = os.read(reader, 65_536)
    assert len(line) == 4_096
    assert line.endswith(b"\n")


def test_without_a_descriptor_lines_are_counted() -> None:
    log = Log(None)
    log.tell("nobody hears")
    assert log.unsaid == 1


def answered(directory: Path, stderr: int) -> tuple[int, int]:
    """Return the status of a request to an edge with this stderr, and the exit code of the edge after SIGTERM."""
    port = free_port()
    command = (sys.executable, "-m", "agent", "edge", "-c", str(configure(directory, port)))
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=stderr, text=True)
    try:
        status = first_status(Running(port, process, directory / "no-log"))
    finally:
        process.terminate()
        code = process.wait(10)
    return status, code


def first_status(edge: Running) -> int:
    """Return the status of the first request that is taken; an edge takes none before it listens."""
    deadline = time.monotonic() + _READY_WITHIN_S
    while True:
        assert edge.process.poll() is None, "the edge has ended"
        try:
            return edge.ask("GET", "/v1/service-data").status
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_full_disk_under_the_log_keeps_nobody_from_an_answer(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        assert answered(tmp_path, full.fileno()) == (200, 0)


def test_a_reader_of_the_log_that_has_gone_keeps_nobody_from_an_answer(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        assert answered(tmp_path, writer) == (200, 0)
    finally:
        os.close(writer)


def test_a_reader_of_the_log_that_sleeps_keeps_nobody_waiting(tmp_path: Path, pipe: tuple[int, int]) -> None:
    _, writer = pipe
    fill(writer)
    assert answered(tmp_path, writer) == (200, 0)
