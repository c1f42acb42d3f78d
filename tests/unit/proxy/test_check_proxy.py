"""A small proxy on the loopback that says what the case wants said, and what the check makes of it."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from probes.clock import SystemClock
from probes.drivers.http import check_proxy
from probes.facts import Role
from probes.failure import Failure
from probes.name_facts import DnsCheck, NameSource
from probes.proxy import NO_PROXY, ProxyChoice, Secret
from probes.web_facts import Proxy, ProxyControl, ProxyMode, ProxyStatus, WebPhase

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
    controls: tuple[str, ...] = (),
    tunnel: bool = True,
    ca_file: Path | None = None,
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
    resolved = DnsCheck(role=Role.PROXY, name="127.0.0.1", addresses=("127.0.0.1",), source=NameSource.LITERAL)
    return check_proxy(
        choice,
        host,
        443,
        timeout_s=timeout_s,
        clock=SystemClock(),
        resolved=resolved,
        controls=controls,
        tunnel=tunnel,
        ca_file=ca_file,
    )


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


def over_tls(context: ssl.SSLContext) -> Behaviour:
    def behave(client: socket.socket, heard: list[bytes]) -> None:
        with contextlib.suppress(ssl.SSLError), context.wrap_socket(client, server_side=True) as stream:
            heard.append(stream.recv(65536))
            stream.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")

    return behave


def test_a_proxy_with_a_certificate_of_a_private_authority(tmp_path: Path) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    ca_file = tmp_path / "company-ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    with proxy(over_tls(context)) as (port, heard):
        found = check(port, scheme="https", ca_file=ca_file)
    assert (found.works, found.failure) == (True, None)
    assert found.tls is not None
    assert found.tls.verified
    assert heard[0].startswith(b"CONNECT crm.example.com:443")
    with proxy(over_tls(context)) as (port, _):
        found = check(port, scheme="https")
    assert (found.works, found.failure) == (False, Failure.TLS_FAILED)
    with proxy(over_tls(context)) as (port, _):
        found = check(port, scheme="https", ca_file=tmp_path / "gone.pem")
    assert (found.works, found.failure) == (False, Failure.INVALID_SETTING)
    assert found.steps[-1].detail == f"{tmp_path / 'gone.pem'}: no such file or directory"


def test_a_proxy_whose_name_is_not_known() -> None:
    choice = ProxyChoice(mode=ProxyMode.EXPLICIT, host="proxy.example", port=3128)
    resolved = DnsCheck(role=Role.PROXY, name="proxy.example", failure=Failure.NXDOMAIN)
    found = check_proxy(choice, "crm", 443, timeout_s=1.0, clock=SystemClock(), resolved=resolved)
    assert (found.works, found.failure, found.address) == (False, Failure.NXDOMAIN, None)


def test_without_a_proxy_nothing_is_tried() -> None:
    resolved = DnsCheck(role=Role.PROXY, name="")
    found = check_proxy(NO_PROXY, "crm", 443, timeout_s=1.0, clock=SystemClock(), resolved=resolved)
    assert (found.mode, found.works) == (ProxyMode.NONE, None)


# --- step by step -----------------------------------------------------------------------------------------------------


def test_each_step_has_its_time_and_the_last_one_its_failure() -> None:
    with proxy(says(b"HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic realm=x\r\n\r\n")) as (port, _):
        found = check(port)
    assert [step.phase for step in found.steps] == [WebPhase.CONNECT, WebPhase.PROXY_CONNECT]
    assert [step.failure for step in found.steps] == [None, Failure.UNEXPECTED_STATUS]
    assert found.steps[1].detail == "HTTP 407 Who are you"
    assert all(step.duration_us is not None for step in found.steps)


def test_a_name_is_a_step_too() -> None:
    choice = ProxyChoice(mode=ProxyMode.EXPLICIT, host="proxy.example", port=3128)
    resolved = DnsCheck(role=Role.PROXY, name="proxy.example", failure=Failure.NXDOMAIN, duration_us=7)
    found = check_proxy(choice, "crm", 443, timeout_s=1.0, clock=SystemClock(), resolved=resolved)
    assert (found.steps[0].phase, found.steps[0].failure) == (WebPhase.RESOLVE, Failure.NXDOMAIN)
    assert found.steps[0].duration_us == 7


def test_what_a_proxy_says_of_its_failure() -> None:
    head = (
        b"HTTP/1.1 502 Bad Gateway\r\nProxy-Status: forward; error=dns_error\r\nX-Squid-Error: ERR_DNS_FAIL 0\r\n"
        b"Proxy-Authenticate: Negotiate\r\nProxy-Authenticate: Basic realm=x\r\n\r\n"
    )
    with proxy(says(head)) as (port, _):
        found = check(port)
    assert found.proxy_status == (ProxyStatus(proxy="forward", error="dns_error"),)
    assert (found.error_token, found.authenticate) == ("ERR_DNS_FAIL 0", ("Negotiate", "Basic"))


def test_words_before_the_answer_are_only_for_information() -> None:
    with proxy(says(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")) as (port, _):
        assert check(port).connect_status == 200


def test_without_a_tunnel_only_the_way_to_the_proxy_is_tried() -> None:
    with proxy(lambda client, heard: heard.append(client.recv(1))) as (port, heard):
        found = check(port, tunnel=False)
    assert heard == [b""]
    assert (found.works, found.failure, found.connect_status) == (None, None, None)
    assert [step.phase for step in found.steps] == [WebPhase.CONNECT]


def test_a_second_address_is_tried_where_the_first_refuses() -> None:
    with proxy(says(b"HTTP/1.1 200 OK\r\n\r\n")) as (port, _):
        choice = ProxyChoice(mode=ProxyMode.EXPLICIT, host="proxy.example", port=port)
        resolved = DnsCheck(role=Role.PROXY, name="proxy.example", addresses=("127.0.0.9", "127.0.0.1"))
        found = check_proxy(choice, "crm", 443, timeout_s=2.0, clock=SystemClock(), resolved=resolved)
    assert (found.works, found.address) == (True, "127.0.0.1")


def test_where_no_address_accepts_the_preferred_one_tells_why() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    choice = ProxyChoice(mode=ProxyMode.EXPLICIT, host="proxy.example", port=port)
    # TCP has no way to a broadcast address, as a host without IPv6 has none to the second address of many a proxy.
    resolved = DnsCheck(role=Role.PROXY, name="proxy.example", addresses=("127.0.0.1", "255.255.255.255"))
    found = check_proxy(choice, "crm", 443, timeout_s=2.0, clock=SystemClock(), resolved=resolved)
    assert (found.failure, found.address) == (Failure.CONNECTION_REFUSED, "127.0.0.1")


# --- controls ---------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def several(answers: dict[bytes, bytes]) -> Iterator[tuple[int, list[bytes]]]:
    """Yield the port of a proxy that answers each host in its own way, and says nothing where there is no answer."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve(client: socket.socket) -> None:
            with client:
                host = client.recv(65536).split()[1]
                heard.append(host)
                if host in answers:
                    client.sendall(b"HTTP/1.1 " + answers[host] + b"\r\n\r\n")
                else:
                    client.recv(1)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1], heard
        server.shutdown(socket.SHUT_RDWR)


CRM, CONTROL = b"crm.example.com:443", b"control.example.com:443"


@pytest.mark.parametrize(
    ("answer", "status", "works"),
    [(b"200 OK", 200, True), (b"503 No", 503, False), (b"500 No", 500, False), (b"403 No", 403, None)],
)
def test_a_proxy_that_misses_the_target_is_asked_for_the_control(
    answer: bytes, status: int, *, works: bool | None
) -> None:
    with several({CRM: b"503 No", CONTROL: answer}) as (port, _):
        found = check(port, controls=("https://control.example.com/x",))
    assert (found.works, found.connect_status) == (False, 503)
    (control,) = found.controls
    assert (control.url, control.connect_status, control.works) == ("https://control.example.com/x", status, works)


def test_a_silent_proxy_is_asked_for_the_control_meanwhile() -> None:
    with several({CONTROL: b"200 OK"}) as (port, _):
        began = time.monotonic()
        found = check(port, controls=("control.example.com",), timeout_s=1.2)
        assert time.monotonic() - began < 2.0
    assert (found.failure, found.controls[0].works) == (Failure.TIMED_OUT, True)


def test_a_proxy_that_is_silent_for_the_control_too() -> None:
    with several({}) as (port, _):
        found = check(port, controls=("control.example.com",), timeout_s=1.0)
    assert found.controls == (ProxyControl(url="control.example.com", works=False, failure=Failure.TIMED_OUT),)


@pytest.mark.parametrize("answer", [b"200 OK", b"407 No", b"403 No"])
def test_a_proxy_that_says_what_it_thinks_of_the_target_is_asked_for_nothing_else(answer: bytes) -> None:
    with several({CRM: answer, CONTROL: b"200 OK"}) as (port, heard):
        found = check(port, controls=("control.example.com",))
    assert (found.controls, heard) == ((), [CRM])


def test_no_more_than_three_controls_are_asked_for() -> None:
    with several({CRM: b"504 No"}) as (port, heard):
        check(port, controls=tuple(f"c{n}.example.com" for n in range(9)), timeout_s=0.5)
    assert len(heard) == 4
