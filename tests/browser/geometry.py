"""Whether a page fits its window: no text over another one, beside the window, or cut off."""

from pathlib import Path
from typing import Final

from playwright.sync_api import Page

_LOOK: Final = Path(__file__).with_name("geometry.js").read_text(encoding="utf-8")


def assert_fits(page: Page) -> None:
    """Fail where texts overlap or are cut, or where the page would have to be scrolled sideways."""
    found = page.evaluate(_LOOK)
    assert found == {"overlapping": [], "outside": [], "cut": [], "sideways": 0}, found
