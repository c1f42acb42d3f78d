"""The service's memory, threads and descriptors over some hundred samples of the real network.

`python -m bench daemon` measures the same for an hour.
"""

import json
import time
from collections.abc import Iterator
from statistics import median

import pytest

from bench.daemon import Service
from bench.daemon_watch import Point

pytestmark = pytest.mark.lab

TARGETS = 80
INTERVAL_S = 10
# Each kind of target has been sampled by then, and everything that samples need is loaded.
FIRST_SAMPLES = 20
MOST_MB = 45
SETTLED_SAMPLES = 120
SAMPLES = 360
# A document is 7 kB: had each sample of the half kept as much, it would be twice this.
MOST_GROWTH_KB = 800
PATIENCE_S = 80


@pytest.fixture(scope="module")
def service(prepared: None) -> Iterator[Service]:
    del prepared
    with Service(targets=TARGETS, interval_s=INTERVAL_S) as started:
        yield started


@pytest.fixture(scope="module")
def points(service: Service) -> list[Point]:
    """Look at the service until it has delivered enough samples."""
    found: list[Point] = []
    while not found or found[-1].samples < SAMPLES:
        assert service.age_s() < PATIENCE_S, f"{found[-1]}\n{service.log()}"
        time.sleep(0.25)
        found.append(service.look())
    return found


def test_it_stays_within_its_memory(points: list[Point]) -> None:
    first = next(point for point in points if point.samples >= FIRST_SAMPLES)
    assert first.rss_kb / 1024 <= MOST_MB, first


def test_it_does_not_grow(points: list[Point]) -> None:
    settled = [point for point in points if point.samples >= SETTLED_SAMPLES]
    half = len(settled) // 2
    before, after = (median(point.rss_kb for point in part) for part in (settled[:half], settled[half:]))
    assert after - before <= MOST_GROWTH_KB


def test_threads_and_descriptors_come_back(points: list[Point]) -> None:
    settled = [point for point in points if point.samples >= SETTLED_SAMPLES]
    half = len(settled) // 2
    for count in (lambda point: point.threads, lambda point: point.descriptors):
        # Between two samples there are no more of them later than there were before.
        assert min(map(count, settled[half:])) <= min(map(count, settled[:half])) + 2
        assert max(map(count, points)) <= 200


def test_the_doctor_looks_at_it_and_disturbs_nothing(points: list[Point], service: Service) -> None:
    del points
    samples = service.look().samples
    findings = json.loads(service.ask("doctor", "--json").stdout)
    found = [(finding["check"], finding["level"], finding["found"]) for finding in findings]
    assert any(f"(process {service.pid})" in text for check, _, text in found if check == "store")
    assert {level for check, level, _ in found if check in {"store", "sink", "health", "limits"}} == {"ok"}
    assert sum(check == "sink" for check, _, _ in found) == 2
    assert any("well and ready" in text for check, _, text in found if check == "health")
    assert service.look().samples > samples
    assert "error" not in service.log()


def test_it_samples_every_target_and_ends_when_told(points: list[Point], service: Service) -> None:
    del points
    starts = service.starts_s()
    assert len(starts) == TARGETS
    assert all(starts.values())
    assert 0 < min(map(min, starts.values())) - service.ready_at_s() < INTERVAL_S
    ended = service.stop()
    assert ended["exit_code"] == 0
    assert ended["stop_s"] < 5
