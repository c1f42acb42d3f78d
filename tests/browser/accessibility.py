"""What axe-core finds in a page: nothing, by the rules of WCAG 2.2 A and AA and by what it calls good practice."""

from typing import Any, Final

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

TAGS: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_RUN: Final = """([within, tags]) => axe.run(
    within ? document.querySelector(within) : document,
    {runOnly: {type: "tag", values: tags}, resultTypes: ["violations"]},
).then(results => results.violations)"""


def assert_accessible(page: Page, within: str = "") -> None:
    """Fail with every rule that is broken, where, and what axe-core says of it; `within` is the selector of a part."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate(_RUN, [within, list(TAGS)])
    assert found == [], "\n".join(line for rule in found for line in _lines(rule))


def _lines(rule: dict[str, Any]) -> list[str]:
    return [
        f"\n{rule['id']}: {rule['help']} ({rule['helpUrl']})",
        *(f"  {node['target'][0]}: {node['failureSummary']}" for node in rule["nodes"]),
    ]
