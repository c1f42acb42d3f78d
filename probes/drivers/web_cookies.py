"""The cookies of one chain of redirects: sign-in pages set one and lead back to the same URL."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from email.message import Message
    from http.cookiejar import CookieJar


class Cookies:
    """What servers asked to be told again; kept for one check and never written down."""

    def __init__(self) -> None:
        self._jar: CookieJar | None = None

    def keep(self, url: str, set_cookies: Sequence[str]) -> None:
        """Take in the Set-Cookie headers of the response to a URL, as far as the rules allow (RFC 6265)."""
        if not set_cookies:
            return
        from email.message import Message  # noqa: PLC0415 - 40 ms, and few redirects need a cookie
        from http.cookiejar import CookieJar  # noqa: PLC0415 - likewise
        from urllib.request import Request  # noqa: PLC0415 - likewise

        message = Message()
        for value in set_cookies:
            message["Set-Cookie"] = value
        self._jar = self._jar or CookieJar()
        self._jar.extract_cookies(_Headers(message), Request(url))  # type: ignore[arg-type] # noqa: S310 - opens nothing

    def header_for(self, url: str) -> str | None:
        """Return the Cookie header for a URL, None for none."""
        if self._jar is None:
            return None
        from urllib.request import Request  # noqa: PLC0415 - likewise

        request = Request(url)  # noqa: S310 - opens nothing
        self._jar.add_cookie_header(request)
        return request.get_header("Cookie")


class _Headers:
    """A response as a CookieJar reads it."""

    def __init__(self, message: Message) -> None:
        self._message = message

    def info(self) -> Message:
        return self._message
