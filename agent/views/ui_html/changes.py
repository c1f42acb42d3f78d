"""The page of what happened to the network and to the store, the newest first. Pure."""

from collections.abc import Sequence
from datetime import datetime

from agent.pages.page import Page
from agent.timeline import Happening
from agent.views.ui_html.frame import Frame, page_of
from agent.views.ui_html.overview import Happened, happened
from agent.views.ui_html.target import Way


def changes_page(
    frame: Frame, happenings: Sequence[Happening], ranges: Sequence[Way], most: int, now: datetime
) -> Page:
    """Return the page; `happenings` are the newest, at most `most`."""
    by_day: dict[str, list[Happened]] = {}
    for each in reversed(happenings):
        row = happened(each, now)
        by_day.setdefault(row.at[:10], []).append(row)
    return page_of(
        "changes.html", frame, days=list(by_day.items()), ranges=ranges, full=len(happenings) >= most, most=most
    )
