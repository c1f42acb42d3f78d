"""`cloudpath zpa` as a person uses it: files, pipes, a live stream, and mistakes."""

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.command import COMMAND, ROOT, cloudpath, environment_of
from tests.unit.zpa.session_events import activity, blocked, end, request, tunnel

WAIT_S = 30


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "lss.log"
    lines = (
        activity(),
        blocked("BRK_MT_SETUP_FAIL_REJECTED_BY_POLICY", Host="db.example.com", ServicePort=5432),
        blocked("BRK_NEW\u001b[31m", Host="wiki.example.com"),
        b"{broken",
    )
    file.write_bytes(b"".join(line + b"\n" for line in lines))
    return file


def test_each_application_has_its_last_word(log: Path) -> None:
    ended = cloudpath("zpa", str(log), COLUMNS="100")
    assert (ended.code, ended.err) == (1, "")
    assert "Sessions of private access: 4 lines, 3 events, 1 line that could not be read." in ended.out
    assert re.search(
        r"db\.example\.com:5432 +1 +2019-05-31 17:35:42 +ZPA-08 Application policy blocked access\.", ended.out
    )
    assert re.search(r"crm\.example\.com:443 +1 +2019-05-31 17:35:42 +works", ended.out)
    assert "Grade A: the status has the same words." in ended.out
    assert r"BRK_NEW\u001b[31m" in ended.out
    assert "line 4: no JSON" in ended.out
    assert "\u001b" not in ended.out


def test_healthy_sessions_are_no_finding(tmp_path: Path) -> None:
    file = tmp_path / "lss.log"
    file.write_bytes(blocked("APP_NOT_REACHABLE") + b"\n" + activity(ConnectionID="c2") + b"\n")
    assert cloudpath("zpa", str(file)).code == 0


def test_an_unknown_code_is_no_finding(tmp_path: Path) -> None:
    file = tmp_path / "lss.log"
    file.write_bytes(blocked("BRK_MT_SOMETHING_NEW") + b"\n")
    ended = cloudpath("zpa", str(file))
    assert ended.code == 0
    assert "ZPA-" not in ended.out
    assert "a code that no public list has" in ended.out


def test_the_document_has_everything(log: Path) -> None:
    ended = cloudpath("zpa", "--json", str(log))
    found = json.loads(ended.out)
    assert ended.code == 1
    assert (found["schema"], found["lines"], found["event_count"]) == ("cloudpath.sessions/1", 4, 3)
    assert [(one["application"], one["outcome"]) for one in found["applications"]] == [
        ("db.example.com", "status"),
        ("crm.example.com", "works"),
        ("wiki.example.com", "unknown_code"),
    ]
    status = found["applications"][0]["session_status"]
    assert (status["code"], status["grade"], status["confidence"]) == ("ZPA-08", "A", "certain")
    assert found["unknown_codes"] == [
        {"internal_reason": "BRK_NEW\u001b[31m", "description": None, "count": 1, "lines": [3]}
    ]
    assert [(bad["line"], bad["problem"]) for bad in found["bad_lines"]["first"]] == [(4, "not_json")]
    assert [one["session_status"] and one["session_status"]["code"] for one in found["events"]] == [
        None,
        "ZPA-08",
        None,
    ]


def test_the_documented_keys_are_those_that_there_are(log: Path) -> None:
    page = (ROOT / "docs/zpa.md").read_text(encoding="utf-8")
    section = page.partition("## What `--json` prints")[2]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    documented = {key for row in rows for key in re.findall(r"`([a-z_]+)`", row)}
    found = json.loads(cloudpath("zpa", "--json", str(log)).out)
    assert documented | {"schema"} == set(found)
    for inner in ("applications", "unknown_codes", "bad_lines"):
        first = found[inner][0] if isinstance(found[inner], list) else found[inner]
        assert all(f"`{key}`" in section for key in first), inner


def test_the_client_s_log_through_a_pipe() -> None:
    lines = (
        tunnel(request(65_536)),
        tunnel(end(65_536, "APP_NOT_REACHABLE")),
        tunnel(end(65_536, "APP_NOT_REACHABLE", 1)),
    )
    ended = subprocess.run(
        [*COMMAND, "zpa", "-"],
        input=b"".join(line + b"\n" for line in lines),
        capture_output=True,
        cwd=ROOT,
        env=environment_of({}),
        timeout=WAIT_S,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (1, b"")
    assert re.search(rb"crm\.example\.com:443 +1 ", ended.stdout)
    assert b"ZPA-02 ZPA application is not reachable." in ended.stdout


def test_a_format_that_does_not_fit_is_seen_line_by_line(log: Path) -> None:
    ended = cloudpath("zpa", "--format", "client-log", str(log))
    assert ended.code == 0
    assert "4 lines, 0 events." in ended.out


def test_a_reader_that_has_gone_is_no_news(log: Path) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "wb") as closed:
        ended = cloudpath("zpa", str(log), stdout=closed)
    assert (ended.code, ended.err) == (141, "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give either FILE (- for standard input) or --listen ADDRESS:PORT"),
        (("a.log", "--listen", "127.0.0.1:0"), "give either FILE (- for standard input) or --listen ADDRESS:PORT"),
        (("nowhere.log",), "cannot read nowhere.log: no such file or directory"),
        (("/",), "cannot read /: is a directory"),
        (("--follow",), "give either FILE (- for standard input) or --listen ADDRESS:PORT"),
        (("--follow", "--listen", "127.0.0.1:0"), "--follow is for FILE; leave it out"),
        (("--follow", "nowhere.log"), "cannot read nowhere.log: no such file or directory"),
        (("a.log", "--insecure"), "--insecure is for --listen; leave it out"),
        (("--listen", "0.0.0.0:9601"), "0.0.0.0 can be reached by other machines"),
        (("--listen", "[::]:9601"), "[::] can be reached by other machines"),
        (("--listen", "192.0.2.1:9601"), "192.0.2.1 can be reached by other machines"),
        (("--listen", "localhost:9601"), "--listen takes an address and a port, as in 127.0.0.1:9601"),
        (("--listen", "127.0.0.1"), "--listen takes an address and a port, as in 127.0.0.1:9601"),
        (("--listen", "127.0.0.1:65536"), "--listen takes an address and a port, as in 127.0.0.1:9601"),
        (("--listen", "127.0.0.1:²"), "--listen takes an address and a port, as in 127.0.0.1:9601"),
        (
            ("--listen", "192.0.2.1:9601", "--insecure"),
            "cannot listen on 192.0.2.1:9601: cannot assign requested address",
        ),
        (("--format", "csv", "a.log"), "is not one of"),
    ],
)
def test_a_mistake_is_one_line(arguments: tuple[str, ...], said: str) -> None:
    ended = cloudpath("zpa", *arguments)
    assert ended.code == 2
    assert ended.out == ""
    (line,) = ended.lines
    assert said in line


# --- the live stream --------------------------------------------------------------------------------------------------


@contextmanager
def listening(*options: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run the command on a free port of loopback; it says on standard error where it listens."""
    running = subprocess.Popen(
        [*COMMAND, "zpa", "--listen", "127.0.0.1:0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        cwd=ROOT,
        env=environment_of({}),
    )
    try:
        assert running.stderr is not None
        said = re.fullmatch(rb"listening on 127\.0\.0\.1:(\d+); Ctrl-C ends it\n", running.stderr.readline())
        assert said is not None
        yield running, int(said[1])
    finally:
        if running.poll() is None:
            running.kill()
        running.communicate()


def next_line(running: subprocess.Popen[bytes]) -> bytes:
    assert running.stdout is not None
    return running.stdout.readline()


def test_events_are_objects_on_lines_as_they_arrive() -> None:
    with listening("--json") as (running, port):
        with socket.create_connection(("127.0.0.1", port), timeout=WAIT_S) as sender:
            sender.sendall(blocked("BRK_MT_SETUP_TIMEOUT") + b"\n")
            first: dict[str, Any] = json.loads(next_line(running))
            sender.sendall(b"broken\n")
            second: dict[str, Any] = json.loads(next_line(running))
        running.send_signal(signal.SIGTERM)
        rest, errors = running.communicate(timeout=WAIT_S)
    assert first["event"]["internal_reason"] == "BRK_MT_SETUP_TIMEOUT"
    assert first["event"]["session_status"]["code"] == "ZPA-11"
    assert second == {
        "bad_line": {
            "line": 2,
            "problem": "not_json",
            "detail": "no JSON: Expecting value at character 1",
        }
    }
    assert (rest, errors, running.returncode) == (b"", b"", 1)


def test_ctrl_c_ends_it_with_what_there_was() -> None:
    with listening() as (running, port), socket.create_connection(("127.0.0.1", port), timeout=WAIT_S) as sender:
        sender.sendall(activity() + b"\n")
        line = next_line(running)
        running.send_signal(signal.SIGINT)
        rest, errors = running.communicate(timeout=WAIT_S)
    assert line == b"2019-05-31 17:35:42  crm.example.com:443  active  -\n"
    assert b"Sessions of private access: 1 line, 1 event." in rest
    assert b"works" in rest
    assert (errors, running.returncode) == (b"", 0)


def test_when_nobody_reads_any_more_it_ends() -> None:
    with listening("--json") as (running, port):
        assert running.stdout is not None
        running.stdout.close()
        with socket.create_connection(("127.0.0.1", port), timeout=WAIT_S) as sender:
            sender.sendall(activity() + b"\n")
            assert running.wait(WAIT_S) == 141
        assert running.stderr is not None
        assert running.stderr.read() == b""
        running.stdout = None


def test_a_file_is_followed_until_it_is_ended(tmp_path: Path) -> None:
    file = tmp_path / "lss.log"
    file.write_bytes(activity() + b"\n")
    running = subprocess.Popen(
        [*COMMAND, "zpa", "-f", "--json", str(file)], stdout=subprocess.PIPE, cwd=ROOT, env=environment_of({})
    )
    try:
        first = json.loads(next_line(running))
        with file.open("ab") as opened:
            opened.write(blocked("APP_NOT_REACHABLE") + b"\n")
        second = json.loads(next_line(running))
        running.send_signal(signal.SIGINT)
        rest, _ = running.communicate(timeout=WAIT_S)
    finally:
        running.kill()
    assert [one["event"]["line"] for one in (first, second)] == [1, 2]
    assert second["event"]["session_status"]["code"] == "ZPA-02"
    assert (rest, running.returncode) == (b"", 1)
