"""The page of one target: its time line, the sample that is looked at below it, and the ways on from there. Pure."""

from collections.abc import Sequence
from datetime import datetime

from agent.pages.page import Page
from agent.views.escape import escape
from agent.views.ui_html.frame import Frame, page_of
from agent.views.ui_html.times import ago, instant
from probes.frozen import frozen


@frozen
class Way:
    """A link to another view of the same target; `url` is None where it leads nowhere just now, `current` where one is.

    Attributes:
        keeps: Whether only what is looked at changes: a script need not load the page anew for it.
        file: Whether it is a file to take away.
    """

    text: str
    url: str | None
    current: bool = False
    keeps: bool = True
    file: bool = False


@frozen
class Looked:
    """The sample that is looked at.

    Attributes:
        sheet: HTML of it alone, or of it and another one beside each other.
        beside: When the other one began, empty where there is none.
        past: Whether it was chosen, rather than the newest as it comes.
    """

    at: str
    sheet: str
    beside: str = ""
    past: bool = False


@frozen
class TargetView:
    """All that the page shows; texts are safe to show, `timeline` and `Looked.sheet` are HTML.

    Attributes:
        name: The target's.
        ranges: How long a stretch the time line shows; `since` and `until` are its ends, for the form.
        timeline: HTML of the time line, empty where nothing was measured in that stretch.
        report: Where this time can be taken away as a file, empty where nothing was measured.
        emptiness: What to say in that case, and `instead` where to look.
        steps: To other samples, `more` what else can be done with this one.
        newest: Where the newest is, and `newer` how many are newer than the one that is looked at.
        choosing: When the sample began with which another one is to be compared, empty where none is chosen.
        choosing_ends: The same page without choosing.
        silence: For how long nothing was measured, empty where all is as it should be.
    """

    name: str
    ranges: tuple[Way, ...]
    since: str
    until: str
    form: str
    custom: bool
    report: str
    timeline: str
    emptiness: str
    instead: Way | None
    steps: tuple[Way, ...]
    more: tuple[Way, ...]
    looked: Looked | None
    missing: str
    newest: str
    newer: int
    choosing: str
    choosing_ends: str
    silence: str


def target_page(frame: Frame, view: TargetView, now: datetime) -> Page:
    """Return the page."""
    looked = view.looked
    return page_of(
        "target.html",
        frame,
        view=view,
        looked_at=instant(looked.at) if looked else "",
        looked_ago=ago(looked.at, now) if looked else "",
        beside_at=instant(looked.beside) if looked else "",
        choosing_at=instant(view.choosing),
        # What a field of this kind takes (HTML, local date and time strings).
        since_field=view.since[:16],
        until_field=view.until[:16],
    )


def sample_page(frame: Frame, sheet: str, name: str, ways: Sequence[Way]) -> Page:
    """Return the page of one sample alone; `sheet` is HTML."""
    return page_of("sample.html", frame, sheet=sheet, name=escape(name), ways=ways)
