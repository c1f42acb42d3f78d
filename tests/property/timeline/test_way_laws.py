"""Laws of ways: silence and load balancing make no other way, another router does."""

import random
from collections.abc import Mapping
from itertools import groupby
from statistics import median_high

from hypothesis import given
from hypothesis import strategies as st

from agent.ways import Stretch, names_of, way_of

HOPS = 8


def address_of(ttl: int, router: int = 0) -> str:
    return f"192.0.2.{10 * ttl + router}"


def sketch(routers: Mapping[int, tuple[int, ...]]) -> str | None:
    """Return the sketch of a sample in which these routers answered at these TTLs."""
    hops = tuple((ttl, tuple(address_of(ttl, each) for each in found)) for ttl, found in sorted(routers.items()))
    return way_of([Stretch(start="client", end="destination", address="203.0.113.80", hops=hops)])


SILENT = st.sets(st.integers(1, HOPS), max_size=HOPS - 1)


@given(st.lists(SILENT, min_size=1, max_size=12))
def test_silent_hops_make_no_other_way(silences: list[set[int]]) -> None:
    sketches = [sketch({ttl: (0,) for ttl in range(1, HOPS + 1) if ttl not in silent}) for silent in silences]
    assert len(set(names_of(sketches))) == 1


@given(st.lists(st.tuples(SILENT, st.sampled_from([(0,), (1,), (0, 1)])), max_size=12), st.integers(1, HOPS))
def test_routers_that_share_the_load_make_no_other_way(
    samples: list[tuple[set[int], tuple[int, ...]]], balanced: int
) -> None:
    both = sketch({ttl: (0, 1) if ttl == balanced else (0,) for ttl in range(1, HOPS + 1)})
    sketches = [
        sketch({ttl: who if ttl == balanced else (0,) for ttl in range(1, HOPS + 1) if ttl not in silent or ttl == 1})
        for silent, who in samples
    ]
    assert len(set(names_of([both, *sketches]))) == 1


@given(st.integers(1, HOPS), SILENT)
def test_another_router_makes_another_way_and_back_again_the_same(changed: int, silent: set[int]) -> None:
    first = {ttl: (0,) for ttl in range(1, HOPS + 1) if ttl not in silent - {changed}}
    other = {**first, changed: (1,)}
    names = names_of([sketch(first), sketch(other), sketch(first), sketch(other)])
    assert names[0] != names[1]
    assert names == [names[0], names[1]] * 2


@given(st.lists(st.sampled_from([0, 1, 2]), min_size=20, max_size=40), SILENT, st.randoms(use_true_random=False))
def test_routers_that_take_turns_make_no_other_way(turns: list[int], silent: set[int], chance: random.Random) -> None:
    """A balancer that goes by ports shows one of its routers in each sample."""
    chance.shuffle(turns)
    sketches = [
        sketch({1: (0,), 2: (0,), 3: (turn,), 4: (turn,), **dict.fromkeys(silent - {1, 2, 3, 4}, (0,))})
        for turn in turns
    ]
    stays = [len(list(run)) for _, run in groupby(turns)]
    names = names_of(sketches)
    if len(stays) - len(set(turns)) >= 3 and median_high(stays) <= 8:
        again = {turn for turn in turns if sum(key == turn for key, _ in groupby(turns)) > 1}
        assert len({name for name, turn in zip(names, turns, strict=True) if turn in again}) <= 1


@given(st.integers(10, 60), st.integers(1, 6))
def test_a_way_that_changes_every_night_is_another_one(samples: int, nights: int) -> None:
    day, night = sketch({1: (0,), 2: (0,)}), sketch({1: (0,), 2: (1,)})
    names = names_of(([day] * samples + [night] * samples) * nights)
    assert len(set(names)) == 2
    assert names[:samples] == [names[0]] * samples


@given(st.lists(st.dictionaries(st.integers(1, 40), st.lists(st.text(max_size=9), max_size=3).map(tuple), max_size=5)))
def test_any_addresses_have_a_name(samples: list[dict[int, tuple[str, ...]]]) -> None:
    sketches = [
        way_of([Stretch(start="client", end="egress", address=None, hops=tuple(sample.items()))]) for sample in samples
    ]
    names = names_of(sketches)
    assert [name is None for name in names] == [sketch is None for sketch in sketches]
    assert [sketch is None for sketch in sketches] == [not any(sample.values()) for sample in samples]


@given(st.lists(st.none() | st.text(max_size=40), max_size=10))
def test_any_damaged_sketch_has_a_name(sketches: list[str | None]) -> None:
    assert len(names_of(sketches)) == len(sketches)
