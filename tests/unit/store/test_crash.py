"""Processes that are killed at any moment: what they said was appended is there, what was sent stays what it was."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Final

from agent.store.entry import Kind
from agent.store.history import History, Wanted
from agent.store.schema import FILE
from tests.unit.store import crash_child
from tests.unit.store.stores import drained, opened

# CLOUDPATH_CRASHES=500 takes four minutes.
CRASHES: Final = int(os.environ.get("CLOUDPATH_CRASHES", "20"))
ROOT: Final = Path(__file__).resolve().parents[3]


def test_nothing_that_was_appended_is_lost_and_no_number_is_used_twice(tmp_path: Path) -> None:
    chance = random.Random(5)  # noqa: S311 - the same moments each time, as far as a machine allows
    said: list[str] = []
    for _ in range(CRASHES):
        said += killed_after(chance.uniform(0.0, 0.2), tmp_path)
    appended = {int(seq): identity for word, seq, identity in fields_of(said, "appended")}
    sent = [(batch, int(seq), identity) for _, batch, seq, identity in fields_of(said, "sent")]
    with History(tmp_path) as history:
        kept = {entry.seq: entry.id for entry in history.entries(Wanted(kinds=(Kind.SAMPLE,)))}
    assert len(appended) > CRASHES
    assert appended.items() <= kept.items()
    assert list(kept) == list(range(1, len(kept) + 1))
    assert all(kept[seq] == identity for _, seq, identity in sent)
    assert_batches_stay_what_they_were([(batch, seq) for batch, seq, _ in sent])
    rest = drained(opened(tmp_path))
    assert {seq for _, seq, _ in sent} | {entry.seq for entry in rest} == set(kept)
    with sqlite3.connect(tmp_path / FILE) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def fields_of(said: list[str], word: str) -> list[list[str]]:
    return [line.split() for line in said if line.startswith(f"{word} ")]


def assert_batches_stay_what_they_were(sent: list[tuple[str, int]]) -> None:
    """Each time that a batch was sent it began alike; a kill may have cut it short."""
    runs: dict[str, list[list[int]]] = defaultdict(list)
    for batch, seq in sent:
        if not runs[batch] or seq <= runs[batch][-1][-1]:
            runs[batch].append([])
        runs[batch][-1].append(seq)
    for again in runs.values():
        longest = max(again, key=len)
        assert all(run == longest[: len(run)] for run in again)


def killed_after(seconds: float, directory: Path) -> list[str]:
    """Return the whole lines of a child that was killed so long after its first one."""
    command = [sys.executable, str(Path(crash_child.__file__)), str(directory)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0, env=environment) as child:
        assert child.stdout is not None
        first = child.stdout.readline()
        reader = os.dup(child.stdout.fileno())
        lines = [first]
        until = time.monotonic() + seconds
        os.set_blocking(reader, False)
        text = b""
        while time.monotonic() < until:
            try:
                text += os.read(reader, 65536)
            except BlockingIOError:
                time.sleep(0.001)
        child.send_signal(signal.SIGKILL)
        os.set_blocking(reader, True)
        while block := os.read(reader, 65536):
            text += block
        os.close(reader)
    whole = text.rpartition(b"\n")[0].split(b"\n") if b"\n" in text else []
    return [line.decode() for line in (*lines, *whole)]
