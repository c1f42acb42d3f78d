"""Unit tests of how metrics and health are shown: an address that comes late, and one that never came."""

import http.client
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from agent.daemon.showing import Showing
from agent.pages.page import Page
from probes.clock import SystemClock


@contextmanager
def showing_on(port: int) -> Iterator[Showing]:
    showing = Showing(f"127.0.0.1:{port}", lambda _: Page(status=200, body="ok\n"), SystemClock(), again_s=0.05)
    try:
        yield showing
    finally:
        showing.close()


def is_shown(showing: Showing) -> bool:
    return showing.shown


def status_at(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/healthz")
    status = connection.getresponse().status
    connection.close()
    return status


def test_an_address_that_is_there_is_answered_on_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    with showing_on(port) as showing:
        assert is_shown(showing)
        assert status_at(port) == 200
    with pytest.raises(ConnectionRefusedError):
        status_at(port)


def test_an_address_that_comes_later_is_answered_on_then(caplog: pytest.LogCaptureFixture) -> None:
    with ExitStack() as open_until_the_end, socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        showing = open_until_the_end.enter_context(showing_on(port))
        time.sleep(0.2)
        assert not is_shown(showing)
        other.close()
        deadline = time.monotonic() + 5.0
        while not is_shown(showing):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert status_at(port) == 200
    # Said once, however often it was tried.
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_the_end_gives_up_an_address_that_never_came() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        with showing_on(other.getsockname()[1]) as showing:
            began = time.monotonic()
        assert time.monotonic() - began < 1.0
    time.sleep(0.2)
    assert not is_shown(showing)
