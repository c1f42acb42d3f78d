"""The page of the matrix lists exactly the rows that there are, and shows none that failed."""

from tests.lab.scenario import read_rows
from tests.lab.verdicts_page import PAGE, expected_page


def test_the_page_is_what_playing_every_row_writes() -> None:
    assert PAGE.read_text(encoding="utf-8") == expected_page(read_rows()), "python -m tests.lab matrix writes it"


def test_every_error_is_true_in_some_row_and_forty_rows_are_healthy_or_near_misses() -> None:
    from rules.shipped import shipped_rules  # noqa: PLC0415 - for this test alone

    rows = read_rows()
    assert shipped_rules().catalogue.keys() <= {code for row in rows for code in row.codes}
    assert sum(not row.expected for row in rows) >= 40
