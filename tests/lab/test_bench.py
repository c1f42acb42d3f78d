"""The bench in the lab: on its networks every contestant finds the path, and is counted."""

import pytest

from bench import race
from bench.bars import verdicts
from bench.contestants import CONTESTANTS, Contestant
from bench.figures import SITUATIONS, Sample
from bench.race import Plan
from tests.lab.conftest import compile_packages

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def samples() -> dict[str, Sample]:
    """Race everybody once over the ten hops, by the first protocol that each has."""
    compile_packages()
    plan = Plan(networks=("ten",), contestants=CONTESTANTS, situations=SITUATIONS[:2], runs=1)
    found = race.race(plan, lambda _: None)
    return {each.contestant: each for each in reversed(found)}


@pytest.mark.parametrize("contestant", CONTESTANTS, ids=lambda each: each.name)
def test_every_contestant_finds_the_path(samples: dict[str, Sample], contestant: Contestant) -> None:
    sample = samples[contestant.name]
    assert sample.right, sample.complaint
    assert sample.hops_found == sample.hops_there == 10


@pytest.mark.parametrize("contestant", CONTESTANTS, ids=lambda each: each.name)
def test_every_contestant_is_counted(samples: dict[str, Sample], contestant: Contestant) -> None:
    sample = samples[contestant.name]
    assert sample.wall_ms > 40
    assert sample.sent is not None
    assert 10 <= sample.sent <= 100
    assert 0 < sample.cpu_ms < 10_000
    assert 1 < sample.peak_mb < 200


def test_there_is_a_verdict_on_every_bar_of_the_network(samples: dict[str, Sample]) -> None:
    judged = verdicts(tuple(samples.values()), {"ten": 40.0})
    assert {each.bar.network for each in judged} == {"ten"}
    assert all(each.measured for each in judged)
