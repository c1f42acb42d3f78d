"""The same steps through a proxy that says what the case wants said, TLS with it and inside it included."""

import base64
import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from probes.clock import SystemClock
from probes.drivers.web import check_web
from probes.failure import Failure
from probes.name_facts import DnsCheck
from probes.proxy import ProxyChoice, Secret
from probes.web_check import WebAsked
from probes.web_facts import ProxyMode, ProxyStatus, Speaker, WebCheck, WebPhase
from tests.unit.web.servers import (
    OK,
    Behaviour,
    Server,
    authority,
    check,
    found,
    redirect,
    says,
    serving,
    tls_of,
    trusted,
)

HOST = "crm.example.com"
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


@pytest.fixture(scope="module")
def ca_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trusted(tmp_path_factory.getbasetemp())


@pytest.fixture
def origin() -> Iterator[Server]:
    with serving(says(OK), tls=tls_of(authority().issue_cert(HOST))) as server:
        yield server


def by(server: Server, *, scheme: str = "http", credentials: bool = False) -> ProxyChoice:
    return ProxyChoice(
        mode=ProxyMode.EXPLICIT,
        url=f"{scheme}://proxy.example.com:{server.port}",
        scheme=scheme,
        host="proxy.example.com",
        port=server.port,
        username=Secret("jo") if credentials else None,
        password=Secret("s3cret") if credentials else None,
    )


def carrying(origin: Server) -> Behaviour:
    """Return the behaviour of a proxy that opens the tunnel and carries bytes both ways."""

    def behave(client: socket.socket, heard: bytes) -> None:
        assert heard.startswith(b"CONNECT ")
        client.sendall(ESTABLISHED)
        with socket.create_connection(("127.0.0.1", origin.port)) as upstream:
            back = threading.Thread(target=carry, args=(upstream, client))
            back.start()
            carry(client, upstream)
            back.join(timeout=5)

    return behave


def carry(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    with contextlib.suppress(OSError):
        other.shutdown(socket.SHUT_WR)


def phases(made: WebCheck) -> list[WebPhase]:
    return [step.phase for step in made.exchanges[-1].steps]


def test_a_tunnel_is_asked_for_and_the_origin_answers_in_it(origin: Server, ca_file: Path) -> None:
    with serving(carrying(origin)) as proxy:
        made = check(WebAsked(url=f"https://{HOST}/login", proxy=by(proxy), ca_file=ca_file))
    (exchange,) = made.exchanges
    assert phases(made) == [
        WebPhase.RESOLVE,
        WebPhase.CONNECT,
        WebPhase.PROXY_CONNECT,
        WebPhase.TLS,
        WebPhase.REQUEST,
    ]
    assert (exchange.status, exchange.connect_status, exchange.answered_by) == (200, 200, Speaker.ORIGIN)
    assert (exchange.through_proxy, exchange.port) == (True, proxy.port)
    assert proxy.heard[0].startswith(f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n".encode())
    assert origin.heard[0].startswith(b"GET /login HTTP/1.1\r\n")


def test_credentials_go_to_the_proxy_and_no_further(origin: Server, ca_file: Path) -> None:
    with serving(carrying(origin)) as proxy:
        made = check(WebAsked(url=f"https://{HOST}/", proxy=by(proxy, credentials=True), ca_file=ca_file))
    sent = base64.b64encode(b"jo:s3cret")
    assert b"Proxy-Authorization: Basic " + sent in proxy.heard[0]
    assert sent not in origin.heard[0]
    assert "s3cret" not in repr(made)


def test_tls_runs_inside_of_tls_with_the_proxy(origin: Server, ca_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    with serving(carrying(origin), tls=tls_of(authority().issue_cert("proxy.example.com"))) as proxy:
        made = check(WebAsked(url=f"https://{HOST}/", proxy=by(proxy, scheme="https")))
    (exchange,) = made.exchanges
    assert (made.status, made.failure) == (200, None)
    assert phases(made)[1:4] == [WebPhase.CONNECT, WebPhase.PROXY_TLS, WebPhase.PROXY_CONNECT]
    assert exchange.proxy_tls is not None
    assert exchange.tls is not None
    assert (exchange.proxy_tls.verified, exchange.tls.verified) == (True, True)


def test_a_proxy_whose_certificate_does_not_hold_is_told_nothing(origin: Server) -> None:
    with serving(carrying(origin), tls=tls_of(authority().issue_cert("proxy.example.com"))) as proxy:
        made = check(WebAsked(url=f"https://{HOST}/", proxy=by(proxy, scheme="https", credentials=True)))
    (exchange,) = made.exchanges
    assert (made.failure, phases(made)[-1]) == (Failure.CERTIFICATE_INVALID, WebPhase.PROXY_TLS)
    assert exchange.proxy_tls is not None
    assert (exchange.proxy_tls.verified, exchange.tls) == (False, None)
    assert proxy.heard == []


@pytest.mark.parametrize("status", [403, 407, 502, 503, 504])
def test_a_refused_tunnel_is_the_proxy_s_answer(status: int) -> None:
    refusal = (
        f"HTTP/1.1 {status} No\r\nProxy-Authenticate: Basic realm=x\r\n"
        'Proxy-Status: proxy.example.com; error=dns_error; details="no such name"\r\n\r\n'
    )
    with serving(says(refusal.encode())) as proxy:
        made = check(WebAsked(url=f"https://{HOST}/", proxy=by(proxy)))
    (exchange,) = made.exchanges
    assert (made.failure, made.status) == (Failure.UNEXPECTED_STATUS, None)
    assert (exchange.connect_status, exchange.answered_by, exchange.authenticate) == (
        status,
        Speaker.PROXY,
        ("Basic",),
    )
    assert exchange.proxy_status == (ProxyStatus(proxy="proxy.example.com", error="dns_error", details="no such name"),)


@pytest.mark.parametrize(
    ("answer", "speaker"),
    [
        pytest.param("HTTP/1.1 404 No\r\nVia: 1.1 proxy (squid/5.7)\r\nServer: nginx", Speaker.ORIGIN, id="forwarded"),
        pytest.param("HTTP/1.1 404 No\r\nServer: nginx", None, id="nobody names himself"),
        pytest.param("HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=x", Speaker.PROXY, id="wants a sign-in"),
        pytest.param("HTTP/1.1 404 No\r\nVia: 1.1 p (squid/5.7)\r\nServer: squid/5.7", Speaker.PROXY, id="its own"),
        pytest.param(
            "HTTP/1.1 400 No\r\nVia: 1.1 p (squid/5.7)\r\nX-Squid-Error: ERR_INVALID_URL 0", Speaker.PROXY, id="squid"
        ),
        pytest.param(
            "HTTP/1.1 404 No\r\nVia: 1.1 p\r\nProxy-Status: o; received-status=404, p; error=http_request_denied",
            Speaker.PROXY,
            id="says so",
        ),
        pytest.param(
            "HTTP/1.1 404 No\r\nVia: 1.1 p\r\nProxy-Status: p; received-status=404", Speaker.ORIGIN, id="passes on"
        ),
    ],
)
def test_whose_answer_it_is_to_a_request_that_a_proxy_reads(answer: str, speaker: Speaker | None) -> None:
    with serving(says(f"{answer}\r\nContent-Length: 0\r\n\r\n".encode())) as proxy:
        made = check(WebAsked(url=f"http://{HOST}/a?b", proxy=by(proxy, credentials=True)))
    (exchange,) = made.exchanges
    assert phases(made) == [WebPhase.RESOLVE, WebPhase.CONNECT, WebPhase.REQUEST]
    assert proxy.heard[0].startswith(f"GET http://{HOST}/a?b HTTP/1.1\r\nHost: {HOST}\r\n".encode())
    assert b"Proxy-Authorization: Basic" in proxy.heard[0]
    assert exchange.answered_by is speaker


def test_a_redirect_from_plain_to_tls_goes_through_the_proxy_each_in_its_own_way(origin: Server, ca_file: Path) -> None:
    def behave(client: socket.socket, heard: bytes) -> None:
        if heard.startswith(b"GET http://"):
            client.sendall(redirect(f"https://{HOST}/", 301, "Via: 1.1 proxy"))
        else:
            carrying(origin)(client, heard)

    with serving(behave) as proxy:
        made = check(WebAsked(url=f"http://{HOST}/", proxy=by(proxy), ca_file=ca_file))
    assert [(one.status, one.connect_status) for one in made.exchanges] == [(301, None), (200, 200)]


def test_plain_http_inside_of_the_tunnel_is_known(ca_file: Path) -> None:
    with (
        serving(says(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as plain,
        serving(carrying(plain)) as proxy,
    ):
        made = check(WebAsked(url=f"https://{HOST}/", proxy=by(proxy), ca_file=ca_file))
    assert (made.failure, made.exchanges[0].connect_status) == (Failure.PLAIN_HTTP, 200)


def test_what_is_known_of_the_proxy_s_name_is_not_asked_again() -> None:
    def unasked(name: str) -> DnsCheck:
        raise AssertionError(f"nobody had to look up {name}")

    with serving(says(b"HTTP/1.1 404 No\r\nVia: 1.1 proxy\r\n\r\n")) as proxy:
        known = found("proxy.example.com")
        asked = WebAsked(url=f"http://{HOST}/", proxy=by(proxy), proxy_resolved=known)
        made = check_web(asked, clock=SystemClock(), resolve=unasked)
    assert (made.status, made.exchanges[0].steps[0].duration_us) == (404, known.duration_us)


def test_a_proxy_that_is_not_there_fails_at_the_connection() -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    choice = ProxyChoice(mode=ProxyMode.EXPLICIT, url="http://p", host="127.0.0.1", port=port)
    made = check(WebAsked(url=f"https://{HOST}/", proxy=choice))
    assert (made.failure, phases(made)[-1]) == (Failure.CONNECTION_REFUSED, WebPhase.CONNECT)


def test_a_proxy_that_speaks_no_http_is_not_taken_for_an_origin(ca_file: Path) -> None:
    with serving(says(b"\x05\xff")) as proxy:
        made = check(WebAsked(url=f"http://{HOST}/", proxy=by(proxy), ca_file=ca_file))
    assert made.failure is Failure.MALFORMED_REPLY
