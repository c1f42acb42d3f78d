"""The end of the path, as the answers so far show it."""

from probes.seam import Identity, Probe
from probes.trace.attempt import Attempt, Ending, Purpose
from probes.trace.rows import Rows


def _answered(rows: Rows, ttl: int, ending: Ending) -> bool:
    probe = Probe(0, ttl, Identity(1, b"12345678"))
    attempt = Attempt(probe=probe, purpose=Purpose.HOP, issued_at=0.0)
    rows.sent(attempt, retry=False)
    return rows.answered(attempt, ending)


def _end(rows: Rows) -> tuple[int, Ending] | None:
    return rows.end


def test_a_block_that_others_pass_is_not_the_end() -> None:
    rows = Rows(1, 30)
    _answered(rows, 3, Ending.BLOCKED)
    assert _end(rows) == (3, Ending.BLOCKED)
    _answered(rows, 5, Ending.PASSED)
    assert _end(rows) is None
    _answered(rows, 6, Ending.BLOCKED)
    assert _end(rows) == (6, Ending.BLOCKED)


def test_the_target_outweighs_every_block_and_its_lowest_ttl_counts() -> None:
    rows = Rows(1, 30)
    _answered(rows, 3, Ending.BLOCKED)
    _answered(rows, 9, Ending.REACHED)
    assert _end(rows) == (9, Ending.REACHED)
    _answered(rows, 8, Ending.REACHED)
    _answered(rows, 10, Ending.REACHED)
    assert _end(rows) == (8, Ending.REACHED)


def test_only_a_farther_answer_is_progress() -> None:
    rows = Rows(1, 30)
    assert _answered(rows, 3, Ending.PASSED)
    assert not _answered(rows, 2, Ending.PASSED)
    assert not _answered(rows, 3, Ending.PASSED)
    assert _answered(rows, 4, Ending.PASSED)
