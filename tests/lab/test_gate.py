"""A lab test that cannot run says why; in CI, or where the lab is asked for, it fails."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab.open_way import REPOSITORY


def run_without_tools(**environment: str) -> subprocess.CompletedProcess[str]:
    """Run one lab test where no tool can be found."""
    clean = {key: value for key, value in os.environ.items() if key not in {"CI", "CLOUDPATH_REQUIRE_LAB"}}
    test = "tests/lab/test_lab.py::test_five_routers_are_up_in_half_a_second"
    return subprocess.run(
        (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", test),
        cwd=REPOSITORY,
        env=clean | {"PATH": "/nonexistent"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_its_tools_a_lab_test_is_skipped_with_the_reason() -> None:
    done = run_without_tools()
    assert done.returncode == 0, done.stdout
    assert "1 skipped" in done.stdout
    assert "scamper" in done.stdout
    assert "scripts/test installs the tools" in done.stdout


@pytest.mark.parametrize(
    "environment", [{"CI": "true"}, {"CLOUDPATH_REQUIRE_LAB": "1"}], ids=lambda env: next(iter(env))
)
def test_where_the_lab_is_required_the_same_is_a_failure(environment: dict[str, str]) -> None:
    done = run_without_tools(**environment)
    assert done.returncode == 1, done.stdout
    assert "the lab lacks" in done.stdout


def test_every_tier_of_the_lab_is_marked() -> None:
    """A test that builds a network without the mark would fail, rather than be skipped, on a person's machine."""
    unmarked = {"test_gate.py"}
    for path in Path(__file__).parent.glob("test_*.py"):
        if path.name not in unmarked:
            assert re.search(r"^pytestmark = \[?pytest\.mark\.lab\b", path.read_text("utf-8"), re.MULTILINE), path.name
