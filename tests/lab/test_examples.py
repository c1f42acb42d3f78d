"""The examples of the documentation are what the command draws today, figures of time aside."""

import pytest

from tests.lab.examples_page import drawn, examples, without_times
from tests.lab.scenario import find_row

pytestmark = pytest.mark.lab

_EXAMPLES = examples()


def test_there_are_examples() -> None:
    assert len(_EXAMPLES) >= 5


@pytest.mark.parametrize("row", _EXAMPLES)
def test_an_example_is_what_is_drawn_today(row: str) -> None:
    assert without_times(drawn(find_row(row))) == without_times(_EXAMPLES[row])
