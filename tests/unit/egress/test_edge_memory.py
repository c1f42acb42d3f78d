"""What edges told is kept while it holds, for the network that it is about, and by nobody else's file."""

from pathlib import Path

import pytest

from agent.edge_memory import FILE, EdgeMemory
from probes.egress_facts import ServiceData, Tunnel, TunnelKind
from probes.failure import Failure
from probes.frozen import replace

URL = "https://edge.example.com:8443/"
DATA = ServiceData(
    url=URL,
    fetched=True,
    attempts=1,
    status=200,
    address="10.20.0.5",
    tunnel=Tunnel(kind=TunnelKind.GRE, inner="10.20.0.0/16", egress="203.0.113.9"),
    told_at="2026-01-01T00:00:00.000Z",
    valid_for_s=300,
    udp_port=33500,
    icmp=True,
)
NOW = 1_800_000_000 * 10**9


def seconds(count: int) -> int:
    return NOW + count * 10**9


@pytest.fixture
def memory(tmp_path: Path) -> EdgeMemory:
    made = EdgeMemory(tmp_path / "state")
    made.remember(DATA, "epoch-1", NOW)
    return made


def test_an_answer_is_kept_while_it_holds(memory: EdgeMemory) -> None:
    assert memory.recall(URL, "epoch-1", seconds(299)) == replace(DATA, age_s=299)
    assert memory.recall(URL, "epoch-1", seconds(300)) is None


def test_it_is_about_one_network_and_one_edge(memory: EdgeMemory) -> None:
    assert memory.recall(URL, "epoch-2", seconds(1)) is None
    assert memory.recall("https://edge2.example.com/", "epoch-1", seconds(1)) is None


def test_a_clock_that_was_set_back_leaves_it_without_an_age(memory: EdgeMemory) -> None:
    assert memory.recall(URL, "epoch-1", seconds(-1)) is None


def test_the_newest_answer_counts_and_a_failure_undoes_nothing(memory: EdgeMemory) -> None:
    memory.remember(replace(DATA, fetched=False, failure=Failure.TIMED_OUT), "epoch-1", seconds(10))
    memory.remember(replace(DATA, stale=True), "epoch-1", seconds(10))
    assert memory.recall(URL, "epoch-1", seconds(20)) == replace(DATA, age_s=20)
    memory.remember(replace(DATA, udp_port=None), "epoch-1", seconds(30))
    assert memory.recall(URL, "epoch-1", seconds(40)) == replace(DATA, udp_port=None, age_s=10)


def test_only_so_many_edges_are_kept(memory: EdgeMemory) -> None:
    for number in range(40):
        memory.remember(replace(DATA, url=f"https://edge{number}.example.com/"), "epoch-1", NOW)
    assert memory.recall(URL, "epoch-1", seconds(1)) is None
    assert memory.recall("https://edge39.example.com/", "epoch-1", seconds(1)) is not None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": "cloudpath.edges/1", "edges": [{}]}', "\x00" * 200_000])
def test_a_damaged_file_is_nothing_and_is_replaced(memory: EdgeMemory, tmp_path: Path, content: str) -> None:
    (tmp_path / "state" / FILE).write_text(content)
    assert memory.recall(URL, "epoch-1", seconds(1)) is None
    memory.remember(DATA, "epoch-1", NOW)
    assert memory.recall(URL, "epoch-1", seconds(1)) is not None


def test_a_file_that_others_may_write_is_not_read(memory: EdgeMemory, tmp_path: Path) -> None:
    (tmp_path / "state" / FILE).chmod(0o666)
    assert memory.recall(URL, "epoch-1", seconds(1)) is None


def test_a_link_is_not_followed(memory: EdgeMemory, tmp_path: Path) -> None:
    file = tmp_path / "state" / FILE
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    assert memory.recall(URL, "epoch-1", seconds(1)) is None


def test_without_a_directory_nothing_is_kept() -> None:
    memory = EdgeMemory(None)
    memory.remember(DATA, "epoch-1", NOW)
    assert memory.recall(URL, "epoch-1", seconds(1)) is None
