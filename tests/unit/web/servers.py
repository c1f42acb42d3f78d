"""Small servers on the loopback that do what a case wants done, with certificates of an authority of their own."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

import trustme

from probes.clock import SystemClock
from probes.drivers.web import check_web
from probes.facts import Role
from probes.name_facts import DnsCheck
from probes.web_check import WebAsked
from probes.web_facts import WebCheck

# What a server does with one connection, and what it heard on it.
Behaviour = Callable[[socket.socket, bytes], None]

OK: Final = b"HTTP/1.1 200 OK\r\nServer: made-up/1.0\r\nContent-Length: 0\r\n\r\n"
ANY_SOURCE: Final = 65_536


@cache
def authority() -> trustme.CA:
    return trustme.CA(organization_name="Example Authority", organization_unit_name="Tests")


@cache
def trusted(directory: Path) -> Path:
    """Return the file that makes the authority trusted."""
    file = directory / "authority.pem"
    authority().cert_pem.write_to_path(str(file))
    return file


def tls_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@contextlib.contextmanager
def serving(behave: Behaviour, *, tls: ssl.SSLContext | None = None, address: str = "127.0.0.1") -> Iterator["Server"]:
    """Yield a server that treats each connection so, each on a thread of its own."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as listening:
        server = Server(listening, behave, tls)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            yield server
        finally:
            server.end()
            thread.join(timeout=5)
            assert not thread.is_alive()


class Server:
    """Accepts until it is ended, and remembers what it heard."""

    def __init__(self, listening: socket.socket, behave: Behaviour, tls: ssl.SSLContext | None) -> None:
        self._listening = listening
        self._behave = behave
        self._tls = tls
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []
        self.port: int = listening.getsockname()[1]
        self.heard: list[bytes] = []

    def run(self) -> None:
        self._listening.settimeout(0.02)
        while not self._ended.is_set():
            try:
                client, _ = self._listening.accept()
            except TimeoutError:
                continue
            thread = threading.Thread(target=self._serve, args=(client,))
            thread.start()
            self._threads.append(thread)
        for thread in self._threads:
            thread.join(timeout=5)
            assert not thread.is_alive()

    def end(self) -> None:
        self._ended.set()

    @property
    def ended(self) -> threading.Event:
        return self._ended

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(5)
        # The other side may end whenever it likes: that is what many cases are about.
        with contextlib.suppress(OSError), contextlib.closing(client):
            stream = self._shaken(self._tls, client) if self._tls else client
            with contextlib.closing(stream):
                heard = stream.recv(ANY_SOURCE)
                self.heard.append(heard)
                self._behave(stream, heard)

    @staticmethod
    def _shaken(tls: ssl.SSLContext, client: socket.socket) -> ssl.SSLSocket:
        stream = tls.wrap_socket(client, server_side=True, do_handshake_on_connect=False)
        try:
            stream.do_handshake()
        except ssl.SSLError:
            # Closing with something unread resets the connection, and a reset may overtake the alert (RFC 1122 section
            # 4.2.2.13): the other side may end first.
            with contextlib.closing(socket.socket(fileno=stream.detach())) as bare, contextlib.suppress(OSError):
                bare.settimeout(1)
                bare.shutdown(socket.SHUT_WR)
                while bare.recv(ANY_SOURCE):
                    pass
            raise
        return stream


def says(*parts: bytes) -> Behaviour:
    """Return the behaviour of who says this, whatever was asked."""

    def behave(client: socket.socket, _: bytes) -> None:
        for part in parts:
            client.sendall(part)

    return behave


def by_path(answers: dict[str, bytes]) -> Behaviour:
    """Return the behaviour of who answers each path so, and any other with 404."""

    def behave(client: socket.socket, heard: bytes) -> None:
        path = heard.split(b" ")[1].decode() if heard[:4] in {b"GET ", b"HEAD"} else ""
        client.sendall(answers.get(path, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"))

    return behave


def redirect(location: str, status: int = 302, *more: str) -> bytes:
    headers = "".join(f"{header}\r\n" for header in (f"Location: {location}", "Content-Length: 0", *more))
    return f"HTTP/1.1 {status} Elsewhere\r\n{headers}\r\n".encode("latin-1")


def found(name: str, *addresses: str) -> DnsCheck:
    return DnsCheck(role=Role.DESTINATION, name=name, addresses=addresses or ("127.0.0.1",), duration_us=1234)


def check(asked: WebAsked, stop: Callable[[], bool] = lambda: False) -> WebCheck:
    """Return the check with a resolver for which every name is this host."""
    return check_web(asked, clock=SystemClock(), resolve=found, stop=stop)
