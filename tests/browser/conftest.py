"""One browser for all tests of the tier, windows of its own for each test, and no test that is lost for want of one."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from agent.record import Record
from agent.views.hop_html.page import hop_page
from tests.browser.window import Windows, chromium


def is_required(environment: Mapping[str, str]) -> bool:
    """Return whether a missing browser is a failure: in CI, and where it is asked for."""
    return environment.get("CI", "").lower() in {"true", "1"} or environment.get("CLOUDPATH_REQUIRE_BROWSER") == "1"


def program(name: str) -> str:
    """Return where a program is; where there is none, fail or skip, saying what is missing."""
    executable = shutil.which(name)
    if executable is None:
        message = f"there is no {name} in PATH; as root on Debian, scripts/test browser installs it"
        if is_required(os.environ):
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    return executable


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Run Debian's Chromium."""
    with chromium(program("chromium")) as running:
        yield running


@pytest.fixture(scope="session")
def text_of_pdf() -> Callable[[bytes], str]:
    """Read what a PDF says, without its blanks: a long name goes on in the next line, a paragraph on the next page."""
    command = (program("pdftotext"), "-raw", "-", "-")

    def read(pdf: bytes) -> str:
        done = subprocess.run(command, input=pdf, capture_output=True, check=True)
        return without_blanks(done.stdout.decode())

    return read


def without_blanks(text: str) -> str:
    return "".join(text.split())


@pytest.fixture
def windows(browser: Browser, tmp_path: Path) -> Iterator[Windows]:
    """Open windows; the test fails where a page of theirs asked others for something, or had an error."""
    opened = Windows(browser, tmp_path)
    try:
        yield opened
    finally:
        opened.close()
    assert opened.wrongs == []


@pytest.fixture
def page_of(windows: Windows) -> Callable[..., Page]:
    """Open the page of records: `page_of(record, another, width=360, scheme="dark")`."""

    def open_page(*records: Record, **look: Any) -> Page:
        return windows.show(hop_page(records), **look)

    return open_page
