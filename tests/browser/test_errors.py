"""Every documented error: its icon is in its place, opens in every way there is, says all of it, and closes again."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from playwright.sync_api import Locator, Page, expect

from agent.record import Record
from agent.views.escape import escape_text
from agent.views.words import SHORT_NODES
from rules.diagnosis import FiredError, Status
from tests.browser.accessibility import assert_accessible
from tests.browser.records import CODES, record_of_code

CATALOGUE: Final[dict[str, dict[str, Any]]] = yaml.safe_load(
    (Path(__file__).parents[2] / "rules/catalogue.yaml").read_text(encoding="utf-8")
)["errors"]
# WCAG 2.2, 2.5.8: what is pressed is at least this large.
LEAST_TARGET_PX: Final = 24
# The element that a person would hit in the middle of another one is that other one, or a part of it.
_IS_ON_TOP: Final = """element => {
    const box = element.getBoundingClientRect();
    const hit = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    return element.contains(hit);
}"""


def test_there_are_thirty_one_errors() -> None:
    assert len(CODES) == 31
    assert set(CODES) == set(CATALOGUE)


@pytest.mark.parametrize("code", CODES)
def test_an_error_in_a_wide_light_window(page_of: Callable[..., Page], code: str) -> None:
    record = record_of_code(code)
    error = the_error(record, code)
    page = page_of(record)
    assert_accessible(page)
    flags = flags_of(page, error)
    for flag in flags:
        assert_reachable(flag)
        assert_centred_below(flag)
        assert_opens_and_closes_by_mouse(page, flag, record, error)
    assert_opens_and_closes_by_keyboard(page, flags[0], record, error)
    flags[0].click()
    assert_accessible(page, ":popover-open")
    page.keyboard.press("Escape")
    assert_same_in_the_command_line_view(page, record, error)


@pytest.mark.parametrize("code", CODES)
def test_an_error_on_a_dark_telephone(page_of: Callable[..., Page], code: str) -> None:
    record = record_of_code(code)
    error = the_error(record, code)
    page = page_of(record, width=360, height=740, scheme="dark", touch=True)
    assert_accessible(page)
    for flag in flags_of(page, error):
        flag.scroll_into_view_if_needed()
        assert_reachable(flag)
        assert_beside_what_it_is_about(flag)
        tap(page, flag)
        assert_tells_all(page, record, error)
        close = page.locator(":popover-open").get_by_role("button", name="Close")
        assert_large_enough(close)
        tap(page, close)
        expect(page.locator(":popover-open")).to_have_count(0)
    tap(page, flags_of(page, error)[0])
    assert_accessible(page, ":popover-open")


# --- where ------------------------------------------------------------------------------------------------------------


def the_error(record: Record, code: str) -> FiredError:
    return next(error for error in record.errors if error.code == code)


def flags_of(page: Page, error: FiredError) -> list[Locator]:
    """Return the error's icons: the one at its place, and the one at its hop where it names a hop that is shown."""
    label = f".flag[aria-label*='{error.code}:']"
    at_place = page.locator(f".station[data-node={error.anchor.node.value}] {label}")
    expect(at_place).to_have_count(1)
    expect(page.locator(f".station {label}")).to_have_count(1)
    found = [at_place]
    anchor = error.anchor
    if anchor.ttl is not None and anchor.leg is not None:
        at_hop = page.locator(f"#s1-leg-{anchor.leg + 1} .hop[data-ttl='{anchor.ttl}'] {label}")
        found += [at_hop] if at_hop.count() else []
    return found


def assert_reachable(flag: Locator) -> None:
    flag.scroll_into_view_if_needed()
    expect(flag).to_be_visible()
    assert_large_enough(flag)
    assert flag.evaluate(_IS_ON_TOP), "something covers the icon"


def assert_large_enough(pressed: Locator) -> None:
    box = pressed.bounding_box()
    assert box is not None
    assert min(box["width"], box["height"]) >= LEAST_TARGET_PX


def box_of(element: Locator) -> tuple[float, float, float, float]:
    """Return left, top, right, bottom in pixels of the window."""
    box = element.bounding_box()
    assert box is not None
    return box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]


def owner_of(flag: Locator) -> tuple[Locator, Locator]:
    """Return the station or hop that an icon is in, and the round mark of that."""
    owner = flag.locator("xpath=ancestor::li[1]")
    return owner, owner.locator(".disc, .bead")


def assert_centred_below(flag: Locator) -> None:
    owner, mark = owner_of(flag)
    # Several icons of one place are centred together.
    left, top, right, _ = box_of(flag.locator("xpath=.."))
    mark_left, _, mark_right, mark_bottom = box_of(mark)
    assert top >= mark_bottom
    assert abs((left + right) - (mark_left + mark_right)) / 2 <= 1
    assert box_of(flag)[0] >= box_of(owner)[0]
    assert box_of(flag)[2] <= box_of(owner)[2]


def assert_beside_what_it_is_about(flag: Locator) -> None:
    owner, mark = owner_of(flag)
    left, top, right, bottom = box_of(flag)
    _, owner_top, owner_right, owner_bottom = box_of(owner)
    assert left >= box_of(mark)[2]
    assert right <= owner_right + 1
    assert top >= owner_top - 1
    assert bottom <= owner_bottom + 1


# --- how --------------------------------------------------------------------------------------------------------------


def tap(page: Page, element: Locator) -> None:
    element.scroll_into_view_if_needed()
    left, top, right, bottom = box_of(element)
    page.touchscreen.tap((left + right) / 2, (top + bottom) / 2)


def click(page: Page, element: Locator) -> None:
    """Press where the element is, whatever lies there."""
    element.scroll_into_view_if_needed()
    left, top, right, bottom = box_of(element)
    page.mouse.click((left + right) / 2, (top + bottom) / 2)


def assert_opens_and_closes_by_mouse(page: Page, flag: Locator, record: Record, error: FiredError) -> None:
    click(page, flag)
    assert_tells_all(page, record, error)
    page.keyboard.press("Escape")
    assert_closed(page, flag)
    click(page, flag)
    click(page, page.locator(":popover-open").get_by_role("button", name="Close"))
    assert_closed(page, flag)
    click(page, flag)
    expect(page.locator(":popover-open")).to_have_count(1)
    # A corner of the page, where there is nothing.
    page.mouse.click(2, 2)
    expect(page.locator(":popover-open")).to_have_count(0)


def assert_opens_and_closes_by_keyboard(page: Page, flag: Locator, record: Record, error: FiredError) -> None:
    page.evaluate("document.activeElement.blur()")
    page.mouse.click(2, 2)
    stops = page.locator("a, button, summary, [tabindex='0']").count()
    for _ in range(stops):
        page.keyboard.press("Tab")
        if flag.evaluate("element => element === document.activeElement"):
            break
    expect(flag).to_be_focused()
    assert flag.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert_tells_all(page, record, error)
    page.keyboard.press("Tab")
    expect(page.locator(":popover-open").get_by_role("button", name="Close")).to_be_focused()
    page.keyboard.press("Enter")
    assert_closed(page, flag)
    page.keyboard.press("Space")
    expect(page.locator(":popover-open")).to_have_count(1)
    page.keyboard.press("Escape")
    assert_closed(page, flag)


def assert_closed(page: Page, flag: Locator) -> None:
    expect(page.locator(":popover-open")).to_have_count(0)
    expect(flag).to_be_focused()


# --- in the other view ------------------------------------------------------------------------------------------------

# The line of text that an element stands in, with the element in brackets.
_LINE: Final = """element => {
    const range = document.createRange();
    range.setStart(element.closest("pre"), 0);
    range.setEndBefore(element);
    const before = range.toString().split("\\n").pop();
    range.setStartAfter(element);
    range.setEndAfter(element.closest("pre").lastChild);
    return `${before}[${element.textContent}]${range.toString().split("\\n")[0]}`;
}"""


def assert_same_in_the_command_line_view(page: Page, record: Record, error: FiredError) -> None:
    page.get_by_role("tab", name="Command Line View").click()
    openers = page.locator(f"pre button[aria-label*='{error.code}:']").all()
    lines = [opener.evaluate(_LINE) for opener in openers]
    assert any(re.match(rf"\[.\] {error.code}  ", line) for line in lines)
    # A sample that was discarded shows no way on which anything could hang.
    assert record.status is Status.DISCARDED or any(is_at_anchor(line, error) for line in lines), lines
    for opener in openers:
        opener.scroll_into_view_if_needed()
        assert_large_enough(opener)
        assert opener.evaluate(_IS_ON_TOP), "something covers the icon"
    click(page, openers[0])
    assert_tells_all(page, record, error)
    page.keyboard.press("Escape")
    assert_closed(page, openers[0])
    page.keyboard.press("Enter")
    expect(page.locator(":popover-open")).to_have_count(1)


def is_at_anchor(line: str, error: FiredError) -> bool:
    """Return whether a line is the hop, the leg or the place of the way that an error is about, the icon beside it."""
    anchor, place = error.anchor, SHORT_NODES[error.anchor.node]
    if anchor.ttl is not None:
        return re.match(rf"[↓↑] +{anchor.ttl} \[.\] ", line) is not None
    rows = (rf"Way .*{place} [^→]*\[.\]", rf"[↓↑] +(\d+|end)? +\[.\] .*{place}", r"[↓↑] end \[.\] \d")
    return any(re.match(row, line) for row in rows)


# --- what -------------------------------------------------------------------------------------------------------------


def plain(text: str) -> str:
    return " ".join(text.split())


def documented(error: FiredError) -> tuple[str, str, str]:
    """Return message, description and solution as the catalogue has them; its lists are joined."""
    entry = CATALOGUE[error.code]
    texts = (entry[key] for key in ("message", "description", "solution"))
    message, description, solution = (plain(" ".join(text) if isinstance(text, list) else text) for text in texts)
    return message, description, solution


def assert_tells_all(page: Page, record: Record, error: FiredError) -> None:
    details = page.locator(":popover-open")
    expect(details).to_have_count(1)
    told = plain(details.inner_text())
    assert error.code in told
    assert error.severity.value in told
    for text in documented(error):
        assert text in told
    assert error.evidence
    for evidence in error.evidence:
        assert plain(escape_text(evidence.statement)) in told
    for rejected in record.rejected:
        assert plain(escape_text(f"{rejected.code} {rejected.because}")) in told
    left, top, right, bottom = box_of(details)
    size = page.viewport_size
    assert size is not None
    assert left >= 0
    assert top >= 0
    assert right <= size["width"]
    assert bottom <= size["height"]
