"""What every live page has around it: head, navigation, how fresh it is; and the policy it is sent with."""

from pathlib import Path
from typing import Final

from agent.pages.page import Page
from agent.views.hop_html.templates import asset, environment, policy
from probes.frozen import frozen

_HERE: Final = Path(__file__).parent
HTML: Final = "text/html; charset=utf-8"
# To be looked at by this page alone: in no frame, by no opener, named to nobody it links to.
_KEPT_APART: Final = (
    ("Referrer-Policy", "no-referrer"),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
_SEES_NOTHING: Final = ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")


@frozen
class Live:
    """How a page stays up to date.

    Attributes:
        state: Where it asks what is newer than what it shows; `after` is the number that it has.
        follows: Whether it shows the newest, and is made anew when there are newer ones; else it only says how many.
        newer: How many samples are newer already than what it shows.
    """

    state: str
    after: int
    follows: bool
    newer: int = 0


@frozen
class Crumb:
    """A step of the way back; `url` is None for where one is."""

    text: str
    url: str | None = None


@frozen
class Frame:
    """What stands around a page; every text is safe to show.

    Attributes:
        mark: The name of the icon in the browser's tab.
        home: Where all targets are, and `changes` what changed.
        here: Which of the two one is at, if any: `home` or `changes`.
        trail: The way back, nothing on the first page.
    """

    title: str
    mark: str
    home: str
    changes: str
    here: str = ""
    trail: tuple[Crumb, ...] = ()
    live: Live | None = None


def page_of(template: str, frame: Frame, status: int = 200, **values: object) -> Page:
    """Return a page from one of the templates of this folder, with its frame and its policy."""
    styles = _joined("style.css", "timeline.css", own="ui.css")
    scripts = _joined("script.js", "timeline.js", own="ui.js")
    body = (
        environment(_HERE)
        .get_template(template)
        .render(frame=frame, style=styles, script=scripts, icon_url=_ICONS[frame.mark], **values)
    )
    return Page(status=status, body=body, media_type=HTML, headers=(_allowed(styles, scripts), *_KEPT_APART))


def file_of(name: str, body: str, media_type: str) -> Page:
    """Return what a browser keeps as a file, or shows without letting it do anything."""
    return Page(
        status=200,
        body=body,
        media_type=media_type,
        headers=(("Content-Disposition", f'attachment; filename="{name}"'), _SEES_NOTHING, *_KEPT_APART),
    )


def data_of(body: str, status: int = 200) -> Page:
    """Return JSON for a page of ours, or for a person."""
    return Page(status=status, body=body, media_type="application/json", headers=(_SEES_NOTHING, *_KEPT_APART))


def _allowed(style: str, script: str) -> tuple[str, str]:
    """Return the policy of a page: of its own style and script, by their hashes, and asking nobody but us."""
    strict = policy([style], [script]).replace("form-action 'none'", "form-action 'self'")
    return (
        "Content-Security-Policy",
        f"{strict}; connect-src 'self'; img-src data:; frame-ancestors 'none'",
    )


def _joined(*names: str, own: str) -> str:
    """Return what the recorded pages use as well, and what is only ours behind it."""
    return "\n".join([*(asset(name) for name in names), asset(own, _HERE)])


def _icon(shape: str, colour: str) -> str:
    """Return an icon for a browser's tab; without one it asks for /favicon.ico, which is outside the token."""
    return (
        "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'%3E"
        f"%3Cpath fill='%23{colour}' d='{shape}'/%3E%3C/svg%3E"
    )


_CIRCLE: Final = "M2 12a10 10 0 1 0 20 0a10 10 0 1 0-20 0z"
_TRIANGLE: Final = "M12 2 23 22H1z"
_OCTAGON: Final = "M8 2h8l6 6v8l-6 6H8l-6-6V8z"
_SQUARE: Final = "M3 3h18v18H3z"
_ICONS: Final = {
    "good": _icon(_CIRCLE, "187443"),
    "info": _icon(_SQUARE, "0a66ad"),
    "warning": _icon(_TRIANGLE, "b36b00"),
    "critical": _icon(_OCTAGON, "bb1f2d"),
}
