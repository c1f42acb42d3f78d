"""What axe-core finds in a page: nothing, by the rules of WCAG 2.2 A and AA and by what it calls good practice."""

from typing import Any, Final

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

TAGS: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_OPTIONS: Final = {"runOnly": {"type": "tag", "values": list(TAGS)}, "resultTypes": ["violations"]}
_AXE: Final = Axe()


def assert_accessible(page: Page) -> None:
    """Fail with every rule that is broken, where, and what axe-core says of it."""
    found = _AXE.run(page, options=_OPTIONS).response["violations"]
    assert found == [], "\n".join(line for rule in found for line in _lines(rule))


def _lines(rule: dict[str, Any]) -> list[str]:
    return [
        f"\n{rule['id']}: {rule['help']} ({rule['helpUrl']})",
        *(f"  {node['target'][0]}: {node['failureSummary']}" for node in rule["nodes"]),
    ]
