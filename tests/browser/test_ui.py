"""The live pages in a real browser: they follow, they stay with what was chosen, and links work without a script."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accessibility import assert_accessible
from tests.browser.window import Windows
from tests.cases.judged import judged
from tests.unit.store.stores import opened
from tests.unit.ui.live_stores import change, days, fill, sample_entry
from tests.unit.ui.test_serving import Ui, running
from tests.unit.views import samples

HEALTHY = (samples.HEALTHY, samples.FINE)
CRM = "target/crm.example.com"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    """Serve a day of four targets, to look at only."""
    directory = tmp_path_factory.mktemp("store")
    fill(directory, days(datetime.now(UTC), hours=26))
    with running(directory) as ui:
        yield ui


@pytest.fixture
def followed(tmp_path: Path) -> Iterator[tuple[Ui, Path]]:
    """Serve three samples of a target, to which a test adds."""
    directory = tmp_path / "store"
    directory.mkdir()
    now = datetime.now(UTC)
    fill(directory, [sample_entry("crm.example.com", HEALTHY, now - timedelta(minutes=ago)) for ago in (15, 10, 5)])
    with running(directory) as ui:
        yield ui, directory


def address(ui: Ui, path: str = "") -> str:
    return ui.url.strip() + path


def followed_by(windows: Windows, url: str) -> Page:
    """Return a window whose time a test can let pass: pages ask for news every three seconds."""
    page = windows.visit("about:blank")
    page.clock.install()
    page.goto(url)
    return page


def later(page: Page, rounds: int = 1) -> None:
    """Let so much time pass that the page asks so often, and wait for each answer."""
    for _ in range(rounds):
        with page.expect_event("requestfinished", lambda request: "/state?" in request.url):
            page.clock.run_for(3_100)


def overflows(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


@pytest.mark.parametrize(
    ("path", "scheme"),
    [
        ("", "light"),
        ("", "dark"),
        (CRM, "light"),
        (CRM, "dark"),
        (f"{CRM}?choose=", "light"),
        ("changes?range=7d", "dark"),
        ("target/intranet?at=3", "light"),
        ("sample/3", "light"),
        ("nothing", "dark"),
    ],
)
def test_every_page_is_accessible_and_fits(windows: Windows, filled: Ui, path: str, scheme: str) -> None:
    page = windows.visit(address(filled, path), scheme=scheme)  # type: ignore[arg-type]
    # That nothing is there is told in the console as well.
    if path == "nothing":
        windows.wrongs.clear()
    assert_accessible(page)
    for width in (360, 3840):
        page.set_viewport_size({"width": width, "height": 900})
        assert not overflows(page)


def test_a_target_leads_to_its_page_and_a_moment_swaps_the_sheet(windows: Windows, filled: Ui) -> None:
    page = windows.visit(address(filled))
    page.get_by_role("link", name="crm.example.com", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("crm.example.com")
    page.get_by_role("tab", name="Command Line View").click()
    newest = page.locator(".moment b").inner_text()
    page.get_by_role("link", name="← Previous", exact=True).click()
    expect(page.locator(".moment b")).not_to_have_text(newest)
    assert "at=" in page.url
    # The view that was chosen stays, and nothing was loaded anew.
    expect(page.get_by_role("tab", name="Command Line View")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#news")).to_contain_text(page.locator(".moment b").inner_text())
    page.go_back()
    expect(page.locator(".moment b")).to_have_text(newest)
    page.go_forward()
    expect(page.locator(".moment b")).not_to_have_text(newest)


def test_a_moment_is_chosen_on_the_time_line_and_another_beside_it(windows: Windows, filled: Ui) -> None:
    page = windows.visit(address(filled, CRM))
    hand = page.get_by_role("slider")
    hand.focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    page.wait_for_url("**?at=*")
    page.get_by_role("link", name="Compare with…").click()
    expect(page.get_by_text("Choose the other moment")).to_be_visible()
    page.get_by_role("slider").focus()
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    page.wait_for_url("**with=*")
    expect(page.get_by_role("link", name="End the comparison")).to_be_visible()
    assert_accessible(page)


def test_a_range_is_a_bookmark(windows: Windows, filled: Ui) -> None:
    page = windows.visit(address(filled, CRM))
    page.get_by_role("link", name="1 hour").click()
    page.wait_for_url("**?range=1h")
    expect(page.get_by_role("link", name="1 hour")).to_have_attribute("aria-current", "true")
    page.get_by_role("button", name="Zoom out").click()
    page.wait_for_url("**since=*")
    assert not overflows(page)
    reloaded = windows.visit(page.url)
    expect(reloaded.get_by_role("slider")).to_be_visible()


def test_the_page_follows_new_samples(windows: Windows, followed: tuple[Ui, Path]) -> None:
    ui, directory = followed
    overview = followed_by(windows, address(ui))
    target = followed_by(windows, address(ui, CRM))
    expect(overview.locator("#pulse")).to_contain_text("Live")
    expect(overview.get_by_role("heading", level=2).first).to_have_text("crm.example.com")
    fill(directory, [sample_entry("crm.example.com", judged("CP-05"), datetime.now(UTC)), change(datetime.now(UTC))])
    later(overview)
    later(target)
    expect(overview.locator(".target .status")).to_contain_text("Critical")
    expect(overview.get_by_text("default route changed")).to_be_visible()
    expect(target.locator("article .status").first).to_have_text("Critical")
    assert overview.title().startswith("1 of 1 targets")
    for page in (overview, target):
        expect(page.locator("#news")).to_have_text(re.compile(r"^crm\.example\.com: Critical"))


def test_a_sample_that_says_the_same_interrupts_nobody(windows: Windows, followed: tuple[Ui, Path]) -> None:
    ui, directory = followed
    page = followed_by(windows, address(ui, CRM))
    moment = page.locator(".moment b").inner_text()
    fill(directory, [sample_entry("crm.example.com", HEALTHY, datetime.now(UTC))])
    later(page)
    expect(page.locator(".moment b")).not_to_have_text(moment)
    expect(page.locator("#news")).to_have_text("")


def test_what_was_chosen_stays_and_is_told_what_is_newer(windows: Windows, followed: tuple[Ui, Path]) -> None:
    ui, directory = followed
    page = followed_by(windows, address(ui, f"{CRM}?at=2"))
    moment = page.locator(".moment b").inner_text()
    expect(page.locator("#newer")).to_contain_text("1 newer sample.")
    fill(directory, [sample_entry("crm.example.com", judged("CP-05"), datetime.now(UTC))])
    later(page)
    expect(page.locator("#newer")).to_contain_text("2 newer samples.")
    assert page.locator(".moment b").inner_text() == moment
    page.get_by_role("link", name="Show the newest").click()
    expect(page.locator("article .status").first).to_have_text("Critical")


def test_what_is_open_is_not_taken_away(windows: Windows, followed: tuple[Ui, Path]) -> None:
    ui, directory = followed
    page = followed_by(windows, address(ui, CRM))
    page.locator(".bead").first.click()
    expect(page.locator("[popover]:popover-open")).to_have_count(1)
    fill(directory, [sample_entry("crm.example.com", judged("CP-05"), datetime.now(UTC))])
    later(page)
    expect(page.locator("#pulse")).to_contain_text("A newer sample is there")
    expect(page.locator("[popover]:popover-open")).to_have_count(1)
    page.keyboard.press("Escape")
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur()")
    later(page)
    expect(page.locator("article .status").first).to_have_text("Critical")


def test_a_lost_connection_is_told_and_found_again(windows: Windows, followed: tuple[Ui, Path]) -> None:
    ui, _ = followed
    page = followed_by(windows, address(ui))
    page.route("**/state?*", lambda route: route.abort())
    for _ in range(2):
        with page.expect_event("requestfailed"):
            page.clock.run_for(3_100)
    expect(page.locator("#pulse")).to_contain_text("Connection lost")
    page.unroute("**/state?*")
    later(page, rounds=2)
    expect(page.locator("#pulse")).to_have_text("Live")
    # What a browser complains of when a request fails is what this test is about.
    windows.wrongs.clear()


def test_nothing_is_asked_while_nobody_looks(windows: Windows, followed: tuple[Ui, Path]) -> None:
    ui, _ = followed
    page = followed_by(windows, address(ui))
    later(page)
    page.evaluate(
        "Object.defineProperty(document, 'hidden', {get: () => window.away});"
        "window.away = true; document.dispatchEvent(new Event('visibilitychange'))"
    )
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.run_for(60_000)
    # A round trip through the browser, so that what it had asked is known here.
    page.evaluate("1")
    assert asked == []
    with page.expect_request("**/state?*"):
        page.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")
        page.clock.run_for(10)


def test_links_and_forms_work_without_a_script(windows: Windows, filled: Ui) -> None:
    page = windows.visit(address(filled), script=False)
    expect(page.locator("#pulse")).to_have_text("Reload to update")
    page.get_by_role("link", name="crm.example.com", exact=True).click()
    page.get_by_role("link", name="← Previous", exact=True).click()
    assert "at=" in page.url
    page.get_by_role("link", name="7 days").click()
    assert "range=7d" in page.url
    page.get_by_text("Another time").click()
    page.get_by_label("From").fill("2026-01-01T00:00")
    page.get_by_role("button", name="Show").click()
    assert "since=2026-01-01T00%3A00" in page.url
    expect(page.get_by_role("heading", level=1)).to_have_text("crm.example.com")


def test_an_empty_store_shows_the_first_sample_when_it_is_there(windows: Windows, tmp_path: Path) -> None:
    directory = tmp_path / "empty"
    directory.mkdir()
    opened(directory).close()
    with running(directory) as ui:
        page = followed_by(windows, address(ui))
        expect(page.get_by_role("heading", level=1)).to_have_text("No samples yet")
        assert_accessible(page)
        with closing(opened(directory)) as store:
            store.append(sample_entry("crm.example.com", HEALTHY, datetime.now(UTC)))
        later(page)
        expect(page.get_by_role("heading", level=1)).to_have_text("1 target")


def test_another_sites_page_gets_nothing(windows: Windows, filled: Ui) -> None:
    there = windows.show("<!DOCTYPE html><title>elsewhere</title><p>hello</p>")
    fetched = there.evaluate("url => fetch(url).then(() => 'read', () => 'refused')", address(filled))
    assert fetched == "refused"
    framed = there.evaluate(
        """url => new Promise((done) => {
          const frame = document.createElement("iframe");
          frame.onload = () => {
            try { done(frame.contentDocument ? "seen" : "not seen"); } catch { done("not seen"); }
          };
          frame.src = url;
          document.body.append(frame);
        })""",
        address(filled),
    )
    assert framed == "not seen"
    windows.wrongs.clear()


def test_the_end_is_told(windows: Windows, followed: tuple[Ui, Path]) -> None:
    ui, _ = followed
    page = followed_by(windows, address(ui))
    os.kill(ui.process.pid, signal.SIGTERM)
    ui.process.wait(timeout=10)
    for _ in range(2):
        with page.expect_event("requestfailed"):
            page.clock.run_for(3_100)
    expect(page.locator("#pulse")).to_contain_text("Connection lost")
    assert page.locator(".target").count() == 1
    windows.wrongs.clear()
