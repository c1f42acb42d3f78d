"""The documentation's pictures: recorded samples and a store as pages, light and dark, small enough to be kept."""

import random
import shutil
import subprocess
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal

from playwright.sync_api import Page

from agent.pages.page import Page as Answer
from agent.pages.page import Request
from agent.pages.server import PageServer
from agent.store.history import History
from agent.ui.app import App
from agent.ui.gate import Gate
from agent.ui.places import Links, Span, TargetPlace, utc
from agent.views.hop_html.page import hop_page
from agent.views.verdict import diagnosis_of, facts_of
from probes.clock import SystemClock
from probes.frozen import replace
from probes.sample import Sample
from rules.diagnosis import Diagnosis
from tests.browser.scenes import SCENES, record_of_scene
from tests.browser.window import Windows, chromium
from tests.unit.store import year
from tests.unit.ui.live_stores import SetClock, change, fill, sample_entry

PICTURES: Final = Path(__file__).parents[2] / "docs/pictures"
SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
WIDTH: Final = 1280
_TOKEN: Final = "t" * 22
_FONTS: Final = Path(__file__).with_name("fonts.conf")
_INTER: Final = Path("/usr/share/fonts/opentype/inter/Inter-Regular.otf")
_LINKS: Final = Links(f"/{_TOKEN}/")
_YEAR: Final = TargetPlace(key=year.YEAR_TARGET, span=Span(word="1y"))


def _beside_a_detour(history: History) -> TargetPlace:
    """Return a week of the year in which traffic went another way for some hours, beside the way before."""
    began = year.UNTIL - timedelta(days=year.DETOUR_TIME.days_before)
    moments = [
        history.timeline(year.YEAR_TARGET, since=utc(began + at), until=utc(began + at + timedelta(hours=1)))
        .buckets[0]
        .shown
        for at in (timedelta(hours=2), timedelta(hours=-2))
    ]
    span = Span(word=None, since=utc(began - timedelta(days=3)), until=utc(began + timedelta(days=4)))
    return replace(_YEAR, span=span, at=moments[0].seq, beside=moments[1].seq)


# Stores, what is looked at of their live pages (None: everything), and how much of each page is shown.
LIVE: Final[dict[str, tuple[str, Callable[[History], TargetPlace] | None, int]]] = {
    "ui-overview": ("office", None, 900),
    "ui-year": ("year", lambda _: _YEAR, 1000),
    "ui-compared": ("year", _beside_a_detour, 1410),
}
_STEP: Final = timedelta(minutes=10)
# Of a day of the office: which scene a target's newest samples are of, and how many; the others are of the healthy one.
_OFFICE: Final[dict[str, tuple[str, int]]] = {
    "crm.example.com": ("healthy", 0),
    "intranet.example.com": ("name", 6),
    "mail.example.com": ("healthy", 0),
    "shop.example.com": ("tunnel", 40),
}


class LackingError(Exception):
    """Something that pictures need is not on this machine; the text says what to do."""


def draw_all(names: Collection[str] = ()) -> list[Path]:
    """Draw these pictures anew, or all of them, and return their files.

    Raises:
        LackingError: A program or the pictures' font is missing.
    """
    executable = shutil.which("chromium")
    if executable is None or shutil.which("pngquant") is None or not _INTER.exists():
        raise LackingError("pictures need Debian's chromium, pngquant, fonts-inter and fonts-dejavu-core")
    PICTURES.mkdir(exist_ok=True)
    drawn: list[Path] = []
    with TemporaryDirectory() as folder, chromium(executable, fonts=_FONTS) as browser:
        windows = Windows(browser, Path(folder))
        with ExitStack() as stack:
            bases = {
                "office": stack.enter_context(_live_pages(Path(folder) / "office", _fill_office)),
                "year": stack.enter_context(_live_pages(Path(folder) / "year", year.fill)),
            }
            for name in names or (*SCENES, *LIVE):
                drawn += [_draw(name, scheme, _opener(windows, Path(folder), bases, name)) for scheme in SCHEMES]
        windows.close()
    if windows.wrongs:
        raise LackingError("; ".join(windows.wrongs))
    return drawn


def file_of(name: str, scheme: str) -> Path:
    """Return where a picture is kept."""
    return PICTURES / f"{name}-{scheme}.png"


_Opener = Callable[[Literal["light", "dark"]], tuple[Page, int]]


def _opener(windows: Windows, folder: Path, bases: Mapping[str, str], name: str) -> _Opener:
    """Return what opens a picture's page and says how much of it is shown."""

    def scene(scheme: Literal["light", "dark"]) -> tuple[Page, int]:
        shown = SCENES[name]
        page = windows.show(hop_page([record_of_scene(name)]), width=WIDTH, height=shown.height, scheme=scheme)
        if shown.opened:
            page.locator(f".station .flag[aria-label*='{shown.opened}:']").click()
        return page, shown.height

    def live(scheme: Literal["light", "dark"]) -> tuple[Page, int]:
        store, looked_at, height = LIVE[name]
        path = _LINKS.overview()
        if looked_at:
            with History(folder / store) as history:
                path = _LINKS.target(looked_at(history))
        return windows.visit(f"{bases[store]}{path}", width=WIDTH, height=height, scheme=scheme), height

    return scene if name in SCENES else live


def _draw(name: str, scheme: Literal["light", "dark"], opened: _Opener) -> Path:
    page, height = opened(scheme)
    file = file_of(name, scheme)
    image = page.screenshot(clip={"x": 0, "y": 0, "width": WIDTH, "height": height})
    page.close()
    # Pages have few colours: a palette is a third of the size, and looks the same.
    command = ("pngquant", "--speed", "1", "--strip", "64", "-")
    file.write_bytes(subprocess.run(command, input=image, capture_output=True, check=True).stdout)
    return file


@cache
def _judged(scene: str, target: str) -> tuple[Sample, Diagnosis]:
    """Return what a scene's record says, as if another target had been asked for."""
    record = record_of_scene(scene, target)
    return facts_of(record), diagnosis_of(record)


def _fill_office(directory: Path) -> None:
    """Make a store of one day, in which two of four targets are not well at its end."""
    steps = int(timedelta(hours=24) / _STEP)
    chance = random.Random(2026)  # noqa: S311 - the same day each time
    makers = [change(year.UNTIL - timedelta(hours=1, minutes=2))]
    for step in range(steps):
        at = year.UNTIL - (steps - 1 - step) * _STEP - timedelta(minutes=2)
        for number, (target, (scene, newest)) in enumerate(_OFFICE.items()):
            shown = _judged(scene if step >= steps - newest else "healthy", target)
            began = at + timedelta(seconds=7 * number)
            makers.append(sample_entry(target, shown, began, 1 + number / 3 + chance.expovariate(6)))
    fill(directory, makers)


@contextmanager
def _live_pages(store: Path, fill: Callable[[Path], object]) -> Iterator[str]:
    """Serve the live pages of a store, at a time that never goes on; give their address."""
    fill(store)
    clock = SetClock(year.UNTIL, SystemClock())
    app: list[App] = []

    def answer(request: Request) -> Answer:
        # Who is let in depends on the port, which is known once the server is there.
        return app[0](request)

    server = PageServer("127.0.0.1:0", answer, clock)
    app.append(App(store, Gate(_TOKEN, "127.0.0.1", server.port), _LINKS, clock))
    server.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.close()
