"""One HTTP/1.1 request and the head of its response over a stream; h11 writes the one and reads the other."""

from __future__ import annotations

import h11

from probes.drivers.web_stream import EndedError
from probes.failure import Failure
from probes.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    from probes.drivers.web_stream import Stream
    from probes.web_check import Request


# Browsers take four times as much; h11's own limit of 16 kB is less than some sign-in pages send.
_LARGEST_HEAD: Final = 65_536
# Head, and any number of interim responses before it.
_LARGEST_ANSWER: Final = 262_144
_TLS_ALERT_OR_HANDSHAKE: Final = (b"\x15\x03", b"\x16\x03")


@frozen
class Response:
    """A response; the version as `1.1`, header names in lower case, and of the body what was read of it."""

    status: int
    version: str
    fields: tuple[tuple[str, str], ...]
    body: bytes = b""

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the headers by name, those of one name joined (RFC 9110 section 5.3)."""
        joined: dict[str, str] = {}
        for name, value in self.fields:
            joined[name] = f"{joined[name]}, {value}" if name in joined else value
        return joined

    def values(self, name: str) -> tuple[str, ...]:
        """Return every value of one name, in order."""
        return tuple(value for known, value in self.fields if known == name)


def ask(stream: Stream, request: Request, *, body_limit: int = 0) -> Response:
    """Return the response to a request; of its body at least `body_limit` octets where it has so many.

    Raises:
        EndedError: There is none, or it is no HTTP.
    """
    return _Conversation(stream, body_limit).ask(request)


class _Conversation:
    """The state of one request: what h11 knows, and what came."""

    def __init__(self, stream: Stream, body_limit: int) -> None:
        self._stream = stream
        self._limit = body_limit
        self._protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LARGEST_HEAD)
        self._first = b""
        self._received = 0

    def ask(self, request: Request) -> Response:
        try:
            self._send(request)
            head = self._head()
            return Response(
                status=head.status_code,
                version=head.http_version.decode("ascii"),
                fields=tuple((name.decode("ascii"), value.decode("latin-1")) for name, value in head.headers),
                body=self._body() if self._limit else b"",
            )
        except h11.RemoteProtocolError as error:
            raise self._malformed(error) from error

    def _send(self, request: Request) -> None:
        # Servers put any octet into a cookie, and want it back as it was.
        headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in request.headers]
        event = h11.Request(method=request.method, target=request.target, headers=headers)
        data = (self._protocol.send(event) or b"") + (self._protocol.send(h11.EndOfMessage()) or b"")
        self._stream.send(data)

    def _head(self) -> h11.Response:
        """Return the response itself; those before it (1xx) are only for information (RFC 9110 section 15.2)."""
        while True:
            event = self._protocol.next_event()
            if isinstance(event, h11.Response):
                return event
            if event is h11.NEED_DATA:
                self._receive()
            elif not isinstance(event, h11.InformationalResponse):
                raise EndedError(Failure.MALFORMED_REPLY, "the connection ended before a response")

    def _body(self) -> bytes:
        body = b""
        while len(body) < self._limit:
            event = self._protocol.next_event()
            if event is h11.NEED_DATA:
                self._receive()
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            else:
                break
        return body[: self._limit]

    def _receive(self) -> None:
        data = self._stream.receive()
        if not data and not self._first:
            raise EndedError(Failure.CONNECTION_RESET, "the connection was closed without an answer")
        self._first = self._first or data[:8]
        self._received += len(data)
        if self._received > _LARGEST_ANSWER:
            raise EndedError(Failure.MALFORMED_REPLY, f"more than {_LARGEST_ANSWER // 1024} kB, and no response")
        self._protocol.receive_data(data)

    def _malformed(self, error: h11.RemoteProtocolError) -> EndedError:
        # A server of TLS answers plain text with an alert (RFC 8446 section 6).
        if self._first.startswith(_TLS_ALERT_OR_HANDSHAKE):
            return EndedError(Failure.TLS_EXPECTED, "it answered with a TLS record")
        if not self._first.startswith(b"HTTP/"):
            return EndedError(Failure.MALFORMED_REPLY, "what came is no HTTP")
        return EndedError(Failure.MALFORMED_REPLY, f"no proper HTTP: {error}")
