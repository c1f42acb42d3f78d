"""The service's memory, threads and descriptors over some hundred samples of the real network.

What it keeps is told at rest: at work that differs by the threads that happen to run. `python -m bench daemon` measures
the same for an hour, and for a day.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from bench.daemon import Service
from bench.daemon_watch import Point

# Two rests and the work between them take two minutes.
pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

TARGETS = 80
INTERVAL_S = 10
# Each kind of target has been sampled by then, and everything that samples need is loaded.
FIRST_SAMPLES = 20
MOST_MB = 45
# Longer than `bench.weighed` waits before it has the table of interned strings at its last size.
WARM_S = 32
SAMPLES = 200
# A thread without work ends after 10 s, and cycles are collected every 30 s.
REST_S = 42
# A document is 7 kB: had each sample between the rests kept as much, it would be twice this.
MOST_GROWTH_KB = 800
# `agent.concurrent`, and what one sample takes at most: a trace by each protocol, the web address, names, the network.
MOST_AT_ONCE = 16
MOST_THREADS = 6
MOST_DESCRIPTORS = 15
PATIENCE_S = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """What the service has left when nothing is due: its last look, and the least that was in use."""

    last: Point
    in_use_kb: float


@pytest.fixture(scope="module")
def service(prepared: None) -> Iterator[Service]:
    del prepared
    with Service(targets=TARGETS, interval_s=INTERVAL_S, weighed=True) as started:
        yield started


@pytest.fixture(scope="module")
def points(service: Service) -> list[Point]:
    """Look at the service until it is warm and has delivered enough samples."""
    return looks(service, SAMPLES, WARM_S)


@pytest.fixture(scope="module")
def rests(service: Service, points: list[Point]) -> tuple[Rest, Rest]:
    """Let the service rest after its first samples, and again after as many more; leave it at work."""
    del points
    before = rested(service)
    looks(service, before.last.samples + SAMPLES, 0)
    after = rested(service)
    looks(service, after.last.samples + 1, 0)
    return before, after


def looks(service: Service, samples: int, least_age_s: float) -> list[Point]:
    """Look at the service until it has delivered so many samples and is so old."""
    found: list[Point] = []
    begun_s = service.age_s()
    while not found or found[-1].samples < samples or service.age_s() < least_age_s:
        assert service.age_s() - begun_s < PATIENCE_S, f"{found[-1]}\n{service.log()}"
        time.sleep(0.25)
        found.append(service.look())
    return found


def rested(service: Service) -> Rest:
    service.rest()
    end_s = service.age_s() + REST_S
    in_use = []
    while service.age_s() < end_s:
        time.sleep(0.5)
        in_use.append(service.in_use_bytes() / 1024)
    last = service.look()
    service.work()
    return Rest(last=last, in_use_kb=min(in_use))


def test_it_stays_within_its_memory(points: list[Point]) -> None:
    first = next(point for point in points if point.samples >= FIRST_SAMPLES)
    assert first.rss_kb / 1024 <= MOST_MB, first


def test_it_does_not_grow(rests: tuple[Rest, Rest]) -> None:
    before, after = rests
    assert after.last.samples - before.last.samples >= SAMPLES
    assert after.in_use_kb - before.in_use_kb <= MOST_GROWTH_KB


def test_threads_and_descriptors_come_back(points: list[Point], rests: tuple[Rest, Rest]) -> None:
    before, after = (rest.last for rest in rests)
    assert after.threads <= before.threads
    assert after.descriptors <= before.descriptors
    assert max(point.threads for point in points) <= MOST_AT_ONCE * MOST_THREADS + after.threads
    assert max(point.descriptors for point in points) <= MOST_AT_ONCE * MOST_DESCRIPTORS + after.descriptors


def test_the_doctor_looks_at_it_and_disturbs_nothing(rests: tuple[Rest, Rest], service: Service) -> None:
    del rests
    samples = service.look().samples
    findings = json.loads(service.ask("doctor", "--json").stdout)
    found = [(finding["check"], finding["level"], finding["found"]) for finding in findings]
    assert any(f"(process {service.pid})" in text for check, _, text in found if check == "store")
    assert {level for check, level, _ in found if check in {"store", "sink", "health", "limits"}} == {"ok"}
    assert sum(check == "sink" for check, _, _ in found) == 2
    assert any("well and ready" in text for check, _, text in found if check == "health")
    assert service.look().samples > samples
    assert "error" not in service.log()


def test_it_samples_every_target_and_ends_when_told(rests: tuple[Rest, Rest], service: Service) -> None:
    del rests
    starts = service.starts_s()
    assert len(starts) == TARGETS
    assert all(starts.values())
    assert 0 < min(map(min, starts.values())) - service.ready_at_s() < INTERVAL_S
    ended = service.stop()
    assert ended["exit_code"] == 0
    assert ended["stop_s"] < 5
