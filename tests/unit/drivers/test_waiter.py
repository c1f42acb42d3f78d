"""What wakes the waiter, and how soon."""

import fcntl
import os
import resource
import socket
import time
from collections.abc import Iterator

import pytest

from probes.drivers import waiter as waiting
from probes.drivers.waiter import PollWaiter
from probes.facts import Family, Protocol
from tests.unit.drivers.driving import opened, probes

SOON_S = 10


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    os.close(writing)


@pytest.fixture
def no_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wake nobody for a turn of his own: whoever wakes soon, on however busy a machine, was woken by something."""
    monkeypatch.setattr(waiting, "_LONGEST_S", 30.0)


def waited(waiter: PollWaiter, for_s: float) -> float:
    start = time.monotonic()
    waiter.wait([], start + for_s)
    return time.monotonic() - start


def test_waits_shorter_than_a_millisecond_are_kept() -> None:
    waiter = PollWaiter()
    times = [waited(waiter, 0.0003) for _ in range(101)]
    waiter.close()
    assert min(times) >= 0.0003
    # Whole milliseconds would make every one of them longer; a busy machine makes some.
    assert min(times) < 0.0009


@pytest.mark.usefixtures("no_turns")
def test_a_time_that_is_past_is_no_wait() -> None:
    waiter = PollWaiter()
    assert waited(waiter, -5) < SOON_S
    waiter.close()


def test_drivers_get_a_turn_during_a_long_wait() -> None:
    waiter = PollWaiter()
    assert 0.05 <= waited(waiter, 60) < SOON_S
    waiter.close()


@pytest.mark.usefixtures("no_turns")
def test_another_descriptor_wakes_it(pipe: tuple[int, int]) -> None:
    waiter = PollWaiter([pipe[0]])
    os.write(pipe[1], b"!")
    assert waited(waiter, 60) < SOON_S
    waiter.close()


@pytest.mark.usefixtures("no_turns")
def test_a_descriptor_beyond_the_reach_of_select_wakes_it_too(pipe: tuple[int, int]) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2000), hard))
    high = fcntl.fcntl(pipe[0], fcntl.F_DUPFD, 1500)
    waiter = PollWaiter([high])
    try:
        os.write(pipe[1], b"!")
        assert waited(waiter, 60) < SOON_S
    finally:
        waiter.close()
        os.close(high)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("no_turns")
def test_a_waiter_whose_own_descriptor_is_high_still_waits(pipe: tuple[int, int]) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2000), hard))
    low = [os.dup(pipe[0])]
    while low[-1] < 1024:
        low.append(os.dup(pipe[0]))
    waiter = PollWaiter([pipe[0]])
    try:
        assert waited(waiter, 0.002) >= 0.002
        os.write(pipe[1], b"!")
        assert waited(waiter, 60) < SOON_S
    finally:
        waiter.close()
        for each in low:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("no_turns")
@pytest.mark.parametrize("protocol", [Protocol.UDP, Protocol.TCP])
def test_an_answer_wakes_it(protocol: Protocol) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        driver = opened(protocol, Family.IPV4, "127.0.0.1", port, privileged=False)
        waiter = PollWaiter()
        driver.send(probes([5])[0])
        start = time.monotonic()
        waiter.wait([driver], start + 60)
        assert time.monotonic() - start < SOON_S
        assert len(driver.receive()) == 1
        waiter.close()
        driver.close()
