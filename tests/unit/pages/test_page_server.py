"""The pages over real sockets: by address and by path, for those who ask as they should, whoever else there is."""

import http.client
import json
import resource
import select
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from agent.daemon.pages import Pages
from agent.daemon.status import ServiceStatus
from agent.pages.connection import ANSWER_S, REQUEST_S
from agent.pages.listening import ListenError, listening_socket
from agent.pages.page import Page, Request
from agent.pages.server import MOST_CONNECTIONS, PageServer
from probes.clock import SystemClock
from probes.frozen import replace
from tests.unit.daemon.clocks import SetClock
from tests.unit.daemon.pictures import SERVICE, STORE

GET = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
HEALTHY = replace(SERVICE, store=replace(STORE, problem=None))


@contextmanager
def serving(
    answer: Callable[[Request], Page] | None = None, listen: str = "127.0.0.1:0", clock: SystemClock | None = None
) -> Iterator[PageServer]:
    server = PageServer(listen, answer or Pages(lambda: HEALTHY), clock or SystemClock())
    server.start()
    try:
        yield server
    finally:
        server.close()


def connected(server: PageServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def exchanged(server: PageServer, sent: bytes) -> tuple[int, bytes]:
    """Return the status of what is answered, and all of it."""
    with connected(server) as connection:
        connection.sendall(sent)
        answer = received(connection)
    return int(answer.split(b" ", 2)[1]), answer


def received(connection: socket.socket) -> bytes:
    data = b""
    while more := connection.recv(65_536):
        data += more
    return data


def asked(server: PageServer, path: str, accept: str = "*/*") -> tuple[int, str, str]:
    """Return the status, the media type and the body."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", path, headers={"Accept": accept})
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    return response.status, response.headers["Content-Type"], body


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def pages_of(status: ServiceStatus) -> Pages:
    return Pages(lambda: status)


def test_metrics_come_in_the_form_that_is_asked_for() -> None:
    with serving() as server:
        status, media_type, body = asked(server, "/metrics")
        assert (status, media_type) == (200, "text/plain; version=0.0.4; charset=utf-8")
        assert 'cloudpath_samples_total{target="crm",status="ok"} 3\n' in body
        status, media_type, body = asked(server, "/metrics?x=y", "application/openmetrics-text; version=1.0.0")
        assert (status, media_type) == (200, "application/openmetrics-text; version=1.0.0; charset=utf-8")
        assert body.endswith("# EOF\n")


def test_health_and_readiness_say_why_not() -> None:
    standing = replace(SERVICE, turned_at_s=900.0)
    with serving(pages_of(HEALTHY)) as server:
        assert asked(server, "/healthz")[::2] == (200, "ok\n")
        assert asked(server, "/readyz")[::2] == (200, "ok\n")
        assert asked(server, "/")[0] == 200
        assert asked(server, "/secrets")[0] == 404
    with serving(pages_of(SERVICE)) as server:
        assert asked(server, "/healthz")[0] == 200
        assert asked(server, "/readyz")[::2] == (503, "the store takes nothing: disk full\n")
    with serving(pages_of(standing)) as server:
        assert asked(server, "/healthz")[0] == 503
        status, media_type, body = asked(server, "/readyz", "application/json")
        assert (status, media_type) == (503, "application/json")
        assert json.loads(body) == {
            "ok": False,
            "problems": [
                "the loop that does the work has not come round for 100 s",
                "the store takes nothing: disk full",
            ],
        }


def test_a_head_has_the_same_fields_and_no_body() -> None:
    with serving() as server:
        status, answer = exchanged(server, b"HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert status == 200
        assert b"content-length: 3\r\n" in answer.lower()
        assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"POST /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3\r\n\r\nabc", 405),
        (b"DELETE / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 405),
        (b"GET /metrics HTTP/1.1\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"GET /" + b"x" * 100_000, 431),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"y" * 100_000, 431),
        # A page from elsewhere whose name was made to lead here.
        (b"GET /metrics HTTP/1.1\r\nHost: evil.example.com\r\n\r\n", 421),
        (b"GET http://evil.example.com/metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 421),
        (b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1.evil.example.com:9469\r\n\r\n", 421),
        (b"GET /metrics HTTP/1.1\r\nHost: localhost:9469\r\n\r\n", 200),
        (b"GET /metrics HTTP/1.1\r\nHost: [::1]:9469\r\n\r\n", 200),
        (b"GET http://127.0.0.1/metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 200),
        (b"GET http:///metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 421),
        # An address in a query is no address of a server.
        (b"GET /metrics?of=http://evil.example.com/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 200),
        (b"GET /metrics?of=http://127.0.0.1/ HTTP/1.1\r\nHost: evil.example.com\r\n\r\n", 421),
        (b"GET /metrics HTTP/1.0\r\n\r\n", 200),
    ],
)
def test_what_is_asked_wrongly_is_refused(sent: bytes, status: int) -> None:
    with serving() as server:
        assert exchanged(server, sent)[0] == status
        assert asked(server, "/healthz")[0] == 200


def test_a_refusal_does_not_repeat_what_was_sent() -> None:
    with serving() as server:
        assert exchanged(server, b"GET /a secret HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")[1].endswith(
            b"\r\n\r\nillegal request line\n"
        )


def test_who_listens_for_strangers_has_any_name() -> None:
    sent = b"GET /metrics HTTP/1.1\r\nHost: agent-1.example.com:9469\r\n\r\n"
    with serving(listen="0.0.0.0:0") as server:
        assert exchanged(server, sent)[0] == 200
    with serving(listen="[::1]:0") as server, socket.create_connection(("::1", server.port), timeout=10) as connection:
        connection.sendall(sent)
        assert received(connection).startswith(b"HTTP/1.1 421")


def test_a_refused_method_is_told_which_there_are() -> None:
    with serving() as server:
        assert b"allow: get, head\r\n" in exchanged(server, b"PUT / HTTP/1.1\r\nHost: [::1]\r\n\r\n")[1].lower()


def test_a_mistake_of_ours_is_an_answer_and_the_server_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    def mistaken(request: Request) -> Page:
        if request.path == "/metrics":
            raise ZeroDivisionError
        return Page(status=200, body="ok\n")

    with serving(mistaken) as server:
        assert asked(server, "/metrics")[::2] == (500, "the agent itself failed\n")
        assert asked(server, "/healthz")[0] == 200
    assert "the page /metrics could not be made" in caplog.text


def test_who_dawdles_keeps_nobody_waiting_and_is_hung_up_on() -> None:
    clock = SetClock()
    with serving(clock=clock) as server, ExitStack() as open_connections:
        slow = [open_connections.enter_context(connected(server)) for _ in range(20)]
        for connection in slow[1:]:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHo")
        assert asked(server, "/healthz")[0] == 200
        clock.now += REQUEST_S - 0.1
        assert asked(server, "/healthz")[0] == 200
        assert select.select(slow, [], [], 0)[0] == []
        clock.now += 0.2
        assert asked(server, "/healthz")[0] == 200
        assert [received(connection) for connection in slow] == [b""] * 20


def test_who_does_not_take_the_answer_keeps_nobody_waiting() -> None:
    huge = Page(status=200, body="x" * 20_000_000)
    pages = {"/metrics": huge, "/healthz": Page(status=200, body="ok\n")}
    with serving(lambda request: pages[request.path]) as server, connected(server) as deaf:
        deaf.sendall(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert select.select([deaf], [], [], 10)[0] == [deaf]
        assert asked(server, "/healthz")[0] == 200
        # And gets all of it once it does.
        assert len(received(deaf)) > 20_000_000


def test_the_time_that_a_page_takes_to_make_is_taken_from_nobody() -> None:
    clock = SetClock()

    def slowly(request: Request) -> Page:
        if request.path == "/slow":
            clock.now += ANSWER_S + REQUEST_S
        return Page(status=200, body="x" * 20_000_000)

    with serving(slowly, clock=clock) as server, ExitStack() as open_connections:
        early, slow, late = (open_connections.enter_context(connected(server)) for _ in range(3))
        early.sendall(b"GET /early HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert select.select([early], [], [], 10)[0] == [early]
        late.sendall(b"GET /late HTTP/1.1\r\n")
        slow.sendall(b"GET /slow HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert len(received(slow)) > 20_000_000
        late.sendall(b"Host: 127.0.0.1\r\n\r\n")
        assert len(received(late)) > 20_000_000
        assert len(received(early)) > 20_000_000


def test_a_thousand_connections_leave_room_for_who_asks() -> None:
    with serving() as server, ExitStack() as open_connections:
        for _ in range(1_000):
            open_connections.enter_context(connected(server))
        began = time.monotonic()
        assert asked(server, "/metrics")[0] == 200
        assert time.monotonic() - began < 2.0
        assert len(server._connections) <= MOST_CONNECTIONS


def test_a_thousand_questions_leave_nothing_open() -> None:
    with serving() as server:
        assert asked(server, "/healthz")[0] == 200
        before = open_descriptors()
        for _ in range(1_000):
            with connected(server) as connection:
                connection.sendall(GET)
                assert received(connection).startswith(b"HTTP/1.1 200")
        until = time.monotonic() + 5.0
        while server._connections and time.monotonic() < until:
            time.sleep(0.01)
        assert open_descriptors() <= before


def test_without_descriptors_it_waits_for_some(caplog: pytest.LogCaptureFixture) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with serving() as server, connected(server) as waiting, socket.socket() as late:
        until = time.monotonic() + 5.0
        while not server._connections and time.monotonic() < until:
            time.sleep(0.01)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
            late.settimeout(10)
            late.connect(("127.0.0.1", server.port))
            late.sendall(GET)
            until = time.monotonic() + 5.0
            while server._accept_at_s is None and time.monotonic() < until:
                time.sleep(0.01)
            # Those who are there already are answered meanwhile.
            waiting.sendall(GET)
            assert received(waiting).startswith(b"HTTP/1.1 200")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert received(late).startswith(b"HTTP/1.1 200")
    assert "out of reach for a moment: Too many open files" in caplog.text


def test_a_socket_in_the_file_system_is_for_its_owner_and_group(tmp_path: Path) -> None:
    path = tmp_path / "metrics.sock"
    with serving(listen=f"unix:{path}") as server:
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            # Whoever asks there has come through the file system's rights: any name will do.
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: agent\r\n\r\n")
            assert received(connection).startswith(b"HTTP/1.1 200")
        assert server.port == 0
    assert not path.exists()


def test_what_a_dead_process_left_is_replaced_and_nothing_else_is(tmp_path: Path) -> None:
    path = tmp_path / "metrics.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with serving(listen=f"unix:{path}"), pytest.raises(ListenError, match=r"metrics\.sock: Address already in use"):
        listening_socket(f"unix:{path}")
    path.write_text("somebody's work")
    with pytest.raises(ListenError, match="Address already in use"):
        listening_socket(f"unix:{path}")
    assert path.read_text() == "somebody's work"


@pytest.mark.parametrize(
    ("listen", "why"),
    [
        ("nonsense", "nonsense: not address:port, [address]:port or unix:PATH"),
        ("localhost:9469", "localhost:9469: not address:port"),
        ("127.0.0.1:http", "127.0.0.1:http: not address:port"),
        ("127.0.0.1:99999", "127.0.0.1:99999: "),
        ("192.0.2.1:9469", "192.0.2.1:9469: Cannot assign requested address"),
        ("unix:/nowhere/at/all.sock", "unix:/nowhere/at/all.sock: No such file or directory"),
        ("unix:/tmp/" + "x" * 200, "AF_UNIX path too long"),
    ],
)
def test_an_address_that_cannot_be_listened_on_is_told(listen: str, why: str) -> None:
    with pytest.raises(ListenError) as raised:
        listening_socket(listen)
    assert why in str(raised.value)


def test_a_host_that_gives_no_socket_is_told_of_as_any_other_trouble() -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
        with pytest.raises(ListenError, match=r"^127\.0\.0\.1:0: Too many open files$"):
            listening_socket("127.0.0.1:0")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_both_families_are_listened_on_by_address() -> None:
    for listen in ("127.0.0.1:0", "[::1]:0"):
        with listening_socket(listen) as opened:
            assert opened.getsockname()[1] > 0


def test_the_end_hangs_up_at_once_even_before_the_start() -> None:
    before = threading.active_count()
    PageServer("127.0.0.1:0", Pages(lambda: HEALTHY), SystemClock()).close()
    with serving() as server, connected(server) as waiting:
        began = time.monotonic()
        server.close()
        assert received(waiting) == b""
        assert time.monotonic() - began < 1.0
    assert threading.active_count() == before
