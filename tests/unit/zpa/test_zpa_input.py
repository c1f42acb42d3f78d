"""Session lines from a file's end, and from streams: bounded, whole, and never in a sample's way."""

import os
import socket
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from agent.request import SessionSource
from agent.session_listener import LISTEN_S
from agent.zpa_input import followed_lines, lines_of, open_file, recent_sessions
from probes.drivers.line_source import TAIL_BYTES, TAIL_LINES
from probes.failure import Failure
from probes.line_assembly import Line, LinesError
from probes.sample import AgentFailure, Target
from probes.session_facts import SessionEvent
from rules.load import load_rules
from tests.unit.zpa.session_events import activity, blocked, end, request, tunnel

NOW_S = datetime.fromisoformat("2025-03-01T12:00:00Z").timestamp()
JUST_NOW = "Sat Mar  1 11:59:30 2025"
CRM = Target(name="crm", host="crm.example.com", port=443)


def joined(file: Path, **settings: object) -> tuple[tuple[SessionEvent, ...], tuple[AgentFailure, ...]]:
    return recent_sessions(SessionSource(file=file, **settings), CRM, now_s=NOW_S)  # type: ignore[arg-type]


def reasons(file: Path, **settings: object) -> list[str]:
    found, failures = joined(file, **settings)
    assert failures == ()
    return [event.internal_reason for event in found]


def test_the_target_s_recent_events_join_and_no_other(tmp_path: Path) -> None:
    file = tmp_path / "lss.log"
    lines = (
        blocked("APP_NOT_REACHABLE", LogTimestamp="Sat Mar  1 11:54:59 2025"),
        blocked("BRK_MT_SETUP_TIMEOUT", LogTimestamp=JUST_NOW),
        blocked("BRK_MT_SETUP_FAIL_APP_NOT_FOUND", LogTimestamp=JUST_NOW, Host="db.example.com"),
        activity(LogTimestamp=JUST_NOW),
    )
    file.write_bytes(b"".join(line + b"\n" for line in lines))
    assert reasons(file) == ["BRK_MT_SETUP_TIMEOUT", ""]
    assert reasons(file, window_s=600) == ["APP_NOT_REACHABLE", "BRK_MT_SETUP_TIMEOUT", ""]
    assert reasons(file, username="bob@example.com") == []


def test_the_client_s_own_log_joins_too(tmp_path: Path) -> None:
    file = tmp_path / "tunnel.log"
    lines = (tunnel(request(65_536), at="11:59:00.0"), tunnel(end(65_536, "APP_NOT_REACHABLE"), at="11:59:01.0"))
    file.write_bytes(b"".join(line + b"\n" for line in lines))
    assert reasons(file) == ["APP_NOT_REACHABLE"]


def test_a_bad_line_is_told_and_costs_no_other(tmp_path: Path) -> None:
    file = tmp_path / "lss.log"
    good = blocked("APP_NOT_REACHABLE", LogTimestamp=JUST_NOW)
    file.write_bytes(good + b"\n{broken\n" + b"x" * 1_000_000 + b"\n" + good + b"\n")
    found, (failure,) = joined(file)
    assert len(found) == 2
    assert failure.operation == "session_log"
    assert failure.failure is Failure.UNREADABLE_INPUT
    assert failure.detail.startswith(f"2 lines of {file} could not be read: line 2: no JSON")


def test_the_line_that_is_being_written_is_left_for_the_next_sample(tmp_path: Path) -> None:
    file = tmp_path / "lss.log"
    good = blocked("APP_NOT_REACHABLE", LogTimestamp=JUST_NOW)
    file.write_bytes(good + b"\n" + good[:40])
    assert reasons(file) == ["APP_NOT_REACHABLE"]


def test_of_a_large_file_the_end_is_read_from_its_first_whole_line(tmp_path: Path) -> None:
    file = tmp_path / "lss.log"
    old = blocked("BRK_MT_SETUP_TIMEOUT", LogTimestamp=JUST_NOW) + b"\n"
    new = blocked("APP_NOT_REACHABLE", LogTimestamp=JUST_NOW) + b"\n"
    with file.open("wb") as opened:
        opened.write(old)
        # A hole: the file is larger than what is read, and takes no room.
        opened.seek(TAIL_BYTES + 10)
        opened.write(b"\n" + new)
    found, failures = joined(file)
    assert [event.internal_reason for event in found] == ["APP_NOT_REACHABLE"]
    assert failures == ()


def test_a_file_of_just_that_size_is_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "lss.log"
    line = blocked("APP_NOT_REACHABLE", LogTimestamp=JUST_NOW) + b"\n"
    blank = b" " * 1_023 + b"\n"
    missing = TAIL_BYTES - len(line)
    filler = blank * (missing // 1_024) + b"\n" * (missing % 1_024)
    file.write_bytes(line + filler)
    assert reasons(file) == ["APP_NOT_REACHABLE"]
    file.write_bytes(line + filler + b"\n")
    assert reasons(file) == []


def test_millions_of_lines_hold_no_sample_up(tmp_path: Path) -> None:
    file = tmp_path / "lss.log"
    line = blocked("APP_NOT_REACHABLE", LogTimestamp=JUST_NOW) + b"\n"
    file.write_bytes(line + b"\n" * (TAIL_LINES - 1))
    assert reasons(file) == ["APP_NOT_REACHABLE"]
    file.write_bytes(line + b"\n" * TAIL_LINES)
    assert reasons(file) == []
    file.write_bytes(b"\n" * TAIL_BYTES + line)
    assert reasons(file) == ["APP_NOT_REACHABLE"]


@pytest.mark.parametrize("kind", ["missing", "directory", "fifo", "device"])
def test_what_is_no_file_is_told_at_once(kind: str, tmp_path: Path) -> None:
    path = {"device": Path("/dev/null")}.get(kind, tmp_path / "lss.log")
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    found, (failure,) = joined(path)
    assert found == ()
    assert failure.failure is Failure.UNREADABLE_INPUT
    assert str(path) in failure.detail


def test_an_unreadable_log_is_no_failure_of_the_agent_s_own() -> None:
    from rules.engine import diagnose  # noqa: PLC0415 - the rules, for this one
    from tests.cases.facts_text import sample_of  # noqa: PLC0415

    sample = sample_of({"agent_failures": ["session_log unreadable_input cannot read sessions.log"]})
    assert diagnose(sample, load_rules()).errors == ()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_single_sample_hears_what_is_sent_just_then() -> None:
    port = free_port()

    def send() -> None:
        while True:
            try:
                sender = socket.create_connection(("127.0.0.1", port), timeout=10)
            except ConnectionRefusedError:
                continue
            with sender:
                sender.sendall(blocked("APP_NOT_REACHABLE", LogTimestamp=JUST_NOW) + b"\nbroken\n")
            return

    sending = threading.Thread(target=send)
    sending.start()
    found, (failure,) = recent_sessions(SessionSource(lss_listen=f"127.0.0.1:{port}"), CRM, now_s=NOW_S)
    sending.join()
    assert [event.internal_reason for event in found] == ["APP_NOT_REACHABLE"]
    assert failure.detail == f"a line of 127.0.0.1:{port} could not be read: line 2: no JSON: {EXPECTING}"


EXPECTING = "Expecting value at character 1"


def test_where_nobody_sends_it_listens_for_half_a_second() -> None:
    before = time.monotonic()
    assert recent_sessions(SessionSource(lss_listen=f"127.0.0.1:{free_port()}"), CRM, now_s=NOW_S) == ((), ())
    assert time.monotonic() - before >= LISTEN_S


def test_a_port_that_somebody_else_has_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        found, (failure,) = recent_sessions(SessionSource(lss_listen=address), CRM, now_s=NOW_S)
    assert found == ()
    assert (failure.failure, failure.detail) == (
        Failure.UNREADABLE_INPUT,
        f"cannot listen on {address}: address already in use",
    )


def test_lines_of_a_stream_come_as_they_are_written(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    seen = threading.Event()

    def write() -> None:
        with fifo.open("wb", buffering=0) as writer:
            writer.write(b"one\ntw")
            assert seen.wait(10)
            writer.write(b"o\nthree")

    writer = threading.Thread(target=write)
    writer.start()
    with open_file(fifo) as stream:
        lines = lines_of(stream)
        assert next(lines) == Line(b"one")
        seen.set()
        assert list(lines) == [Line(b"two"), Line(b"three", ended=False)]
    writer.join()


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(LinesError, match=r"^cannot read .*/nowhere: no such file or directory$"):
        open_file(tmp_path / "nowhere")
    # Opening a directory's descriptor works for some calls; reading it never does.
    descriptor = os.open(tmp_path, os.O_RDONLY)

    class Directory:
        def fileno(self) -> int:
            return descriptor

    with pytest.raises(LinesError, match="the lines cannot be read further: is a directory"):
        list(lines_of(Directory()))  # type: ignore[arg-type]
    os.close(descriptor)


# --- following --------------------------------------------------------------------------------------------------------


def followed(file: Path, turns: list[Callable[[], object]]) -> list[Line]:
    """Return the lines of a file that is followed; at each pause the next of the turns is taken, and then it ends."""
    left = list(turns)

    def pause(_seconds: float) -> None:
        left.pop(0)()

    return list(followed_lines(file, lambda: not left, pause))


def test_what_is_written_later_is_read_once_its_line_ends(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(b"one\ntw")

    def append(data: bytes) -> Callable[[], object]:
        def write() -> None:
            with file.open("ab") as opened:
                opened.write(data)

        return write

    lines = followed(file, [append(b"o\n"), append(b"three"), lambda: None])
    assert lines == [Line(b"one"), Line(b"two"), Line(b"three", ended=False)]


def test_a_file_that_is_turned_over_is_followed_into_the_new_one(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(b"old\n")

    def turn_over() -> None:
        file.rename(tmp_path / "log.1")

    lines = followed(file, [turn_over, lambda: file.write_bytes(b"new\n"), lambda: None])
    assert lines == [Line(b"old"), Line(b"new")]


def test_a_file_that_is_cut_is_read_from_its_start(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(b"a long line\nand anoth")
    lines = followed(file, [lambda: file.write_bytes(b"short\n"), lambda: None])
    assert lines == [Line(b"a long line"), Line(b"and anoth", ended=False), Line(b"short")]


def test_a_file_that_is_not_there_cannot_be_followed(tmp_path: Path) -> None:
    with pytest.raises(LinesError, match="no such file or directory"):
        followed(tmp_path / "nowhere", [lambda: None])
