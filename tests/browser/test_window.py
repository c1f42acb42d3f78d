"""The windows themselves: what a page may not do is noticed."""

import pytest

from tests.browser.accessibility import assert_accessible
from tests.browser.window import Windows, is_at_home

HEAD = '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>t</title><link rel="icon" href="data:,">'


@pytest.mark.parametrize(
    ("body", "noted"),
    [
        ('<img alt="" src="http://203.0.113.9/a.png">', "asked for http://203.0.113.9/a.png"),
        ("<script>throw new Error('oh')</script>", "error: oh"),
        ("<script>console.error('so')</script>", "console error: so"),
        (
            "<meta http-equiv=Content-Security-Policy content=\"script-src 'none'\"><script>1</script>",
            "Content Security Policy",
        ),
    ],
    ids=["a request", "an exception", "a complaint", "a breach of the policy"],
)
def test_what_no_page_may_do_is_noted(windows: Windows, body: str, noted: str) -> None:
    windows.show(HEAD + body).wait_for_load_state("networkidle")
    assert any(noted in wrong for wrong in windows.wrongs), windows.wrongs
    windows.wrongs.clear()


def test_what_a_page_asks_for_never_leaves_the_browser(windows: Windows) -> None:
    windows.show(f'{HEAD}<img alt="" src="http://203.0.113.9/a.png">').wait_for_load_state("networkidle")
    assert any("net::ERR_NAME_NOT_RESOLVED" in wrong for wrong in windows.wrongs), windows.wrongs
    windows.wrongs.clear()


def test_a_page_that_does_nothing_wrong_is_let_be(windows: Windows) -> None:
    windows.show(f"{HEAD}<script>console.log('well')</script><p>Hello").wait_for_load_state("networkidle")
    assert windows.wrongs == []


@pytest.mark.parametrize(
    ("url", "home"),
    [
        ("file:///tmp/a.html", True),
        ("data:text/plain,a", True),
        ("http://127.0.0.1:8080/", True),
        ("http://[::1]:8080/", True),
        ("http://192.0.2.1/", False),
        ("https://example.com/", False),
        ("http://localhost.example.com/", False),
        ("ws://192.0.2.1/", False),
    ],
)
def test_home_is_a_file_or_loopback(url: str, home: bool) -> None:  # noqa: FBT001 - a row of a table
    assert is_at_home(url) is home


def test_what_axe_finds_is_told_with_its_place(windows: Windows) -> None:
    page = windows.show(f'{HEAD}<main><h1>T</h1><img src="data:," id="bare"></main>')
    with pytest.raises(AssertionError, match=r"image-alt: .*\n  #bare: "):
        assert_accessible(page)
    windows.wrongs.clear()
