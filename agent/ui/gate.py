"""Who may see the live pages: whoever knows the token, from this host's own browser, and only to look. Pure.

Nothing can be changed through these pages, so that there is nothing to forge; what is kept is the secret of what is in
the store, from other users of this host, and from web pages that other sites open in the same browser.
"""

from __future__ import annotations

import hmac

from agent.pages.page import Page

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from agent.pages.page import Request

TOKEN_BYTES: Final = 24
_METHODS: Final = ("GET", "HEAD")
# Typed, bookmarked or opened by a program; or a page of ours. `same-site` would be another port of this host.
_SITES: Final = frozenset({"", "none", "same-origin"})
# No more than that: whoever has the token has its address.
_NOT_HERE: Final = Page(status=404, body="there is nothing here\n")
_NOT_THAT_HOST: Final = Page(status=421, body="ask for the address that cloudpath ui printed\n")
_NOT_FROM_THERE: Final = Page(
    status=403, body="another site's page led here; open the address that cloudpath ui printed by itself\n"
)


class Gate:
    """Lets requests in that have the token in their path, and tells what they are after."""

    def __init__(self, token: str, address: str, port: int) -> None:
        """Take the secret, and where the server listens: an address of the loopback interface without brackets."""
        self._token = token.encode()
        named = f"[{address}]" if ":" in address else address
        hosts = {f"{name}:{port}" for name in (named, "localhost")}
        # A browser leaves the port out where it is the scheme's own (RFC 9110 section 4.2.3).
        self._hosts = hosts | {named, "localhost"} if port == 80 else hosts  # noqa: PLR2004 - HTTP's

    def refusal(self, request: Request) -> Page | None:
        """Return what a request is refused with, None where it may go on.

        The address first: a name that was made to lead here (DNS rebinding) learns nothing about tokens.
        """
        if request.host.lower() not in self._hosts:
            return _NOT_THAT_HOST
        if request.method not in _METHODS:
            return Page(status=405, body="only GET and HEAD\n", allow=", ".join(_METHODS))
        # Not every path begins with a slash (`OPTIONS *`, RFC 9112 section 3.2.4).
        _, first, *_ = [*request.path.split("/"), ""]
        if not hmac.compare_digest(first.encode(), self._token):
            return _NOT_HERE
        if request.fetch_site not in _SITES:
            return _NOT_FROM_THERE
        return None

    @staticmethod
    def inside(request: Request) -> tuple[str, ...]:
        """Return the parts of the path behind the token, none for the first page."""
        return tuple(request.path.split("/")[2:])
