"""Seen addresses over real sockets: STUN by UDP and TCP, and echoes; and those who answer something else."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from ipaddress import ip_address

import pytest

from probes.drivers.seen import seen_by
from probes.egress_facts import EgressSource, SeenAddress, ServiceData
from probes.failure import Failure
from probes.wire.stun import (
    BindingRequest,
    build_binding_success,
    build_unknown_attribute,
    parse_binding_request,
)
from tests.unit.egress.edges import CLOCK, access_to, found, now_text, response, says, served

ADDRESS = "203.0.113.9"
Answers = Callable[[bytes], list[bytes]]


def right(request: bytes) -> list[bytes]:
    return [build_binding_success(parse_binding_request(request).transaction, ip_address(ADDRESS).packed, 4000)]


def wrong_transaction(_request: bytes) -> list[bytes]:
    return [build_binding_success(bytes(12), ip_address("192.0.2.66").packed, 4000)]


def refusal(request: bytes) -> list[bytes]:
    return [build_unknown_attribute(BindingRequest(parse_binding_request(request).transaction, (0x7FFF,)))]


@contextlib.contextmanager
def udp_server(*answers: Answers) -> Iterator[tuple[int, list[bytes]]]:
    """Answer each datagram by the next of `answers`, the last one for all further."""
    heard: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.05)
        done = threading.Event()

        def serve() -> None:
            while not done.is_set():
                with contextlib.suppress(TimeoutError):
                    data, source = server.recvfrom(2048)
                    heard.append(data)
                    for answer in answers[min(len(heard), len(answers)) - 1](data):
                        server.sendto(answer, source)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1], heard
        done.set()
        thread.join(5)


def see(source: EgressSource, *, api_port: int = 1, **offered: object) -> SeenAddress:
    data = ServiceData(url="", fetched=True, **{"server_address": "127.0.0.1", **offered})  # type: ignore[arg-type]
    return seen_by(source, access_to(api_port), data, clock=CLOCK, resolve=found("127.0.0.1"))


# --- UDP --------------------------------------------------------------------------------------------------------------


def test_stun_over_udp() -> None:
    with udp_server(right) as (port, heard):
        seen = see(EgressSource.STUN, udp_port=port)
    assert (seen.address, seen.failure, seen.server_address, len(heard)) == (ADDRESS, None, "127.0.0.1", 1)


def test_a_lost_request_is_sent_again_after_half_a_second() -> None:
    with udp_server(lambda _: [], right) as (port, heard):
        seen = see(EgressSource.STUN, udp_port=port)
    assert seen.address == ADDRESS
    assert heard[0] == heard[1]
    assert 450_000 < (seen.duration_us or 0) < 1_100_000


def test_forgeries_and_noise_are_passed_over() -> None:
    with udp_server(lambda request: [b"", b"noise", *wrong_transaction(request), *right(request)]) as (port, _):
        assert see(EgressSource.STUN, udp_port=port).address == ADDRESS


def test_silence_ends_in_time() -> None:
    with udp_server(wrong_transaction) as (port, heard):
        seen = see(EgressSource.STUN, udp_port=port)
    assert (seen.address, seen.failure) == (None, Failure.TIMED_OUT)
    assert len(heard) == 2
    assert (seen.duration_us or 0) < 1_500_000


def test_a_closed_port_is_told_at_once() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    seen = see(EgressSource.STUN, udp_port=port)
    assert (seen.address, seen.failure) == (None, Failure.CONNECTION_REFUSED)


def test_an_error_of_the_edges_is_no_address() -> None:
    with udp_server(refusal) as (port, _):
        seen = see(EgressSource.STUN, udp_port=port)
    assert (seen.address, seen.failure) == (None, Failure.UNEXPECTED_STATUS)


# --- TCP --------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def tcp_server(answers: Answers, *, piecewise: bool = False) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            client, _ = server.accept()
            with client, contextlib.suppress(OSError):
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for answer in answers(client.recv(2048)):
                    for part in [bytes((octet,)) for octet in answer] if piecewise else [answer]:
                        client.sendall(part)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join(5)


@pytest.mark.parametrize("piecewise", [False, True])
def test_stun_over_tcp(*, piecewise: bool) -> None:
    with tcp_server(right, piecewise=piecewise) as port:
        assert see(EgressSource.TCP, tcp_port=port).address == ADDRESS


@pytest.mark.parametrize(
    ("answers", "failure"),
    [
        (lambda _: [], Failure.CONNECTION_RESET),
        (lambda _: [b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"], Failure.MALFORMED_REPLY),
        (wrong_transaction, Failure.MALFORMED_REPLY),
        (refusal, Failure.UNEXPECTED_STATUS),
        (lambda request: [right(request)[0][:25]], Failure.CONNECTION_RESET),
    ],
)
def test_who_answers_tcp_with_something_else_saw_nothing(answers: Answers, failure: Failure) -> None:
    with tcp_server(answers) as port:
        seen = see(EgressSource.TCP, tcp_port=port)
    assert (seen.address, seen.failure) == (None, failure)


def test_a_refused_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert see(EgressSource.TCP, tcp_port=port).failure is Failure.CONNECTION_REFUSED


# --- echoes -----------------------------------------------------------------------------------------------------------


@pytest.mark.lab
def test_an_echo_is_asked_for_by_its_nonce() -> None:
    with served(says(response({"address": ADDRESS, "at": now_text()}))) as heard:
        seen = see(EgressSource.ICMP, api_port=heard.port, icmp=True)
    assert (seen.address, seen.failure) == (ADDRESS, None)
    path = heard.requests[0].split()[1].decode()
    assert path.startswith("/v1/seen/icmp/")
    assert len(bytes.fromhex(path.rpartition("/")[2])) == 16


@pytest.mark.lab
@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (404, {"title": "Not Found"}, Failure.TIMED_OUT),
        (500, {}, Failure.UNEXPECTED_STATUS),
        (200, {"address": "somewhere", "at": now_text()}, Failure.MALFORMED_REPLY),
        (200, [], Failure.MALFORMED_REPLY),
    ],
)
def test_an_edge_that_saw_no_echo(status: int, body: object, failure: Failure) -> None:
    with served(says(response(body, status))) as heard:
        seen = see(EgressSource.ICMP, api_port=heard.port, icmp=True)
    assert (seen.address, seen.failure) == (None, failure)


# --- what is not offered ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", [EgressSource.STUN, EgressSource.TCP, EgressSource.ICMP])
def test_what_an_edge_does_not_offer_is_not_asked(source: EgressSource) -> None:
    seen = see(source, icmp=False)
    assert (seen.address, seen.failure, seen.duration_us) == (None, None, None)
    assert (seen.detail or "").startswith("this edge does not tell")


def test_an_edge_behind_a_proxy_has_no_known_address() -> None:
    seen = see(EgressSource.STUN, udp_port=1, server_address=None)
    assert (seen.address, seen.failure, seen.duration_us) == (None, None, None)
