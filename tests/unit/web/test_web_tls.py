"""TLS with a real server: whose certificate is shown, why it does not hold, and who speaks something else."""

import contextlib
import datetime as dt
import socket
import ssl
import struct
import threading
import time
from pathlib import Path

import certifi
import pytest
import trustme

from probes.drivers import tls_chain, trust
from probes.failure import Failure
from probes.web_check import WebAsked
from probes.web_facts import Speaker, TlsSession, WebCheck, WebPhase
from tests.unit.web.servers import OK, authority, check, redirect, says, serving, tls_of, trusted

HOST = "crm.example.com"


@pytest.fixture(scope="module")
def good() -> ssl.SSLContext:
    return tls_of(authority().issue_cert(HOST))


@pytest.fixture(scope="module")
def ca_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trusted(tmp_path_factory.getbasetemp())


def session_of(made: WebCheck) -> TlsSession:
    session = made.exchanges[-1].tls
    assert session is not None
    return session


def test_a_certificate_that_holds_is_told(good: ssl.SSLContext, ca_file: Path) -> None:
    with serving(says(OK), tls=good) as server:
        made = check(WebAsked(url=f"https://{HOST}:{server.port}/", ca_file=ca_file))
    (exchange,) = made.exchanges
    session = session_of(made)
    assert (made.status, made.failure, exchange.answered_by) == (200, None, Speaker.ORIGIN)
    assert [step.phase for step in exchange.steps] == [
        WebPhase.RESOLVE,
        WebPhase.CONNECT,
        WebPhase.TLS,
        WebPhase.REQUEST,
    ]
    assert (session.verified, session.verify_error, session.version) == (True, None, "TLSv1.3")
    assert session.issuer is not None
    assert session.issuer.endswith("O=Example Authority")
    assert session.not_after is not None
    assert session.not_after.endswith("Z")
    assert session.cipher


def test_a_certificate_of_nobody_whom_this_host_trusts(good: ssl.SSLContext) -> None:
    with serving(says(OK), tls=good) as server:
        made = check(WebAsked(url=f"https://{HOST}:{server.port}/secret?token=1"))
    session = session_of(made)
    assert (made.failure, made.status, made.interception) == (Failure.CERTIFICATE_INVALID, None, None)
    assert (session.verified, session.verify_error) == (False, "unable to get local issuer certificate")
    assert session.issuer is not None
    assert session.issuer.endswith("O=Example Authority")
    # Nothing is asked of who cannot show who he is.
    assert server.heard == []


def test_a_certificate_for_another_name(good: ssl.SSLContext, ca_file: Path) -> None:
    with serving(says(OK), tls=good) as server:
        made = check(WebAsked(url=f"https://www.example.org:{server.port}/", ca_file=ca_file))
    assert made.failure is Failure.CERTIFICATE_INVALID
    assert "certificate is not valid for 'www.example.org'" in (session_of(made).verify_error or "")


def test_a_certificate_that_has_expired(ca_file: Path) -> None:
    yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    with serving(says(OK), tls=tls_of(authority().issue_cert(HOST, not_after=yesterday))) as server:
        made = check(WebAsked(url=f"https://{HOST}:{server.port}/", ca_file=ca_file))
    assert made.failure is Failure.CERTIFICATE_INVALID
    assert session_of(made).verify_error == "certificate has expired"


def test_a_server_that_wants_an_old_version_of_tls_is_no_matter_of_certificates(ca_file: Path) -> None:
    old = tls_of(authority().issue_cert(HOST))
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    old.set_ciphers("AES128-SHA")
    with serving(says(OK), tls=old) as server:
        made = check(WebAsked(url=f"https://{HOST}:{server.port}/", ca_file=ca_file))
    assert made.failure is Failure.TLS_FAILED
    assert made.exchanges[0].steps[-1].detail == "sslv3 alert handshake failure"


def test_a_file_of_authorities_that_is_none_fails_at_its_step(good: ssl.SSLContext, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n")
    with serving(says(OK), tls=good) as server:
        made = check(WebAsked(url=f"https://{HOST}:{server.port}/", ca_file=broken))
    step = made.exchanges[0].steps[-1]
    assert (made.failure, step.phase) == (Failure.INVALID_SETTING, WebPhase.TLS)
    assert str(broken) in (step.detail or "")


def test_a_redirect_to_tls_is_followed(good: ssl.SSLContext, ca_file: Path) -> None:
    with serving(says(OK), tls=good) as secure, serving(says(redirect(f"https://{HOST}:{secure.port}/"))) as plain:
        made = check(WebAsked(url=f"http://{HOST}:{plain.port}/", ca_file=ca_file))
    assert (made.status, [one.tls is not None for one in made.exchanges]) == (200, [False, True])


def test_the_host_s_authorities_are_read_once_and_again_when_the_file_changes(tmp_path: Path) -> None:
    file = tmp_path / "own.pem"
    authority().cert_pem.write_to_path(str(file))
    first = trust.Trust(file).context()
    assert trust.Trust(file).context() is first
    time.sleep(0.01)
    trustme.CA().cert_pem.write_to_path(str(file))
    assert trust.Trust(file).context() is not first


def test_a_server_of_tls_that_closes_without_an_answer(good: ssl.SSLContext, ca_file: Path) -> None:
    with serving(says(), tls=good) as server:
        made = check(WebAsked(url=f"https://{HOST}:{server.port}/", ca_file=ca_file))
    assert (made.failure, made.exchanges[0].steps[-1].phase) == (Failure.CONNECTION_RESET, WebPhase.REQUEST)


def test_a_server_that_wants_a_certificate_of_the_client_says_so_after_the_handshake(ca_file: Path) -> None:
    """RFC 8446 section 4.4.2.4: certificate_required comes when the client has finished already."""
    mutual = tls_of(authority().issue_cert(HOST))
    mutual.verify_mode = ssl.CERT_REQUIRED
    with serving(says(OK), tls=mutual) as server:
        made = check(WebAsked(url=f"https://{HOST}:{server.port}/", ca_file=ca_file))
    step = made.exchanges[0].steps[-1]
    assert (made.failure, step.phase) == (Failure.TLS_FAILED, WebPhase.REQUEST)
    assert step.detail == "tlsv13 alert certificate required"


# --- the wrong language -----------------------------------------------------------------------------------------------


def test_plain_http_where_tls_was_asked_for() -> None:
    with serving(says(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
        made = check(WebAsked(url=f"https://{HOST}:{server.port}/secret?token=1"))
    assert (made.failure, made.status) == (Failure.PLAIN_HTTP, None)
    assert made.exchanges[0].steps[-1].detail == "the other side speaks plain HTTP"
    assert not [heard for heard in server.heard if b"secret" in heard]


def test_near_miss_a_filter_ends_the_handshake_and_the_server_behind_it_wants_tls() -> None:
    """It resets what names a host; to plain HTTP, which names none, a server of TLS answers 400 all the same."""

    def behave(client: socket.socket, heard: bytes) -> None:
        if heard.startswith(b"HEAD "):
            client.sendall(b"HTTP/1.1 400 The plain HTTP request was sent to HTTPS port\r\nContent-Length: 0\r\n\r\n")
        else:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with serving(behave) as server:
        made = check(WebAsked(url=f"https://{HOST}:{server.port}/"))
    assert made.failure in {Failure.TLS_FAILED, Failure.CONNECTION_RESET}
    assert len(server.heard) == 2


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 302 Found\r\nLocation: http://block.example.net/\r\n\r\n", b"HTTP/1.1 403 No"]
)
def test_near_miss_a_filter_answers_the_handshake_with_its_block_page(answer: bytes) -> None:
    def behave(client: socket.socket, heard: bytes) -> None:
        if not heard.startswith(b"HEAD "):
            client.sendall(answer)

    with serving(behave) as server:
        made = check(WebAsked(url=f"https://{HOST}:{server.port}/"))
    assert made.failure is Failure.TLS_FAILED


def test_plain_http_that_only_answers_plain_http() -> None:
    """Some servers close on bytes that are no HTTP: a second look asks them properly, and tells no path."""

    def behave(client: socket.socket, heard: bytes) -> None:
        if heard.startswith(b"HEAD / "):
            client.sendall(OK)

    with serving(behave) as server:
        made = check(WebAsked(url=f"https://{HOST}:{server.port}/secret?token=1"))
    assert made.failure is Failure.PLAIN_HTTP
    assert not [heard for heard in server.heard if b"secret" in heard]


def test_plain_http_that_waits_for_the_end_of_a_line() -> None:
    def behave(client: socket.socket, heard: bytes) -> None:
        if heard.startswith(b"HEAD / "):
            client.sendall(OK)
        else:
            client.recv(1)

    with serving(behave) as server:
        made = check(WebAsked(url=f"https://{HOST}:{server.port}/", timeout_s=1.0))
    assert made.failure is Failure.PLAIN_HTTP


@pytest.mark.parametrize("banner", [b"SSH-2.0-OpenSSH_9.2\r\n", b"220 mail.example.com ESMTP\r\n"])
def test_another_protocol_is_no_plain_http(banner: bytes) -> None:
    with serving(says(banner)) as server:
        made = check(WebAsked(url=f"https://{HOST}:{server.port}/"))
    assert (made.failure, made.exchanges[0].steps[-1].detail) == (Failure.TLS_FAILED, "what came is no TLS")


def test_a_server_that_only_closes_is_no_plain_http() -> None:
    with serving(says()) as server:
        made = check(WebAsked(url=f"https://{HOST}:{server.port}/"))
    assert (made.failure, made.exchanges[0].tls) == (Failure.TLS_FAILED, None)


def test_tls_where_plain_http_was_asked_for(good: ssl.SSLContext) -> None:
    with serving(says(OK), tls=good) as server:
        made = check(WebAsked(url=f"http://{HOST}:{server.port}/"))
    assert (made.failure, made.status) == (Failure.TLS_EXPECTED, None)
    assert made.exchanges[0].steps[-1].detail == "the other side wants TLS"


def test_an_alert_is_known_at_once() -> None:
    """RFC 8446 section 6: fatal, unexpected_message."""
    with serving(says(b"\x15\x03\x01\x00\x02\x02\x0a")) as server:
        made = check(WebAsked(url=f"http://{HOST}:{server.port}/"))
    assert made.failure is Failure.TLS_EXPECTED


def test_a_handshake_that_stops_half_way_ends_at_the_deadline() -> None:
    ended = threading.Event()

    def behave(client: socket.socket, _: bytes) -> None:
        # The head of a record of 16 kB that never comes.
        client.sendall(b"\x16\x03\x03\x40\x00")
        ended.wait(3)

    with serving(behave) as server:
        began = time.monotonic()
        made = check(WebAsked(url=f"https://{HOST}:{server.port}/", timeout_s=0.6))
        took_s = time.monotonic() - began
        ended.set()
    assert made.failure is Failure.TIMED_OUT
    assert took_s < 1.1


# --- who opens TLS ----------------------------------------------------------------------------------------------------
# Who is told of it: test_web_in_a_namespace.py, where a host can have an address of the outside.


def verified(context: ssl.SSLContext, ca_file: Path) -> ssl.SSLObject:
    """Return a session in memory whose peer was verified by the file."""
    client = ssl.create_default_context(cafile=str(ca_file))
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(back, there, server_hostname=HOST)
    theirs = context.wrap_bio(there, back, server_side=True)
    for side in (ours, theirs, ours):
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()
    return ours


def test_a_private_root_is_not_the_public_s(good: ssl.SSLContext, ca_file: Path) -> None:
    session = verified(good, ca_file)
    assert tls_chain.publicly_rooted(session) is False
    assert (tls_chain.root_of(session) or "").endswith("O=Example Authority")


def test_a_public_root_is_known_by_its_bytes_and_its_twin_by_its_name(
    good: ssl.SSLContext, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = verified(good, ca_file)
    der = ssl.PEM_cert_to_DER_cert(ca_file.read_text())
    with monkeypatch.context() as patched:
        patched.setattr(tls_chain, "_public_roots", lambda: frozenset({der}))
        assert tls_chain.publicly_rooted(session) is True
    (root,) = ssl.create_default_context(cafile=str(ca_file)).get_ca_certs()
    monkeypatch.setattr(tls_chain, "_public_names", lambda: frozenset({root["subject"]}))
    assert tls_chain.publicly_rooted(session) is True


def test_certifi_s_roots_are_read_by_bytes_and_by_name() -> None:
    assert len(tls_chain._public_roots()) == len(ssl.create_default_context(cafile=certifi.where()).get_ca_certs())
    assert len(tls_chain._public_names()) > 100
    assert all(tls_chain._public_names())


def test_nothing_is_said_where_nothing_was_verified() -> None:
    unused = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=HOST)
    assert (tls_chain.publicly_rooted(unused), tls_chain.root_of(unused)) == (None, None)
