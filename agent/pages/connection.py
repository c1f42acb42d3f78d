"""One connection of the pages: a request is read, its answer written, and what still comes passed over.

h11 reads and writes what is on the wire, as it does for the edge.
"""

from __future__ import annotations

import ipaddress
import re
import selectors
import socket
from contextlib import suppress
from email.utils import formatdate
from typing import TYPE_CHECKING, Final

import h11

from agent.pages.page import Page, Request

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_HEAD: Final = 8_192
# For the whole of a request, and then for taking the answer, and then for hanging up.
REQUEST_S: Final = 5.0
ANSWER_S: Final = 10.0
LINGER_S: Final = 0.5
_READ: Final = 16_384
# RFC 9110 section 7.2: a host, an IPv6 address in brackets, and a port that may be empty.
_HOST: Final = re.compile(r"(?:\[(?P<literal>[^\]]+)\]|(?P<name>[^:\[\]]+))(?::[0-9]*)?")


class Connection:
    """One connection, turned on whenever its socket is ready for `events`, and dropped at `deadline_s` or when over."""

    def __init__(self, accepted: socket.socket, now: float, *, any_host: bool) -> None:
        """Take a socket that does not block; `any_host` where no browser can come from elsewhere."""
        self.socket = accepted
        self.deadline_s = now + REQUEST_S
        self.events = selectors.EVENT_READ
        self._any_host = any_host
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=LONGEST_HEAD)
        self._unsent = memoryview(b"")
        self._lingers = False

    def turn(self, now: float, answer: Callable[[Request], Page]) -> bool:
        """Do what can be done without waiting; return whether the connection is over."""
        if self._lingers:
            return not self.socket.recv(_READ)
        if not self._unsent:
            head = self._head()
            if head is None:
                return self._http.their_state is h11.CLOSED
            page, bodiless = self._page(head, answer)
            self._unsent = memoryview(self._bytes_of(page, bodiless=bodiless))
            self.deadline_s = now + ANSWER_S
            self.events = selectors.EVENT_WRITE
        return self._send(now)

    def _head(self) -> h11.Request | Page | None:
        """Return the request, what it is refused with, or None where it is not all there."""
        try:
            self._http.receive_data(self.socket.recv(_READ))
            event = self._http.next_event()
        except BlockingIOError:
            return None
        except h11.RemoteProtocolError as error:
            # What was sent, as Python writes it, helps nobody.
            why = str(error).partition(": bytearray(")[0]
            return Page(status=error.error_status_hint or 400, body=f"{why}\n")
        return event if isinstance(event, h11.Request) else None

    def _page(self, head: h11.Request | Page, answer: Callable[[Request], Page]) -> tuple[Page, bool]:
        """Return what is answered, and whether without its body."""
        if isinstance(head, Page):
            return head, False
        method, headers = head.method.decode("ascii"), dict(head.headers)
        authority, path, query = _target_of(head.target.decode("ascii"))
        host = headers.get(b"host", b"").decode("latin-1") if authority is None else authority
        if authority == "" or not (self._any_host or _is_ours(host)):
            return Page(status=421, body="ask for an address or localhost: no other name is served\n"), False
        accept, site = _listed(head, b"accept"), _listed(head, b"sec-fetch-site")
        request = Request(method=method, path=path, accept=accept, query=query, host=host, fetch_site=site)
        return answer(request), method == "HEAD"

    def _bytes_of(self, page: Page, *, bodiless: bool) -> bytes:
        # A recorded name may hold half a surrogate pair, which has no bytes in UTF-8.
        body = page.body.encode("utf-8", "replace")
        headers = [
            ("Date", formatdate(usegmt=True)),
            ("Content-Type", page.media_type),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("Connection", "close"),
            *page.headers,
        ]
        if page.allow is not None:
            headers.append(("Allow", page.allow))
        head = self._http.send(h11.Response(status_code=page.status, headers=headers)) or b""
        return head if bodiless else head + body

    def _send(self, now: float) -> bool:
        with suppress(BlockingIOError):
            self._unsent = self._unsent[self.socket.send(self._unsent) :]
        if self._unsent:
            return False
        # Closing on what was not read would reset the connection under the answer (RFC 9112 section 9.6).
        self.socket.shutdown(socket.SHUT_WR)
        self._lingers = True
        self.deadline_s = now + LINGER_S
        self.events = selectors.EVENT_READ
        return False


def _listed(head: h11.Request, name: bytes) -> str:
    """Return a field, several of them as one list (RFC 9110 section 5.3): the last must not hide the others."""
    return ",".join(value.decode("latin-1") for each, value in head.headers if each == name)


def _target_of(target: str) -> tuple[str | None, str, str]:
    """Return a request target's authority, None where its form has none, its path and its query.

    Source: RFC 9112 section 3.2; one that is there and names nobody is invalid, RFC 9110 section 4.2.1.
    """
    authority = None
    # A query may hold an address of its own.
    if "://" in target and not target.startswith("/"):
        authority, slash, path = target.partition("://")[2].partition("/")
        target = slash + path
    path, _, query = target.partition("?")
    return authority, path or "/", query


def _is_ours(host: str) -> bool:
    """Return whether a Host header names us by address or as localhost, or is not there, as in HTTP/1.0.

    A page from elsewhere may have its own name lead to this address; its browser then asks for that name.
    """
    if not host:
        return True
    found = _HOST.fullmatch(host)
    if found is None:
        return False
    name = found["literal"] or found["name"]
    if name.lower() == "localhost":
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
