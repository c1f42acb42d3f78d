"""What is near a sample, and what is newer than one: by number, and without a walk through a year."""

from pathlib import Path

import pytest

from agent.store.around import Around, Neighbours, Newer
from agent.store.history import History
from agent.store.schema import FILE, connect_to_read
from tests.unit.store.stores import opened, sample

STATUSES = ("ok", "ok", "warning", "warning", "ok", "ok")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return a store of two targets that take turns: the odd numbers are the first one's, in the order of STATUSES."""
    store = opened(tmp_path)
    for place, status in enumerate(STATUSES):
        # The clock went back meanwhile, which changes nothing.
        at = f"2026-11-23T{20 - place:02}:00:00.000Z"
        store.append(sample("crm", at=at, status=status))
        store.append(sample("mail", at=at, status="critical"))
    store.close()
    return tmp_path


@pytest.mark.parametrize(
    ("seq", "around"),
    [
        (1, Around(before=None, after=3, changed_before=None, changed_after=5)),
        (5, Around(before=3, after=7, changed_before=3, changed_after=9)),
        (7, Around(before=5, after=9, changed_before=3, changed_after=9)),
        (11, Around(before=9, after=None, changed_before=7, changed_after=None)),
    ],
)
def test_neighbours_are_those_by_number_of_the_same_target(directory: Path, seq: int, around: Around) -> None:
    with History(directory) as history:
        assert history.around("crm", seq) == around


def test_what_is_newer_is_counted_for_a_target_and_for_all(directory: Path) -> None:
    with History(directory) as history:
        assert history.newer(7, "crm") == Newer(newest=11, samples=2)
        assert history.newer(7) == Newer(newest=12, samples=5)
        assert history.newer(12) == Newer(newest=12, samples=0)
        assert history.newer(99, "mail") == Newer(newest=12, samples=6)
        assert history.newer(7, "wiki") == Newer(newest=7, samples=0)


def test_no_question_sorts_or_goes_by_time(directory: Path) -> None:
    asked: list[tuple[str, tuple[object, ...]]] = []
    connection = connect_to_read(directory / FILE)

    def read(query: str, values: tuple[object, ...]) -> list[tuple[object, ...]]:
        asked.append((query, values))
        return connection.execute(query, values).fetchall()

    neighbours = Neighbours(read)
    neighbours.around("crm", 5)
    neighbours.newer(5, "crm")
    for query, values in asked:
        steps = [str(row[-1]) for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", values)]
        assert not [step for step in steps if "TEMP B-TREE" in step or "log_by_time" in step], steps
    connection.close()
    assert len(asked) == 7
