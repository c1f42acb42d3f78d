"""A small proxy on the loopback that says what the case wants said, and what the check makes of it."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from probes.clock import SystemClock
from probes.drivers.http import check_proxy
from probes.facts import Role
from probes.failure import Failure
from probes.name_facts import DnsCheck
from probes.proxy import NO_PROXY, ProxyChoice, Secret
from probes.web_facts import Proxy, ProxyMode

Behaviour = Callable[[socket.socket, list[bytes]], None]


@contextlib.contextmanager
def proxy(behaviour: Behaviour) -> Iterator[tuple[int, list[bytes]]]:
    """Yield the port of a proxy that serves one client, and what that client sent."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            client, _ = server.accept()
            with client:
                behaviour(client, heard)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1], heard
        thread.join(timeout=5)
        assert not thread.is_alive()


def says(*parts: bytes, pause_s: float = 0.0) -> Behaviour:
    def behave(client: socket.socket, heard: list[bytes]) -> None:
        heard.append(client.recv(65536))
        for part in parts:
            client.sendall(part)
            time.sleep(pause_s)

    return behave


def check(
    port: int,
    *,
    host: str = "crm.example.com",
    timeout_s: float = 2.0,
    username: str | None = None,
    scheme: str = "http",
) -> Proxy:
    choice = ProxyChoice(
        mode=ProxyMode.EXPLICIT,
        url=f"{scheme}://127.0.0.1:{port}",
        scheme=scheme,
        host="127.0.0.1",
        port=port,
        username=None if username is None else Secret(username),
        password=None if username is None else Secret("secret"),
    )
    resolved = DnsCheck(role=Role.PROXY, name="127.0.0.1", addresses=("127.0.0.1",))
    return check_proxy(choice, host, 443, timeout_s=timeout_s, clock=SystemClock(), resolved=resolved)


def test_a_connect_that_gets_through() -> None:
    with proxy(says(b"HTTP/1.1 200 Connection established\r\n\r\n")) as (port, heard):
        found = check(port)
    assert heard == [b"CONNECT crm.example.com:443 HTTP/1.1\r\nHost: crm.example.com:443\r\n\r\n"]
    assert (found.works, found.connect_status, found.failure, found.address) == (True, 200, None, "127.0.0.1")
    assert found.duration_us is not None
    assert 0 < found.duration_us < 2_000_000


def test_an_ipv6_target_stands_in_brackets_and_credentials_are_sent() -> None:
    with proxy(says(b"HTTP/1.0 200 OK\n\n")) as (port, heard):
        found = check(port, host="2001:db8::1", username="jo")
    assert heard[0].startswith(b"CONNECT [2001:db8::1]:443 HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic am86c2VjcmV0\r\n" in heard[0]
    assert found.works
    assert "secret" not in repr(found)


@pytest.mark.parametrize("status", [403, 407, 502, 503, 504])
def test_a_refusal_keeps_its_status(status: int) -> None:
    with proxy(says(f"HTTP/1.1 {status} no\r\nContent-Length: 0\r\n\r\n".encode())) as (port, _):
        found = check(port)
    assert (found.works, found.connect_status, found.failure) == (False, status, Failure.UNEXPECTED_STATUS)


def test_a_head_that_comes_in_pieces_is_put_together() -> None:
    with proxy(says(b"HTTP/1.1 2", b"00 OK\r\n", b"Via: x\r\n\r", b"\n", pause_s=0.02)) as (port, _):
        assert check(port).works


@pytest.mark.parametrize("rubbish", [b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 2x0 OK\r\n\r\n", b"\x16\x03\x01\r\n\r\n"])
def test_what_is_no_http_is_malformed(rubbish: bytes) -> None:
    with proxy(says(rubbish)) as (port, _):
        assert check(port).failure is Failure.MALFORMED_REPLY


def test_a_head_without_end_is_not_read_to_the_end() -> None:
    def flood(client: socket.socket, heard: list[bytes]) -> None:
        heard.append(client.recv(65536))
        with contextlib.suppress(OSError):
            client.sendall(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1_000_000)

    with proxy(flood) as (port, _):
        found = check(port)
    assert (found.works, found.failure, found.connect_status) == (False, Failure.MALFORMED_REPLY, None)


def test_a_proxy_that_hangs_up() -> None:
    with proxy(says()) as (port, _):
        assert check(port).failure is Failure.CONNECTION_RESET


def test_a_proxy_that_says_nothing_is_given_up_in_time() -> None:
    with proxy(says(b"HTTP/1.1", pause_s=0.6)) as (port, _):
        started = time.monotonic()
        found = check(port, timeout_s=0.3)
    assert (found.works, found.failure) == (False, Failure.TIMED_OUT)
    assert 0.3 <= time.monotonic() - started < 1.0


def test_a_closed_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    found = check(port)
    assert (found.works, found.failure, found.connect_status) == (False, Failure.CONNECTION_REFUSED, None)


def test_no_tls_where_tls_should_be() -> None:
    with proxy(says(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as (port, _):
        assert check(port, scheme="https").failure is Failure.TLS_FAILED


def test_a_proxy_whose_name_is_not_known() -> None:
    choice = ProxyChoice(mode=ProxyMode.EXPLICIT, host="proxy.example", port=3128)
    resolved = DnsCheck(role=Role.PROXY, name="proxy.example", failure=Failure.NXDOMAIN)
    found = check_proxy(choice, "crm", 443, timeout_s=1.0, clock=SystemClock(), resolved=resolved)
    assert (found.works, found.failure, found.address) == (False, Failure.NXDOMAIN, None)


def test_without_a_proxy_nothing_is_tried() -> None:
    resolved = DnsCheck(role=Role.PROXY, name="")
    found = check_proxy(NO_PROXY, "crm", 443, timeout_s=1.0, clock=SystemClock(), resolved=resolved)
    assert (found.mode, found.works) == (ProxyMode.NONE, None)
