"""Sockets to listen on, and the certificate: each opened, or refused with one line that says what to do."""

import socket
import ssl
from typing import TYPE_CHECKING, Final

from agent.exit_codes import ServiceExit
from probes.failure import Failure, Operation, failure_of

if TYPE_CHECKING:
    from edge.config import TlsSection

_BACKLOG: Final = 512
_FIRST_OPEN_PORT: Final = 1024


class StartError(Exception):
    """The edge cannot start; the text is one line for a person."""

    def __init__(self, text: str, exit_code: ServiceExit) -> None:
        super().__init__(text)
        self.exit_code = exit_code


def split_address(text: str) -> tuple[str, int]:
    """Return host and port of a listening address: `0.0.0.0:8443`, `[::]:8443`."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def listening(host: str, port: int, key: str) -> socket.socket:
    """Return a socket that accepts connections; `key` of the configuration named its port.

    Raises:
        StartError: The host refuses it.
    """
    opened = _bound(host, port, key, socket.SOCK_STREAM)
    opened.listen(_BACKLOG)
    return opened


def receiving(host: str, port: int, key: str) -> socket.socket:
    """Return a socket that takes datagrams; likewise."""
    return _bound(host, port, key, socket.SOCK_DGRAM)


def _bound(host: str, port: int, key: str, kind: socket.SocketKind) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        opened = socket.socket(family, kind)
    except OSError as error:
        raise _refused(error, Operation.OPEN, host, port, key) from None
    try:
        opened.setblocking(False)
        if kind is socket.SOCK_STREAM:
            # A restart must not wait for connections of the last run (RFC 9293 section 3.6.1).
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family is socket.AF_INET6:
            # `[::]` is every address, of both families.
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        opened.bind((host, port))
    except OSError as error:
        opened.close()
        raise _refused(error, Operation.BIND, host, port, key) from None
    return opened


def _refused(error: OSError, operation: Operation, host: str, port: int, key: str) -> StartError:
    failure = failure_of(error, operation)
    where = f"{key}: cannot listen on {f'[{host}]' if ':' in host else host}, port {port}"
    if failure is Failure.NOT_PERMITTED:
        right = "CAP_NET_BIND_SERVICE" if port < _FIRST_OPEN_PORT else "the right to"
        return StartError(f"{where}: it needs root or {right}", ServiceExit.MISSING_RIGHTS)
    words = {
        Failure.ADDRESS_IN_USE: "another program listens there already",
        Failure.ADDRESS_NOT_AVAILABLE: "this host has no such address",
    }
    what = words.get(failure, (error.strerror or str(error)).lower())
    # The address of an edge that starts with its host may come later, and the other program may end.
    code = ServiceExit.TEMPORARY_FAILURE if failure in words else ServiceExit.BAD_CONFIGURATION
    return StartError(f"{where}: {what}", code)


def tls_context(tls: "TlsSection") -> ssl.SSLContext:
    """Return what HTTPS is spoken with: TLS 1.2 and later, and this certificate.

    Raises:
        StartError: Certificate and key cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(tls.cert_file, tls.key_file, password=_no_password)
    except (OSError, ValueError) as error:
        what = _tls_words(error)
        text = f"edge.tls: {tls.cert_file} and {tls.key_file} cannot be used: {what}"
        raise StartError(text, ServiceExit.BAD_CONFIGURATION) from None
    return context


def _no_password() -> str:
    raise ValueError("the key is encrypted, and nobody is there to ask for its password; store it without one")


def _tls_words(error: OSError | ValueError) -> str:
    if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
        return "the key is not the certificate's"
    if isinstance(error, ssl.SSLError):
        return "one of them is no PEM file of its kind"
    return (getattr(error, "strerror", None) or str(error)).lower()
