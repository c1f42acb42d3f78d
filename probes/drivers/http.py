"""Whether a proxy lets a CONNECT through to the target: the first bytes of HTTP/1.1, no more."""

from __future__ import annotations

import base64
import socket

from probes.failure import Failure, Operation, failure_of
from probes.web_facts import Proxy, ProxyMode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from probes.clock import Clock
    from probes.name_facts import DnsCheck
    from probes.proxy import ProxyChoice


# No proxy needs more for a status line and its headers; one that sends more is not read to the end.
_LARGEST_HEAD: Final = 16_384
_SUCCESS: Final = range(200, 300)
_STATUS_LENGTH: Final = 3


class _Stopped(Exception):  # noqa: N818 - a way out of the steps, never seen outside this file
    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure


def check_proxy(
    choice: ProxyChoice,
    host: str,
    port: int,
    *,
    timeout_s: float,
    clock: Clock,
    resolved: DnsCheck,
) -> Proxy:
    """Return whether a CONNECT to `host`:`port` through the proxy got a 2xx, and if not, where it ended.

    Args:
        choice: The proxy; for none nothing is tried.
        host: The target, a name or an address: the proxy is the one to resolve it.
        port: The target's port.
        timeout_s: How long all of it may take.
        clock: The clock.
        resolved: What is known of the proxy's own name; its first address is the one used.
    """
    if choice.mode is ProxyMode.NONE or choice.host is None or choice.port is None:
        return Proxy(mode=choice.mode)
    return _Check(choice, clock, timeout_s).run(resolved, host, port)


class _Check:
    """One attempt; the deadline is one for all its steps."""

    def __init__(self, choice: ProxyChoice, clock: Clock, timeout_s: float) -> None:
        self._choice = choice
        self._clock = clock
        self._started_at = clock.monotonic()
        self._until = self._started_at + timeout_s
        self._address: str | None = None
        self._status: int | None = None

    def run(self, resolved: DnsCheck, host: str, port: int) -> Proxy:
        """Return the fact."""
        failure: Failure | None = None
        try:
            self._address = _first_address(resolved)
            with self._connected() as plain, self._secured(plain) as stream:
                self._status = self._ask(stream, host, port)
            failure = None if self._status in _SUCCESS else Failure.UNEXPECTED_STATUS
        except _Stopped as stopped:
            failure = stopped.failure
        return Proxy(
            mode=self._choice.mode,
            url=self._choice.url,
            host=self._choice.host,
            port=self._choice.port,
            address=self._address,
            works=failure is None,
            connect_status=self._status,
            failure=failure,
            duration_us=round((self._clock.monotonic() - self._started_at) * 1_000_000),
        )

    def _left_s(self) -> float:
        left_s = self._until - self._clock.monotonic()
        if left_s <= 0:
            raise _Stopped(Failure.TIMED_OUT)
        return left_s

    def _connected(self) -> socket.socket:
        try:
            return socket.create_connection((self._address or "", self._choice.port or 0), timeout=self._left_s())
        except OSError as error:
            raise _Stopped(failure_of(error, Operation.CONNECT)) from error

    def _secured(self, plain: socket.socket) -> socket.socket:
        if self._choice.scheme != "https":
            return plain
        import ssl  # noqa: PLC0415 - 15 ms, and few proxies are spoken to by TLS

        try:
            plain.settimeout(self._left_s())
            return ssl.create_default_context().wrap_socket(plain, server_hostname=self._choice.host)
        except TimeoutError as error:
            raise _Stopped(Failure.TIMED_OUT) from error
        except OSError as error:
            raise _Stopped(Failure.TLS_FAILED) from error

    def _ask(self, stream: socket.socket, host: str, port: int) -> int:
        try:
            stream.settimeout(self._left_s())
            stream.sendall(_connect_request(host, port, self._choice))
            head = b""
            while b"\r\n\r\n" not in head and b"\n\n" not in head and len(head) < _LARGEST_HEAD:
                stream.settimeout(self._left_s())
                data = stream.recv(_LARGEST_HEAD - len(head))
                if not data:
                    break
                head += data
        except OSError as error:
            raise _Stopped(failure_of(error, Operation.RECEIVE)) from error
        if not head:
            raise _Stopped(Failure.CONNECTION_RESET)
        return _status_of(head)


def _first_address(resolved: DnsCheck) -> str:
    if not resolved.addresses:
        raise _Stopped(resolved.failure or Failure.NO_DATA)
    return resolved.addresses[0]


def _connect_request(host: str, port: int, choice: ProxyChoice) -> bytes:
    """Return the request of RFC 9110 section 9.3.6."""
    authority = f"[{host.partition('%')[0]}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
    if choice.username is not None:
        credentials = f"{choice.username}:{choice.password or ''}".encode()
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(credentials).decode()}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def _status_of(head: bytes) -> int:
    """Return the status of a response (RFC 9112 section 4)."""
    version, _, rest = head.partition(b"\n")[0].partition(b" ")
    status = rest[:_STATUS_LENGTH]
    if not version.startswith(b"HTTP/1.") or not status.isdigit() or len(status) != _STATUS_LENGTH:
        raise _Stopped(Failure.MALFORMED_REPLY)
    return int(status)
