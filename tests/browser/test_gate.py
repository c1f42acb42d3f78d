"""A test that finds no browser says why; in CI, or where the browser is asked for, it fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run_without_browser(**environment: str) -> subprocess.CompletedProcess[str]:
    """Run one test of the tier where no program can be found."""
    clean = {key: value for key, value in os.environ.items() if key not in {"CI", "CLOUDPATH_REQUIRE_BROWSER"}}
    test = "tests/browser/test_window.py::test_a_page_that_does_nothing_wrong_is_let_be"
    return subprocess.run(
        (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", test),
        cwd=ROOT,
        env=clean | {"PATH": "/nonexistent"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_a_browser_a_test_is_skipped_with_the_reason() -> None:
    done = run_without_browser()
    assert done.returncode == 0, done.stdout
    assert "1 skipped" in done.stdout
    assert "scripts/test browser installs it" in done.stdout


@pytest.mark.parametrize(
    "environment", [{"CI": "true"}, {"CLOUDPATH_REQUIRE_BROWSER": "1"}], ids=lambda env: next(iter(env))
)
def test_where_the_browser_is_required_the_same_is_a_failure(environment: dict[str, str]) -> None:
    done = run_without_browser(**environment)
    assert done.returncode == 1, done.stdout
    assert "there is no chromium in PATH" in done.stdout
