"""The listener: real connections on loopback, many at once, slow ones, endless lines, and a clean end."""

import resource
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import pytest

from agent.session_listener import SessionListener
from probes.clock import SystemClock
from probes.drivers.line_listener import FULL_S, LONGEST_LINE_S, MOST_CONNECTIONS
from probes.failure import Failure
from probes.json_line import LineProblem
from probes.line_assembly import LinesError
from probes.sample import Target
from probes.session_facts import SessionEvent
from probes.session_lines import BadLine, SessionFormat
from tests.unit.zpa.session_events import activity, blocked

Found = SessionEvent | BadLine


class SetClock(SystemClock):
    """A clock that a test sets forward."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:  # type: ignore[explicit-override] # typing.override came with Python 3.12
        return self.now


@contextmanager
def listening(clock: SystemClock | None = None) -> Iterator[tuple[SessionListener, list[Found]]]:
    found: list[Found] = []
    with SessionListener("127.0.0.1:0", clock or SetClock(), found.append, SessionFormat.AUTO) as listener:
        yield listener, found


def connections(listener: SessionListener) -> int:
    return len(listener._listener.open_connections)


def connected(listener: SessionListener) -> socket.socket:
    """Return a connection that the listener has accepted."""
    before = connections(listener)
    made = socket.create_connection(("127.0.0.1", listener.port), timeout=10)
    turn_until(listener, lambda: connections(listener) != before or before == MOST_CONNECTIONS)
    return made


def turn_until(listener: SessionListener, done: Callable[[], bool]) -> None:
    """Let the listener work until something is so; it has ten seconds' worth of turns, and needs a few."""
    for _ in range(1_000):
        if done():
            return
        listener.turn(0.01)
    pytest.fail("the listener never came to it")


def test_events_arrive_as_they_are_sent() -> None:
    with listening() as (listener, found), connected(listener) as sender:
        sender.sendall(activity() + b"\n" + blocked("APP_NOT_REACHABLE")[:30])
        turn_until(listener, lambda: len(found) == 1)
        sender.sendall(blocked("APP_NOT_REACHABLE")[30:] + b"\n")
        turn_until(listener, lambda: len(found) == 2)
    assert [one.internal_reason for one in found if isinstance(one, SessionEvent)] == ["", "APP_NOT_REACHABLE"]


def test_several_connections_are_heard_each_with_lines_of_its_own() -> None:
    with listening() as (listener, found):
        senders = [connected(listener) for _ in range(10)]
        for sender in senders:
            sender.sendall(activity()[:20])
        for number, sender in enumerate(senders):
            rest = activity(Host=f"host{number}.example.com")[20:]
            sender.sendall(rest + b"\n")
        turn_until(listener, lambda: len(found) == 10)
        for sender in senders:
            sender.close()
        turn_until(listener, lambda: connections(listener) == 0)
    assert {one.host for one in found if isinstance(one, SessionEvent)} == {f"host{n}.example.com" for n in range(10)}
    # No two lines have one number, whoever sent them.
    assert sorted(one.line for one in found) == list(range(1, 11))


def test_a_bad_line_is_told_and_the_connection_goes_on() -> None:
    with listening() as (listener, found), connected(listener) as sender:
        sender.sendall(activity() + b"\nbroken\n\xff\n" + activity() + b"\n")
        turn_until(listener, lambda: len(found) == 4)
    assert [one.problem for one in found if isinstance(one, BadLine)] == [LineProblem.NOT_JSON, LineProblem.NOT_UTF8]


def test_what_a_connection_ends_in_the_middle_of_is_told() -> None:
    with listening() as (listener, found):
        with connected(listener) as sender:
            sender.sendall(activity() + b"\n" + activity()[:50])
        turn_until(listener, lambda: len(found) == 2)
    assert isinstance(found[1], BadLine)
    assert found[1].problem is LineProblem.CUT_OFF


def test_a_reset_connection_costs_nobody_anything() -> None:
    with listening() as (listener, found), connected(listener) as other:
        sender = connected(listener)
        sender.sendall(activity() + b"\n")
        turn_until(listener, lambda: len(found) == 1)
        # Linger for no time: the kernel sends RST (socket(7)).
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sender.close()
        turn_until(listener, lambda: connections(listener) == 1)
        other.sendall(activity() + b"\n")
        turn_until(listener, lambda: len(found) == 2)


def test_an_endless_line_is_told_once_and_what_follows_is_heard() -> None:
    with listening() as (listener, found), connected(listener) as sender:
        flood = threading.Thread(target=sender.sendall, args=(b"x" * 3_000_000 + b"\n" + activity() + b"\n",))
        flood.start()
        turn_until(listener, lambda: len(found) == 2)
        flood.join()
    assert isinstance(found[0], BadLine)
    assert found[0].problem is LineProblem.TOO_LONG
    assert isinstance(found[1], SessionEvent)


def test_who_takes_too_long_over_a_line_has_to_go_however_busy() -> None:
    clock = SetClock()
    with listening(clock) as (listener, found), connected(listener) as slow, connected(listener) as idle:
        slow.sendall(activity()[:10])
        turn_until(listener, lambda: listener._listener.in_a_line == 1)
        clock.now += LONGEST_LINE_S - 1
        slow.sendall(activity()[10:20])
        listener.turn(1)
        assert connections(listener) == 2
        clock.now += 1
        listener.turn(0)
        assert connections(listener) == 1
        # Who has nothing to say may stay for ever.
        clock.now += 1_000_000
        idle.sendall(activity() + b"\n")
        turn_until(listener, lambda: len(found) == 2)
    assert isinstance(found[0], BadLine)
    assert isinstance(found[1], SessionEvent)


def test_when_there_are_too_many_the_one_that_was_silent_longest_goes() -> None:
    clock = SetClock()
    with listening(clock) as (listener, found):
        senders = []
        for _ in range(MOST_CONNECTIONS):
            clock.now += 1
            senders.append(connected(listener))
        clock.now += 1
        senders[0].sendall(activity(Host="first.example.com") + b"\n")
        turn_until(listener, lambda: len(found) == 1)
        late = connected(listener)
        late.sendall(activity(Host="late.example.com") + b"\n")
        turn_until(listener, lambda: len(found) == 2)
        assert connections(listener) == MOST_CONNECTIONS
        assert senders[1].recv(1) == b""
        for sender in (*senders, late):
            sender.close()


def test_without_descriptors_and_with_nobody_to_end_it_waits_for_some() -> None:
    clock, limits = SetClock(), resource.getrlimit(resource.RLIMIT_NOFILE)
    with listening(clock) as (listener, found), socket.socket() as sender:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
            sender.connect(("127.0.0.1", listener.port))
            listener.turn(10)
            began = time.monotonic()
            listener.turn(0.2)
            # Nobody wakes it for what it cannot do.
            assert time.monotonic() - began >= 0.2
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        sender.sendall(activity() + b"\n")
        assert connections(listener) == 0
        clock.now += FULL_S
        turn_until(listener, lambda: len(found) == 1)
        assert connections(listener) == 1


def test_without_descriptors_the_one_that_was_silent_longest_goes() -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with listening() as (listener, found), connected(listener) as quiet, socket.socket() as late:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (quiet.fileno(), limits[1]))
            late.connect(("127.0.0.1", listener.port))
            listener.turn(10)
            assert connections(listener) == 0
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        late.sendall(activity() + b"\n")
        turn_until(listener, lambda: len(found) == 1)
        assert quiet.recv(1) == b""


def test_it_ends_when_it_is_asked_to_and_ends_its_connections() -> None:
    stop = threading.Event()
    with listening() as (listener, _):
        port, sender = listener.port, connected(listener)
        server = threading.Thread(target=listener.serve, args=(stop.is_set,))
        server.start()
        stop.set()
        server.join(10)
        assert not server.is_alive()
    assert sender.recv(1) == b""
    sender.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=10)


def test_it_keeps_what_a_sample_will_ask_for() -> None:
    now_s = datetime.fromisoformat("2019-05-31T17:36:00Z").timestamp()
    target = Target(name="crm", host="crm.example.com", port=443)
    with listening() as (listener, found), connected(listener) as sender:
        sender.sendall(b"\n".join((blocked("APP_NOT_REACHABLE"), activity(Host="db.example.com"), b"broken", b"")))
        turn_until(listener, lambda: len(found) == 3)
        assert [one.internal_reason for one in listener.recent(target, now_s=now_s, window_s=60)] == [
            "APP_NOT_REACHABLE"
        ]
        assert listener.recent(target, now_s=now_s, window_s=1) == ()
        assert (listener.lines, listener.undated) == (3, 0)


@pytest.mark.parametrize("address", ["127.0.0.1:{port}", "192.0.2.1:0"])
def test_an_address_that_cannot_be_had_is_told(address: str) -> None:
    with (
        listening() as (listener, _),
        pytest.raises(LinesError, match="cannot listen on") as caught,
        SessionListener(address.format(port=listener.port), SetClock(), print, SessionFormat.AUTO),
    ):
        pass
    assert caught.value.failure in {Failure.ADDRESS_IN_USE, Failure.ADDRESS_NOT_AVAILABLE}


def test_ipv6_loopback_will_do() -> None:
    with SessionListener("[::1]:0", SetClock(), print, SessionFormat.LSS) as listener:
        socket.create_connection(("::1", listener.port), timeout=10).close()


def test_a_host_that_gives_no_socket_is_told_of_as_any_other_trouble() -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with selectors.DefaultSelector() as selector:
        # The selector of a listener may be had, its socket not.
        lowest = selector.fileno()
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 1, limits[1]))
        with (
            pytest.raises(LinesError, match=r"cannot listen on 127\.0\.0\.1:0: too many open files"),
            SessionListener("127.0.0.1:0", SetClock(), print, SessionFormat.LSS),
        ):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
