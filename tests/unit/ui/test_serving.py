"""`cloudpath ui` as a person runs it: a process, its one line, requests over real sockets, and its end."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest

from probes.frozen import frozen
from tests.unit.cli.command import COMMAND, ROOT, cloudpath, environment_of
from tests.unit.store.stores import opened
from tests.unit.ui.live_stores import HOSTILE, fill, sample_entry
from tests.unit.views import samples

_URL: Final = re.compile(r"http://(127\.0\.0\.1|\[::1\]):\d+/[A-Za-z0-9_-]{32}/\n")


@frozen
class Ui:
    """A running process: what it printed, where it listens, and its secret."""

    process: subprocess.Popen[str]
    url: str
    port: int
    token: str


@contextmanager
def running(directory: Path, *options: str) -> Iterator[Ui]:
    """Run `cloudpath ui` on a store; it is ended however the test ends."""
    process = subprocess.Popen(
        [*COMMAND, "ui", "--state-dir", str(directory), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        cwd=ROOT,
        env=environment_of({}),
        text=True,
    )
    try:
        assert process.stdout
        url = process.stdout.readline()
        assert url, process.communicate(timeout=10)[1]
        parts = urlsplit(url.strip())
        yield Ui(process=process, url=url, port=parts.port or 0, token=parts.path.strip("/"))
    finally:
        process.kill()
        process.communicate(timeout=10)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("store")
    now = datetime.now(UTC)
    healthy = (samples.HEALTHY, samples.FINE)
    fill(directory, [sample_entry(name, healthy, now - timedelta(minutes=1)) for name in ("crm", HOSTILE)])
    return directory


@pytest.fixture(scope="module")
def ui(store: Path) -> Iterator[Ui]:
    with running(store) as process:
        yield process


def exchanged(ui: Ui, sent: bytes) -> tuple[int, str]:
    """Return the status of what is answered to these bytes, and all of it."""
    with socket.create_connection(("127.0.0.1", ui.port), timeout=10) as connection:
        connection.sendall(sent)
        answer = b""
        while more := connection.recv(65_536):
            answer += more
    return int(answer.split(b" ", 2)[1]), answer.decode("latin-1")


def asked(ui: Ui, path: str, method: str = "GET", **fields: str) -> tuple[int, str]:
    """Return the status and all of the answer to a request for a path; `fields` as `Sec_Fetch_Site`."""
    given = {"Host": f"127.0.0.1:{ui.port}"} | {name.replace("_", "-"): value for name, value in fields.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return exchanged(ui, f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1"))


def test_it_prints_its_address_and_nothing_else(ui: Ui) -> None:
    assert _URL.fullmatch(ui.url)
    status, answer = asked(ui, f"/{ui.token}/")
    assert status == 200
    assert "2 targets" in answer
    with socket.create_connection(("127.0.0.1", ui.port)) as connection:
        assert connection.getpeername()[0] == "127.0.0.1"


def test_every_answer_says_how_it_may_be_used(ui: Ui) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", ui.port, timeout=10)
    connection.request("GET", f"/{ui.token}/")
    fields = connection.getresponse().headers
    connection.close()
    assert fields["Cache-Control"] == "no-store"
    assert fields["X-Content-Type-Options"] == "nosniff"
    assert fields["Referrer-Policy"] == "no-referrer"
    assert fields["X-Frame-Options"] == "DENY"
    assert fields["Cross-Origin-Opener-Policy"] == "same-origin"
    assert fields["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "default-src 'none'" in fields["Content-Security-Policy"]
    assert fields["Set-Cookie"] is None
    assert fields["Access-Control-Allow-Origin"] is None


def test_the_gate_stands_before_the_wire(ui: Ui) -> None:
    home = f"/{ui.token}/"
    assert asked(ui, "/")[0] == 404
    assert asked(ui, f"/{'a' * 32}/")[0] == 404
    assert asked(ui, "/..%2f..%2fetc%2fpasswd")[0] == 404
    assert asked(ui, "/../../../etc/passwd")[0] == 404
    assert asked(ui, f"{home}../../etc/passwd")[0] == 404
    assert asked(ui, home, Host="evil.example.com")[0] == 421
    assert asked(ui, home, Host=f"evil.example.com:{ui.port}")[0] == 421
    assert asked(ui, home, Host="127.0.0.1:1")[0] == 421
    assert asked(ui, home, Host=f"localhost:{ui.port}")[0] == 200
    assert asked(ui, f"http://evil.example.com:{ui.port}{home}")[0] == 421
    assert asked(ui, home, Sec_Fetch_Site="cross-site")[0] == 403
    assert asked(ui, home, Sec_Fetch_Site="same-site")[0] == 403
    assert asked(ui, home, Sec_Fetch_Site="none")[0] == 200
    assert asked(ui, home, Sec_Fetch_Site="cross-site\r\nSec-Fetch-Site: none")[0] == 403
    assert asked(ui, f"{home}?find=http://evil.example.com/")[0] == 200
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert asked(ui, home, method)[0] == 405
    assert asked(ui, "*", "OPTIONS")[0] == 405
    assert asked(ui, "*")[0] in {400, 404}


def test_a_refusal_tells_nothing_of_what_is_there(ui: Ui) -> None:
    for path in ("/", f"/{'a' * 32}/", f"/{'a' * 32}/target/crm"):
        answer = asked(ui, path)[1]
        assert ui.token not in answer
        assert "crm" not in answer
        assert answer.endswith("there is nothing here\n")


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"y" * 100_000,
        b"GET /\x00 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
        "GET /\u00e9 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode(),
    ],
)
def test_what_is_no_request_is_refused_and_it_goes_on(ui: Ui, sent: bytes) -> None:
    assert exchanged(ui, sent)[0] in {400, 404, 421, 431}
    assert asked(ui, f"/{ui.token}/state?after=0")[0] == 200


def test_who_dawdles_and_who_comes_in_crowds_keep_nobody_waiting(ui: Ui) -> None:
    with ExitStack() as crowd:
        for number in range(200):
            each = crowd.enter_context(socket.create_connection(("127.0.0.1", ui.port), timeout=10))
            if number % 2:
                each.sendall(f"GET /{ui.token}/ HTTP/1.1\r\nHo".encode())
        began = time.monotonic()
        assert asked(ui, f"/{ui.token}/")[0] == 200
        assert time.monotonic() - began < 3.0


def test_a_head_has_no_body(ui: Ui) -> None:
    status, answer = asked(ui, f"/{ui.token}/", "HEAD")
    assert status == 200
    assert answer.endswith("\r\n\r\n")


def test_it_shows_what_the_service_files_meanwhile(tmp_path: Path) -> None:
    with closing(opened(tmp_path)) as store, running(tmp_path) as ui:
        assert json.loads(asked(ui, f"/{ui.token}/state?after=0")[1].partition("\r\n\r\n")[2])["newest"] == 0
        store.append(sample_entry("crm", (samples.HEALTHY, samples.FINE), datetime.now(UTC)))
        assert json.loads(asked(ui, f"/{ui.token}/state?after=0")[1].partition("\r\n\r\n")[2]) == {
            "newest": 1,
            "newer": 1,
        }
        store.append(sample_entry("crm", (samples.HEALTHY, samples.FINE), datetime.now(UTC)))
        assert asked(ui, f"/{ui.token}/target/crm")[0] == 200


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0), (signal.SIGHUP, 0)])
def test_it_ends_quietly(store: Path, number: signal.Signals, code: int) -> None:
    with running(store) as ui:
        ui.process.send_signal(number)
        out, err = ui.process.communicate(timeout=10)
        assert (ui.process.returncode, out, err) == (code, "", "")


def test_each_start_has_another_secret_and_any_loopback_address_will_do(store: Path) -> None:
    with running(store) as one, running(store, "--listen", "[::1]:0") as other:
        assert one.token != other.token
        assert other.url.startswith("http://[::1]:")
        with socket.create_connection(("::1", other.port), timeout=10) as connection:
            connection.sendall(f"GET /{other.token}/ HTTP/1.1\r\nHost: [::1]:{other.port}\r\n\r\n".encode())
            assert connection.recv(20).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--listen", "0.0.0.0:8437"), "could be reached from other hosts"),
        (("--listen", "0.0.0.0:0"), "ssh -L 8437:127.0.0.1:8437 HOST"),
        (("--listen", "[::]:8437"), "ssh -L 8437:127.0.0.1:8437 HOST"),
        (("--listen", "192.0.2.1:8437"), "could be reached from other hosts"),
        (("--listen", "localhost:8437"), "not address:port"),
        (("--listen", "127.0.0.1"), "not address:port"),
        (("--listen", "127.0.0.1:99999"), "127.0.0.1:99999"),
        (("--listen", "unix:/tmp/x.sock"), "not address:port"),
        (("-c", "x.yaml"), "exclude each other"),
    ],
)
def test_what_cannot_be_is_told_with_what_to_do(store: Path, options: tuple[str, ...], words: str) -> None:
    ended = cloudpath("ui", "--state-dir", str(store), *options)
    assert (ended.code, ended.out, len(ended.lines)) == (2, "", 1)
    assert words in ended.err


def test_a_port_that_is_taken_is_told(store: Path, ui: Ui) -> None:
    ended = cloudpath("ui", "--state-dir", str(store), "--listen", f"127.0.0.1:{ui.port}")
    assert (ended.code, ended.out) == (2, "")
    assert "Address already in use" in ended.err


def test_without_a_store_it_says_what_makes_one(tmp_path: Path) -> None:
    ended = cloudpath("ui", "--state-dir", str(tmp_path / "none"))
    assert (ended.code, ended.out) == (2, "")
    assert "there is no store; `cloudpath run` makes one" in ended.err


def test_it_needs_a_reader_of_its_address(store: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        assert cloudpath("ui", "--state-dir", str(store), stdout=closed).code == 141
