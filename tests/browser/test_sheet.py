"""How a sheet is used: hops by mouse and keys, both views, one moment of several, and two beside each other."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, Literal

import pytest
from playwright.sync_api import Page, expect

from agent.record import Record
from agent.views.hop_html.comparison import changed_words, comparison_html
from agent.views.hop_html.page import hop_page
from tests.browser.accessibility import assert_accessible
from tests.browser.records import SITUATIONS
from tests.browser.window import Windows

OPEN: Final = ":popover-open"


def moments(*names: str) -> list[Record]:
    """Return records of one target, an hour between each and the next."""
    return [
        replace(SITUATIONS[name], seq=hour, id=f"moment-{hour}", started_at=f"2026-01-05T{hour:02}:00:00.000Z")
        for hour, name in enumerate(names, 8)
    ]


# --- hops -------------------------------------------------------------------------------------------------------------


def test_arrow_keys_go_from_hop_to_hop_and_show_each(page_of: Callable[..., Page]) -> None:
    page = page_of(SITUATIONS["healthy"])
    beads = page.locator("#s1-leg-1 .bead")
    last = beads.count() - 1
    # A leg is one stop of the Tab key: thirty would be in the way of what is behind it.
    assert [beads.nth(at).get_attribute("tabindex") for at in range(last + 1)] == ["0", *["-1"] * last]
    beads.first.focus()
    for key, at in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", last), ("Home", 0)):
        page.keyboard.press(key)
        expect(beads.nth(at)).to_be_focused()
        expect(page.locator(OPEN)).to_have_attribute("aria-label", f"Hop {at + 1}")
    page.keyboard.press("Escape")
    expect(page.locator(OPEN)).to_have_count(0)
    expect(beads.first).to_be_focused()


def test_a_hop_opens_where_the_mouse_rests_and_stays_after_a_click(page_of: Callable[..., Page]) -> None:
    page = page_of(SITUATIONS["healthy"])
    beads = page.locator("#s1-leg-1 .bead")
    beads.nth(1).hover()
    expect(page.locator(OPEN)).to_have_attribute("aria-label", "Hop 2")
    page.mouse.move(3, 3)
    expect(page.locator(OPEN)).to_have_count(0)
    beads.nth(1).hover()
    expect(page.locator(OPEN)).to_have_count(1)
    beads.nth(1).click()
    page.mouse.move(3, 3)
    beads.nth(0).hover()
    # Longer than what only rests there is kept.
    page.wait_for_timeout(400)
    expect(page.locator(OPEN)).to_have_attribute("aria-label", "Hop 2")
    page.locator(OPEN).get_by_role("button", name="Close").click()
    expect(page.locator(OPEN)).to_have_count(0)


# --- views and moments ------------------------------------------------------------------------------------------------


def test_choosing_a_moment_swaps_the_sheet_and_keeps_the_view(page_of: Callable[..., Page]) -> None:
    page = page_of(*moments("healthy", "tunnelled", "discarded"))
    sheets = page.locator("article:visible")
    expect(sheets).to_have_count(1)
    page.get_by_role("tab", name="Command Line View").click()
    page.locator(".samples a").nth(1).click()
    expect(sheets).to_have_count(1)
    expect(sheets).to_have_attribute("id", "s2")
    expect(page.locator("#s2-text")).to_be_visible()
    expect(page.locator("#s2-hop")).to_be_hidden()
    expect(page.locator(".samples a[aria-current]")).to_have_count(1)
    page.go_back()
    expect(sheets).to_have_attribute("id", "s1")
    assert_accessible(page)


def test_the_text_is_copied_as_it_stands(page_of: Callable[..., Page]) -> None:
    page = page_of(SITUATIONS["tunnelled"])
    page.evaluate(
        "Object.defineProperty(navigator, 'clipboard', {value: {writeText: async text => { window.copied = text; }}})"
    )
    page.get_by_role("tab", name="Command Line View").click()
    page.get_by_role("button", name="Copy as text").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("window.copied")
    assert copied == page.locator("#s1-text pre").evaluate("element => element.textContent")
    assert "\u26a0 CP-07  " in copied


# --- two moments ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_two_moments_side_by_side_read_in_every_width(
    windows: Windows, width: int, scheme: Literal["light", "dark"]
) -> None:
    before, after = moments("tunnelled", "through an edge")
    beside = comparison_html(before, after, "c1")
    page = windows.show(hop_page([after]).replace("</main>", f"{beside}</main>"), width=width, scheme=scheme)
    compared = page.locator("#c1")
    expect(compared.get_by_role("heading", level=2)).to_have_text(changed_words(before, after))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert_accessible(page, "#c1")
    compared.locator(".codes button").first.click()
    expect(page.locator(OPEN)).to_contain_text(before.errors[0].solution)
    assert_accessible(page, OPEN)
