"""The process: HTTPS and its certificate, slow callers, signals, and what it says where it cannot start."""

import http.client
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.unit.edge.running import TOKEN, Running, configure, free_port, running

HEADERS = {"Authorization": f"Bearer {TOKEN}"}


def make_certificate(directory: Path, name: str) -> dict[str, str]:
    """Make a key and a certificate for loopback; return them as the section `tls` names them."""
    key, certificate = directory / f"{name}.key", directory / f"{name}.pem"
    subject = ("-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1")
    kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-x509", "-days", "2")
    command = ("openssl", "req", *kind, *subject, "-keyout", str(key), "-out", str(certificate))
    subprocess.run(command, check=True, capture_output=True)
    return {"cert_file": certificate.name, "key_file": key.name}


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Path]]:
    directory = tmp_path_factory.mktemp("tls")
    with running(directory, insecure=None, tls=make_certificate(directory, "one")) as serving:
        yield serving, directory


def get_over_tls(port: int, authority: Path) -> int:
    context = ssl.create_default_context(cafile=str(authority))
    with closing(http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=10)) as connection:
        connection.request("GET", "/v1/service-data", headers=HEADERS)
        return connection.getresponse().status


def start(directory: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "agent", "edge", "-c", str(directory / "edge.yaml"), *more)
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


def test_a_hangup_takes_the_new_certificate(secure: tuple[Running, Path]) -> None:
    serving, directory = secure
    first = directory / "first.pem"
    first.write_bytes((directory / "one.pem").read_bytes())
    assert get_over_tls(serving.port, first) == 200
    make_certificate(directory, "one")
    serving.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 10
    while "was read again" not in serving.log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert get_over_tls(serving.port, directory / "one.pem") == 200
    with pytest.raises(ssl.SSLCertVerificationError):
        get_over_tls(serving.port, first)


def test_old_tls_and_plain_http_get_nothing(secure: tuple[Running, Path]) -> None:
    serving, directory = secure
    context = ssl.create_default_context(cafile=str(directory / "one.pem"))
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", serving.port)) as raw, pytest.raises((ssl.SSLError, OSError)):
        context.wrap_socket(raw, server_hostname="127.0.0.1")
    with socket.create_connection(("127.0.0.1", serving.port), timeout=10) as raw:
        raw.sendall(b"GET /v1/service-data HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"HTTP" not in raw.recv(100)


def test_who_is_slow_is_not_waited_for(secure: tuple[Running, Path]) -> None:
    """Neither to begin, nor to shake hands, nor to ask: five seconds each, and who sent nothing is told nothing."""
    serving, directory = secure
    context = ssl.create_default_context(cafile=str(directory / "one.pem"))
    silent = socket.create_connection(("127.0.0.1", serving.port), timeout=10)
    greeted = context.wrap_socket(
        socket.create_connection(("127.0.0.1", serving.port), timeout=10), server_hostname="127.0.0.1"
    )
    half = context.wrap_socket(
        socket.create_connection(("127.0.0.1", serving.port), timeout=10), server_hostname="127.0.0.1"
    )
    half.sendall(b"GET /v1/serv")
    begun = time.monotonic()
    assert half.recv(100).startswith(b"HTTP/1.1 408")
    assert greeted.recv(100) == b""
    with suppress(ConnectionResetError):
        assert silent.recv(100) == b""
    assert 4 < time.monotonic() - begun < 9
    for opened in (silent, greeted, half):
        opened.close()


def test_several_requests_share_a_connection(secure: tuple[Running, Path]) -> None:
    serving, directory = secure
    context = ssl.create_default_context(cafile=str(directory / "one.pem"))
    with closing(http.client.HTTPSConnection("127.0.0.1", serving.port, context=context, timeout=10)) as connection:
        ports = []
        for path, status in (("/v1/service-data", 200), ("/nowhere", 404), ("/v1/service-data", 200)):
            connection.request("GET", path, headers=HEADERS)
            response = connection.getresponse()
            response.read()
            assert response.status == status
            ports.append(connection.sock.getsockname()[1])
    assert len(set(ports)) == 1


def test_the_log_has_a_line_for_each_request_and_no_token(secure: tuple[Running, Path]) -> None:
    serving, directory = secure
    get_over_tls(serving.port, directory / "one.pem")
    log = serving.log.read_text()
    assert "127.0.0.1 GET /v1/service-data 200" in log
    assert TOKEN not in log


def test_bytes_from_outside_are_escaped_in_the_log(tmp_path: Path) -> None:
    with running(tmp_path) as serving:
        with socket.create_connection(("127.0.0.1", serving.port), timeout=10) as raw:
            raw.sendall(b"GET /\x1b[31mred HTTP/1.1\r\nHost: x\r\n\r\n")
            raw.recv(200)
        serving.ask("GET", "/%1b\\", token="a\x7fb")  # noqa: S106 - nobody's
        log = serving.log.read_text()
    assert "\x1b" not in log
    assert "/%1b\\\\ 401 " in log


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("swap", "the key is not the certificate's"),
        ("no pem", "one of them is no PEM file of its kind"),
        ("encrypted", "the key is encrypted"),
    ],
)
def test_a_certificate_that_cannot_be_used_is_said_at_once(tmp_path: Path, change: str, words: str) -> None:
    tls = make_certificate(tmp_path, "one")
    if change == "swap":
        tls["key_file"] = make_certificate(tmp_path, "two")["key_file"]
    if change == "no pem":
        (tmp_path / tls["cert_file"]).write_text("nothing of the kind\n")
    if change == "encrypted":
        key = tmp_path / tls["key_file"]
        command = ("openssl", "pkey", "-in", str(key), "-aes256", "-passout", "pass:secret", "-out", f"{key}.new")
        subprocess.run(command, check=True, capture_output=True)
        Path(f"{key}.new").rename(key)
    configure(tmp_path, free_port(), insecure=None, tls=tls)
    for more in ((), ("--check",)):
        done = start(tmp_path, *more)
        assert done.returncode == 78
        assert words in done.stderr
        assert done.stderr.count("\n") == 1


def test_check_says_that_all_is_well_and_starts_nothing(tmp_path: Path) -> None:
    configure(tmp_path, free_port(), insecure=None, tls=make_certificate(tmp_path, "one"))
    done = start(tmp_path, "--check")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{tmp_path}/edge.yaml: no mistakes\n", "")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = start(tmp_path)
    assert done.returncode == 78
    assert done.stderr == f"{tmp_path}/edge.yaml: cannot read it: no such file or directory\n"


@pytest.mark.parametrize(
    ("listen", "words"),
    [
        # TEST-NET-3 (RFC 5737), which no host has.
        ("203.0.113.77:{}", "this host has no such address"),
        ("127.0.0.1:{}", "another program listens there already"),
    ],
)
def test_an_address_that_may_be_had_later_is_worth_another_try(tmp_path: Path, listen: str, words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        configure(tmp_path, port, listen=listen.format(port))
        done = start(tmp_path)
    # The unit starts it again after any code but 77 and 78.
    assert done.returncode == 75
    assert words in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_with_0(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path) as serving, socket.create_connection(("127.0.0.1", serving.port)):
        begun = time.monotonic()
        serving.process.send_signal(number)
        assert serving.process.wait(10) == 0
        assert time.monotonic() - begun < 5
    assert serving.log.read_text().endswith("stopped\n")


_MISTAKEN = """
import sys
from pathlib import Path
from edge.doors import Doors
from edge.service import serve

def mistaken(*_: object) -> bool:
    raise ZeroDivisionError("a mistake")

Doors.may_enter = mistaken
sys.exit(serve(Path(sys.argv[1])))
"""


def test_an_edge_that_can_accept_nobody_ends_so_that_it_is_started_again(tmp_path: Path) -> None:
    port = free_port()
    command = (sys.executable, "-c", _MISTAKEN, str(configure(tmp_path, port)))
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            assert " serves " in process.stderr.readline()
            socket.create_connection(("127.0.0.1", port), timeout=10).close()
            assert process.wait(10) == 1
            assert "ZeroDivisionError: a mistake" in process.stderr.read()
        finally:
            process.kill()
