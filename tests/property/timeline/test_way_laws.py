"""Laws of ways: silence and load balancing make no other way, another router does."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from agent.ways import Stretch, Ways, way_of

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
    ways = Ways()
    sketches = [sketch({ttl: (0,) for ttl in range(1, HOPS + 1) if ttl not in silent}) for silent in silences]
    assert len(set(ways.names(sketches))) == 1


@given(st.lists(st.tuples(SILENT, st.sampled_from([(0,), (1,), (0, 1)])), max_size=12), st.integers(1, HOPS))
def test_routers_that_share_the_load_make_no_other_way(
    samples: list[tuple[set[int], tuple[int, ...]]], balanced: int
) -> None:
    both = sketch({ttl: (0, 1) if ttl == balanced else (0,) for ttl in range(1, HOPS + 1)})
    sketches = [
        sketch({ttl: who if ttl == balanced else (0,) for ttl in range(1, HOPS + 1) if ttl not in silent or ttl == 1})
        for silent, who in samples
    ]
    assert len(set(Ways().names([both, *sketches]))) == 1


@given(st.integers(1, HOPS), SILENT)
def test_another_router_makes_another_way_and_back_again_the_same(changed: int, silent: set[int]) -> None:
    first = {ttl: (0,) for ttl in range(1, HOPS + 1) if ttl not in silent - {changed}}
    other = {**first, changed: (1,)}
    names = Ways().names([sketch(first), sketch(other), sketch(first), sketch(other)])
    assert names[0] != names[1]
    assert names == [names[0], names[1]] * 2


@given(st.lists(st.dictionaries(st.integers(1, 40), st.lists(st.text(max_size=9), max_size=3).map(tuple), max_size=5)))
def test_any_addresses_have_a_name(samples: list[dict[int, tuple[str, ...]]]) -> None:
    sketches = [
        way_of([Stretch(start="client", end="egress", address=None, hops=tuple(sample.items()))]) for sample in samples
    ]
    names = Ways().names(sketches)
    assert [name is None for name in names] == [sketch is None for sketch in sketches]
    assert [sketch is None for sketch in sketches] == [not any(sample.values()) for sample in samples]


@given(st.lists(st.none() | st.text(max_size=40), max_size=10))
def test_any_damaged_sketch_has_a_name(sketches: list[str | None]) -> None:
    assert len(Ways().names(sketches)) == len(sketches)
