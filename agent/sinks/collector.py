"""A collector over HTTP/1.1: one connection that is kept, one deadline for each answer, whatever the far side drips.

h11 and the streams of the web check: a sink costs no second HTTP library (docs/adr/0034).
"""

from __future__ import annotations

import socket
from http import HTTPStatus

import h11

from agent.sinks.answers import Answer
from probes.drivers.trust import Trust
from probes.drivers.web_connect import connect
from probes.drivers.web_stream import EndedError, Patience, TlsStream
from probes.failure import Failure
from probes.frozen import frozen
from probes.proxy import NO_PROXY, ProxyError, choose_proxy, credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import Final

    from probes.clock import Clock
    from probes.drivers.web_stream import Stream, TcpStream
    from probes.proxy import ProxyChoice

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
# Nobody's status line and headers are longer.
_LARGEST_HEAD: Final = 65_536
# An answer to a bulk request of ten thousand entries fits in.
_LARGEST_BODY: Final = 4 << 20
# Longer than this, a middlebox has forgotten the connection, and what is sent into it is lost until a timeout says so.
_LONGEST_IDLE_S: Final = 30.0
_MENDING_S: Final = 60.0


class NoAnswerError(Exception):
    """There is no answer; the text says why, and `retry_after_s` how soon it is worth another try."""

    def __init__(self, why: str, retry_after_s: float | None = None) -> None:
        super().__init__(why)
        self.retry_after_s = retry_after_s


@frozen
class Place:
    """Where a collector is; `target` is path and query as a request names them."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """Return host and port as a request names them (RFC 9110 section 7.2)."""
        host = f"[{self.host.partition('%')[0]}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Return what may be shown of it: a query may hold a token."""
        return f"{self.scheme}://{self.authority}"


@frozen
class Way:
    """How a collector is reached: `proxy` is `environment`, `none` or a URL; `environment` the process's variables."""

    proxy: str
    environment: Mapping[str, str]
    ca_file: Path | None
    timeout_s: float


def place_of(url: str) -> Place:
    """Return where a URL leads; it was checked when the configuration was read."""
    from urllib.parse import urlsplit  # noqa: PLC0415 - once for each sink

    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    port = parts.port or _DEFAULT_PORTS[parts.scheme]
    return Place(scheme=parts.scheme, host=parts.hostname or "", port=port, target=target)


class _Turns(Patience):
    """A patience that is given anew for each request."""

    def renew(self, timeout_s: float, stop: Callable[[], bool]) -> None:
        """Allow `timeout_s` from now."""
        self._until = self.clock.monotonic() + timeout_s
        self._stop = stop


class Collector:
    """One collector and the connection to it."""

    def __init__(self, place: Place, way: Way, clock: Clock) -> None:
        """Prepare; nothing is connected before the first request."""
        self._place = place
        self._way = way
        self._patience = _Turns(clock, way.timeout_s, bool)
        self._proxy: ProxyChoice = NO_PROXY
        self._plain: TcpStream | None = None
        self._stream: Stream | None = None
        self._protocol: h11.Connection | None = None
        self._heard = 0
        self._used_at = 0.0

    def post(
        self, headers: Sequence[tuple[str, str]], body: bytes, stop: Callable[[], bool], target: str | None = None
    ) -> Answer:
        """Return the answer to a POST.

        Args:
            headers: Beside Host, Content-Length and what the proxy wants.
            body: What is posted.
            stop: Asked often; once it is true, there is no answer.
            target: Path and query, where they are others than the place's.

        Raises:
            NoAnswerError: There is none within the time that was set.
        """
        self._patience.renew(self._way.timeout_s, stop)
        reused = self._may_reuse()
        try:
            return self._asked(headers, body, target)
        except NoAnswerError:
            self.close()
            if not reused or self._heard:
                raise
        # A server may close an idle connection at any moment (RFC 9112 section 9.3.1), this one just now. A batch may
        # be sent twice: it carries its id.
        try:
            return self._asked(headers, body, target)
        except NoAnswerError:
            self.close()
            raise

    def reach(self, stop: Callable[[], bool]) -> None:
        """Connect as for a request, TLS and the proxy included, and send none.

        Raises:
            NoAnswerError: The collector cannot be reached.
        """
        self._patience.renew(self._way.timeout_s, stop)
        try:
            self._connected()
        finally:
            self.close()

    def close(self) -> None:
        """Close the connection."""
        if self._plain is not None:
            self._plain.close()
        self._plain = self._stream = self._protocol = None

    # -- the connection

    def _may_reuse(self) -> bool:
        """Return whether the connection of before can be used again; close it where it cannot."""
        if self._plain is None:
            return False
        idle_s = self._patience.clock.monotonic() - self._used_at
        if idle_s > _LONGEST_IDLE_S or self._plain.readable():
            # Nothing was asked: what can be read is its end, or nothing that we could trust.
            self.close()
            return False
        return True

    def _connected(self) -> Stream:
        try:
            self._proxy = self._chosen_proxy()
            stream: Stream
            if self._proxy.host is None:
                stream = self._plain = self._opened(self._place.host, self._place.port)
            else:
                stream = self._plain = self._opened(self._proxy.host, self._proxy.port or 0)
                if self._proxy.scheme == "https":
                    stream = self._secured(stream, self._proxy.host, None)
            if self._place.scheme == "https":
                if self._proxy.host is not None:
                    self._tunnelled(stream)
                stream = self._secured(stream, self._place.host, self._way.ca_file)
        except EndedError as error:
            raise NoAnswerError(f"{self._place.origin}: {_words(error)}") from None
        return stream

    def _chosen_proxy(self) -> ProxyChoice:
        place = self._place
        chosen = choose_proxy(
            self._way.proxy, scheme=place.scheme, host=place.host, port=place.port, environment=self._way.environment
        )
        if isinstance(chosen, ProxyError):
            raise NoAnswerError(chosen.message, _MENDING_S)
        return chosen

    def _opened(self, host: str, port: int) -> TcpStream:
        try:
            # The host's own resolver, with its hosts file and its search list: collectors are inside names, too.
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
        except (OSError, UnicodeError) as error:
            words = error.strerror if isinstance(error, OSError) and error.strerror else "no such name"
            raise NoAnswerError(f"{host}: {words.lower()}") from None
        addresses = dict.fromkeys(str(address[0]) for *_, address in found)
        return connect(tuple(addresses), port, self._patience)[0]

    def _secured(self, inner: Stream, host: str, ca_file: Path | None) -> Stream:
        try:
            # Read again when the file has changed; shared with the web checks of targets, for it takes a megabyte.
            context = Trust(ca_file).context()
        except EndedError as error:
            raise NoAnswerError(_words(error), _MENDING_S) from None
        stream = TlsStream(inner, context, host)
        stream.handshake()
        return stream

    def _tunnelled(self, stream: Stream) -> None:
        """Have the proxy connect to the collector (RFC 9110 section 9.3.6)."""
        place = self._place
        host = f"[{place.host}]" if ":" in place.host else place.host
        target = f"{host}:{place.port}"
        protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LARGEST_HEAD)
        request = h11.Request(method="CONNECT", target=target, headers=[("Host", target), *credentials(self._proxy)])
        try:
            stream.send(protocol.send(request) or b"")
            stream.send(protocol.send(h11.EndOfMessage()) or b"")
            status, _ = self._head(stream, protocol)
        except h11.RemoteProtocolError as error:
            raise NoAnswerError(f"the proxy {self._proxy.url} speaks no HTTP: {error}") from None
        if status not in range(200, 300):
            mending_s = _MENDING_S if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED else None
            raise NoAnswerError(f"the proxy {self._proxy.url} answered {status} to CONNECT {target}", mending_s)

    # -- the question

    def _asked(self, headers: Sequence[tuple[str, str]], body: bytes, target: str | None) -> Answer:
        self._heard = 0
        if self._stream is None or self._protocol is None:
            self._stream = self._connected()
            self._protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LARGEST_HEAD)
            self._heard = 0
        try:
            return self._answer(self._stream, self._protocol, self._request(headers, body, target), body)
        except h11.RemoteProtocolError as error:
            words = f"it speaks no HTTP: {error}" if self._heard else "it closed the connection without an answer"
            raise NoAnswerError(f"{self._place.origin}: {words}") from None
        except EndedError as error:
            raise NoAnswerError(f"{self._place.origin}: {_words(error)}") from None

    def _request(self, headers: Sequence[tuple[str, str]], body: bytes, target: str | None) -> h11.Request:
        place = self._place
        target = target or place.target
        fields = [("Host", place.authority), ("Content-Length", str(len(body))), *headers]
        if place.scheme == "http" and self._proxy.host is not None:
            # RFC 9112 section 3.2.2.
            target = f"http://{place.authority}{target}"
            fields += credentials(self._proxy)
        return h11.Request(method="POST", target=target, headers=fields)

    def _answer(self, stream: Stream, protocol: h11.Connection, request: h11.Request, body: bytes) -> Answer:
        unsent = self._sent(stream, protocol, request, body)
        try:
            status, fields = self._head(stream, protocol)
        except (EndedError, h11.RemoteProtocolError):
            # What kept us from sending is the better reason.
            if unsent is not None:
                raise unsent from None
            raise
        answer, cut = self._body(stream, protocol)
        if unsent is None and not cut and protocol.our_state is protocol.their_state is h11.DONE:
            protocol.start_next_cycle()
            self._used_at = self._patience.clock.monotonic()
        else:
            self.close()
        return Answer(status=status, headers=fields, body=answer, cut=cut)

    def _sent(self, stream: Stream, protocol: h11.Connection, request: h11.Request, body: bytes) -> EndedError | None:
        """Send all; return what ended that early: who refuses a body may close before he has read all of it."""
        head = protocol.send(request) or b""
        data = protocol.send(h11.Data(data=body)) or b""
        try:
            stream.send(head + data + (protocol.send(h11.EndOfMessage()) or b""))
        except EndedError as error:
            if error.failure in {Failure.TIMED_OUT, Failure.ABORTED}:
                raise
            return error
        return None

    def _head(self, stream: Stream, protocol: h11.Connection) -> tuple[int, dict[str, str]]:
        while True:
            event = protocol.next_event()
            if event is h11.NEED_DATA:
                self._fed(stream, protocol)
            elif isinstance(event, h11.Response):
                fields = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
                return event.status_code, fields
            elif isinstance(event, h11.ConnectionClosed):
                raise EndedError(Failure.CONNECTION_RESET, "it closed the connection without an answer")

    def _body(self, stream: Stream, protocol: h11.Connection) -> tuple[bytes, bool]:
        """Return the body and whether it was cut: its status counts all the same, whatever became of the rest."""
        body = bytearray()
        try:
            while len(body) < _LARGEST_BODY:
                event = protocol.next_event()
                if event is h11.NEED_DATA:
                    self._fed(stream, protocol)
                elif isinstance(event, h11.Data):
                    body += event.data
                else:
                    return bytes(body), False
        except (EndedError, h11.RemoteProtocolError):
            pass
        return bytes(body), True

    def _fed(self, stream: Stream, protocol: h11.Connection) -> None:
        data = stream.receive()
        self._heard += len(data)
        protocol.receive_data(data)


def _words(error: EndedError) -> str:
    if error.failure is Failure.TIMED_OUT:
        return error.detail or "no answer in time"
    if error.failure is Failure.ABORTED:
        return "the agent ends"
    return error.detail or str(error.failure).replace("_", " ")
