"""The bars: when one is met, and that a fast wrong answer never meets one."""

import pytest

from bench.bars import BARS, Bar, Measure, Verdict, verdicts
from bench.contestants import COMMAND, CONTESTANTS, ENGINE, FAST, REFERENCE
from bench.course import read_network
from bench.figures import Sample
from probes.facts import Protocol
from tests.unit.bench.samples import ICMP, TCP_NOBODY, UDP, sample

RTT_MS = {"ten": 40.0, "twenty": 80.0}


def verdict(samples: list[Sample], measure: Measure, against: str) -> Verdict:
    """Return the verdict on the one bar of a kind."""
    (found,) = (
        each for each in verdicts(samples, RTT_MS) if each.bar.measure is measure and each.bar.against == against
    )
    return found


def rounds(contestant: str, *walls_ms: float, **known: object) -> list[Sample]:
    return [sample(contestant, wall_ms, round=number, **known) for number, wall_ms in enumerate(walls_ms)]


def test_a_bar_is_met_at_its_limit() -> None:
    found = verdict(rounds(ENGINE, 60, 60, 60) + rounds(REFERENCE, 60, 60, 60), Measure.WALL, REFERENCE)
    assert found.measured == {ICMP: 1.0}
    assert found.missed == ()


def test_a_bar_is_missed_above_its_limit() -> None:
    found = verdict(rounds(ENGINE, 61, 62, 63) + rounds(REFERENCE, 60, 60, 60), Measure.WALL, REFERENCE)
    assert found.missed == (ICMP,)
    assert found.worst == pytest.approx(62 / 60)


def test_a_wrong_path_misses_however_fast_it_was() -> None:
    fast = rounds(ENGINE, 1, 1, 1, right=False) + rounds(REFERENCE, 60, 60, 60)
    assert verdict(fast, Measure.WALL, REFERENCE).missed == (ICMP,)


def test_one_wrong_path_of_three_misses() -> None:
    ours = [*rounds(ENGINE, 30, 30), sample(ENGINE, 30, round=2, right=False)]
    found = verdict(ours + rounds(REFERENCE, 60, 60, 60), Measure.WALL, REFERENCE)
    assert found.measured == {ICMP: 0.5}
    assert found.missed == (ICMP,)


def test_a_peer_that_was_wrong_is_no_measure() -> None:
    theirs = [*rounds(REFERENCE, 60, 60), sample(REFERENCE, 600, round=2, right=False)]
    assert verdict(rounds(ENGINE, 90, 90, 90) + theirs, Measure.WALL, REFERENCE).missed == (ICMP,)


def test_tcp_has_a_bar_of_its_own() -> None:
    ours = rounds(ENGINE, 64, 64, 64, situation=TCP_NOBODY) + rounds(REFERENCE, 60, 60, 60)
    found = verdict(ours, Measure.WALL, REFERENCE)
    assert (found.bar.limit, found.missed) == (1.10, ())


def test_each_situation_is_judged() -> None:
    ours = rounds(ENGINE, 50, 50, 50) + rounds(ENGINE, 80, 80, 80, situation=UDP)
    theirs = rounds(REFERENCE, 60, 60, 60) + rounds(REFERENCE, 60, 60, 60, situation=UDP)
    found = verdict(ours + theirs, Measure.WALL, REFERENCE)
    assert (found.situations, found.missed) == ((ICMP, UDP), (UDP,))


def test_in_process_is_compared_with_the_delay_that_the_map_has() -> None:
    found = verdict(rounds(ENGINE, 60, 60, 60, in_process_ms=48.0), Measure.IN_PROCESS, "")
    assert (found.worst, found.missed) == (1.2, (ICMP,))


def test_the_command_is_compared_by_its_difference() -> None:
    found = verdict(rounds(ENGINE, 60, 60, 60) + rounds(COMMAND, 170, 180, 190), Measure.MORE_MS, ENGINE)
    assert (found.worst, found.missed) == (120.0, ())


def test_what_did_not_run_has_no_verdict() -> None:
    assert verdicts(rounds(REFERENCE, 60, 60, 60), RTT_MS) == ()


@pytest.mark.parametrize("bar", BARS, ids=lambda bar: f"{bar.contestant}, {bar.against}, {bar.network}, {bar.measure}")
def test_every_bar_names_contestants_and_a_network_that_there_are(bar: Bar) -> None:
    names = {each.name: each for each in CONTESTANTS}
    assert {bar.contestant, bar.against} - {""} <= names.keys()
    assert all(bar.network not in names[name].absent for name in (bar.contestant, bar.against) if name)
    assert (bar.against == "") is (bar.measure is Measure.IN_PROCESS)
    assert read_network(bar.network).name == bar.network


def test_the_main_bars_cover_every_protocol() -> None:
    for network in ("ten", "twenty", "three_silent", "dead"):
        bars = [each for each in BARS if each.network == network and each.against == REFERENCE]
        assert {protocol for each in bars for protocol in each.protocols} == set(Protocol)
    assert any(each.contestant == FAST for each in BARS)
