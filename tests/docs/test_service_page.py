"""The page on the service: what it promises is what the code has."""

import re
from pathlib import Path

from agent.daemon import schedule, service, workers
from agent.exit_codes import ServiceExit
from agent.sinks import backoff
from agent.store import held

PAGE = (Path(__file__).parents[2] / "docs/service.md").read_text(encoding="utf-8")
WORDS = " ".join(PAGE.split())


def test_the_exit_codes_are_those_that_there_are() -> None:
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)] == [0, *ServiceExit]


def test_the_figures_are_those_that_there_are() -> None:
    assert schedule.JITTER_RATIO == 1 / 20
    assert "a random twentieth of the interval" in WORDS
    assert workers.LIMIT_S == 60
    assert "gives its place away after a minute" in WORDS
    assert (service.SAMPLES_END_S, service.SINKS_END_S) == (3.0, 4.3)
    assert "They have three seconds to end, sinks one more" in WORDS
    assert f"held in memory, {held.MOST_BYTES >> 20} MB of them" in WORDS
    assert backoff.LONGEST_S == 300
    assert "at most every five minutes" in WORDS
