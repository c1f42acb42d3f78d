"""Windows of a real Chromium, each in a context of its own, which note whatever no page of ours may do."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

# As root there is no sandbox to enter; the rest keeps the browser from talking to anybody on its own account.
ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Even what a page asks for against its policy gets nowhere.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE ::1",
    # Lines of text are as long on every machine that has the same fonts.
    "--font-render-hinting=none",
)
_OWN_SCHEMES: Final = frozenset({"about", "blob", "data", "file"})


@contextmanager
def chromium(executable: str, fonts: Path | None = None) -> Iterator[Browser]:
    """Run one browser; `fonts` is a fontconfig file in place of the machine's."""
    environment = dict(os.environ) | ({"FONTCONFIG_FILE": str(fonts)} if fonts else {})
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS, env=environment)  # type: ignore[arg-type]
        try:
            yield browser
        finally:
            browser.close()


class Windows:
    """Opens pages, and collects in `wrongs` what they asked of others, complained of, or let fail."""

    wrongs: list[str]

    def __init__(self, browser: Browser, folder: Path) -> None:
        """Keep the files of pages in `folder`."""
        self.wrongs = []
        self._browser = browser
        self._folder = folder
        self._contexts: list[BrowserContext] = []
        self._files = 0

    def show(
        self,
        html: str,
        *,
        width: int = 1280,
        height: int = 900,
        scheme: Literal["light", "dark"] = "light",
        touch: bool = False,
        script: bool = True,
    ) -> Page:
        """Return a window with a page from a file, as somebody opens the attachment of a ticket."""
        self._files += 1
        file = self._folder / f"page-{self._files}.html"
        file.write_text(html, encoding="utf-8")
        return self.visit(file.as_uri(), width=width, height=height, scheme=scheme, touch=touch, script=script)

    def visit(
        self,
        url: str,
        *,
        width: int = 1280,
        height: int = 900,
        scheme: Literal["light", "dark"] = "light",
        touch: bool = False,
        script: bool = True,
    ) -> Page:
        """Return a window with the page at a `file:` URL or one of loopback."""
        context = self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            has_touch=touch,
            java_script_enabled=script,
            # What moves slowly is waited for nowhere.
            reduced_motion="reduce",
        )
        self._contexts.append(context)
        context.on("request", self._note_request)
        context.on("console", self._note_console)
        context.on("weberror", lambda error: self.wrongs.append(f"error: {error.error}"))
        page = context.new_page()
        page.goto(url)
        if script:
            # What is painted in the second frame is there, too.
            expect(page.locator("html.opening")).to_have_count(0)
        return page

    def close(self) -> None:
        """Close every window."""
        for context in self._contexts:
            context.close()

    def _note_request(self, request: Request) -> None:
        if not is_at_home(request.url):
            self.wrongs.append(f"asked for {request.url}")

    def _note_console(self, message: ConsoleMessage) -> None:
        # A violation of the page's policy is told here as well.
        if message.type in {"error", "warning"}:
            self.wrongs.append(f"console {message.type}: {message.text}")


def is_at_home(url: str) -> bool:
    """Return whether a URL leads to a file, into the page itself, or to this machine's loopback."""
    parts = urlsplit(url)
    if parts.scheme in _OWN_SCHEMES:
        return True
    try:
        return ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False
