"""One HTTP exchange with an edge's API: one connection, one deadline for all of it, and a reply of bounded size.

h11 speaks HTTP and sees bytes only, so that each step has its own failure and the one deadline holds whatever the far
side drips (docs/adr/0027-the-edge-is-asked-by-h11.md). Redirects are not followed: an edge has no reason to send any.
"""

from __future__ import annotations

import socket

from probes.drivers.connecting import connect_within
from probes.failure import Failure, Operation, failure_of
from probes.frozen import frozen
from probes.proxy import credentials
from probes.web_facts import ProxyMode, WebPhase

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Final

    import h11

    from probes.clock import Clock
    from probes.drivers.web_stream import EndedError, Stream
    from probes.name_facts import DnsCheck
    from probes.proxy import ProxyChoice

# Nobody's status line and headers are longer.
_LARGEST_HEAD: Final = 16_384
_LONGEST_DETAIL: Final = 200
_SUCCESS: Final = range(200, 300)


class Stopped(Exception):  # noqa: N818 - the end of the steps, not a mistake
    """Where an exchange ended early: at which step, how, and in words."""

    def __init__(self, phase: WebPhase, failure: Failure, detail: str | None = None) -> None:
        super().__init__(phase, failure)
        self.phase = phase
        self.failure = failure
        self.detail = None if detail is None else " ".join(detail.split())[:_LONGEST_DETAIL]


@frozen
class Url:
    """Where the API is: a scheme, a host, a port, and the path that its own paths are behind."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Return host and port as a request names them (RFC 9110 section 7.2)."""
        host = f"[{self.host.partition('%')[0]}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@frozen
class Request:
    """What is asked: `path` behind the API's own, and a body for POST."""

    url: Url
    method: str
    path: str
    token: str | None = None
    body: bytes | None = None
    longest_reply: int = 16_384


@frozen
class Way:
    """How connections are made: from where, by what, through whom, trusting whom.

    `addresses_of` looks a name up; it may be asked again, and remembers. `attempt` counts from 0: each one begins with
    another address.
    """

    addresses_of: Callable[[str], DnsCheck]
    source: str | None = None
    interface: str | None = None
    proxy: ProxyChoice | None = None
    ca_file: Path | None = None
    attempt: int = 0


@frozen
class Reply:
    """What came back, whatever the status; header names are small letters, of several fields the last one counts.

    `server_address` is whose answer it is, None through a proxy.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    server_address: str | None


def url_of(text: str) -> Url | None:
    """Return where an API is, None where the text is no http or https URL."""
    from urllib.parse import urlsplit  # noqa: PLC0415 - only who has an edge asks

    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        return None
    return Url(
        scheme=parts.scheme,
        host=parts.hostname,
        port=port or _DEFAULT_PORTS[parts.scheme],
        path=parts.path.rstrip("/"),
    )


def exchange(request: Request, way: Way, *, clock: Clock, until: float) -> Reply:
    """Return the reply to one request.

    Args:
        request: What is asked.
        way: How.
        clock: The clock.
        until: Monotonic time at which it is given up.

    Raises:
        Stopped: It ended early; a status is none of these reasons, except a proxy's to CONNECT.
    """
    return _Exchange(request, way, clock, until).run()


class _Exchange:
    """The steps of one exchange, in order."""

    def __init__(self, request: Request, way: Way, clock: Clock, until: float) -> None:
        self._request = request
        self._way = way
        self._clock = clock
        self._until = until
        self._address: str | None = None
        # With TLS 1.3 a server refuses the client only after the handshake (RFC 8446 section 4.4.2.4): it is TLS that
        # failed then, and not the question.
        self._tls_phase = WebPhase.TLS

    def run(self) -> Reply:
        """Make the exchange."""
        from probes.drivers.web_stream import Patience, TcpStream  # noqa: PLC0415 - ssl, for those who ask an edge

        url, proxy = self._request.url, self._proxy
        with self._connected(
            *((url.host, url.port) if proxy is None else (proxy.host or "", proxy.port or 0))
        ) as plain:
            stream: Stream = TcpStream(plain, Patience(self._clock, self._left_s(), _never))
            if proxy is not None and proxy.scheme == "https":
                stream = self._secured(stream, proxy.host or "", None, WebPhase.PROXY_TLS)
            if url.scheme == "https":
                if proxy is not None:
                    self._tunnelled(stream, proxy)
                stream = self._secured(stream, url.host, self._way.ca_file, WebPhase.TLS)
            return self._asked(stream)

    @property
    def _proxy(self) -> ProxyChoice | None:
        proxy = self._way.proxy
        return None if proxy is None or proxy.mode is ProxyMode.NONE else proxy

    def _left_s(self) -> float:
        left_s = self._until - self._clock.monotonic()
        if left_s <= 0:
            raise TimeoutError
        return left_s

    # -- the connection

    def _connected(self, host: str, port: int) -> socket.socket:
        address = self._address_of(host)
        if self._proxy is None:
            self._address = address.partition("%")[0]
        opened: socket.socket | None = None
        try:
            ((family, kind, number, _, remote), *_) = socket.getaddrinfo(
                address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
            )
            opened = socket.socket(family, kind, number)
            send_by(opened, self._way.source, self._way.interface)
            refused = connect_within(opened, remote, self._left_s())
        except OSError as error:
            if opened is not None:
                opened.close()
            words = f"{address} port {port}: {_words(error)}"
            raise Stopped(WebPhase.CONNECT, failure_of(error, Operation.CONNECT), words) from error
        if refused is not None:
            opened.close()
            raise Stopped(WebPhase.CONNECT, refused[0], f"{address} port {port}: {refused[1]}")
        return opened

    def _address_of(self, host: str) -> str:
        """Return the address that this attempt begins with: of the source's family, where one was asked for."""
        check = self._way.addresses_of(host)
        source = self._way.source
        fit = [address for address in check.addresses if source is None or (":" in address) == (":" in source)]
        if not fit:
            failure = check.failure or Failure.NO_DATA
            raise Stopped(WebPhase.RESOLVE, failure, f"{host}: {failure.value.replace('_', ' ')}")
        return fit[self._way.attempt % len(fit)]

    def _secured(self, inner: Stream, host: str, ca_file: Path | None, phase: WebPhase) -> Stream:
        import ssl  # noqa: PLC0415 - 13 ms, for those who ask an edge

        from probes.drivers.web_stream import EndedError, TlsStream  # noqa: PLC0415 - likewise

        try:
            context = ssl.create_default_context(cafile=ca_file)
        except OSError as error:
            words = f"{ca_file}: {_words(error)}"
            raise Stopped(phase, Failure.INVALID_SETTING, words) from error
        self._tls_phase = phase
        stream = TlsStream(inner, context, host)
        try:
            stream.handshake()
        except EndedError as error:
            failure = Failure.TIMED_OUT if error.failure is Failure.TIMED_OUT else Failure.TLS_FAILED
            raise Stopped(phase, failure, error.detail) from error
        return stream

    def _tunnelled(self, stream: Stream, proxy: ProxyChoice) -> None:
        """Have the proxy connect to the API (RFC 9110 section 9.3.6)."""
        url = self._request.url
        host = f"[{url.host}]" if ":" in url.host else url.host
        target = f"{host}:{url.port}"
        talk = _Talk(stream, WebPhase.PROXY_CONNECT, self._tls_phase, _LARGEST_HEAD)
        status, _, _ = talk.ask("CONNECT", target, {"Host": target, **dict(credentials(proxy))}, None)
        if status not in _SUCCESS:
            words = f"the proxy answered {status} to CONNECT {target}"
            raise Stopped(WebPhase.PROXY_CONNECT, Failure.UNEXPECTED_STATUS, words)

    # -- the question

    def _asked(self, stream: Stream) -> Reply:
        request, url = self._request, self._request.url
        headers = {
            "Host": url.authority,
            "User-Agent": "cloudpath-agent",
            "Accept": "application/json, application/problem+json",
            # What is packed small may unpack without end.
            "Accept-Encoding": "identity",
            # The answer is about this very question (RFC 9111 section 5.2.1.5).
            "Cache-Control": "no-store",
            "Connection": "close",
        }
        if request.token is not None:
            headers["Authorization"] = f"Bearer {request.token}"
        if request.body is not None:
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(request.body))}
        target = f"{url.path}{request.path}"
        if url.scheme == "http" and self._proxy is not None:
            # RFC 9112 section 3.2.2.
            target = f"http://{url.authority}{target}"
            headers |= credentials(self._proxy)
        talk = _Talk(stream, WebPhase.REQUEST, self._tls_phase, request.longest_reply)
        status, fields, body = talk.ask(request.method, target, headers, request.body)
        return Reply(status=status, headers=fields, body=body, server_address=self._address)


class _Talk:
    """One question and its answer over a stream that is open, in one step of the exchange."""

    def __init__(self, stream: Stream, phase: WebPhase, tls_phase: WebPhase, longest: int) -> None:
        self._stream = stream
        self._phase = phase
        self._tls_phase = tls_phase
        self._longest = longest
        self._heard = 0

    def ask(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Return status, headers and body of the answer; of CONNECT's no body is read where it is a success."""
        import h11  # noqa: PLC0415 - 28 ms, for those who ask an edge

        from probes.drivers.web_stream import EndedError  # noqa: PLC0415 - likewise

        protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LARGEST_HEAD)
        try:
            head = protocol.send(h11.Request(method=method, target=target, headers=list(headers.items()))) or b""
            data = protocol.send(h11.Data(data=body)) or b"" if body is not None else b""
            self._stream.send(head + data + (protocol.send(h11.EndOfMessage()) or b""))
            return self._answer(protocol)
        except h11.RemoteProtocolError as error:
            if not self._heard:
                raise self._stopped(Failure.CONNECTION_RESET, "the connection was closed without an answer") from error
            raise self._stopped(Failure.MALFORMED_REPLY, f"no HTTP: {error}") from error
        except EndedError as error:
            raise self._ended(error) from error

    def _answer(self, protocol: h11.Connection) -> tuple[int, Mapping[str, str], bytes]:
        import h11  # noqa: PLC0415 - likewise

        status, headers, body = 0, dict[str, str](), bytearray()
        while True:
            event = protocol.next_event()
            match event:
                case h11.Response():
                    status = event.status_code
                    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
                    self._check_encoding(headers)
                case h11.Data():
                    body += event.data
                case h11.EndOfMessage() | h11.PAUSED | h11.ConnectionClosed():
                    return status, headers, bytes(body)
                case h11.NEED_DATA:
                    protocol.receive_data(self._more())

    def _more(self) -> bytes:
        data = self._stream.receive()
        self._heard += len(data)
        if self._heard > self._longest + _LARGEST_HEAD:
            raise self._stopped(Failure.MALFORMED_REPLY, f"the answer is longer than {self._longest} octets")
        return data

    def _check_encoding(self, headers: Mapping[str, str]) -> None:
        encoding = headers.get("content-encoding", "identity")
        if encoding.lower() != "identity":
            raise self._stopped(Failure.MALFORMED_REPLY, f"the answer is encoded ({encoding}), which was not asked for")

    def _ended(self, error: EndedError) -> Stopped:
        if error.failure is Failure.TLS_FAILED:
            return Stopped(self._tls_phase, error.failure, error.detail)
        words = "no answer in time" if error.failure is Failure.TIMED_OUT else error.detail
        return Stopped(self._phase, error.failure, words)

    def _stopped(self, failure: Failure, detail: str) -> Stopped:
        return Stopped(self._phase, failure, detail)


def send_by(opened: socket.socket, source: str | None, interface: str | None) -> None:
    """Send as the sample's packets are sent: by an interface, from an address of the socket's family.

    Raises:
        OSError: The host refuses it.
    """
    if interface is not None:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
    if source is not None and (":" in source) == (opened.family == socket.AF_INET6):
        opened.bind((source.partition("%")[0], 0))


def _never() -> bool:
    return False


def _words(error: OSError) -> str:
    return "no answer in time" if isinstance(error, TimeoutError) else (error.strerror or str(error)).lower()
