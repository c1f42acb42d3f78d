"""Service data over real connections: what a healthy edge tells, and every way in which one does not."""

import json
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from probes.edge_answers import read_service_data
from probes.egress_facts import ServiceData, Tunnel, TunnelKind
from probes.facts_reader import UnfitError
from probes.failure import Failure
from probes.frozen import replace
from probes.proxy import ProxyChoice, Secret
from probes.web_facts import ProxyMode, WebPhase
from tests.unit.egress.edges import access_to, asked, authority, found, lost, now_text, response, says, served, told


def outcome(data: ServiceData) -> tuple[bool, WebPhase | None, Failure | None]:
    return data.fetched, data.phase, data.failure


# --- a healthy edge ---------------------------------------------------------------------------------------------------


def test_what_an_edge_tells_over_tls(tmp_path: Path) -> None:
    own = authority(tmp_path)
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    with served(says(response(told())), certificate=own.issue(["edge.example.com"])) as heard:
        access = access_to(
            heard.port, scheme="https", host="edge.example.com", ca_file=own.own.certificate, token_file=token
        )
        data = asked(access)
    assert outcome(data) == (True, WebPhase.REQUEST, None)
    assert (data.address, data.name, data.server_address) == ("198.51.100.10", "edge-1", "127.0.0.1")
    assert (data.udp_port, data.tcp_port, data.icmp, data.valid_for_s) == (33500, 443, True, 300)
    assert (data.attempts, data.status, data.stale, data.tunnel) == (1, 200, False, None)
    (request,) = heard.requests
    assert request.startswith(b"GET /v1/service-data HTTP/1.1\r\n")
    assert f"\r\nHost: edge.example.com:{heard.port}\r\n".encode() in request
    assert b"\r\nAuthorization: Bearer s3cret\r\n" in request


def test_a_caller_inside_a_tunnel() -> None:
    tunnel = {"kind": "gre", "inner": "10.20.0.0/16", "egress": "198.51.100.10"}
    with served(says(response(told(client={"address": "10.20.0.5", "port": 1, "tunnel": tunnel})))) as heard:
        data = asked(access_to(heard.port))
    assert data.address == "10.20.0.5"
    assert data.tunnel == Tunnel(kind=TunnelKind.GRE, inner="10.20.0.0/16", egress="198.51.100.10")


def test_an_api_behind_a_path_of_its_own() -> None:
    with served(says(response(told()))) as heard:
        access = replace(access_to(heard.port), api=f"http://127.0.0.1:{heard.port}/edges/one/")
        assert asked(access).fetched
    assert heard.requests[0].startswith(b"GET /edges/one/v1/service-data ")


def test_ipv6_and_a_source_of_its_own() -> None:
    with served(says(response(told())), address="::1") as heard:
        data = asked(
            replace(access_to(heard.port), api=f"http://[::1]:{heard.port}"), resolve=found("::1"), source="::1"
        )
    assert (data.fetched, data.server_address, heard.sources) == (True, "::1", ["::1"])


def test_the_source_that_was_asked_for_is_used_and_decides_the_family() -> None:
    with served(says(response(told()))) as heard:
        data = asked(access_to(heard.port), resolve=found("::1", "127.0.0.1"), source="127.0.0.9")
    assert data.fetched
    assert heard.sources == ["127.0.0.9"]


def test_a_clock_of_this_host_that_is_wrong_makes_no_answer_old() -> None:
    wrong = datetime.now(UTC) - timedelta(days=400)
    with served(says(response(told(time=wrong.isoformat()), date=wrong))) as heard:
        assert asked(access_to(heard.port)).fetched


# --- two tries --------------------------------------------------------------------------------------------------------


def test_a_second_try_heals_a_first_failure() -> None:
    with served(says(b""), says(response(told()))) as heard:
        data = asked(access_to(heard.port))
    assert (data.fetched, data.attempts, data.failure) == (True, 2, None)


def test_a_silent_first_connection_does_not_use_up_the_time() -> None:
    release = threading.Event()

    def silent(_client: Any, _request: bytes) -> None:
        release.wait(5)

    with served(silent, says(response(told()))) as heard:
        data = asked(access_to(heard.port))
        release.set()
    assert (data.fetched, data.attempts) == (True, 2)
    assert 900_000 <= (data.duration_us or 0) < 1_900_000


def test_a_slow_edge_has_the_whole_time_for_its_first_answer() -> None:
    def slow(client: Any, _request: bytes) -> None:
        time.sleep(1.4)
        client.sendall(response(told()))

    with served(slow, says(response(b"no", 500))) as heard:
        assert asked(access_to(heard.port)).fetched


def test_the_second_try_goes_to_another_address() -> None:
    with served(says(response(told()))) as heard:
        data = asked(
            access_to(heard.port, host="edge.example.com", insecure=True), resolve=found("127.0.0.2", "127.0.0.1")
        )
    assert (data.fetched, data.attempts, data.server_address) == (True, 2, "127.0.0.1")


def test_nobody_waits_longer_than_two_seconds() -> None:
    release = threading.Event()

    def drip(client: Any, _request: bytes) -> None:
        for octet in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1000:
            if release.wait(0.05):
                return
            client.sendall(bytes((octet,)))

    with served(drip) as heard:
        data = asked(access_to(heard.port))
        release.set()
    assert outcome(data) == (False, WebPhase.REQUEST, Failure.TIMED_OUT)
    assert data.attempts == 2
    assert (data.duration_us or 0) < 2_300_000


def test_who_stops_does_not_wait() -> None:
    release = threading.Event()

    def silent(_client: Any, _request: bytes) -> None:
        release.wait(5)

    with served(silent) as heard:
        began = time.monotonic()
        data = asked(access_to(heard.port), stop=lambda: time.monotonic() > began + 0.2)
        release.set()
    assert (data.fetched, data.failure) == (False, Failure.ABORTED)
    assert (data.duration_us or 0) < 600_000


# --- each step fails its own way --------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [Failure.NXDOMAIN, Failure.SERVFAIL, Failure.TIMED_OUT])
def test_a_name_that_does_not_resolve(failure: Failure) -> None:
    data = asked(access_to(443, scheme="https", host="edge.example.com"), resolve=lost(failure))
    assert outcome(data) == (False, WebPhase.RESOLVE, failure)
    assert data.attempts == 2


def test_a_port_that_refuses() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    data = asked(access_to(port))
    assert outcome(data) == (False, WebPhase.CONNECT, Failure.CONNECTION_REFUSED)
    assert data.attempts == 2
    assert f"127.0.0.1 port {port}" in (data.detail or "")


def test_a_certificate_of_an_authority_that_nobody_trusts(tmp_path: Path) -> None:
    own = authority(tmp_path)
    with served(says(response(told())), certificate=own.issue(["127.0.0.1"], by="Evil Proxy")) as heard:
        data = asked(access_to(heard.port, scheme="https", ca_file=own.own.certificate))
    assert outcome(data) == (False, WebPhase.TLS, Failure.TLS_FAILED)
    assert "certificate" in (data.detail or "")
    assert heard.requests == []


def test_a_certificate_for_another_name(tmp_path: Path) -> None:
    own = authority(tmp_path)
    with served(says(response(told())), certificate=own.issue(["other.example.com"])) as heard:
        data = asked(access_to(heard.port, scheme="https", ca_file=own.own.certificate))
    assert outcome(data) == (False, WebPhase.TLS, Failure.TLS_FAILED)


def test_plain_http_where_tls_is_spoken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            for _ in range(2):
                client, _ = server.accept()
                client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                client.close()

        thread = threading.Thread(target=answer)
        thread.start()
        data = asked(access_to(server.getsockname()[1], scheme="https"))
        thread.join(5)
    assert data.phase is WebPhase.TLS


@pytest.mark.parametrize("status", [301, 307, 401, 403, 404, 429, 500, 503])
def test_a_status_that_is_none_of_success(status: int) -> None:
    problem = {"type": "about:blank", "title": "No", "status": status, "detail": "not \x1b[31mtoday"}
    headers = {"Location": "http://127.0.0.1:1/", "Retry-After": "30"}
    with served(says(response(problem, status, headers))) as heard:
        data = asked(access_to(heard.port))
    assert (*outcome(data), data.status) == (False, WebPhase.REQUEST, Failure.UNEXPECTED_STATUS, status)
    assert data.detail == f"HTTP {status}: not \x1b[31mtoday (again in 30 s)"
    # No redirect is followed.
    assert len(heard.requests) == 2


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "no JSON"),
        (b"<html>", "no JSON"),
        (b"[]", "must be an object"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[" * 8000, "nests too deeply"),
        (b'{"schema": "cloudpath.edge/1", "schema": 1}', "twice"),
        (b'{"schema": NaN}', "no JSON number"),
        (told(schema="cloudpath.edge/2"), "schema"),
        (told(client={"address": "crm.example.com", "port": 1, "tunnel": None}), "no address"),
        (told(client={"address": 7, "port": 1, "tunnel": None}), "must be a text"),
        (told(client=None), "client must be an object"),
        (told(stun={"udp_port": 70_000, "tcp_port": None}), "no port"),
        (told(stun={"udp_port": True, "tcp_port": None}), "must be an integer"),
        (told(icmp="yes"), "must be true or false"),
        (told(valid_for_s=0), "out of range"),
        (told(valid_for_s=-5), "out of range"),
        (told(valid_for_s=10**30), "out of range"),
        (told(time="yesterday"), "no instant"),
        (told(time="2026-01-01T00:00:00"), "no instant"),
        (told(edge={"name": "x" * 5000}), "longer than"),
        (told(client={"address": "10.0.0.1", "tunnel": {"kind": "sky", "inner": "10.0.0.0/8"}}), "TunnelKind"),
        (told(client={"address": "10.0.0.1", "tunnel": {"kind": "gre", "inner": "10.0.0.1/8"}}), "no prefix"),
    ],
)
def test_an_answer_that_is_not_what_the_api_promises(body: object, why: str) -> None:
    with pytest.raises(UnfitError, match=why):
        read_service_data(body if isinstance(body, bytes) else json.dumps(body).encode(), "https://edge.example.com")


def test_an_answer_that_does_not_fit_is_a_failure_of_the_request() -> None:
    with served(says(response(told(icmp="yes")))) as heard:
        data = asked(access_to(heard.port))
    assert outcome(data) == (False, WebPhase.REQUEST, Failure.MALFORMED_REPLY)
    assert (data.status, data.detail) == (200, "icmp must be true or false, not a text")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"220 mail.example.com ESMTP\r\n", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 60_000, "no HTTP"),
        (response(b"x" * 100_000), "longer than"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"4000\r\n" + b"x" * 0x4000 + b"\r\n") * 8,
            "longer than",
        ),
        (response(told(), headers={"Content-Encoding": "gzip"}), "encoded"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 5_000, "longer than"),
    ],
)
def test_an_answer_that_is_no_http_or_has_no_end(answer: bytes, why: str) -> None:
    with served(says(answer)) as heard:
        data = asked(access_to(heard.port))
    assert outcome(data) == (False, WebPhase.REQUEST, Failure.MALFORMED_REPLY)
    assert why in (data.detail or "")


def test_an_answer_that_somebody_kept_too_long() -> None:
    with served(says(response(told(), headers={"Age": "301"}))) as heard:
        data = asked(access_to(heard.port))
    assert outcome(data) == (False, WebPhase.REQUEST, Failure.EXPIRED)


def test_an_edge_that_serves_old_data() -> None:
    old = (datetime.now(UTC) - timedelta(seconds=400)).isoformat()
    with served(says(response(told(time=old)))) as heard:
        assert asked(access_to(heard.port)).failure is Failure.EXPIRED


@pytest.mark.parametrize("age", ["", "-5", "soon", "9" * 40, "301.5", "٣٠١"])
def test_an_age_that_is_none_says_nothing(age: str) -> None:
    answer = response(told(), headers={"Age": "0"}).replace(b"Age: 0", b"Age: " + age.encode())
    with served(says(answer)) as heard:
        assert asked(access_to(heard.port)).fetched


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("api", [None, "", "ftp://127.0.0.1/", "http://", "http://127.0.0.1:99999/"])
def test_an_api_that_is_nowhere(api: str | None) -> None:
    data = asked(replace(access_to(1), api=api))
    assert (*outcome(data), data.attempts) == (False, WebPhase.RESOLVE, Failure.INVALID_SETTING, 0)


def test_plain_http_beyond_loopback_sends_nothing() -> None:
    with served(says(response(told()))) as heard:
        data = asked(access_to(heard.port, host="edge.example.com"))
        assert (data.failure, data.attempts, heard.requests) == (Failure.INVALID_SETTING, 0, [])
        assert asked(access_to(heard.port, host="edge.example.com", insecure=True)).fetched


@pytest.mark.parametrize("text", ["", "two words", "line\nline", "sécret", "x" * 5000])
def test_a_token_that_is_none_is_not_sent_and_not_shown(tmp_path: Path, text: str) -> None:
    token = tmp_path / "token"
    token.write_text(text)
    with served(says(response(told()))) as heard:
        data = asked(access_to(heard.port, token_file=token))
    assert (data.failure, heard.requests) == (Failure.INVALID_SETTING, [])
    assert data.detail == f"{token} holds no token of one line"


def test_a_token_file_that_is_gone(tmp_path: Path) -> None:
    data = asked(access_to(1, token_file=tmp_path / "none"))
    assert (data.failure, data.attempts) == (Failure.INVALID_SETTING, 0)


def test_authorities_that_cannot_be_read(tmp_path: Path) -> None:
    own = authority(tmp_path)
    nonsense = tmp_path / "ca.pem"
    nonsense.write_text("no certificate")
    with served(says(response(told())), certificate=own.issue(["127.0.0.1"])) as heard:
        data = asked(access_to(heard.port, scheme="https", ca_file=nonsense))
    assert outcome(data) == (False, WebPhase.TLS, Failure.INVALID_SETTING)


# --- an earlier answer ------------------------------------------------------------------------------------------------


def known(url: str, age_s: int) -> ServiceData:
    return ServiceData(
        url=url, fetched=True, address="198.51.100.10", told_at=now_text(), valid_for_s=300, age_s=age_s, udp_port=33500
    )


def test_an_earlier_answer_stands_in_while_it_is_valid() -> None:
    access = access_to(1)
    data = asked(access, known=known(access.api or "", 299))
    assert (data.fetched, data.stale, data.age_s, data.attempts) == (True, True, 299, 2)
    assert (data.address, data.udp_port) == ("198.51.100.10", 33500)
    # Why no new one came is not forgotten.
    assert (data.phase, data.failure) == (WebPhase.CONNECT, Failure.CONNECTION_REFUSED)


def test_an_earlier_answer_that_is_too_old_or_another_edge_s_does_not() -> None:
    access = access_to(1)
    for earlier in (
        known(access.api or "", 300),
        known("http://127.0.0.1:2", 10),
        replace(known("", 1), fetched=False),
    ):
        data = asked(access, known=earlier)
        assert (data.fetched, data.stale, data.address) == (False, False, None)


def test_a_new_answer_goes_before_an_earlier_one() -> None:
    with served(says(response(told(client={"address": "198.51.100.99", "port": 1, "tunnel": None})))) as heard:
        access = access_to(heard.port)
        data = asked(access, known=known(access.api or "", 10))
    assert (data.address, data.stale, data.age_s) == ("198.51.100.99", False, None)


# --- through a proxy --------------------------------------------------------------------------------------------------


def relay(port: int) -> Any:
    """Return what a proxy does: CONNECT, then bytes both ways."""

    def behave(client: Any, request: bytes) -> None:
        assert request.startswith(b"CONNECT ")
        with socket.create_connection(("127.0.0.1", port)) as far:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=pump, args=(far, client))
            back.start()
            pump(client, far)
            back.join(5)

    return behave


def pump(one: Any, other: Any) -> None:
    try:
        while data := one.recv(65_536):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)
    except OSError:
        return


def proxy_at(port: int, scheme: str = "http") -> ProxyChoice:
    return ProxyChoice(
        mode=ProxyMode.EXPLICIT,
        scheme=scheme,
        host="127.0.0.1",
        port=port,
        username=Secret("jo"),
        password=Secret("pw"),
    )


def test_through_a_proxy(tmp_path: Path) -> None:
    own = authority(tmp_path)
    with (
        served(says(response(told())), certificate=own.issue(["edge.example.com"])) as edge,
        served(relay(edge.port)) as heard,
    ):
        access = access_to(edge.port, scheme="https", host="edge.example.com", ca_file=own.own.certificate)
        data = asked(access, proxy=proxy_at(heard.port))
    assert data.fetched
    # The proxy looked the name up; whose answer it is cannot be known.
    assert data.server_address is None
    assert heard.requests[0].startswith(f"CONNECT edge.example.com:{edge.port} HTTP/1.1\r\n".encode())
    assert b"\r\nProxy-Authorization: Basic am86cHc=\r\n" in heard.requests[0]
    assert b"Proxy-Authorization" not in edge.requests[0]


def test_plain_http_through_a_proxy_names_the_whole_address() -> None:
    with served(says(response(told()))) as heard:
        data = asked(access_to(8443, host="edge.example.com", insecure=True), proxy=proxy_at(heard.port))
    assert data.fetched
    assert heard.requests[0].startswith(b"GET http://edge.example.com:8443/v1/service-data HTTP/1.1\r\n")


def test_a_proxy_elsewhere_sees_no_plain_token() -> None:
    with served(says(response(told()))) as heard:
        data = asked(access_to(1), proxy=proxy_at(heard.port))
    assert (data.failure, heard.requests) == (Failure.INVALID_SETTING, [])


def test_a_proxy_that_refuses() -> None:
    with served(says(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")) as heard:
        data = asked(access_to(1, scheme="https"), proxy=proxy_at(heard.port))
    assert outcome(data) == (False, WebPhase.PROXY_CONNECT, Failure.UNEXPECTED_STATUS)
    assert "407" in (data.detail or "")
