"""The service killed at random, again and again, while its collector answers 503, cuts after storing, or lies.

`python -m tests.lab.crash --kills 500` takes half an hour; all of it on loopback, so it needs no network of its own.
What must hold afterwards: every entry of the store has reached the collector, none has another content under the same
number or id, numbers go on without a gap, and the database is sound.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from agent.store.history import History, Wanted
from agent.store.schema import FILE
from tests.lab.hostile_collector import HostileCollector, Mode

if TYPE_CHECKING:
    from tests.lab.hostile_collector import Request

TARGETS: Final = 60
# So long a life is random; most samples are taken at its beginning.
LONGEST_LIFE_S: Final = 3.0
_MODES: Final = (
    Mode.OK,
    Mode.OK,
    Mode.UNAVAILABLE,
    Mode.CUT_AFTER_STORING,
    Mode.CUT_BEFORE_READING,
    Mode.LIE,
    Mode.SERVER_ERROR,
    Mode.TWICE,
    Mode.CLOSE,
    Mode.GARBAGE,
)
_SETTLED_S: Final = 90.0


class Found:
    """What was found after all that: how much there was, and what is wrong with it."""

    def __init__(self) -> None:
        self.kills = self.entries = self.received = self.twice = 0
        self.wrong: list[str] = []

    def told(self) -> str:
        """Return it in one line and one for each thing that is wrong."""
        told = f"{self.kills} kills, {self.entries} entries, {self.received} received, {self.twice} of them again"
        return "\n".join((f"{told}: {len(self.wrong)} wrong", *self.wrong))


def crash(kills: int, seed: int, directory: Path) -> Found:
    """Kill the service so many times, let it deliver in peace at last, and return what is there then."""
    chance = random.Random(seed)  # noqa: S311 - a script, not a secret
    peace = False

    def choose(_number: int, _request: Request) -> Mode:
        return Mode.OK if peace else chance.choice(_MODES)

    found = Found()
    with HostileCollector(directory / "kept.ndjson", choose) as collector:
        config = _configured(directory, collector.url)
        lives = random.Random(seed + 1)  # noqa: S311 - likewise
        for _ in range(kills):
            _live(config, lives.uniform(0.05, LONGEST_LIFE_S))
            found.kills += 1
        peace = True
        _deliver_the_rest(config, directory)
        _judge(found, directory, collector.kept)
    return found


def _configured(directory: Path, url: str) -> Path:
    config = directory / "agent.yaml"
    settings: dict[str, Any] = {
        "agent": {"state_dir": str(directory / "state"), "interval_s": 10, "concurrent": 16},
        "targets": [{"name": f"t{number}", "host": f"127.0.0.{number}"} for number in range(1, TARGETS + 1)],
        "proxy": {"mode": "none"},
        "emit": [{"type": "http", "name": "collector", "url": url, "timeout_s": 2, "batch": 7}],
    }
    config.write_text(yaml.safe_dump(settings))
    return config


def _started(config: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "agent", "run", "-c", str(config), "--log-level", "error"]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL)


def _live(config: Path, seconds: float) -> None:
    """Let one process live for so long after its store is open, and kill it."""
    process = _started(config)
    lock = config.parent / "state" / "store.lock"
    until = time.monotonic() + 20
    while time.monotonic() < until and not _owned_by(lock, process.pid):
        if process.poll() is not None:
            raise RuntimeError(f"the service ended by itself with {process.returncode}")
        time.sleep(0.01)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()


def _owned_by(lock: Path, pid: int) -> bool:
    try:
        return lock.read_text() == f"{pid}\n"
    except OSError:
        return False


def _deliver_the_rest(config: Path, directory: Path) -> None:
    """Let a last process deliver everything, and end it as systemd would, until nothing waits."""
    process = _started(config)
    until = time.monotonic() + _SETTLED_S
    try:
        while time.monotonic() < until:
            time.sleep(0.5)
            with History(directory / "state") as history:
                backlogs = history.backlogs()
                if backlogs and all(backlog.pending == 0 for backlog in backlogs):
                    break
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def _judge(found: Found, directory: Path, kept: list[dict[str, Any]]) -> None:
    with History(directory / "state") as history:
        entries = list(history.entries(Wanted()))
        pending = sum(backlog.pending for backlog in history.backlogs())
        parked = history.parked()
    ids = {entry.seq: entry.id for entry in entries}
    found.entries, found.received = len(entries), len(kept)
    received = {(each["seq"], each["id"]) for each in kept}
    found.twice = len(kept) - len(received)
    # What was taken while the last process ended waits for the next one.
    due = {(entry.seq, entry.id) for entry in entries[: len(entries) - pending]}
    found.wrong += [f"lost: {seq} {identity}" for seq, identity in sorted(due - received)]
    found.wrong += [f"not in the store: {seq} {identity}" for seq, identity in sorted(received - set(ids.items()))]
    found.wrong += [f"no number {seq}" for seq in range(1, max(ids, default=0) + 1) if seq not in ids]
    found.wrong += [
        f"{seq} says it is {json.loads(entry.data)['seq']}"
        for seq, entry in zip(ids, entries, strict=True)
        if json.loads(entry.data)["seq"] != seq
    ]
    found.wrong += [f"parked: {one}" for one in parked]
    found.wrong += _changed_batches(kept)
    with sqlite3.connect(directory / "state" / FILE) as connection:
        (said,) = connection.execute("PRAGMA integrity_check").fetchone()
    connection.close()
    found.wrong += [] if said == "ok" else [f"the database: {said}"]


def _changed_batches(kept: list[dict[str, Any]]) -> list[str]:
    """Return each batch that came with different entries under one id."""
    came: dict[str, set[tuple[int, str]]] = defaultdict(set)
    counts: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for each in kept:
        came[each["batch"]].add((each["seq"], each["id"]))
        counts[each["batch"]][each["seq"]] += 1
    return [f"batch {batch} was not the same each time" for batch in came if len(set(counts[batch].values())) > 1]


def main() -> int:
    """Kill, judge, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("CLOUDPATH_LAB_SEED", "1")))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cloudpath-crash-") as place:
        found = crash(options.kills, options.seed, Path(place))
    print(found.told())  # noqa: T201 - for whoever ran it
    return 1 if found.wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
