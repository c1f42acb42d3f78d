"""What is asked of a page server, and what it answers."""

from __future__ import annotations

from probes.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

TEXT: Final = "text/plain; charset=utf-8"


@frozen
class Request:
    """What somebody asks for.

    Attributes:
        path: Without its query, as it was sent: nothing in it is decoded.
        accept: Empty where the request has none, as are the others.
        query: What stands behind the `?`.
        host: Whom it names as its server: the request target's authority, else `Host`.
        fetch_site: `Sec-Fetch-Site`, by which a browser says whose page asks (W3C Fetch Metadata, section 2.3).
    """

    method: str
    path: str
    accept: str = ""
    query: str = ""
    host: str = ""
    fetch_site: str = ""


@frozen
class Page:
    """What is answered; `allow` names the methods where another one was used, `headers` are more fields."""

    status: int
    body: str
    media_type: str = TEXT
    allow: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
