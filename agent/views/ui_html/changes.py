"""The page of what happened to the network and to the store, the newest first. Pure."""

from collections.abc import Sequence
from datetime import datetime

from agent.pages.page import Page
from agent.timeline import Happening
from agent.views.ui_html.frame import Frame, page_of
from agent.views.ui_html.overview import happened
from agent.views.ui_html.target import Way


def changes_page(
    frame: Frame, happenings: Sequence[Happening], ranges: Sequence[Way], most: int, now: datetime
) -> Page:
    """Return the page; of more than `most` happenings only the newest are shown, and it says so."""
    shown = [happened(each, now) for each in reversed(happenings[-most:])]
    by_day: dict[str, list[object]] = {}
    for each in shown:
        by_day.setdefault(each.at[:10], []).append(each)
    left_out = max(0, len(happenings) - most)
    return page_of("changes.html", frame, days=list(by_day.items()), ranges=ranges, left_out=left_out, most=most)
