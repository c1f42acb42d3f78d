"""HTTP/1.1 on one connection: h11 reads and writes, and nobody may take longer or send more than a request needs."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from email.utils import formatdate
from typing import TYPE_CHECKING, Final

import h11

from edge.messages import Head, Response, problem
from probes.frozen import frozen, replace

if TYPE_CHECKING:
    from edge.messages import Peer

# Longer heads than this, and longer bodies, are nobody's of ours.
LONGEST_HEAD: Final = 8_192
LONGEST_BODY: Final = 4_096
_READ: Final = 16_384
# For a request's head, from the start of the connection or the last answer; for its body; for taking the answer.
HEAD_S: Final = 5.0
BODY_S: Final = 5.0
_WRITE_S: Final = 10.0
# For what comes behind an answer that ends the connection.
_LINGER_S: Final = 0.5
_LINGER_OCTETS: Final = 65_536

ReadBody = Callable[[], Awaitable[bytes]]


@frozen
class App:
    """Who answers requests; `told` gets every request, its answer and how many seconds that took, for the log."""

    answer: Callable[[Head, ReadBody], Awaitable[Response]]
    told: Callable[["Peer", Head | None, Response, float], None]


class _RefusedError(Exception):
    """A request that is answered without being understood."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


class Connection:
    """One connection, request after request; `idle` while it is waiting for one."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: "Peer", app: App) -> None:
        """Take a connection that is open."""
        self.idle = True
        self._reader = reader
        self._writer = writer
        self._peer = peer
        self._app = app
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=LONGEST_HEAD)

    async def serve(self) -> None:
        """Answer requests until one of both ends closes."""
        with suppress(ConnectionError, TimeoutError, asyncio.IncompleteReadError):
            while await self._exchange():
                self._http.start_next_cycle()
            await self._linger()

    async def _linger(self) -> None:
        """Pass over what the caller still sends: closing before would reset the connection under the answer.

        Source: RFC 9112 section 9.6.
        """
        if self._http.their_state not in {h11.SEND_BODY, h11.ERROR}:
            return
        self.idle = True
        left = _LINGER_OCTETS
        async with asyncio.timeout(_LINGER_S):
            while left > 0 and (data := await self._reader.read(_READ)):
                left -= len(data)

    async def _exchange(self) -> bool:
        """Answer one request; return whether another may follow."""
        self.idle = True
        head, now = None, asyncio.get_running_loop().time
        begun_s = now()
        try:
            head = await self._head()
            if head is None:
                return False
            self.idle, begun_s = False, now()
            response = await self._app.answer(head, self._body)
        except _RefusedError as refused:
            self.idle = False
            response = refused.response
        except (ConnectionError, asyncio.IncompleteReadError):
            raise
        except Exception as error:  # noqa: BLE001 - the boundary of the edge's own mistakes: a caller learns of one
            response = replace(problem(500, "the edge itself failed"), note=f"{type(error).__name__}: {error}")
        self._app.told(self._peer, head, response, now() - begun_s)
        await self._write(response, bodiless=head is not None and head.method == "HEAD")
        return self._http.states == {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}

    async def _head(self) -> Head | None:
        """Return the next request without its body, None where none comes."""
        try:
            async with asyncio.timeout(HEAD_S):
                event = await self._event()
        except TimeoutError:
            if self._http.trailing_data[0] or self._http.their_state is not h11.IDLE:
                raise _RefusedError(problem(408, f"no whole request within {HEAD_S:.0f} s")) from None
            return None
        return _head_of(self._peer, event) if isinstance(event, h11.Request) else None

    async def _body(self) -> bytes:
        """Return the request's body, at most 4 KB."""
        if self._http.they_are_waiting_for_100_continue:
            self._writer.write(self._sent(h11.InformationalResponse(status_code=100, headers=[])))
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_S):
                while not isinstance(event := await self._event(), h11.EndOfMessage):
                    if not isinstance(event, h11.Data):
                        raise _RefusedError(problem(400, "the request ends before its body does"))
                    body += event.data
                    if len(body) > LONGEST_BODY:
                        raise _RefusedError(problem(413, f"a request's body has at most {LONGEST_BODY} octets"))
        except TimeoutError:
            raise _RefusedError(problem(408, f"no whole body within {BODY_S:.0f} s")) from None
        return bytes(body)

    async def _event(self) -> object:
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                status = error.error_status_hint or 400
                raise _RefusedError(problem(status, str(error))) from None
            if event is not h11.NEED_DATA:
                return event
            self._http.receive_data(await self._reader.read(_READ))

    async def _write(self, response: Response, *, bodiless: bool) -> None:
        headers = [
            *response.headers,
            # RFC 9110 section 6.6.1: agents tell by it how old an answer is.
            ("Date", formatdate(usegmt=True)),
            ("Content-Type", response.media_type),
            ("Content-Length", str(len(response.body))),
            ("Cache-Control", "no-store"),
        ]
        if self._unread():
            headers.append(("Connection", "close"))
        data = self._sent(h11.Response(status_code=response.status, headers=headers))
        if not bodiless:
            data += self._sent(h11.Data(data=response.body))
        data += self._sent(h11.EndOfMessage())
        self._writer.write(data)
        async with asyncio.timeout(_WRITE_S):
            await self._writer.drain()

    def _unread(self) -> bool:
        """Return whether a body is left that nobody reads: after it there is no next request."""
        if self._http.their_state is h11.SEND_BODY:
            with suppress(h11.RemoteProtocolError):
                # A request without a body is at its end, and h11 has not been asked yet.
                self._http.next_event()
        return self._http.their_state is not h11.DONE

    def _sent(self, event: h11.Event) -> bytes:
        return self._http.send(event) or b""


def _head_of(peer: "Peer", request: h11.Request) -> Head:
    headers = dict(request.headers)
    # h11 bounds what it has to wait for, not what came at once.
    if len(request.target) + sum(len(name) + len(value) for name, value in request.headers) > LONGEST_HEAD:
        raise _RefusedError(problem(431, f"a request's head has at most {LONGEST_HEAD} octets"))
    length = headers.get(b"content-length")
    if length is not None and int(length) > LONGEST_BODY:
        raise _RefusedError(problem(413, f"a request's body has at most {LONGEST_BODY} octets"))
    return Head(
        peer=peer,
        method=request.method.decode("ascii"),
        path=request.target.decode("ascii"),
        authorization=headers.get(b"authorization"),
        media_type=headers.get(b"content-type", b"").decode("latin-1"),
    )
