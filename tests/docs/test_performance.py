"""The performance page: its results and its plot are what its figures say, and what it tells to type is there."""

import re
from pathlib import Path

import pytest

from bench import report
from bench.plot import svg
from bench.race import NETWORKS, parser
from bench.report import BEGIN, END, Results

_DOCS = Path(__file__).parents[2] / "docs"
_PAGE = (_DOCS / "performance.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def results() -> Results:
    return Results.from_json((_DOCS / "performance" / "race.json").read_text(encoding="utf-8"))


def test_the_tables_are_the_figures(results: Results) -> None:
    assert report.filled(_PAGE, report.markdown(results)) == _PAGE


def test_the_plot_is_the_figures(results: Results) -> None:
    shown = (_DOCS / "performance" / "race.svg").read_text(encoding="utf-8")
    assert shown == svg(results.samples, tuple(results.networks))


def test_the_results_are_of_a_full_run(results: Results) -> None:
    assert results.command == "python -m bench"
    assert results.missing == ()
    assert results.runs >= 5
    assert tuple(results.networks) == NETWORKS


def test_the_results_have_one_place() -> None:
    assert (_PAGE.count(BEGIN), _PAGE.count(END)) == (1, 1)


def test_the_commands_are_accepted() -> None:
    lines = re.findall(r"python -m bench(.*?)(?:#.*)?$", _PAGE.partition("```sh")[2].partition("```")[0], re.MULTILINE)
    assert len(lines) == 5
    for line in lines:
        parser().parse_args(line.split())


def test_every_option_is_on_the_page() -> None:
    options = {text for action in parser()._actions for text in action.option_strings if text.startswith("--")}
    assert {option for option in options if option not in _PAGE} == {"--help"}
