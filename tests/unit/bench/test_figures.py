"""Medians, and ratios pair by pair."""

from dataclasses import replace

from bench.figures import choose, median, pairs, ratio, sample_from_row, wall_ms
from tests.unit.bench.samples import ICMP, TCP_NOBODY, UDP, sample


def test_a_row_is_read_back_as_it_was_written() -> None:
    run = sample("engine", 51.5, situation=TCP_NOBODY, right=False, complaint="told *", in_process_ms=41.0)
    assert sample_from_row(run.row()) == run


def test_the_median_leaves_out_runs_without_the_figure() -> None:
    runs = [sample("engine", 50, in_process_ms=value) for value in (40.0, None, 44.0, 42.0)]
    assert median(runs, lambda each: each.in_process_ms) == 42.0
    assert median(runs, lambda each: each.target_rtt_ms) is None


def test_runs_are_chosen_by_network_contestant_and_situation() -> None:
    runs = [sample("a", 1), sample("b", 2), sample("a", 3, network="dead"), sample("a", 4, situation=UDP)]
    assert [each.wall_ms for each in choose(runs, network="ten", contestant="a")] == [1, 4]
    assert [each.wall_ms for each in choose(runs, network="ten", contestant="a", situation=ICMP)] == [1]


def test_the_ratio_is_the_median_of_pairs_and_not_the_ratio_of_medians() -> None:
    ours = [sample("a", wall, round=number) for number, wall in enumerate((10, 40, 30))]
    theirs = [sample("b", wall, round=number) for number, wall in enumerate((10, 20, 60))]
    # Pairs: 1, 2, 1/2. The medians would give 30 / 20.
    assert ratio(ours, theirs) == 1.0


def test_a_pair_shares_its_round() -> None:
    ours = [sample("a", 10, round=number) for number in (0, 1)]
    theirs = [sample("b", 5, round=1)]
    assert [(one.round, other.round) for one, other in pairs(ours, theirs)] == [(1, 1)]
    assert ratio(ours, []) is None


def test_the_same_protocol_is_nearer_than_the_same_user() -> None:
    mine = sample("a", 10, situation=TCP_NOBODY)
    as_root = replace(TCP_NOBODY, user=ICMP.user)
    icmp_nobody = replace(ICMP, user=TCP_NOBODY.user)
    theirs = [sample("b", 1, situation=icmp_nobody), sample("b", 2, situation=as_root)]
    ((_, other),) = pairs([mine], theirs)
    assert wall_ms(other) == 2


def test_families_are_never_compared() -> None:
    six = replace(ICMP, family=type(ICMP.family).IPV6)
    assert pairs([sample("a", 10)], [sample("b", 10, situation=six)]) == ()
