"""The picture over time in a real browser: mouse, keys, no script, every width, a year that moves without a jerk."""

import json
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from statistics import median
from typing import Final, Literal

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from agent.record import Record
from agent.record_reader import read_records
from agent.report import telling_moments
from agent.store.history import History
from agent.timeline import Timeline
from agent.views.hop_html.page import hop_page
from agent.views.hop_html.templates import asset, policy
from agent.views.hop_html.timeline import timeline_html
from tests.browser.accessibility import assert_accessible
from tests.browser.window import Windows
from tests.unit.store.year import YEAR_TARGET, fill

# A screen shows 60 frames a second.
_FRAME_MS: Final = 1000 / 60
# W3C Long Tasks: what holds the page up for longer than this.
_LONG_TASK_MS: Final = 50


@pytest.fixture(scope="session")
def year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    directory = tmp_path_factory.mktemp("year")
    fill(directory)
    with History(directory) as history:
        yield history


def read(history: History, seq: int) -> Record:
    entry = history.entry(seq)
    assert entry is not None
    (record,) = read_records(entry.data, "entry")
    return record


@pytest.fixture(scope="session")
def report(year: History) -> str:
    """Return the report of a year."""
    timeline = year.timeline(YEAR_TARGET, most_buckets=400)
    return hop_page([read(year, moment.seq) for moment in telling_moments(timeline)], [timeline])


@pytest.fixture(scope="session")
def live(year: History) -> str:
    """Return a page with as fine a picture as there is, each moment a link, which keeps in `heard` what it is told."""
    timeline = year.timeline(YEAR_TARGET)
    figure = timeline_html(timeline, "t1", lambda moment: f"sample/{moment.seq}", chosen=last(timeline), zoom=True)
    style = asset("style.css") + asset("timeline.css")
    script = asset("timeline.js") + (
        "window.heard = [];"
        "for (const name of ['choose', 'range']) document.addEventListener(`cloudpath:${name}`,"
        " (event) => { event.preventDefault(); window.heard.push([name, event.detail]); });"
    )
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>A year</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{policy([style], [script])}">'
        f'<meta name="viewport" content="width=device-width"><style>{style}</style></head>'
        f"<body><main><h1>A year</h1>{figure}</main><script>{script}</script></body></html>"
    )


def last(timeline: Timeline) -> str:
    return timeline.buckets[-1].shown.at


def hand(page: Page) -> Locator:
    return page.get_by_role("slider")


def told(page: Page) -> str:
    return page.locator(".t-readout").inner_text()


def at_share(page: Page, share: float) -> tuple[float, float]:
    """Return a point on the picture, so far along the axis of time."""
    box = hand(page).bounding_box()
    assert box is not None
    return box["x"] + share * (box["width"] - 0.05), box["y"] + box["height"] / 3


def expect_shown(page: Page, prefix: str) -> None:
    """Wait until one sheet is shown, and it is this one: a browser tells of a new `#place` in a task of its own."""
    sheets = page.locator("article:visible")
    expect(sheets).to_have_count(1)
    expect(sheets).to_have_id(prefix)


# --- in a file --------------------------------------------------------------------------------------------------------


def test_the_newest_is_open_and_others_are_one_step_away(windows: Windows, report: str) -> None:
    page = windows.show(report)
    expect_shown(page, "s1")
    page.get_by_role("button", name="Earlier").click()
    expect_shown(page, "s2")
    page.go_back()
    expect_shown(page, "s1")
    for prefix in ("s2", "s3"):
        page.get_by_role("button", name="Earlier").click()
        expect_shown(page, prefix)
    page.get_by_role("button", name="Newest", exact=True).click()
    expect_shown(page, "s1")


def test_every_moment_of_the_file_is_a_step_from_the_next(windows: Windows, report: str) -> None:
    page = windows.show(report)
    earlier = page.get_by_role("button", name="Earlier")
    expect_shown(page, "s1")
    for number in range(2, 25):
        earlier.click()
        expect_shown(page, f"s{number}")
    expect(earlier).to_be_disabled()


def test_what_is_not_in_the_file_says_so_and_changes_nothing(windows: Windows, report: str) -> None:
    page = windows.show(report)
    hand(page).focus()
    page.keyboard.press("ArrowLeft")
    assert "not in this file" in told(page)
    assert "not in this file" in (hand(page).get_attribute("aria-valuetext") or "")
    page.keyboard.press("Enter")
    expect_shown(page, "s1")


def test_a_moment_stands_beside_the_newest_with_what_changed(windows: Windows, report: str) -> None:
    page = windows.show(report)
    compare = page.get_by_role("button", name="Compare with newest")
    assert compare.is_disabled()
    page.get_by_role("button", name="Earlier").click()
    compare.click()
    expect_shown(page, "s2b")
    assert page.locator(".comparison .verdicts > *").count() == 2
    assert compare.get_attribute("aria-pressed") == "true"
    assert_accessible(page)
    page.get_by_role("button", name="Earlier").click()
    expect_shown(page, "s3")
    compare.click()
    expect_shown(page, "s3b")
    compare.click()
    expect_shown(page, "s3")
    assert page.locator("article.comparison").count() == 0


def test_a_mark_opens_what_is_said_of_it(windows: Windows, report: str) -> None:
    page = windows.show(report)
    page.locator(".t-marks a").first.focus()
    page.keyboard.press("Enter")
    assert page.locator(".t-happenings li").first.is_visible()


def test_without_a_script_all_of_it_is_there(windows: Windows, report: str) -> None:
    page = windows.show(report, script=False)
    assert page.locator(".t-median").first.is_visible()
    assert page.locator(".t-told").is_hidden()
    expect(page.locator("article:visible")).to_have_count(24)
    page.get_by_text("The same as a table").click()
    link = page.locator(".t-table a").last
    target = link.get_attribute("href")
    link.click()
    assert page.url.endswith(str(target))


# --- mouse and keys ---------------------------------------------------------------------------------------------------


def test_the_hand_follows_the_mouse_and_goes_back(windows: Windows, live: str) -> None:
    page = windows.show(live)
    before = told(page)
    page.mouse.move(*at_share(page, 0.25))
    assert told(page) != before
    page.mouse.move(5, 5)
    assert told(page) == before


@pytest.mark.parametrize("width", [360, 1280])
def test_the_nearest_moment_is_chosen_wherever_one_points(windows: Windows, live: str, width: int) -> None:
    page = windows.show(live, width=width)
    lines = page.locator("tbody tr")
    for share, place in ((0.0, 0), (1.0, lines.count() - 1)):
        page.mouse.click(*at_share(page, share))
        assert page.evaluate("heard.at(-1)")[1]["seq"] == int(lines.nth(place).get_attribute("data-seq") or 0)


def test_the_line_stands_where_the_mouse_is(windows: Windows, live: str) -> None:
    page = windows.show(live)
    x, y = at_share(page, 0.4)
    page.mouse.move(x, y)
    line = page.locator(".t-hand .cursor").bounding_box()
    box = hand(page).bounding_box()
    assert line is not None
    assert box is not None
    # Half of one stretch of 718, and a pixel.
    assert abs(line["x"] - x) <= box["width"] / 718 / 2 + 2


def test_keys_move_by_one_by_ten_and_to_the_ends(windows: Windows, live: str) -> None:
    page = windows.show(live)
    hand(page).focus()
    most = int(hand(page).get_attribute("aria-valuemax") or 0)
    at = []
    for key in ("Home", "ArrowRight", "ArrowUp", "PageUp", "ArrowLeft", "PageDown", "PageDown", "End", "ArrowRight"):
        page.keyboard.press(key)
        at.append(int(hand(page).get_attribute("aria-valuenow") or -1))
    assert at == [0, 1, 2, 12, 11, 1, 0, most, most]


def test_a_stretch_that_is_dragged_over_is_asked_for(windows: Windows, live: str) -> None:
    page = windows.show(live)
    page.mouse.move(*at_share(page, 0.25))
    page.mouse.down()
    page.mouse.move(*at_share(page, 0.5), steps=5)
    page.mouse.up()
    name, detail = page.evaluate("heard.at(-1)")
    figure = page.locator(".timeline")
    share = page.evaluate(
        "([since, until, at]) => (Date.parse(at) - Date.parse(since)) / (Date.parse(until) - Date.parse(since))",
        [figure.get_attribute("data-since"), figure.get_attribute("data-until"), detail["since"]],
    )
    assert name == "range"
    assert share == pytest.approx(0.25, abs=0.01)
    assert detail["since"] < detail["until"]


def test_the_keys_zoom_as_the_buttons_do(windows: Windows, live: str) -> None:
    page = windows.show(live)
    page.get_by_role("button", name="Zoom in").click()
    hand(page).focus()
    page.keyboard.press("+")
    page.keyboard.press("-")
    (_, one), (_, other), (_, wider) = page.evaluate("heard")
    assert one == other
    assert wider["since"] < one["since"] < one["until"]


# --- every width and reader -------------------------------------------------------------------------------------------


OUTSIDE: Final = """
() => [...document.querySelectorAll(".t-chart text, .t-figures dd, .t-side, .t-acts button, .t-key li")]
  .map((each) => [each.textContent, each.getBoundingClientRect()])
  .filter(([, box]) => box.width && (box.left < 0 || box.right > innerWidth)).map(([text]) => text)
"""


@pytest.mark.parametrize("width", [320, 360, 768, 1280, 3840])
def test_it_fits(windows: Windows, report: str, width: int) -> None:
    page = windows.show(report, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(OUTSIDE) == []


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light"), (1280, "dark")])
def test_it_is_accessible(windows: Windows, live: str, width: int, scheme: Literal["light", "dark"]) -> None:
    page = windows.show(live, width=width, scheme=scheme)
    hand(page).focus()
    assert_accessible(page)


def test_the_table_and_what_happened_are_accessible(windows: Windows, report: str) -> None:
    page = windows.show(report)
    for summary in page.locator(".timeline summary").all():
        summary.click()
    assert_accessible(page)


@pytest.mark.parametrize("width", [360, 768, 1280, 3840])
def test_no_words_of_an_axis_overlap(windows: Windows, report: str, width: int) -> None:
    page = windows.show(report, width=width)
    boxes = [label.bounding_box() for label in page.locator(".t-axis text:visible").all()]
    ends = [(box["x"], box["x"] + box["width"]) for box in boxes if box is not None]
    assert len(ends) >= 2
    assert all(end < start for (_, end), (start, _) in pairwise(ends))


def test_targets_are_large_enough_for_a_finger(windows: Windows, report: str) -> None:
    page = windows.show(report, width=360, touch=True)
    for button in page.locator(".t-acts button, .timeline summary").all():
        box = button.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 24  # WCAG 2.2 success criterion 2.5.8


# --- without a jerk ---------------------------------------------------------------------------------------------------


def work_of(browser: Browser, page: Page, act: Callable[[], None]) -> list[float]:
    """Return how long each task of the page's main thread worked meanwhile, in milliseconds, the longest last.

    Time of the processor, not of the clock: what else the machine does meanwhile is no fault of the page.
    """
    browser.start_tracing(page=page, categories=["toplevel", "disabled-by-default-devtools.timeline"])
    act()
    events = json.loads(browser.stop_tracing())["traceEvents"]
    main = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    tasks = [e for e in events if e["name"] == "RunTask" and (e["pid"], e["tid"]) in main and "tdur" in e]
    return sorted(task["tdur"] / 1000 for task in tasks)


def frames_of(page: Page, act: Callable[[], None]) -> list[float]:
    """Return the time between two frames each meanwhile, in milliseconds by the clock, the longest last."""
    page.evaluate(
        "() => { window.frames_at = []; const next = at => {"
        " frames_at.push(at); window.frame = requestAnimationFrame(next) }; requestAnimationFrame(next) }"
    )
    act()
    at_ms: list[float] = page.evaluate("() => { cancelAnimationFrame(window.frame); return window.frames_at }")
    return sorted(after - before for before, after in pairwise(at_ms))


def assert_smooth(work_ms: list[float], steps: int) -> None:
    assert len(work_ms) > steps
    assert work_ms[-1] <= _LONG_TASK_MS
    # The longest tasks are one for each step at most: 95 in a hundred steps have room in a frame.
    assert work_ms[-1 - steps * 5 // 100] <= _FRAME_MS
    assert sum(work_ms) / steps <= _FRAME_MS


@pytest.mark.apart
def test_a_year_scrolls_without_a_jerk(browser: Browser, windows: Windows, live: str) -> None:
    page = windows.show(live)
    page.get_by_text("The same as a table").click()
    page.mouse.move(640, 450)

    def scroll() -> None:
        for step in range(40):
            page.mouse.wheel(0, 100 if step < 20 else -100)
            page.wait_for_timeout(16)

    frames_ms = frames_of(page, scroll)
    sys.stdout.write(
        f"\na year scrolls: a frame each {median(frames_ms):.1f} ms by the clock (median),"
        f" 95 in 100 within {frames_ms[-1 - len(frames_ms) // 20]:.1f} ms, all within {frames_ms[-1]:.1f} ms\n"
    )
    assert_smooth(work_of(browser, page, scroll), 40)


@pytest.mark.apart
def test_the_hand_moves_over_a_year_without_a_jerk(browser: Browser, windows: Windows, live: str) -> None:
    page = windows.show(live)

    def move() -> None:
        for step in range(60):
            page.mouse.move(*ends[0] if step == 0 else (ends[0][0] + step / 59 * (ends[1][0] - ends[0][0]), ends[0][1]))
            page.wait_for_timeout(16)

    ends = at_share(page, 0.0), at_share(page, 1.0)
    assert_smooth(work_of(browser, page, move), 60)
