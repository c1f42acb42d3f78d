"""Notices to the manager of services, received by a real datagram socket; and where there is none, no harm."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.daemon.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """Yield an address as NOTIFY_SOCKET has it, and who listens there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.settimeout(5)
        if request.param == "path":
            address = str(tmp_path / "notify")
            listening.bind(address)
        else:
            address = f"@cloudpath-test-{os.getpid()}"
            listening.bind(f"\0{address[1:]}")
        yield address, listening


def test_every_state_arrives_as_the_manual_has_it(manager: tuple[str, socket.socket]) -> None:
    address, listening = manager
    notifier = Notifier(address)
    notifier.ready("3 targets")
    notifier.reloading(12.345678)
    notifier.ready()
    notifier.watchdog()
    notifier.status("line\nREADY=0\x1b")
    notifier.stopping("ending")
    notifier.close()
    assert [listening.recv(4096).decode() for _ in range(6)] == [
        "READY=1\nSTATUS=3 targets",
        "RELOADING=1\nMONOTONIC_USEC=12345678",
        "READY=1",
        "WATCHDOG=1",
        "STATUS=line\\u000aREADY=0\\u001b",
        "STOPPING=1\nSTATUS=ending",
    ]


@pytest.mark.parametrize("address", [None, "", "/nobody/listens/here", "@nobody-listens-here", "vsock:2:1", "x" * 300])
def test_nobody_who_listens_is_no_error(address: str | None) -> None:
    notifier = Notifier(address)
    notifier.ready("ready")
    notifier.watchdog()
    notifier.close()
    notifier.stopping()


def test_a_manager_that_does_not_read_makes_nobody_wait(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(address)
        notifier = Notifier(address)
        for _ in range(5_000):
            notifier.watchdog()
        notifier.close()


@pytest.mark.parametrize(
    ("environment", "watchdog_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "60000000"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "77"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "78"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_it_asks(environment: dict[str, str], watchdog_s: float | None) -> None:
    assert Notifier.from_environment(environment, 77).watchdog_s == watchdog_s
