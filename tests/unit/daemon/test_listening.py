"""Unit tests of the service's ear for the log of private access: an address that comes late, and one that goes."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

from agent.daemon.listening import Listening
from agent.request import SessionSource
from probes.clock import SystemClock

if TYPE_CHECKING:
    import pytest


def hears(listening: Listening) -> bool:
    return listening.sessions is not None


def test_an_address_that_comes_later_is_listened_on_then(caplog: pytest.LogCaptureFixture) -> None:
    listening = Listening(SystemClock(), again_s=0.05)
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        listening.replace(SessionSource(lss_listen=address))
        time.sleep(0.2)
        assert not hears(listening)
    deadline = time.monotonic() + 5.0
    while not hears(listening):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert [record.levelname for record in caplog.records][:1] == ["ERROR"]
    assert len(caplog.records) <= 2
    listening.replace(None)
    assert not hears(listening)


def test_who_is_to_listen_no_more_gives_up_an_address_that_never_came() -> None:
    listening = Listening(SystemClock(), again_s=0.05)
    with socket.create_server(("127.0.0.1", 0)) as other:
        listening.replace(SessionSource(lss_listen=f"127.0.0.1:{other.getsockname()[1]}"))
        listening.replace(None)
    time.sleep(0.2)
    assert not hears(listening)
