"""How soon a page of thirty hops is there, and how much it is to send on."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import pytest
from playwright.sync_api import Browser, Page, expect

from agent.views.hop_html.page import hop_page
from tests.browser.records import long_record

MOST_BYTES = 300_000
MOST_MS = 100.0
LOADS = 7
# What a browser takes for any page at all: a process, a navigation, a frame.
_NOTHING = '<!DOCTYPE html><html lang="en"><title>x</title><p>x</p></html>'
_FIRST_PAINT = """() => new Promise(told => new PerformanceObserver(list => {
    const entry = list.getEntriesByName("first-contentful-paint")[0];
    if (entry) told(entry.startTime);
}).observe({type: "paint", buffered: true}))"""
_HOPS_PAINT = """() => new Promise(told => {
    if (!document.querySelector("[elementtiming]")) told(0);
    new PerformanceObserver(list => told(list.getEntries()[0].renderTime)).observe({type: "element", buffered: true});
})"""
_SHIFTED = """() => new Promise(told => {
    let score = 0;
    new PerformanceObserver(list => { for (const each of list.getEntries()) score += each.value; })
        .observe({type: "layout-shift", buffered: true});
    setTimeout(() => told(score), 300);
})"""
# What a page's script sees of the hops in each frame until they are there, from the first on.
_FRAMES = """(() => {
    window.frames_ = [];
    addEventListener("DOMContentLoaded", () => {
        const look = () => {
            window.frames_.push(document.querySelector(".bead").checkVisibility());
            if (!window.frames_.at(-1)) requestAnimationFrame(look);
        };
        requestAnimationFrame(look);
    });
})()"""


@pytest.mark.apart
def test_a_page_of_thirty_hops_is_painted_at_once(browser: Browser, tmp_path: Path) -> None:
    """Hold what the page costs to the bar, in the thread's own time: the clock's counts other programs as well."""
    html = hop_page([long_record(hops=30, answers=20)])
    size_kb = len(html.encode()) / 1000
    file = tmp_path / "thirty.html"
    file.write_text(html.replace("<h3>Leg by leg", '<h3 elementtiming="legs">Leg by leg'), encoding="utf-8")
    nothing = tmp_path / "nothing.html"
    nothing.write_text(_NOTHING, encoding="utf-8")
    # One after the other: what the machine does beside them meets both.
    loads = [(load_ms(browser, file.as_uri()), load_ms(browser, nothing.as_uri())) for _ in range(LOADS)]
    costs, paints, legs = zip(*(page for page, _ in loads), strict=True)
    sys.stdout.write(
        f"\n30 hops, 20 answers each, {size_kb:.0f} KB; first contentful paint on the clock, ms: {whole(paints)}; "
        f"the hops: {whole(legs)}; a page of one letter: {whole(tuple(paint for _, (_, paint, _) in loads))}; "
        f"the main thread's own time: {whole(costs)}\n"
    )
    assert len(html.encode()) <= MOST_BYTES
    assert median(costs) <= MOST_MS


def whole(times_ms: tuple[float, ...]) -> str:
    return ", ".join(f"{time:.0f}" for time in sorted(times_ms))


def load_ms(browser: Browser, url: str) -> tuple[float, float, float]:
    """Load a page in a context that has seen nothing yet.

    Returns:
        What the renderer's main thread worked until the first contentful paint, when that was after the navigation, and
        when the hops were painted, if there are any; milliseconds all.
    """
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        page.goto(url)
        painted_ms = float(page.evaluate(_FIRST_PAINT))
        told = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
        return told["TaskDuration"] * 1000, painted_ms, float(page.evaluate(_HOPS_PAINT))


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (360, 740)])
def test_the_hops_come_a_frame_after_the_verdict_and_move_nothing(
    browser: Browser, tmp_path: Path, width: int, height: int
) -> None:
    with opened(browser, tmp_path, width=width, height=height) as page:
        assert page.evaluate(_SHIFTED) == 0
        frames = page.evaluate("window.frames_")
        assert len(frames) >= 2
        assert frames == [False] * (len(frames) - 1) + [True]


def test_whoever_is_led_to_a_hop_comes_back_or_runs_no_script_sees_it_in_the_first_frame(
    browser: Browser, tmp_path: Path
) -> None:
    with opened(browser, tmp_path, fragment="#s1-hop") as page:
        assert page.evaluate("window.frames_") == [True]
    with opened(browser, tmp_path) as page:
        page.reload()
        assert page.evaluate("window.frames_") == [True]
    with opened(browser, tmp_path, script=False) as page:
        expect(page.locator(".bead").first).to_be_visible()
        expect(page.locator("html.opening")).to_have_count(0)


@contextmanager
def opened(
    browser: Browser, folder: Path, *, fragment: str = "", script: bool = True, width: int = 1280, height: int = 900
) -> Iterator[Page]:
    """Open the page of thirty hops, told what its frames show, and wait until it is whole."""
    file = folder / "thirty.html"
    file.write_text(hop_page([long_record(hops=30, answers=20)]), encoding="utf-8")
    with browser.new_context(viewport={"width": width, "height": height}, java_script_enabled=script) as context:
        page = context.new_page()
        page.add_init_script(_FRAMES)
        page.goto(file.as_uri() + fragment)
        expect(page.locator(".bead").first).to_be_visible()
        yield page
