"""The race: who runs where, what the command line refuses, and the dispatch to the other measurements."""

import sys
from collections import Counter
from types import ModuleType

import pytest

from bench import race
from bench.__main__ import main
from bench.contestants import CONTESTANTS, ENGINE, FAST, REFERENCE
from bench.course import network_names
from bench.figures import SITUATIONS
from bench.race import NETWORKS, QUICK_NETWORKS, parser, plan_of, with_sent
from tests.unit.bench.samples import ICMP, sample


def names(arguments: list[str], network: str) -> Counter[str]:
    """Return how often each contestant runs in a round of a network."""
    return Counter(contestant.name for contestant, _ in plan_of(parser().parse_args(arguments)).heat(network))


def test_every_network_is_raced_on() -> None:
    assert set(NETWORKS) == set(network_names())
    assert set(QUICK_NETWORKS) < set(NETWORKS)


def test_the_engine_runs_by_each_protocol_family_and_user_where_there_are_bars() -> None:
    assert len(SITUATIONS) == 12
    for network in QUICK_NETWORKS:
        assert names([], network)[ENGINE] == 12
    assert names([], "near")[ENGINE] == 1


def test_peers_run_everywhere_they_can_on_ten_and_where_a_bar_names_them() -> None:
    assert names([], "ten")["scapy sr()"] == 6
    assert names([], "twenty")["scapy sr()"] == 1
    assert names([], "dead")["mtr -c 3 -i .1 -G 1"] == 6
    assert names([], "three_silent")["traceroute"] == 10
    assert names([], "three_silent")["traceroute -N 90 -w 1"] == 1


def test_quick_means_ours_and_traceroute_once() -> None:
    assert set(names(["--quick"], "ten").values()) == {1}
    assert set(names(["--quick"], "ten")) == {each.name for each in CONTESTANTS if each.main}
    assert FAST not in names(["--quick"], "dead")


def test_named_contestants_run_alone_even_when_quick() -> None:
    assert names(["--quick", "--contestant", "scapy sr()", "--contestant", REFERENCE], "ten") == {
        "scapy sr()": 1,
        REFERENCE: 1,
    }


def test_runs_and_networks_are_as_asked() -> None:
    plan = plan_of(parser().parse_args(["--runs", "7", "--network", "dead"]))
    assert (plan.runs, plan.networks) == (7, ("dead",))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--network", "moon"], "invalid choice: 'moon'"),
        (["--contestant", "tracert"], "invalid choice: 'tracert'"),
        (["--runs", "0"], "at least 1"),
        (["--runs", "many"], "invalid"),
        (["nothing"], "unrecognized arguments: nothing"),
    ],
)
def test_a_wrong_option_is_named(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert words in capsys.readouterr().err


def test_without_root_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert main([]) == 2
    assert "needs root: sudo" in capsys.readouterr().err


def test_a_missing_tool_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name: None if name == "nft" else name)
    assert main([]) == 2
    assert "needs nft: as root on Debian, scripts/test lab" in capsys.readouterr().err


def test_nothing_to_run_is_an_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name: name)
    assert main(["--quick", "--contestant", "tracepath"]) == 2
    assert "without --quick" in capsys.readouterr().err


def test_the_list_needs_no_root(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert main(["--list"]) == 0
    text = capsys.readouterr().out
    assert all(f"  {name}" in text for name in (*NETWORKS, *(each.name for each in CONTESTANTS)))


def test_a_missing_peer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None if name == "mtr" else name)
    assert race.missing(None) == (
        "mtr -c 3 (mtr is not installed)",
        "mtr -c 3 -i .1 -G 1 (mtr is not installed)",
    )
    assert race.missing([ENGINE]) == ()
    assert "mtr -c 3" not in names([], "ten")


def test_another_measurement_gets_the_rest_of_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    many = ModuleType("bench.many")
    got: list[list[str]] = []

    def measure(rest: list[str]) -> int:
        got.append(rest)
        return 3

    vars(many)["main"] = measure
    monkeypatch.setitem(sys.modules, "bench.many", many)
    assert main(["many", "--targets", "10"]) == 3
    assert got == [["--targets", "10"]]


def test_packets_of_a_shared_address_are_shared() -> None:
    runs = [sample("a", 1, source="own"), sample("b", 1, source="shared"), sample("b", 1, source="shared")]
    assert [each.sent for each in with_sent(runs, Counter({"own": 30, "shared": 50}))] == [30, 25, 25]


def test_the_first_situation_is_the_one_that_tables_show() -> None:
    assert SITUATIONS[0] == ICMP
