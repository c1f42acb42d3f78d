"""What a service remembers of legs: in memory for all its threads, in the file once a minute, others' lines kept."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.path_memory import FILE, SET_ASIDE, PathMemory
from agent.remembered_paths import MOST_LEGS, WRITE_EVERY_S, RememberedPaths
from probes.facts import Protocol
from probes.trace.memory import Lesson, Remembered, Surroundings

WHERE = Surroundings(epoch="4d2c", interface="eth0", gateway="192.0.2.1", source="192.0.2.2")


@dataclass
class Clock:
    now: float = 100.0

    def monotonic(self) -> float:
        return self.now

    def realtime_ns(self) -> int:
        return 0

    def boottime(self) -> float:
        return self.now


def leg(distance: int) -> Remembered:
    lesson = Lesson(protocol=Protocol.ICMP, distance=distance, rtt_us=1, reached_at_s=5, tried_at_s=5)
    return Remembered(lesson=lesson, learned_in=WHERE)


@pytest.fixture
def file(tmp_path: Path) -> PathMemory:
    return PathMemory(tmp_path / "state")


def test_what_was_learned_is_known_at_once_and_written_a_minute_later(file: PathMemory) -> None:
    clock = Clock()
    paths = RememberedPaths(file, clock)
    paths.remember("a", leg(1))
    assert (paths.recall("a"), file.recall("a")) == (leg(1), None)
    clock.now += WRITE_EVERY_S
    paths.remember("b", leg(2))
    assert (file.recall("a"), file.recall("b")) == (leg(1), leg(2))


def test_the_end_writes_the_rest_and_the_next_service_knows_it(file: PathMemory) -> None:
    paths = RememberedPaths(file, Clock())
    paths.remember("a", leg(1))
    paths.flush()
    assert RememberedPaths(file, Clock()).recall("a") == leg(1)


def test_what_nobody_taught_is_not_written(file: PathMemory, tmp_path: Path) -> None:
    RememberedPaths(file, Clock()).flush()
    assert not (tmp_path / "state").exists()


def test_what_others_learn_meanwhile_stays_and_what_is_forgotten_goes(file: PathMemory) -> None:
    file.remember("forgotten", leg(3))
    paths = RememberedPaths(file, Clock())
    file.remember("another's", leg(4))
    paths.remember("forgotten", None)
    paths.flush()
    assert (paths.recall("forgotten"), file.recall("forgotten"), file.recall("another's")) == (None, None, leg(4))


def test_more_legs_than_memory_has_room_for_push_the_oldest_out(file: PathMemory) -> None:
    paths = RememberedPaths(file, Clock())
    for number in range(MOST_LEGS + 1):
        paths.remember(str(number), leg(1))
    assert (paths.recall("0"), paths.recall("1"), paths.recall(str(MOST_LEGS))) == (None, leg(1), leg(1))


def test_a_strange_file_is_set_aside_and_not_written_over(file: PathMemory, tmp_path: Path) -> None:
    file.remember("a", leg(1))
    (tmp_path / "state" / FILE).write_text("another program's\n")
    paths = RememberedPaths(file, Clock())
    paths.remember("b", leg(2))
    paths.flush()
    assert (tmp_path / "state" / SET_ASIDE).read_text() == "another program's\n"
    assert file.recall("b") == leg(2)
