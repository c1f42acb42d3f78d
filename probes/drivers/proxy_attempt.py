"""One CONNECT through a proxy, step by step: each with its time and its own failure; the first failure ends it."""

from __future__ import annotations

import socket

from probes.drivers.connecting import connect_within
from probes.failure import Failure, Operation, failure_of
from probes.proxy import credentials
from probes.proxy_status import parse_proxy_status
from probes.web_facts import TlsSession, WebPhase, WebStep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Final, TypeVar

    import h11

    from probes.clock import Clock
    from probes.drivers.trust import Trust
    from probes.name_facts import DnsCheck
    from probes.proxy import ProxyChoice
    from probes.web_facts import ProxyStatus

    _Result = TypeVar("_Result")


# No proxy needs more for a status line and its headers; one that sends more is not read to the end.
_LARGEST_HEAD: Final = 16_384
_SUCCESS: Final = range(200, 300)
# The proxy reached no origin: RFC 9110 sections 15.6.3 to 15.6.5; squid 5.7 and tinyproxy 1.11 say 500 [measured].
_GATEWAY_STATUSES: Final = frozenset({500, 502, 503, 504})
_MOST_ADDRESSES: Final = 4
_LONGEST_DETAIL: Final = 200
_MOST_CHALLENGES: Final = 8
_LONGEST_TOKEN: Final = 60


class _Stopped(Exception):  # noqa: N818 - a way out of the steps, never seen outside this file
    def __init__(self, failure: Failure, detail: str | None = None) -> None:
        super().__init__(failure)
        self.failure = failure
        self.detail = None if detail is None else detail[:_LONGEST_DETAIL]


class Attempt:
    """One attempt and what came of it; the deadline is one for all its steps.

    Args:
        choice: The proxy.
        resolved: What is known of its name; its first addresses are tried in turn.
        clock: The clock.
        until: Monotonic time at which it is given up.
        source: The address to send from, None for the kernel's choice.
        interface: The interface to send by, None for the kernel's choice.
        ca_file: Authorities that are believed beside the host's own.
    """

    def __init__(
        self,
        choice: ProxyChoice,
        resolved: DnsCheck,
        clock: Clock,
        until: float,
        *,
        source: str | None = None,
        interface: str | None = None,
        ca_file: Path | None = None,
    ) -> None:
        self._choice = choice
        self._resolved = resolved
        self._clock = clock
        self._source = source
        self._interface = interface
        self._ca_file = ca_file
        self.until = until
        self.address: str | None = None
        self.status: int | None = None
        self.steps: list[WebStep] = []
        self.tls: TlsSession | None = None
        self.proxy_status: tuple[ProxyStatus, ...] = ()
        self.authenticate: tuple[str, ...] = ()
        self.error_token: str | None = None
        self.failure: Failure | None = None
        self._asked = False

    @property
    def waits_for_target(self) -> bool:
        """Return whether the proxy was asked and has not answered: it may itself wait for the target."""
        return self._asked and self.status is None

    @property
    def misses_target(self) -> bool:
        """Return whether the proxy says that it does not reach the target, or gave no answer."""
        silent = self.waits_for_target and self.failure in {Failure.TIMED_OUT, Failure.CONNECTION_RESET}
        return silent or self.status in _GATEWAY_STATUSES

    def run(self, host: str, port: int | None) -> None:
        """Make the attempt: to `host`:`port`, or without a port as far as the proxy itself."""
        try:
            with self._step(WebPhase.CONNECT, self._connected) as plain, self._secured(plain) as stream:
                if port is not None:
                    self._step(WebPhase.PROXY_CONNECT, lambda: self._ask(stream, host, port))
        except _Stopped as stopped:
            self.failure = stopped.failure

    def reach(self) -> None:
        """Make the attempt as far as a TCP connection."""
        try:
            self._step(WebPhase.CONNECT, self._connected).close()
        except _Stopped as stopped:
            self.failure = stopped.failure

    def _step(self, phase: WebPhase, work: Callable[[], _Result]) -> _Result:
        began = self._clock.monotonic()
        failure, detail = None, None
        try:
            return work()
        except _Stopped as stopped:
            failure, detail = stopped.failure, stopped.detail
            raise
        finally:
            duration_us = round((self._clock.monotonic() - began) * 1_000_000)
            self.steps.append(WebStep(phase=phase, duration_us=duration_us, failure=failure, detail=detail))

    def _left_s(self) -> float:
        left_s = self.until - self._clock.monotonic()
        if left_s <= 0:
            raise _Stopped(Failure.TIMED_OUT)
        return left_s

    # -- to the proxy

    def _connected(self) -> socket.socket:
        """Return a connection to the first address that accepts one; each has its share of the time that is left.

        Where none does, the preferred one tells why: those without a way, such as IPv6 on a host that has none, come
        last (RFC 6724) and say nothing of the proxy.
        """
        addresses = self._resolved.addresses[:_MOST_ADDRESSES]
        failed: _Stopped | None = None
        for index, address in enumerate(addresses):
            self.address = address
            try:
                return self._connected_to(address, self._left_s() / (len(addresses) - index))
            except _Stopped as stopped:
                failed = failed or stopped
        self.address = next(iter(addresses), None)
        raise failed or _Stopped(self._resolved.failure or Failure.NO_DATA)

    def _connected_to(self, address: str, timeout_s: float) -> socket.socket:
        plain: socket.socket | None = None
        try:
            ((family, kind, number, _, remote), *_) = socket.getaddrinfo(
                address, self._choice.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
            )
            plain = socket.socket(family, kind, number)
            self._bind(plain)
            refused = connect_within(plain, remote, timeout_s)
        except OSError as error:
            if plain is not None:
                plain.close()
            raise _Stopped(failure_of(error, Operation.BIND), (error.strerror or str(error)).lower()) from error
        if refused is not None:
            plain.close()
            raise _Stopped(*refused)
        return plain

    def _bind(self, plain: socket.socket) -> None:
        """Send as the sample's packets are sent, where the proxy is of the same family."""
        if self._interface is not None:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self._interface.encode() + b"\0")
        if self._source is not None and (":" in self._source) == (plain.family == socket.AF_INET6):
            plain.bind((self._source, 0))

    def _secured(self, plain: socket.socket) -> socket.socket:
        if self._choice.scheme != "https":
            return plain
        from probes.drivers.trust import Trust  # noqa: PLC0415 - ssl: 15 ms, and few proxies are spoken to by TLS

        trust = Trust(self._ca_file)
        trust.prepare()
        return self._step(WebPhase.PROXY_TLS, lambda: self._tls_over(plain, trust))

    def _tls_over(self, plain: socket.socket, trust: Trust) -> socket.socket:
        import ssl  # noqa: PLC0415 - likewise

        from probes.drivers.tls_session import session_of  # noqa: PLC0415 - likewise
        from probes.drivers.web_stream import EndedError  # noqa: PLC0415 - likewise

        try:
            plain.settimeout(self._left_s())
            stream = trust.context().wrap_socket(plain, server_hostname=self._choice.host)
        except EndedError as ended:
            raise _Stopped(ended.failure, ended.detail) from ended
        except ssl.SSLCertVerificationError as error:
            self.tls = TlsSession(verified=False, verify_error=error.verify_message)
            raise _Stopped(Failure.TLS_FAILED, error.verify_message) from error
        except TimeoutError as error:
            raise _Stopped(Failure.TIMED_OUT) from error
        except OSError as error:
            raise _Stopped(Failure.TLS_FAILED, str(error)) from error
        self.tls = session_of(stream)
        return stream

    # -- through it

    def _ask(self, stream: socket.socket, host: str, port: int) -> None:
        import h11  # noqa: PLC0415 - 24 ms, for those who have a proxy

        protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LARGEST_HEAD)
        try:
            stream.settimeout(self._left_s())
            stream.sendall(_connect_request(protocol, host, port, self._choice))
            self._asked = True
            response = self._answer(stream, protocol)
        except h11.RemoteProtocolError as error:
            raise _Stopped(Failure.MALFORMED_REPLY, str(error)) from error
        except OSError as error:
            raise _Stopped(failure_of(error, Operation.RECEIVE)) from error
        self._read(response)

    def _answer(self, stream: socket.socket, protocol: h11.Connection) -> h11.Response:
        """Return the answer itself; those before it (1xx) are only for information (RFC 9110 section 15.2)."""
        import h11  # noqa: PLC0415 - likewise

        while True:
            event = protocol.next_event()
            if isinstance(event, h11.Response):
                return event
            if event is h11.NEED_DATA:
                stream.settimeout(self._left_s())
                data = stream.recv(_LARGEST_HEAD)
                if not data:
                    raise _Stopped(Failure.CONNECTION_RESET, "the proxy closed the connection without an answer")
                protocol.receive_data(data)

    def _read(self, response: h11.Response) -> None:
        status = response.status_code
        self.status = status
        self.proxy_status = parse_proxy_status(_values(response, b"proxy-status"))
        self.error_token = next((value[:_LONGEST_TOKEN] for value in _values(response, b"x-squid-error")), None)
        self.authenticate = _schemes(_values(response, b"proxy-authenticate"))
        if status not in _SUCCESS:
            reason = response.reason.decode("latin-1")
            raise _Stopped(Failure.UNEXPECTED_STATUS, f"HTTP {status} {reason}".strip())


def _connect_request(protocol: h11.Connection, host: str, port: int, choice: ProxyChoice) -> bytes:
    """Return the request of RFC 9110 section 9.3.6."""
    import h11  # noqa: PLC0415 - likewise

    authority = f"[{host.partition('%')[0]}]:{port}" if ":" in host else f"{host}:{port}"
    headers = [("Host", authority), *credentials(choice)]
    sent = protocol.send(h11.Request(method="CONNECT", target=authority, headers=headers))
    return sent + (protocol.send(h11.EndOfMessage()) or b"") if sent else b""


def _values(response: h11.Response, name: bytes) -> tuple[str, ...]:
    return tuple(value.decode("latin-1") for known, value in response.headers if known == name)


def _schemes(challenges: tuple[str, ...]) -> tuple[str, ...]:
    """Return the scheme that each field offers first (RFC 9110 section 11.7.1); proxies send one field a scheme."""
    schemes = (challenge.split(None, 1)[0].rstrip(",")[:40] for challenge in challenges if challenge.strip())
    return tuple(dict.fromkeys(schemes))[:_MOST_CHALLENGES]
