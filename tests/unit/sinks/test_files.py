"""Unit tests of the sinks that write lines: whole ones, whatever the disk, the reader and logrotate do."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent.sinks.file import FileSink
from agent.sinks.sink import Fate
from agent.sinks.stdout import StdoutSink
from tests.unit.sinks.a_store import a_batch, entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.store.entry import Batch


def never() -> bool:
    return False


def lines(*batches: Batch) -> bytes:
    return b"".join(each.data + b"\n" for batch in batches for each in batch.entries)


FIRST, SECOND = a_batch(entry(1), entry(2)), a_batch(entry(3), identity="batch-2")


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Have the kernel refuse to let any file grow beyond a size, as a full disk does, in the middle of a write too."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)


# --- file -------------------------------------------------------------------------------------------------------------


def test_lines_are_appended_and_only_owner_and_group_may_read(tmp_path: Path) -> None:
    path = tmp_path / "samples.ndjson"
    sink = FileSink(path)
    assert sink.send(FIRST, never).fate is Fate.DELIVERED
    assert sink.send(SECOND, never).fate is Fate.DELIVERED
    sink.close()
    assert path.read_bytes() == lines(FIRST, SECOND)
    assert path.stat().st_mode & 0o007 == 0


def test_a_file_that_is_renamed_and_made_anew_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "samples.ndjson"
    sink = FileSink(path)
    sink.send(FIRST, never)
    path.rename(tmp_path / "samples.ndjson.1")
    path.touch()
    sink.send(SECOND, never)
    assert (tmp_path / "samples.ndjson.1").read_bytes() == lines(FIRST)
    assert path.read_bytes() == lines(SECOND)


def test_a_file_that_is_removed_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "samples.ndjson"
    sink = FileSink(path)
    sink.send(FIRST, never)
    path.unlink()
    sink.send(SECOND, never)
    assert path.read_bytes() == lines(SECOND)


def test_a_file_that_is_emptied_in_place_goes_on_at_its_new_end(tmp_path: Path) -> None:
    path = tmp_path / "samples.ndjson"
    sink = FileSink(path)
    sink.send(FIRST, never)
    os.truncate(path, 0)
    sink.send(SECOND, never)
    assert path.read_bytes() == lines(SECOND)


@pytest.mark.parametrize("kept", [1, 10, 40, 80])
def test_the_half_line_of_a_crash_is_removed(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "samples.ndjson"
    path.write_bytes(lines(FIRST) + entry(3, size=200_000).data[:kept])
    FileSink(path).send(SECOND, never)
    assert path.read_bytes() == lines(FIRST, SECOND)


def test_a_half_line_longer_than_a_block_is_removed_too(tmp_path: Path) -> None:
    path = tmp_path / "samples.ndjson"
    path.write_bytes(lines(FIRST) + entry(3, size=200_000).data[:-1])
    FileSink(path).send(SECOND, never)
    assert path.read_bytes() == lines(FIRST, SECOND)


def test_what_somebody_else_left_without_a_line_break_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "samples.ndjson"
    path.write_bytes(b"# samples of this host")
    FileSink(path).send(FIRST, never)
    assert path.read_bytes() == b"# samples of this host\n" + lines(FIRST)


def test_a_full_disk_leaves_no_half_line_and_takes_the_batch_later(tmp_path: Path) -> None:
    path = tmp_path / "samples.ndjson"
    sink = FileSink(path)
    sink.send(FIRST, never)
    large = a_batch(*(entry(seq, size=5_000) for seq in range(3, 9)), identity="batch-2")
    with largest_file(12_000):
        outcome = sink.send(large, never)
        assert outcome.fate is Fate.UNAVAILABLE
        assert outcome.why == f"{path}: file too large"
        assert path.read_bytes() == lines(FIRST)
    assert sink.send(large, never).fate is Fate.DELIVERED
    assert path.read_bytes() == lines(FIRST, large)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: path.mkdir(), "is a directory"),
        (os.mkfifo, "no such device or address"),
        (lambda path: path.symlink_to(path), "too many levels of symbolic links"),
    ],
    ids=["directory", "fifo", "loop"],
)
def test_what_cannot_be_written_to_is_said(tmp_path: Path, make: object, why: str) -> None:
    path = tmp_path / "samples.ndjson"
    make(path)  # type: ignore[operator]
    outcome = FileSink(path).send(FIRST, never)
    assert outcome.fate is Fate.UNAVAILABLE
    assert outcome.why == f"{path}: {why}"


def test_a_missing_directory_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "later" / "samples.ndjson"
    sink = FileSink(path)
    outcome = sink.send(FIRST, never)
    assert outcome.why == f"{path}: no such file or directory"
    path.parent.mkdir()
    assert sink.send(FIRST, never).fate is Fate.DELIVERED


def test_a_fifo_gets_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    heard: list[bytes] = []
    reader = threading.Thread(target=lambda: heard.append(path.read_bytes()))
    reader.start()
    sink = FileSink(path)
    while sink.send(FIRST, never).fate is not Fate.DELIVERED:
        # Its reader comes a moment later.
        pass
    sink.close()
    reader.join(10)
    assert heard == [lines(FIRST)]


# --- standard output --------------------------------------------------------------------------------------------------

SCRIPT = """
import os, sys
from agent.sinks.stdout import StdoutSink
from tests.unit.sinks.a_store import a_batch, entry
stop = eval(sys.argv[1])
sink = StdoutSink()
large = a_batch(*(entry(seq, size=30_000) for seq in range(1, 5)))
for _ in range(int(sys.argv[2])):
    outcome = sink.send(large, stop)
    print(outcome.fate, outcome.why, file=sys.stderr, flush=True)
    if outcome.fate == "delivered":
        break
"""
LARGE = a_batch(*(entry(seq, size=30_000) for seq in range(1, 5)))


def child(stop: str = "bool", times: int = 1, **how: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", SCRIPT, stop, str(times)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, **how)  # type: ignore[call-overload,no-any-return]


def test_a_pipe_gets_every_line() -> None:
    out, said = child(stdout=subprocess.PIPE).communicate(timeout=20)
    assert out == lines(LARGE)
    assert said == b"delivered None\n"


def test_a_reader_that_has_gone_is_said_and_nobody_dies() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = child(stdout=writing, times=2)
    os.close(writing)
    assert process.communicate(timeout=20)[1] == b"unavailable standard output: whoever read it has gone\n" * 2
    assert process.returncode == 0


def test_a_line_that_a_slow_reader_interrupted_goes_on_where_it_was() -> None:
    """Nobody reads, so the batch is sent again and again; once somebody does, each line is there once, and whole."""
    process = child(stop="lambda: True", times=10_000, stdout=subprocess.PIPE)
    assert process.stderr
    assert process.stderr.readline() == b"unavailable standard output: whoever reads takes nothing\n"
    out, said = process.communicate(timeout=20)
    assert out == lines(LARGE)
    assert said.endswith(b"delivered None\n")


def test_a_closed_standard_output_is_no_file_of_somebody_else() -> None:
    process = subprocess.run(
        ["/bin/sh", "-c", f'exec "{sys.executable}" -c "$0" bool 1 >&-', SCRIPT],
        stderr=subprocess.PIPE,
        check=True,
        timeout=20,
    )
    assert process.stderr == b"unavailable standard output is closed\n"


def test_a_file_as_standard_output_loses_no_half_line_on_a_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with path.open("wb") as out:
        out.write(b"before\n")
        out.flush()
        process = subprocess.Popen(
            ["/bin/sh", "-c", f'trap "" XFSZ; ulimit -f 20; exec "{sys.executable}" -c "$0" bool 1', SCRIPT],
            stdout=out,
            stderr=subprocess.PIPE,
        )
        assert process.communicate(timeout=20)[1] == b"unavailable standard output: file too large\n"
    assert path.read_bytes() == b"before\n"


def open_descriptors() -> set[str]:
    return {each.name for each in Path("/proc/self/fd").iterdir()}


def test_a_second_descriptor_is_given_back() -> None:
    before = open_descriptors()
    sink = StdoutSink()
    sink.close()
    assert open_descriptors() == before
