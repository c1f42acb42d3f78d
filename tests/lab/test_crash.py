"""The service is killed at random, against a collector that does everything wrong: nothing is lost."""

import os
from pathlib import Path

import pytest

from tests.lab.crash import crash

pytestmark = pytest.mark.lab

# `python -m tests.lab.crash --kills 500` is the whole of it.
KILLS = int(os.environ.get("CLOUDPATH_LAB_KILLS", "10"))


def test_no_sample_is_lost_and_none_has_another_content(tmp_path: Path) -> None:
    found = crash(KILLS, seed=1, directory=tmp_path)
    assert found.wrong == []
    assert found.kills == KILLS
    assert found.entries > 0
    assert found.received >= found.entries
