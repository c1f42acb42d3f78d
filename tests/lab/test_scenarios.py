"""Every row of the matrix, played on its own network: exactly the errors that are true, each where it belongs."""

import pytest

from tests.lab.builder import User
from tests.lab.play import play
from tests.lab.scenario import Row, read_rows

pytestmark = pytest.mark.lab

_RUNS = [pytest.param(row, user, id=f"{row.id}[{user.value}]") for row in read_rows() for user in row.users]


@pytest.mark.parametrize(("row", "user"), _RUNS)
@pytest.mark.usefixtures("prepared")
def test_a_row_gives_its_verdict(row: Row, user: User) -> None:
    outcome = play(row, user)
    assert not outcome.complaints, "\n".join(outcome.complaints)
