"""Tables, plot and page: everything measured is shown, and what was wrong cannot be overlooked."""

import dataclasses
import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench import report
from bench.__main__ import main
from bench.contestants import ENGINE, REFERENCE
from bench.plot import svg
from bench.report import BEGIN, END, Network, Results
from bench.table import complaints, faster, grid, network_table, number
from tests.unit.bench.samples import ICMP, TCP_NOBODY, sample

RIGHT = sample(ENGINE, 50.0, in_process_ms=42.0, target_rtt_ms=40.1, sent=36)
WRONG = sample("scapy sr()", 400.0, right=False, hops_found=4, complaint="told 10.0.0.1 *")
THEIRS = sample(REFERENCE, 100.0)
SAMPLES = (RIGHT, THEIRS, WRONG)


def results() -> Results:
    return Results(
        date="2030-01-02",
        command="python -m bench",
        machine="1 × Abacus",
        runs=1,
        took_s=90.0,
        load_before=0.04,
        load_after=1.26,
        networks={"ten": Network(title="Ten hops.", round_trip_ms=40.0)},
        missing=("mtr -c 3 (mtr is not installed)",),
        samples=SAMPLES,
        starts_ms=(8.0, 9.25, 30.0),
    )


def test_what_python_itself_takes_is_said_and_kept_and_may_be_missing_in_older_figures() -> None:
    assert "beside each round: 9.2 ms" in report.markdown(results())
    assert Results.from_json(results().as_json()) == results()
    older = json.loads(results().as_json())
    del older["starts_ms"]
    read = Results.from_json(json.dumps(older))
    assert read == dataclasses.replace(results(), starts_ms=())
    assert "beside each round" not in report.markdown(read)


def test_a_contestants_row_has_every_figure() -> None:
    row = next(line for line in network_table(SAMPLES, "ten").splitlines() if line.startswith(f"| {ENGINE} "))
    figures = ["50.0", "50.0–50.0", "0.50", "42.0", "40.1", "36", "10.0", "8.0", "100 %", "1/1"]
    assert [cell.strip() for cell in row.strip("|").split("|")][1:] == figures


def test_a_wrong_path_is_marked_in_every_table_and_explained() -> None:
    row = next(line for line in network_table(SAMPLES, "ten").splitlines() if "scapy" in line)
    assert "40 %" in row
    assert "**0/1** ✗" in row
    assert "400 ✗1" in grid(SAMPLES, "ten")
    assert complaints(SAMPLES, "ten") == "* scapy sr(), ICMP IPv4 root: 1 wrong, for example: told 10.0.0.1 *\n"


def test_the_grid_shows_where_somebody_did_not_run() -> None:
    text = grid((RIGHT, THEIRS, sample(ENGINE, 60.0, situation=TCP_NOBODY)), "ten")
    assert [line.split(" | ")[1:] for line in text.splitlines()[2:]] == [["50.0", "60.0 |"], ["100", "– |"]]


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "–"), (0.5, "0.5"), (99.94, "99.9"), (100.4, "100"), (20_057.0, "20,057")]
)
def test_numbers_have_the_digits_that_matter(value: float | None, shown: str) -> None:
    assert number(value) == shown


def test_who_is_sooner_than_the_engine_and_right_is_said() -> None:
    winner, wrong_winner = sample("tracepath", 25.0), sample("icmplib", 20.0, right=False)
    assert faster((*SAMPLES, winner, wrong_winner), "ten") == "* ten: tracepath (we take 2.00 ×)\n"
    assert faster(SAMPLES, "ten") == ""


def test_being_wrong_as_nobody_hides_no_being_sooner_as_root() -> None:
    runs = (sample("tracepath", 25.0), sample("tracepath", 20.0, situation=TCP_NOBODY, right=False))
    assert faster((*SAMPLES, *runs, sample(ENGINE, 60.0, situation=TCP_NOBODY)), "ten").endswith("(we take 2.00 ×)\n")


def test_tables_and_plot_are_made_again_from_the_figures(tmp_path: Path) -> None:
    report.write(tmp_path, results())
    before = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    for name in ("race.svg", "results.md"):
        (tmp_path / name).unlink()
    assert main(["--render", "--output", str(tmp_path)]) == 0
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == before


def test_without_figures_nothing_is_made_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--render", "--output", str(tmp_path)]) == 2
    assert "no race.json" in capsys.readouterr().err


def test_results_are_read_back_from_json() -> None:
    assert Results.from_json(results().as_json()) == results()


def test_the_report_names_date_command_machine_and_who_is_missing() -> None:
    text = report.markdown(results())
    for words in (
        "2030-01-02",
        "`python -m bench`",
        "1 × Abacus",
        "Load average before 0.0, after 1.3",
        "Left out: mtr -c 3",
        "Ten hops.",
    ):
        assert words in text


def test_the_results_go_into_the_page_beside_the_directory(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(f"# Before\n{BEGIN}\nstale\n{END}\nafter\n", encoding="utf-8")
    report.write(tmp_path / "performance", results())
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Before\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "stale" not in text
    assert "Abacus" in text
    assert {each.name for each in (tmp_path / "performance").iterdir()} == {"race.json", "race.svg"}


def test_without_a_page_the_tables_are_a_file(tmp_path: Path) -> None:
    report.write(tmp_path / "out", results())
    assert "Abacus" in (tmp_path / "out" / "results.md").read_text(encoding="utf-8")


def test_the_plot_is_well_formed_and_longer_bars_are_slower() -> None:
    picture = ET.fromstring(svg(SAMPLES, ("ten", "dead")))  # noqa: S314 - our own
    bars = [each for each in picture.iter("{http://www.w3.org/2000/svg}rect") if each.get("class") != "ground"]
    assert [each.get("class") for each in bars] == ["us", "peer", "wrong"]
    widths = [float(each.get("width", "0")) for each in bars]
    assert widths == sorted(widths)
    words = [each.text for each in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"ten", "dead", ENGINE, "50", "400 ✗"} <= set(words)


def test_the_plot_is_readable_in_the_dark() -> None:
    assert "prefers-color-scheme: dark" in svg(SAMPLES, ("ten",))


def test_icmp_is_first() -> None:
    both = (sample(ENGINE, 60.0, situation=TCP_NOBODY), RIGHT)
    assert f"| {ENGINE} (icmp) | 50.0 " in network_table(sorted(both, key=lambda each: each.situation != ICMP), "ten")
