"""Unit tests of syslog: messages by the letter of RFC 5424, and real sockets that take them, or do not."""

from __future__ import annotations

import re
import socket
import socketserver
import threading
import time
from contextlib import ExitStack, closing, suppress
from typing import TYPE_CHECKING

import pytest

from agent.daemon.plan import SinkPlan
from agent.record import AgentIdentity
from agent.sinks.sink import Fate, Outcome
from agent.sinks.syslog import SyslogSink
from agent.sinks.syslog_message import FACILITIES, counted, local_message, message
from agent.store.entry import Entry, Kind
from probes.clock import SystemClock
from tests.unit.sinks.a_store import FakeClock, a_batch, entry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Moving = tuple[list[str], SyslogSink, FakeClock, list[socket.socket]]
IDENTITY = AgentIdentity(id="6a8c", version="0.1.0", hostname="host-7", boot_id=None)
BATCH = a_batch(entry(1), entry(2, status="critical"))
# RFC 5424 section 6, in short: header, structured data, message.
MESSAGE = re.compile(
    rb"<(\d{1,3})>1 (\S+) (\S{1,255}) (\S{1,48}) (\d{1,128}) (\S{1,32}) ((?:\[[^\]]+\])+) (?:\xef\xbb\xbf)?(.*)"
)
# RFC 3164 section 4.1, as syslog(3) writes it.
LOCAL = re.compile(rb"<(\d{1,3})>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d cloudpath\[\d+\]: (.*)")


def written(one: Entry, facility: str = "daemon", hostname: str = "host-7") -> bytes:
    identity = AgentIdentity(id="6a8c", version="0.1.0", hostname=hostname, boot_id=None)
    return message(one, identity, facility=facility, process_id=42)


def test_a_message_has_every_field() -> None:
    assert written(entry(812)) == (
        b"<30>1 2026-11-23T11:00:00.123Z host-7 cloudpath 42 sample"
        b' [origin software="cloudpath-agent" swVersion="0.1.0"][meta sequenceId="812"] ' + entry(812).data
    )


@pytest.mark.parametrize(
    ("one", "severity"),
    [
        (entry(1), 6),
        (entry(1, status="discarded"), 6),
        (entry(1, status="warning"), 4),
        (entry(1, status="critical"), 2),
        (entry(1, status="failed"), 3),
        (entry(1, kind=Kind.CHANGE), 5),
        (entry(1, kind=Kind.GAP), 4),
    ],
)
@pytest.mark.parametrize("facility", ["kern", "daemon", "local0", "local7"])
def test_the_priority_is_facility_and_severity(one: Entry, severity: int, facility: str) -> None:
    match = MESSAGE.fullmatch(written(one, facility))
    assert match
    assert int(match[1]) == {"kern": 0, "daemon": 3, "local0": 16, "local7": 23}[facility] * 8 + severity


def test_there_are_twenty_facilities() -> None:
    assert len(FACILITIES) == 20


def test_readers_of_this_host_get_what_syslog_of_the_c_library_writes() -> None:
    moment = time.struct_time((2026, 3, 4, 5, 6, 7, 0, 0, 0))
    line = local_message(entry(812, status="critical"), moment, facility="local3", process_id=42)
    assert line == b"<154>Mar  4 05:06:07 cloudpath[42]: " + entry(812).data


@pytest.mark.parametrize(("seq", "said"), [(1, 1), (2**31 - 1, 2**31 - 1), (2**31, 1), (2**32, 2)])
def test_the_sequence_starts_again_at_one(seq: int, said: int) -> None:
    assert f'sequenceId="{said}"'.encode() in written(entry(seq))


@pytest.mark.parametrize(
    ("hostname", "said"), [("", b"-"), ("a b\n", b"ab"), ("büro", b"bro"), ("h" * 300, b"h" * 255)]
)
def test_a_strange_host_name_breaks_no_header(hostname: str, said: bytes) -> None:
    match = MESSAGE.fullmatch(written(entry(1), hostname=hostname))
    assert match
    assert match[3] == said


def test_text_beyond_ascii_is_marked_as_utf8() -> None:
    one = Entry(seq=1, kind=Kind.GAP, id="i", at="2026-11-23T11:00:00.123Z", data='{"name":"büro"}'.encode())
    assert b"] \xef\xbb\xbf{" in written(one)


# --- real sockets -----------------------------------------------------------------------------------------------------


def sent(address: str, batch: object = BATCH) -> Outcome:
    with closing(
        SyslogSink(SinkPlan(name="s", type="syslog", options={"address": address}), IDENTITY, SystemClock())
    ) as s:
        return s.send(batch, bool)  # type: ignore[arg-type]


def documents(datagrams: list[bytes]) -> list[bytes]:
    return [match[8] for match in map(MESSAGE.fullmatch, datagrams) if match]


def told_here(datagrams: list[bytes]) -> list[bytes]:
    return [match[2] for match in map(LOCAL.fullmatch, datagrams) if match]


def test_udp_gets_a_datagram_a_message() -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        assert sent(f"udp:127.0.0.1:{receiver.getsockname()[1]}").fate is Fate.DELIVERED
        assert documents([receiver.recv(65_535) for _ in BATCH.entries]) == [each.data for each in BATCH.entries]


def test_what_no_datagram_can_hold_is_refused_alone() -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        large = a_batch(entry(1), entry(2, size=66_000), entry(3))
        outcome = sent(f"udp:127.0.0.1:{receiver.getsockname()[1]}", large)
        assert documents([receiver.recv(65_535) for _ in range(2)]) == [entry(1).data, entry(3).data]
    assert outcome.fate is Fate.DELIVERED
    ((seq, why),) = [(each.seq, each.why) for each in outcome.refused]
    assert seq == 2
    assert "bytes fits into no datagram" in why


@pytest.fixture
def moving(monkeypatch: pytest.MonkeyPatch) -> Iterator[Moving]:
    """Give a name whose address a test may change, a sink to it, its clock, and receivers on 127.0.0.1 and .2."""
    with ExitStack() as stack:
        first, second = (stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(2))
        first.bind(("127.0.0.1", 0))
        port = first.getsockname()[1]
        second.bind(("127.0.0.2", port))
        for receiver in (first, second):
            receiver.setblocking(False)
        address = ["127.0.0.1"]
        look_up = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", lambda _, *rest, **more: look_up(address[0], *rest, **more))
        clock = FakeClock()
        plan = SinkPlan(name="s", type="syslog", options={"address": f"udp:logs.example.com:{port}"})
        sink = stack.enter_context(closing(SyslogSink(plan, IDENTITY, clock)))
        yield address, sink, clock, [first, second]


def heard_by(receiver: socket.socket) -> int:
    """Return how many datagrams wait at a receiver, and take them."""
    count = 0
    with suppress(BlockingIOError):
        while receiver.recv(65_535):
            count += 1
    return count


def test_udp_follows_a_receiver_that_has_moved(moving: Moving) -> None:
    address, sink, clock, receivers = moving
    assert sink.send(a_batch(entry(1), identity="a"), bool).fate is Fate.DELIVERED
    address[0] = "127.0.0.2"
    assert sink.send(a_batch(entry(2), identity="b"), bool).fate is Fate.DELIVERED
    assert [heard_by(receiver) for receiver in receivers] == [2, 0]
    clock.now += 60.0
    assert sink.send(a_batch(entry(3), identity="c"), bool).fate is Fate.DELIVERED
    assert [heard_by(receiver) for receiver in receivers] == [0, 1]


def test_a_refusal_is_said_by_the_next_datagram_however_late(moving: Moving) -> None:
    _, sink, clock, (first, _) = moving
    first.close()
    assert sink.send(a_batch(entry(1), identity="a"), bool).fate is Fate.DELIVERED
    clock.now += 3_600.0
    outcome = sink.send(a_batch(entry(2), identity="b"), bool)
    assert outcome.fate is Fate.UNAVAILABLE
    assert (outcome.why or "").endswith(": connection refused")


def test_nobody_who_listens_is_said_by_udp_too() -> None:
    """The kernel tells of the first datagram's fate when the second one is sent."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as gone:
        gone.bind(("127.0.0.1", 0))
        port = gone.getsockname()[1]
    assert sent(f"udp:127.0.0.1:{port}") == Outcome(
        fate=Fate.UNAVAILABLE, why=f"syslog udp:127.0.0.1:{port}: connection refused"
    )


def test_a_local_socket_of_datagrams(tmp_path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as receiver:
        receiver.bind(str(tmp_path / "log"))
        assert sent(f"unix:{tmp_path / 'log'}").fate is Fate.DELIVERED
        assert told_here([receiver.recv(65_535) for _ in BATCH.entries]) == [each.data for each in BATCH.entries]


def test_a_local_socket_that_is_a_stream_gets_messages_that_end_in_nul(tmp_path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as listener:
        listener.bind(str(tmp_path / "log"))
        listener.listen()
        assert sent(f"unix:{tmp_path / 'log'}").fate is Fate.DELIVERED
        accepted, _ = listener.accept()
        with closing(accepted), accepted.makefile("rb") as stream:
            *messages, rest = stream.read().split(b"\0")
    assert told_here(messages) == [each.data for each in BATCH.entries]
    assert rest == b""


def test_no_local_socket_is_said(tmp_path: Path) -> None:
    assert sent(f"unix:{tmp_path / 'log'}").why == f"syslog unix:{tmp_path / 'log'}: no such file or directory"


def test_tcp_counts_octets() -> None:
    heard: list[bytes] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:  # type: ignore[explicit-override] # Python 3.12's
            heard.append(self.rfile.read())

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        large = a_batch(*(entry(seq, size=70_000) for seq in range(1, 40)))
        assert sent(f"tcp:127.0.0.1:{server.server_address[1]}", large).fate is Fate.DELIVERED
        thread.join(10)
    (data,) = heard
    taken = []
    while data:
        length, _, data = data.partition(b" ")
        taken.append(data[: int(length)])
        data = data[int(length) :]
    assert documents(taken) == [each.data for each in large.entries]


def test_tcp_that_nobody_reads_is_not_delivered() -> None:
    """More than both kernels buffer, so that some of it is never acknowledged; the end of the service cuts it short."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
        plan = SinkPlan(name="s", type="syslog", options={"address": f"tcp:127.0.0.1:{port}"})
        ending = threading.Event()
        threading.Timer(0.5, ending.set).start()
        with closing(SyslogSink(plan, IDENTITY, SystemClock())) as sink:
            large = a_batch(*(entry(seq, size=1_000_000) for seq in range(1, 20)))
            outcome = sink.send(large, ending.is_set)
    assert outcome.why == f"syslog tcp:127.0.0.1:{port}: no answer in time"


def test_a_receiver_that_hung_up_is_connected_to_again() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        plan = SinkPlan(name="s", type="syslog", options={"address": f"tcp:127.0.0.1:{listener.getsockname()[1]}"})
        with closing(SyslogSink(plan, IDENTITY, SystemClock())) as sink:
            assert sink.send(BATCH, bool).fate is Fate.DELIVERED
            listener.accept()[0].close()
            assert sink.send(BATCH, bool).fate is Fate.DELIVERED
            accepted, _ = listener.accept()
            with closing(accepted):
                assert accepted.recv(65_535)


def test_counted_messages_are_those_of_the_rfc() -> None:
    assert counted([b"abc", b""]) == b"3 abc0 "
