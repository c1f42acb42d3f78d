"""Connections that move bytes under one deadline: TCP, and TLS over whatever carries it, another TLS included."""

from __future__ import annotations

import select
import ssl
from contextlib import contextmanager
from functools import partial

from probes.drivers import tls_chain
from probes.failure import Failure, Operation, failure_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket as socket
    from collections.abc import Callable, Iterator
    from typing import Final, TypeVar
    from typing import Protocol as Interface

    from probes.clock import Clock
    from probes.web_facts import TlsSession

    _Result = TypeVar("_Result")

    class Stream(Interface):
        """A connection: bytes out, bytes in."""

        def send(self, data: bytes) -> None:
            """Send all of `data`."""

        def receive(self) -> bytes:
            """Return what comes next, empty at the end."""

        def close(self) -> None:
            """Close it."""


# Whoever wants to end is noticed within this time.
_LONGEST_NAP_S: Final = 0.05
_READ: Final = 16_384
# RFC 8446 section 5.1: alert (21) and handshake (22) are what a handshake may be answered with, version 3.x.
_TLS_RECORDS: Final = frozenset({20, 21, 22, 23})
_TLS_MAJOR: Final = 3
_LONGEST_DETAIL: Final = 300
# Enough to know the status line of HTTP.
_FIRST: Final = 16


class EndedError(Exception):
    """A step came to its end without what it was for: a value on its way up, never seen outside the web drivers."""

    def __init__(self, failure: Failure, detail: str | None = None) -> None:
        super().__init__(failure, detail)
        self.failure = failure
        self.detail = detail[:_LONGEST_DETAIL] if detail else None


class Patience:
    """How long everything together may take, and who may end it before."""

    def __init__(self, clock: Clock, timeout_s: float, stop: Callable[[], bool]) -> None:
        self.clock = clock
        self._until = clock.monotonic() + timeout_s
        self._stop = stop

    def left_s(self) -> float:
        """Return the time that is left.

        Raises:
            EndedError: There is none, or somebody wants to end.
        """
        if self._stop():
            raise EndedError(Failure.ABORTED)
        left_s = self._until - self.clock.monotonic()
        if left_s <= 0:
            raise EndedError(Failure.TIMED_OUT)
        return left_s

    def within(self, timeout_s: float) -> Patience:
        """Return the same, with at most `timeout_s` of the time that is left."""
        return Patience(self.clock, min(timeout_s, self.left_s()), self._stop)

    @contextmanager
    def holding_back(self, reserve_s: float) -> Iterator[None]:
        """Keep some of the time for what comes after the block, though never more than half of what is left."""
        reserve_s = min(reserve_s, self.left_s() / 2)
        self._until -= reserve_s
        try:
            yield
        finally:
            self._until += reserve_s

    def wait(self, poll: select.poll, until: float | None = None) -> list[tuple[int, int]]:
        """Return what a poll saw, empty once monotonic time `until` has come; raises as `left_s` does."""
        while True:
            left_s = self.left_s()
            if until is not None:
                left_s = min(left_s, until - self.clock.monotonic())
                if left_s <= 0:
                    return []
            # Rounded up: poll() counts milliseconds, and 0 would not wait at all.
            seen = poll.poll(int(min(left_s, _LONGEST_NAP_S) * 1000) + 1)
            if seen:
                return seen


class TcpStream:
    """A connected, non-blocking socket."""

    def __init__(self, opened: socket.socket, patience: Patience) -> None:
        self._opened = opened
        self._patience = patience

    def send(self, data: bytes) -> None:
        """Send all of `data`."""
        view = memoryview(data)
        while view:
            view = view[self._tried(partial(self._opened.send, view), select.POLLOUT) :]

    def receive(self) -> bytes:
        """Return what comes next, empty at the end."""
        return self._tried(lambda: self._opened.recv(_READ), select.POLLIN)

    def readable(self) -> bool:
        """Return whether something can be read without waiting, be it the end."""
        poll = select.poll()
        poll.register(self._opened, select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        """Close it."""
        self._opened.close()

    def _tried(self, operation: Callable[[], _Result], event: int) -> _Result:
        while True:
            try:
                return operation()
            except BlockingIOError:
                poll = select.poll()
                poll.register(self._opened, event)
                self._patience.wait(poll)
            except OSError as error:
                raise EndedError(failure_of(error, Operation.RECEIVE), (error.strerror or "").lower()) from error


class TlsStream:
    """TLS over another stream.

    Not a wrapped socket: that cannot run over a second TLS, which an HTTPS proxy needs, and hides what came instead of
    TLS.
    """

    def __init__(self, under: Stream, context: ssl.SSLContext, host: str) -> None:
        self._under = under
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        # RFC 6066 section 3: no dot at the end.
        name = host.partition("%")[0].removesuffix(".")
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        self._verified: bool | None = None
        self._verify_error: str | None = None
        self._first = b""

    @property
    def foreign(self) -> bytes | None:
        """Return the first bytes that came where they are no TLS, empty where none came at all; None for TLS."""
        first = self._first
        tls = len(first) > 1 and first[0] in _TLS_RECORDS and first[1] == _TLS_MAJOR
        return None if tls else first

    def handshake(self) -> None:
        """Make the handshake.

        Raises:
            EndedError: It failed; CERTIFICATE_INVALID where it is only the certificate that does not hold.
        """
        try:
            self._driven(self.tls.do_handshake)
            self._verified = True if self.tls.context.verify_mode is ssl.CERT_REQUIRED else None
        except ssl.SSLCertVerificationError as error:
            self._verified, self._verify_error = False, error.verify_message
            self._part()
            raise EndedError(Failure.CERTIFICATE_INVALID, error.verify_message) from error
        except ssl.SSLEOFError as error:
            raise EndedError(Failure.TLS_FAILED, "the connection was closed during the handshake") from error
        except ssl.SSLError as error:
            self._part()
            raise EndedError(Failure.TLS_FAILED, "what came is no TLS" if self.foreign else _words(error)) from error

    def send(self, data: bytes) -> None:
        """Send all of `data`."""
        try:
            # What leaves is kept in memory first: a write takes all at once.
            self._driven(lambda: self.tls.write(data))
        except ssl.SSLError as error:
            raise EndedError(Failure.TLS_FAILED, _words(error)) from error

    def receive(self) -> bytes:
        """Return what comes next, empty at the end."""
        try:
            return self._driven(lambda: self.tls.read(_READ))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""
        except ssl.SSLError as error:
            raise EndedError(Failure.TLS_FAILED, _words(error)) from error

    def close(self) -> None:
        """Close what is below; a farewell (close_notify) tells nobody anything here."""
        self._under.close()

    def session(self) -> TlsSession:
        """Return what the handshake told, also where it failed over the certificate."""
        return tls_chain.session_of(self.tls, verified=self._verified, verify_error=self._verify_error)

    def _driven(self, operation: Callable[[], _Result]) -> _Result:
        """Return what an operation returns once it has sent and received all that it needs to."""
        while True:
            try:
                result = operation()
            except ssl.SSLWantReadError:
                self._flush()
                self._fill()
            else:
                self._flush()
                return result

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._under.send(self._outgoing.read())

    def _fill(self) -> None:
        data = self._under.receive()
        self._first = self._first or data[:_FIRST]
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def _part(self) -> None:
        """Send the alert that says why, if it still can be sent (RFC 8446 section 6.2)."""
        try:
            self._flush()
        except EndedError:
            return


def _words(error: ssl.SSLError) -> str:
    """Return what OpenSSL says, as `sslv3 alert handshake failure`."""
    return (error.reason or error.strerror or str(error)).replace("_", " ").lower()
