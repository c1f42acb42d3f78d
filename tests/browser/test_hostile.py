"""Texts from outside, in every place of a record that holds one: they are read, and nothing else happens."""

from collections import Counter
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final

import pytest
from playwright.sync_api import Page

from agent.record import Record
from tests.browser.geometry import assert_fits
from tests.browser.records import SITUATIONS

HARMLESS: Final = "harmless"
TEXTS: Final = {
    "a script": "</style></script></pre></title><script>window.ran = 1</script>",
    "a handler": '"><img src=x onerror="window.ran = 1"><svg onload="window.ran = 1">',
    "an attribute": "' autofocus onfocus='window.ran = 1' onmouseover='window.ran = 1",
    "an address that runs": "javascript:window.ran=1",
    "a template": "{{ 7 * 7 }}{% raw %}${window.ran = 1}",
    "terminal": "\x1b[2J\x1b[31mowned\x07\x9b31m\x1b]8;;http://203.0.113.9\x07",
    "turned round": "\u202emoc.elpmaxe\u2066\u200b\u2069\u061c",
    "written from the right": "\u05d0\u05d1\u05d2.\u0627\u0644\u0639.example",
    "nothing to see": "\u200b" * 10_000,
    "marks on marks": "a" + "\u0301" * 10_000,
    "long": "W" * 10_000,
    "long of words": "wide " * 2_000,
    "long of signs": "<" * 10_000,
}
# Where a long name wraps is no matter, nor how many lines of the Command Line View are coloured.
_COUNT: Final = "() => [...document.querySelectorAll('*:not(wbr, pre *)')].map(e => e.tagName)"
_IN_TEXT: Final = "() => [...document.querySelectorAll('pre *')].map(e => e.tagName)"
_RUNNERS: Final = """() => [...document.querySelectorAll('*')].flatMap(e => [...e.attributes])
    .filter(({name, value}) => name.startsWith('on')
        || ['style', 'src', 'srcdoc', 'action', 'formaction'].includes(name)
        || (name.endsWith('href') && !value.startsWith('#')))
    .map(({name, value}) => `${name}=${value}`)"""
_TURNED: Final = """() => [...document.querySelectorAll('body *')]
    .filter(e => getComputedStyle(e).direction !== 'ltr' || e.hasAttribute('dir')).map(e => e.outerHTML.slice(0, 80))"""
# C1 controls, combining marks, scripts from the right, and what turns the direction round or is not seen.
_FOREIGN: Final = """() => [...document.body.innerText].filter(
    c => /[\\u0080-\\u009f\\u0300-\\u036f\\u0590-\\u08ff\\u200b-\\u200f\\u202a-\\u202e\\u2066-\\u2069]/.test(c))"""


def with_text(value: Any, text: str) -> Any:
    """Return a record in which every text, wherever it came from, is one."""
    if type(value) is str:
        return text
    if isinstance(value, tuple):
        return tuple(with_text(each, text) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: with_text(getattr(value, field.name), text) for field in fields(value)})
    return value


def hostile(text: str, name: str = "tunnelled") -> Record:
    record: Record = with_text(SITUATIONS[name], text)
    return record


@pytest.fixture(scope="module")
def harmless_tags() -> dict[str, Counter[str]]:
    """Keep what a page of harmless texts is made of, once it is known."""
    return {}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_shown_and_does_nothing(
    page_of: Callable[..., Page], harmless_tags: dict[str, Counter[str]], name: str
) -> None:
    if not harmless_tags:
        harmless_tags["page"] = Counter(page_of(hostile(HARMLESS)).evaluate(_COUNT))
    page = page_of(hostile(TEXTS[name]))
    assert Counter(page.evaluate(_COUNT)) == harmless_tags["page"]
    assert set(page.evaluate(_IN_TEXT)) <= {"SPAN", "BUTTON", "svg", "use"}
    assert page.evaluate(_RUNNERS) == []
    assert page.evaluate(_TURNED) == []
    assert page.evaluate(_FOREIGN) == []
    for width in (1280, 3840, 360):
        page.set_viewport_size({"width": width, "height": 740})
        assert_fits(page)
    open_everything(page)
    assert page.evaluate("'ran' in window") is False


def open_everything(page: Page) -> None:
    """Rest on, focus and open whatever can be opened; what opens has to fit the window as well."""
    for button in page.locator("[popovertarget]:visible").all():
        button.hover()
        button.focus()
        page.keyboard.press("Enter")
        details = page.locator(":popover-open")
        assert details.count() == 1
        assert details.evaluate("element => element.scrollWidth - element.clientWidth") <= 0
        page.keyboard.press("Escape")
    page.get_by_role("tab", name="Command Line View").first.click()
    assert page.evaluate("document.scrollingElement.scrollWidth - innerWidth") <= 0
