"""The networks of the bench: what their maps promise, and the further clients from which runs go side by side."""

import pytest

from bench.course import CLIENT, TARGET, network_names, network_title, read_network, with_clients
from probes.facts import Family


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize(
    ("name", "hops", "silent", "round_trip_ms"),
    [("ten", 10, 0, 40), ("twenty", 20, 0, 80), ("near", 10, 0, 0), ("three_silent", 10, 3, 40), ("dead", 9, 0, 40)],
)
def test_the_maps_are_what_the_bars_speak_of(
    name: str, hops: int, silent: int, round_trip_ms: float, family: Family
) -> None:
    map_ = read_network(name)
    expected = map_.expected(CLIENT, TARGET, family)
    assert (len(expected.hops), expected.hops.count(None)) == (hops, silent)
    assert expected.reached is (name != "dead")
    assert map_.round_trip_ms(CLIENT, TARGET, family) == round_trip_ms


@pytest.mark.parametrize("name", network_names())
def test_every_network_says_what_it_is(name: str) -> None:
    assert network_title(name).endswith(".")


@pytest.mark.parametrize("family", Family)
def test_a_further_client_has_the_same_path_but_for_its_own_link(family: Family) -> None:
    map_ = with_clients(read_network("ten"), 40)
    usual = map_.expected(CLIENT, TARGET, family).hops
    for number in (1, 40):
        assert map_.expected(f"{CLIENT}{number}", TARGET, family).hops[1:] == usual[1:]
    firsts = {map_.expected(node, TARGET, family).hops[0] for node in map_.nodes if node.startswith(CLIENT)}
    assert len(firsts) == 41


def test_without_further_clients_a_map_stays_what_it_was() -> None:
    assert with_clients(read_network("ten"), 0) == read_network("ten")
