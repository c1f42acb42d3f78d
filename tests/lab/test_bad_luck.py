"""The service while its disk fills up, its store is destroyed, its clock jumps, and the host gives it nothing more.

Whatever happens it is alive, every target keeps its slots, the newest is kept, and every number is either delivered or
told of as lost.
"""

import json
import os
import resource
import secrets
import shutil
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest

from agent.store.entry import Kind
from agent.store.history import History, Wanted
from agent.store.schema import FILE
from tests.lab.hostile_collector import HostileCollector, Mode
from tests.lab.own_place import OwnPlace
from tests.lab.service_run import Service
from tests.lab.small_disk import fill_up, remount, small_disk
from tests.unit.watch.own_namespace import OwnNamespace

pytestmark = pytest.mark.lab

INTERVAL_S: Final = 10
HOUR_S: Final = 3600
# A twentieth of the interval is jitter; the rest is what waiting for one of two busy processors may take.
LATE_S: Final = 2.5
# Memory holds some thousand samples of a path that long, which is as long as one can be.
LONG_PATH: Final = 1900
MORE_THAN_MEMORY_HOLDS: Final = 1150
TAKES_NOTHING: Final = "the store takes nothing, so samples are held in memory until it does"


class Collector:
    """One that takes everything, or is down and asks for a second's peace."""

    def __init__(self, namespace: OwnNamespace, directory: Path) -> None:
        self.down = False
        self.hostile = namespace.call(HostileCollector, directory / "kept.ndjson", self._choose)

    def _choose(self, *_: object) -> Mode:
        return Mode.BUSY if self.down else Mode.OK

    def numbers(self) -> list[int]:
        """Return the numbers that it got, in the order of coming."""
        return [one["seq"] for one in self.hostile.kept]


@pytest.fixture(scope="module")
def namespace(prepared: None) -> Iterator[OwnNamespace]:
    del prepared
    with OwnNamespace() as made:
        yield made


@pytest.fixture
def collector(namespace: OwnNamespace, tmp_path: Path) -> Iterator[Collector]:
    made = Collector(namespace, tmp_path)
    with made.hostile:
        yield made


Run = Callable[..., Service]


@pytest.fixture
def service(namespace: OwnNamespace, collector: Collector) -> Iterator[Run]:
    """Make services with a number of targets on the loopback, which deliver to the collector and to a file."""
    made: list[Service] = []

    def make(count: int, state: Path, *, path: int = 0, variables: dict[str, str] | None = None) -> Service:
        targets = [target(number, path) for number in range(1, count + 1)]
        http = {"type": "http", "name": "collector", "url": collector.hostile.url, "timeout_s": 2}
        agent = {"interval_s": INTERVAL_S, "state_dir": str(state)}
        settings: dict[str, Any] = {"agent": agent, "targets": targets, "emit": [http]}
        made.append(Service(OwnPlace(namespace), "here", settings, variables=variables))
        return made[-1]

    yield make
    for each in made:
        each.__exit__()


def target(number: int, path: int) -> dict[str, str]:
    """Return a target on the loopback; with a long path at random its document is large, and stays so."""
    address = f"127.0.{number // 250}.{number % 250 + 1}"
    where = {"url": f"http://{address}:9/{secrets.token_urlsafe(path * 3 // 4)}"} if path else {"host": address}
    return {"name": f"t{number}", **where}


# --- what must hold ---------------------------------------------------------------------------------------------------


def unaccounted(collector: Collector, state: Path, *services: Service) -> list[tuple[int, int]]:
    """Return the numbers, from and to, that the collector neither got nor is told of as lost.

    A loss of the last minute is told of when the service ends: it is in the store, and goes out at the next start.
    """
    got = [(seq, seq) for seq in collector.numbers()]
    told = [(gap["first_seq"], gap["last_seq"]) for gap in gaps(state, *services)]
    following, holes = 1, []
    for first, last in sorted(got + told):
        if first > following:
            holes.append((following, first - 1))
        following = max(following, last + 1)
    return holes


def gaps(state: Path, *services: Service) -> list[dict[str, Any]]:
    """Return what was told of losses: what went out, and what the store has."""
    with History(state) as history:
        kept = [json.loads(entry.data) for entry in history.entries(Wanted(kinds=(Kind.GAP,)))]
    sent = [record for service in services for record in service.records()]
    return kept + [record for record in sent if record["schema"] == "cloudpath.gap/1" and record not in kept]


def used_twice(*services: Service) -> list[int]:
    """Return the numbers that stand for more than one record."""
    by_number = defaultdict(set)
    for service in services:
        for record in service.records():
            by_number[record["seq"]].add(record["id"])
    return [seq for seq, ids in by_number.items() if len(ids) > 1]


def off_schedule(service: Service) -> dict[str, list[float]]:
    """Return the targets that did not keep their slots, and when they were sampled, in seconds.

    A clock that jumps, jumps by whole hours; no test takes one.
    """
    found = {}
    by_target = defaultdict(list)
    for sample in service.samples():
        by_target[sample["target"]["name"]].append(datetime.fromisoformat(sample["started_at"]).timestamp())
    for name, at in by_target.items():
        after = [round((each - at[0] + HOUR_S / 2) % HOUR_S - HOUR_S / 2, 1) for each in at]
        if any(abs(each - INTERVAL_S * number) > LATE_S for number, each in enumerate(after)):
            found[name] = after
    return found


def is_sound(database: Path) -> bool:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    finally:
        connection.close()


def go_on(service: Service, more: int, longest_s: float = 15) -> None:
    """Wait for more samples."""
    goal = len(service.samples()) + more
    service.wait(lambda: len(service.samples()) >= goal, f"at {goal} samples", longest_s)


def end_in_peace(service: Service, collector: Collector) -> None:
    """Let it end once everything has gone out."""
    newest = service.records()[-1]["seq"]
    service.wait(lambda: newest in collector.numbers(), "delivered", 20)
    code, took_s = service.end()
    assert code == 0
    assert took_s < 5


# --- the disk ---------------------------------------------------------------------------------------------------------


def test_somebody_else_fills_the_disk_until_memory_is_full_too(
    service: Run, collector: Collector, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", 8) as disk:
        running = service(300, disk / "state", path=LONG_PATH).ready()
        go_on(running, 30)
        collector.down = True
        while len(running.samples()) < MORE_THAN_MEMORY_HOLDS:
            # What the store gives up the other one takes.
            fill_up(disk / "other")
            time.sleep(0.5)
        newest = running.samples()[-1]["seq"]
        (disk / "other").unlink()
        collector.down = False
        running.wait(lambda: newest in collector.numbers(), "delivered", 20)
        end_in_peace(running, collector)
        losses = gaps(disk / "state", running)
        assert {(loss["why"], *loss["sinks"]) for loss in losses} == {("disk", "collector")}
        # Their numbers are those that the collector has not got, each once, and no others. What was on its way when the
        # disk came back is told of by itself, once it is known that it did not arrive.
        told = [seq for loss in losses for seq in range(loss["first_seq"], loss["last_seq"] + 1)]
        assert sum(loss["lost"] for loss in losses) == len(told)
        assert sorted(told) == sorted(set(range(1, newest)).difference(collector.numbers()))
        assert told == list(range(told[0], told[-1] + 1))
        assert unaccounted(collector, disk / "state", running) == []
        assert used_twice(running) == []
        assert off_schedule(running) == {}
        assert is_sound(disk / "state" / FILE)


def test_a_disk_that_takes_nothing_at_first_and_again_later(service: Run, collector: Collector, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 8, "ro") as disk:
        running = service(30, disk / "state").ready()
        go_on(running, 5)
        running.wait(lambda: running.has_logged(TAKES_NOTHING), "told of", 5)
        remount(disk, "rw")
        running.wait((disk / "state" / FILE).exists, "on the disk again", 5)
        go_on(running, 5)
        # Nobody can remount what is being written to, so another one that takes nothing hides it.
        with small_disk(disk, 1, "ro"):
            go_on(running, 5)
        go_on(running, 5)
        end_in_peace(running, collector)
        assert unaccounted(collector, disk / "state", running) == []
        assert {gap["why"] for gap in gaps(disk / "state", running)} == {"skipped"}
        assert used_twice(running) == []
        assert off_schedule(running) == {}
        assert is_sound(disk / "state" / FILE)


# --- the store --------------------------------------------------------------------------------------------------------


def overwrite(state: Path) -> None:
    file = state / FILE
    with file.open("r+b") as writing:
        writing.write(os.urandom(file.stat().st_size))


def truncate(state: Path) -> None:
    os.truncate(state / FILE, 5000)


def empty(state: Path) -> None:
    os.truncate(state / FILE, 0)


def delete(state: Path) -> None:
    (state / FILE).unlink()


def replace_by_directory(state: Path) -> None:
    (state / FILE).unlink()
    (state / FILE).mkdir()
    (state / FILE / "something").touch()


def delete_log(state: Path) -> None:
    (state / f"{FILE}-wal").unlink(missing_ok=True)


def delete_everything(state: Path) -> None:
    shutil.rmtree(state)


RUINS: Final = (overwrite, truncate, empty, delete, replace_by_directory, delete_log, delete_everything)


def test_a_store_that_is_destroyed_under_it_again_and_again(service: Run, collector: Collector, tmp_path: Path) -> None:
    state = tmp_path / "state"
    running = service(30, state).ready()
    go_on(running, 3)
    for ruin in RUINS:
        ruin(state)
        go_on(running, 3)
    end_in_peace(running, collector)
    assert unaccounted(collector, state, running) == []
    assert used_twice(running) == []
    assert off_schedule(running) == {}
    assert is_sound(state / FILE)


def test_a_store_that_is_destroyed_before_each_start(service: Run, collector: Collector, tmp_path: Path) -> None:
    state = tmp_path / "state"
    lives = [service(30, state).ready()]
    go_on(lives[0], 3)
    # Of a directory that is not there nobody knows which numbers were used in it.
    for ruin in RUINS[:-1]:
        end_in_peace(lives[-1], collector)
        ruin(state)
        lives.append(service(30, state).ready())
        go_on(lives[-1], 2)
    end_in_peace(lives[-1], collector)
    assert unaccounted(collector, state, *lives) == []
    assert used_twice(*lives) == []
    assert is_sound(state / FILE)


# --- nothing more from the host ---------------------------------------------------------------------------------------

# Fewer than any service has open, and as many as poll(2) is given at once: more is EINVAL under this limit.
FEWEST_FILES: Final = 8


def test_a_host_that_gives_no_more_descriptors(service: Run, collector: Collector, tmp_path: Path) -> None:
    state = tmp_path / "state"
    running = service(30, state).ready()
    go_on(running, 5)
    before = resource.prlimit(running.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(running.pid, resource.RLIMIT_NOFILE, (FEWEST_FILES, before[1]))
    # One may have been under way.
    go_on(running, 3)
    from_here = len(running.samples())
    go_on(running, 8)
    to_here = len(running.samples())
    resource.prlimit(running.pid, resource.RLIMIT_NOFILE, before)
    go_on(running, 30)
    end_in_peace(running, collector)
    during, after = running.samples()[from_here:to_here], running.samples()[to_here + 3 :]
    assert [codes(sample) for sample in during] == [["CP-01"]] * len(during)
    failures = {failure["failure"] for sample in during for failure in sample["agent_failures"]}
    assert failures == {"too_many_files"}
    assert {sample["status"] for sample in after} == {"ok"}
    assert unaccounted(collector, state, running) == []
    assert gaps(state, running) == []
    assert off_schedule(running) == {}
    assert is_sound(state / FILE)


def codes(sample: dict[str, Any]) -> list[str]:
    return [error["code"] for error in sample["errors"]]


# --- the clock --------------------------------------------------------------------------------------------------------

# libfaketime 0.9.10 refuses to sleep until a monotonic instant, which time.sleep does (clock_nanosleep: EINVAL).
SLEEP: Final = "import select, time; time.sleep = lambda seconds: select.poll().poll(seconds * 1000) and None"


def test_a_clock_that_jumps_an_hour_ahead_and_a_day_back(service: Run, collector: Collector, tmp_path: Path) -> None:
    state, clock = tmp_path / "state", tmp_path / "clock"
    running = service(30, state, variables=moving(clock)).ready()
    go_on(running, 12)
    for jump_s in (HOUR_S, HOUR_S - 24 * HOUR_S):
        clock.write_text(f"{jump_s:+}")
        go_on(running, 12)
    end_in_peace(running, collector)
    samples = running.samples()
    hours = [sample["started_at"][:13] for sample in samples]
    assert len(set(hours)) > 2, hours
    assert hours[0] > hours[-1]
    assert {sample["status"] for sample in samples} == {"ok"}
    assert len({sample["id"] for sample in samples}) == len(samples)
    with History(state) as history:
        shown = [entry.seq for entry in history.entries(Wanted())]
    assert shown == list(range(1, len(shown) + 1))
    # It came as it was numbered, not as the clock had it.
    assert collector.numbers()[: len(shown)] == shown
    assert off_schedule(running) == {}
    assert is_sound(state / FILE)


def moving(clock: Path) -> dict[str, str]:
    """Return the variables of a process whose clock is as far from the real one as a file says, in seconds."""
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
    clock.write_text("+0")
    (clock.parent / "sitecustomize.py").write_text(SLEEP)
    return {
        "PYTHONPATH": str(clock.parent),
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
