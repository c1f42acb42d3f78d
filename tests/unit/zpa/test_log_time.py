"""Times as logs write them, and what is none."""

from datetime import datetime

import pytest

from probes.log_time import instant, of_posix


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Fri May 31 17:35:42 2019", "2019-05-31T17:35:42.000Z"),
        ("Sat Jun  1 07:05:02 2019", "2019-06-01T07:05:02.000Z"),
        ("2019-05-30T08:20:42.230Z", "2019-05-30T08:20:42.230Z"),
        ("2019-05-30T10:20:42.230999+02:00", "2019-05-30T08:20:42.230Z"),
        ("2019-05-30T08:20:42", "2019-05-30T08:20:42.000Z"),
        ("1559324142", "2019-05-31T17:35:42.000Z"),
        (1_559_324_142, "2019-05-31T17:35:42.000Z"),
        ("1559324142250", "2019-05-31T17:35:42.250Z"),
        (1_559_324_142_250_000, "2019-05-31T17:35:42.250Z"),
    ],
)
def test_every_form_of_a_time_is_the_same_instant(written: object, expected: str) -> None:
    assert instant(written) == expected


@pytest.mark.parametrize(
    "written",
    [
        *("", "yesterday", "Fri May 32 17:35:42 2019", "Fri Mai 31 17:35:42 2019", "Fri May 31 17:35 2019", "12"),
        *("Fri May 31 25:00:00 2019", "9" * 400, "0001-01-01T00:00:00+14:00", "\u0661\u0665\u0665" * 4),
        *(True, 1.5, None, []),
    ],
    ids=repr,
)
def test_what_is_no_time_is_none(written: object) -> None:
    assert instant(written) is None


def test_a_posix_time_is_written_as_a_log_s_is() -> None:
    assert of_posix(1_559_324_142.25) == "2019-05-31T17:35:42.250Z"
    assert datetime.fromisoformat(of_posix(0)).timestamp() == 0
