"""The watch over the service: its network leads where it should, and its figures are those of the looks."""

import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.config.reading import parse_configuration
from agent.daemon.schedule import splay_s
from bench.daemon import MODES, parser, report
from bench.daemon_figures import figures, growth_kb, punctuality, slope
from bench.daemon_network import address_of, configuration, line_map
from bench.daemon_rests import SAMPLES_A_DAY, Rest, kept, rest_of
from bench.daemon_watch import Point, look
from bench.weighed import leaking
from probes.facts import Family
from tests.lab.open_way import REPOSITORY


def point(at_s: float, rss_kb: int = 40_960, cpu_s: float = 0.0, samples: int = 0) -> Point:
    return Point(
        at_s=at_s,
        rss_kb=rss_kb,
        anonymous_kb=rss_kb // 2,
        children_kb=0,
        cpu_s=cpu_s,
        threads=5,
        descriptors=20,
        samples=samples,
    )


def test_every_target_is_behind_all_routers() -> None:
    network = line_map(7, 12)
    assert len(network.path("agent", "far", Family.IPV4)) == 8
    assert network.round_trip_ms("agent", "far", Family.IPV4) == 20
    names = network.nodes["resolver"].services.names
    assert names is not None
    assert names["t11.bench.test"] == (address_of(11),)


def test_the_service_takes_its_configuration(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text("-----BEGIN CERTIFICATE-----\n")
    text = configuration(
        targets=1_000, interval_s=300, directory=tmp_path, authority=authority, collector="http://192.0.2.1:8080/"
    )
    settings = parse_configuration(text, "agent.yaml", tmp_path, {}).settings
    assert len(settings.targets) == 1_000
    assert {target.url is None for target in settings.targets} == {True, False}
    assert [sink.type for sink in settings.emit] == ["file", "http"]


def test_shares_are_of_the_window_and_growth_of_what_is_settled() -> None:
    start = [point(0, rss_kb=90_000), point(5, rss_kb=20_480, cpu_s=1.0)]
    window = [point(10 + second, cpu_s=2.0 + second / 100, samples=second) for second in range(101)]
    found = figures([*start, *window], begun_at_s=10, settled_at_s=20)
    assert found["window_s"] == 100
    assert found["cpu_share"] == pytest.approx(0.01)
    assert found["cpu_ms_a_sample"] == 10
    assert found["start_cpu_s"] == 2
    assert found["rss_mb"] == found["rss_most_mb"] == 40
    assert found["growth_kb"] == found["slope_kb_an_hour"] == 0


def test_growth_is_seen_and_a_single_peak_is_none() -> None:
    steady = [point(second, rss_kb=40_000 + 900 * (second == 90)) for second in range(100)]
    assert growth_kb(steady) == 0
    growing = [point(second, rss_kb=40_000 + 10 * second) for second in range(100)]
    assert growth_kb(growing) == pytest.approx(500, abs=10)


def test_the_slope_is_that_of_the_line() -> None:
    assert slope([(x, 3 * x + 1) for x in range(5)]) == pytest.approx(3)
    assert slope([(1, 2), (1, 4)]) == 0


def rests(each_bytes: float, swing_bytes: Sequence[int] = (0, 9_000, -9_000, 4_000, -4_000, 0)) -> list[Rest]:
    """Return the rests of a service that keeps so much of each of 600 samples in a row, and swings besides."""
    # The first samples load what all need.
    loaded = [0, *[3_000_000] * (len(swing_bytes) - 1)]
    return [
        Rest(
            samples=600 * number,
            in_use_bytes=round(25_000_000 + loaded[number] + swing + each_bytes * 600 * number),
            rss_kb=44_000,
            threads=5,
        )
        for number, swing in enumerate(swing_bytes)
    ]


def test_what_is_kept_of_each_sample_is_seen_at_rest() -> None:
    nothing, leak = kept(rests(0)), kept(rests(50))
    assert abs(nothing["kept_bytes_a_sample"]) < 10
    assert leak["kept_bytes_a_sample"] - nothing["kept_bytes_a_sample"] == pytest.approx(50, abs=0.2)
    assert leak["kept_bytes_a_sample"] > 2 * leak["kept_error_bytes"] > 0
    assert leak["kept_kb_a_day"] == pytest.approx(leak["kept_bytes_a_sample"] * SAMPLES_A_DAY / 1024, abs=1)


def test_a_rest_is_what_there_was_at_its_end_and_the_least_in_use_since_cycles_were_collected() -> None:
    tired = [point(second, rss_kb=50_000, samples=600) for second in range(50)]
    looks = [*tired, *(point(50 + second, rss_kb=44_000, samples=601) for second in range(6))]
    # Fewer bytes were in use before the last 40 s; then there is a collection, and cycles come again.
    in_use_bytes = [*[24_000_000] * 15, *[25_200_000] * 15, 25_000_000, *[25_100_000] * 25]
    rest = rest_of(looks, in_use_bytes)
    assert (rest.samples, rest.in_use_bytes, rest.rss_kb, rest.threads) == (601, 25_000_000, 44_000, 5)


def test_the_leak_that_the_measure_is_tried_with_is_as_large_as_it_says() -> None:
    tracemalloc.start()
    take = leaking(lambda number: number + 1, 50)
    before, _ = tracemalloc.get_traced_memory()
    assert [take(number) for number in range(1_000)] == list(range(1, 1_001))
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (after - before) / 1_000 == pytest.approx(50, abs=8)


def test_what_is_in_use_is_counted_by_the_byte() -> None:
    taken, left = numbers_of(
        "from bench.weighed import in_use_bytes; in_use_bytes(); before = in_use_bytes(); "
        "kept = [bytes(100) for _ in range(10_000)]; "
        "taken = in_use_bytes() - before; del kept; print(taken, in_use_bytes() - before)"
    )
    # An object of 133 bytes in a block of 144, and its place in a list that has room for some more.
    assert taken / 10_000 == pytest.approx(152, abs=3)
    # What its threads' caches of small blocks hold counts as in use.
    assert left < 20_000


def test_strings_that_were_interned_and_are_gone_take_more_once_and_never_again() -> None:
    first, second = numbers_of(
        "from bench.weighed import fill_interned, in_use_bytes; in_use_bytes(); before = in_use_bytes(); "
        "fill_interned(); filled = in_use_bytes(); fill_interned(); print(filled - before, in_use_bytes() - filled)"
    )
    # A table of at most 16,384 places, 12 bytes each, becomes twice as large [measured: 210,064 bytes more].
    assert first > 100_000
    assert abs(second) < 20_000


def numbers_of(code: str) -> list[int]:
    """Return the numbers that a process of its own prints, whose Python takes everything from the C library."""
    done = subprocess.run(
        (sys.executable, "-c", code),
        env={**os.environ, "PYTHONMALLOC": "malloc"},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    return [int(number) for number in done.stdout.split()]


def starts(rounds: int, late_s: float = 0.0) -> dict[str, list[float]]:
    """Return when ten targets of agent `a` begin, each round a second after its slot, the last target later."""
    names = [f"t{number}" for number in range(10)]
    found = {name: [100 + splay_s("a", name, 60) + 60 * turn + 1 for turn in range(rounds)] for name in names}
    found["t9"] = [start + late_s for start in found["t9"]]
    return found


def test_whoever_begins_in_his_slot_is_on_time() -> None:
    timing = punctuality(starts(5), "a", 60, begun_s=100, until_s=100 + 5 * 60 + 5)
    assert (timing.targets, timing.slots) == (10, 50)
    assert (timing.on_time, timing.missed) == (50, 0)


def test_whoever_begins_later_is_late_and_whoever_never_begins_is_missed() -> None:
    late = punctuality(starts(5, late_s=8), "a", 60, begun_s=100, until_s=100 + 5 * 60 + 5)
    assert (late.slots - late.on_time, late.missed) == (5, 0)
    absent = punctuality(starts(5) | {"t9": []}, "a", 60, begun_s=100, until_s=100 + 5 * 60 + 5)
    assert (absent.on_time, absent.missed) == (45, 5)


def test_nothing_at_all_is_not_on_time() -> None:
    assert punctuality({"t0": []}, "", 60, begun_s=0, until_s=1_000).on_time == 0


def test_a_process_is_looked_at() -> None:
    found = look(os.getpid(), at_s=1, samples=2)
    assert found.rss_kb > found.anonymous_kb > 1_000
    assert found.cpu_s > 0
    assert found.threads >= 1
    assert found.descriptors >= 3
    assert json.loads(json.dumps(found.plain()))["samples"] == 2
    with pytest.raises(FileNotFoundError):
        look(2**22 + 1, at_s=0, samples=0)


def test_the_report_says_which_bar_was_missed() -> None:
    result = {
        "targets": 10,
        "interval_s": 300,
        "looks": 600,
        "load": [0.1, 0.2],
        "figures": {"rss_mb": 46.0},
        "bars": [{"name": "rss_most_mb", "most": 45.0, "is": 46.0, "met": False}],
    }
    assert "| rss_most_mb | ≤ 45 | 46.0 | missed |" in report(result)


def test_each_mode_can_be_asked_for() -> None:
    assert all(parser().parse_args([mode]).mode == mode for mode in MODES)
    day = MODES["day"]
    # By all rests but the first; some rounds are skipped.
    assert day.targets * day.seconds / day.interval_s * (1 - 1 / day.spells) > SAMPLES_A_DAY
    with pytest.raises(SystemExit):
        parser().parse_args(["--interval", "9"])
