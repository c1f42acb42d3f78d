"""The pages fit wherever they are read: on a telephone, a wall or paper, enlarged, without colours, without a mouse."""

from collections.abc import Callable, Iterator
from typing import Final

import pytest
from playwright.sync_api import Locator, Page, expect

from agent.record import Record
from tests.browser.accessibility import assert_accessible
from tests.browser.geometry import assert_fits
from tests.browser.records import SITUATIONS, long_record

# A telephone; 400 % of 1280 (WCAG 2.2, 1.4.10); a tablet; a laptop; a wall.
WIDTHS: Final = (360, 320, 768, 1280, 3840)
# WCAG 2.2, 1.4.12: what a reader may set, and nothing may be lost by it.
_SPACED: Final = """() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`
        * { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }
        p { margin-bottom: 2em !important }`);
    document.adoptedStyleSheets = [sheet];
}"""


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).first.click()


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_page_fits_at_every_width(page_of: Callable[..., Page], name: str) -> None:
    page = page_of(SITUATIONS[name])
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert_fits(page)
    open_tab(page, "Command Line View")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.scrollingElement.scrollWidth - innerWidth") <= 0


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_page_is_accessible_light_and_dark_in_both_views(page_of: Callable[..., Page], name: str) -> None:
    page = page_of(SITUATIONS[name])
    assert_accessible(page)
    page.emulate_media(color_scheme="dark")
    assert_accessible(page)
    open_tab(page, "Command Line View")
    assert_accessible(page, "[role=tabpanel]:not(.away)")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 360, "height": 740})
    assert_accessible(page)


def test_thirty_hops_fit_at_every_width(page_of: Callable[..., Page]) -> None:
    page = page_of(long_record())
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert_fits(page)
        expect(page.locator(".bead")).to_have_count(30)


@pytest.mark.parametrize("width", [1280, 360])
def test_nothing_is_lost_where_a_reader_spaces_the_text(page_of: Callable[..., Page], width: int) -> None:
    page = page_of(SITUATIONS["tunnelled"], width=width)
    page.evaluate(_SPACED)
    assert_fits(page)


@pytest.mark.parametrize("width", [1280, 360])
def test_every_hop_opens_within_the_window(page_of: Callable[..., Page], width: int) -> None:
    page = page_of(SITUATIONS["tunnelled"], SITUATIONS["signs"], width=width, height=740)
    for bead in page.locator(".bead").all():
        bead.focus()
        page.keyboard.press("Enter")
        details = page.locator(":popover-open")
        expect(details).to_have_count(1)
        assert_within_window(page, details)
        assert details.evaluate("element => element.scrollWidth - element.clientWidth") <= 0
        page.keyboard.press("Escape")


def assert_within_window(page: Page, element: Locator) -> None:
    box, size = element.bounding_box(), page.viewport_size
    assert box is not None
    assert size is not None
    assert box["x"] >= 0
    assert box["y"] >= 0
    assert box["x"] + box["width"] <= size["width"]
    assert box["y"] + box["height"] <= size["height"]


# --- without a mouse --------------------------------------------------------------------------------------------------


def test_the_keyboard_reaches_all_that_can_be_pressed_and_leaves_it_again(page_of: Callable[..., Page]) -> None:
    page = page_of(SITUATIONS["tunnelled"])
    stops = "[...document.querySelectorAll('a[href], button, summary, [tabindex=\"0\"]')]"
    reachable = f"{stops}.filter(e => e.tabIndex >= 0 && e.checkVisibility())"
    expected = page.evaluate(f"{reachable}.length")
    assert expected > 10
    page.evaluate(f"{reachable}.forEach((e, at) => e.dataset.stop = at)")
    reached: list[str] = []
    for _ in range(2 * expected):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
        # A hop's details open when it is reached, and have a button of their own.
        reached.append(page.evaluate("document.activeElement.dataset.stop ?? ''"))
    else:
        pytest.fail("the keyboard never leaves the page")
    assert [stop for stop in reached if stop] == [str(stop) for stop in range(expected)]


def test_tabs_turn_by_arrows_and_only_one_of_them_stands_in_the_way(page_of: Callable[..., Page]) -> None:
    page = page_of(SITUATIONS["tunnelled"])
    hop, text = page.get_by_role("tab", name="Hop View"), page.get_by_role("tab", name="Command Line View")
    hop.focus()
    page.keyboard.press("ArrowRight")
    expect(text).to_be_focused()
    expect(text).to_have_attribute("aria-selected", "true")
    expect(page.locator("pre")).to_be_visible()
    expect(page.locator(".strip")).to_be_hidden()
    page.keyboard.press("Home")
    expect(hop).to_be_focused()
    expect(page.locator(".strip")).to_be_visible()
    assert text.evaluate("element => element.tabIndex") == -1


# --- without a script, without motion, without colours ----------------------------------------------------------------


def test_without_script_both_views_stand_there_and_errors_open(page_of: Callable[..., Page]) -> None:
    page = page_of(SITUATIONS["tunnelled"], script=False)
    expect(page.locator("pre")).to_be_visible()
    expect(page.locator(".strip")).to_be_visible()
    expect(page.get_by_role("tab")).to_have_count(0)
    page.locator(".station .flag").first.click()
    expect(page.locator(".sheet.finding:visible")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator(".sheet.finding:visible")).to_have_count(0)


def test_nothing_moves_where_motion_is_unwanted(page_of: Callable[..., Page]) -> None:
    page = page_of(SITUATIONS["tunnelled"])
    page.locator(".station .flag").first.click()
    assert page.evaluate("document.getAnimations().length") == 0
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"


_CONTRAST: Final = """element => {
    const light = (colour) => {
        const [red, green, blue] = colour.match(/[\\d.]+/g).map(Number)
            .map((part) => part / 255).map((part) => part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4);
        return .2126 * red + .7152 * green + .0722 * blue;
    };
    const [a, b] = [getComputedStyle(element).color, getComputedStyle(document.body).backgroundColor].map(light);
    return (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_with_the_colours_of_a_reader_s_own_icons_are_still_seen(page_of: Callable[..., Page], scheme: str) -> None:
    page = page_of(SITUATIONS["tunnelled"], scheme=scheme)
    page.emulate_media(forced_colors="active", color_scheme=scheme)  # type: ignore[arg-type]
    assert page.evaluate("matchMedia('(forced-colors: active)').matches")
    for icon in page.locator(".flag .glyph, .disc .glyph, .terminal .glyph").all():
        # WCAG 2.2, 1.4.11: what one must see to understand.
        assert icon.evaluate(_CONTRAST) >= 3
    assert_fits(page)


# --- on paper ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SITUATIONS)
def test_on_paper_everything_that_was_found_is_there(
    page_of: Callable[..., Page], text_of_pdf: Callable[[bytes], str], name: str
) -> None:
    record = SITUATIONS[name]
    # A4 at 96 dots an inch, less usual margins.
    page = page_of(record, width=718)
    page.emulate_media(media="print")
    titles = page.locator(".lane h4").all_inner_texts()
    assert len(titles) in {0, len(record.legs)}
    legs = page.locator(".lane")
    assert legs.count() in {0, len(record.legs)}
    for leg in legs.all():
        expect(leg).to_be_visible()
    expect(page.locator("pre").first).to_be_visible()
    for button in page.locator(".tabs, .close").all():
        expect(button).to_be_hidden()
    assert_fits(page)
    printed = text_of_pdf(page.pdf(format="A4"))
    for text in (*titles, *told_of(record)):
        assert "".join(text.split()) in printed


def told_of(record: Record) -> Iterator[str]:
    """Yield what paper has to say of a record: all of its errors, and who answered on the way."""
    for error in record.errors:
        yield from (error.code, error.message, error.description, error.solution)
        yield from (item.statement for item in error.evidence)
    for leg in record.legs:
        yield from (responder.address for hop in leg.hops for responder in hop.responders)
