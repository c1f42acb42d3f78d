"""Real scripts in the real child process: what they say, and that none of them hangs, crashes or gets at anything."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from probes.clock import SystemClock
from probes.drivers.pac import evaluate, proxy_by_script, shown
from probes.facts import Role
from probes.failure import Failure
from probes.name_facts import DnsCheck, NameSource
from probes.pac import Asked
from probes.web_facts import Pac, ProxyMode

DEADLINE_S = 8.0


def said(tmp_path: Path, script: str, *, url: str = "https://crm.example.com/", deadline_s: float = DEADLINE_S) -> Pac:
    file = tmp_path / "proxy.pac"
    file.write_text(script, encoding="utf-8")
    host = url.partition("://")[2].partition("/")[0]
    return evaluate(
        f"file:{file}", url=url, host=host, clock=SystemClock(), deadline_s=deadline_s, environment=dict(os.environ)
    )


def returning(expression: str) -> str:
    return f"function FindProxyForURL(url, host) {{ return {expression}; }}"


@pytest.mark.parametrize(
    ("expression", "result", "direct"),
    [
        ('"PROXY a.example:3128; DIRECT"', "PROXY a.example:3128; DIRECT", True),
        ('"PROXY a.example:3128"', "PROXY a.example:3128", False),
        ("null", "", True),
        ("undefined", "", True),
        ('""', "", True),
        ("url + ' ' + host", "https://crm.example.com/ crm.example.com", False),
        ('dnsDomainIs(host, ".example.com") ? "DIRECT" : "PROXY a:1"', "DIRECT", True),
        ('shExpMatch(url, "https://crm.*") ? "PROXY b:2" : "DIRECT"', "PROXY b:2", False),
        ('isPlainHostName(host) ? "DIRECT" : "PROXY c:3"', "PROXY c:3", False),
        ('isInNet("10.1.2.3", "10.0.0.0", "255.0.0.0") ? "PROXY d:4" : "DIRECT"', "PROXY d:4", False),
        ('timeRange(0, 0, 0, 23, 59, 59) ? "PROXY e:5" : "DIRECT"', "PROXY e:5", False),
    ],
)
def test_what_scripts_say(tmp_path: Path, expression: str, result: str, *, direct: bool) -> None:
    found = said(tmp_path, returning(expression))
    assert (found.failure, found.detail, found.result, found.direct) == (None, None, result, direct)
    assert found.duration_us is not None


def test_a_script_with_a_byte_order_mark_and_in_latin_1(tmp_path: Path) -> None:
    assert said(tmp_path, "\ufeff" + returning('"PROXY a:1"')).result == "PROXY a:1"
    file = tmp_path / "latin.pac"
    file.write_bytes(b"// caf\xe9\n" + returning('"PROXY b:2"').encode())
    found = evaluate(f"file:{file}", url="https://x/", host="x", clock=SystemClock(), deadline_s=DEADLINE_S)
    assert found.result == "PROXY b:2"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("function FindProxyForURL(url, host) { return 'a'", "SyntaxError"),
        ("this is no script", "SyntaxError"),
        ("", "not defined"),
        ("var x = 1;", "not defined"),
        ("function FindProxyForURL(url, host) { throw new Error('on purpose') }", "on purpose"),
        ("function FindProxyForURL(url, host) { return nothing.at.all }", "nothing"),
        (returning("12"), "int"),
        (returning("{a: 1}"), "dict"),
        (returning("'a\\u0000b'"), "unprintable"),
        (returning("Array(9999).join('PROXY a:1;')"), "endless"),
        ("function FindProxyForURL(url, host) { return FindProxyForURL(url, host) + 1 }", "stack"),
        ("<html><body>Sign in</body></html>", "SyntaxError"),
    ],
)
def test_a_script_that_breaks_the_rules(tmp_path: Path, script: str, words: str) -> None:
    found = said(tmp_path, script)
    assert (found.failure, found.result, found.direct) == (Failure.SCRIPT_FAILED, None, None)
    assert words in (found.detail or "")
    assert "\n" not in (found.detail or "")


@pytest.mark.parametrize(
    "body",
    [
        "while (true) {}",
        "for (var i = 0; ; i++) { try { dnsResolve('127.0.' + (i >> 8 & 255) + '.' + (i & 255)) } catch (e) {} }",
        "while (true) { /(x+x+)+y/.test('xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx') }",
    ],
)
def test_an_endless_script_ends(tmp_path: Path, body: str) -> None:
    began = time.monotonic()
    found = said(tmp_path, f"function FindProxyForURL(url, host) {{ {body} }}", deadline_s=1.5)
    assert time.monotonic() - began < 2.5
    assert (found.failure, found.result) == (Failure.TIMED_OUT, None)


def test_an_endless_script_does_not_have_the_processor_for_long(tmp_path: Path) -> None:
    found = said(tmp_path, "while (true) {}", deadline_s=20.0)
    assert found.failure is Failure.TIMED_OUT
    assert found.duration_us is not None
    assert found.duration_us < 15_000_000


def test_a_script_that_wants_all_memory(tmp_path: Path) -> None:
    script = "function FindProxyForURL(url, host) { var a = []; while (true) { a.push(new Array(100000).fill(7)) } }"
    found = said(tmp_path, script)
    assert found.failure is Failure.SCRIPT_FAILED
    assert found.duration_us is not None
    assert found.duration_us < 6_000_000


@pytest.mark.parametrize(
    "expression",
    ["'' + require('fs')", "'' + require('/etc/passwd')", "'' + require('../../../../../../../etc/hostname')"],
)
def test_a_script_gets_at_no_file(tmp_path: Path, expression: str) -> None:
    found = said(tmp_path, returning(expression))
    assert found.failure is Failure.SCRIPT_FAILED
    assert "cannot find module: fs" in (found.detail or "") or "OSError(24" in (found.detail or "")


def test_a_script_sees_nothing_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDPATH_SECRET", "hush")
    found = said(tmp_path, returning("JSON.stringify(process.env || process.environ || '')"))
    assert found.result is not None
    assert "hush" not in found.result


def test_names_are_looked_up_by_the_system(tmp_path: Path) -> None:
    found = said(tmp_path, returning("dnsResolve('localhost') + ' ' + isResolvable('localhost') + ' ' + myIpAddress()"))
    assert found.result is not None
    address, resolvable, own = found.result.split()
    assert (address, resolvable) == ("127.0.0.1", "true")
    socket.inet_aton(own)


def test_a_name_that_is_none_resolves_to_nothing(tmp_path: Path) -> None:
    script = returning("'[' + dnsResolve('a..b') + dnsResolve({}) + dnsResolve('') + isResolvable(7) + ']'")
    assert said(tmp_path, script).result == "[false]"


def test_a_script_that_asks_for_too_many_names(tmp_path: Path) -> None:
    body = "for (var i = 0; i < 60; i++) { dnsResolve('127.0.0.' + i) } return 'DIRECT'"
    found = said(tmp_path, f"function FindProxyForURL(url, host) {{ {body} }}")
    assert found.failure is Failure.SCRIPT_FAILED
    assert "50 names" in (found.detail or "")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    found = evaluate(f"file:{tmp_path}/none", url="https://x/", host="x", clock=SystemClock(), deadline_s=DEADLINE_S)
    assert found.failure is Failure.INVALID_SETTING
    assert "No such file" in (found.detail or "")


def test_a_file_that_never_ends() -> None:
    found = evaluate("file:/dev/zero", url="https://x/", host="x", clock=SystemClock(), deadline_s=DEADLINE_S)
    assert found.failure is Failure.MALFORMED_REPLY


# --- fetching ---------------------------------------------------------------------------------------------------------

Behaviour = Callable[[socket.socket], None]


@contextlib.contextmanager
def server(behaviour: Behaviour, clients: int = 1) -> Iterator[str]:
    """Yield the URL of a server that treats each client so."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for _ in range(clients):
                client, _ = listening.accept()
                with client, contextlib.suppress(OSError):
                    client.recv(65536)
                    behaviour(client)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/proxy.pac"
        thread.join(timeout=10)
        assert not thread.is_alive()


def fetched(url: str, *, deadline_s: float = DEADLINE_S) -> Pac:
    return evaluate(url, url="https://crm/", host="crm", clock=SystemClock(), deadline_s=deadline_s)


def test_a_script_by_http_whatever_its_type() -> None:
    body = returning('"PROXY a:1"').encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with server(lambda client: client.sendall(head + body)) as url:
        found = fetched(url)
    assert (found.result, found.source) == ("PROXY a:1", url)


@pytest.mark.parametrize("status", ["404 Not Found", "403 Forbidden", "500 Oops"])
def test_a_status_that_is_no_script(status: str) -> None:
    with server(lambda client: client.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())) as url:
        found = fetched(url)
    assert (found.failure, found.detail) == (Failure.UNEXPECTED_STATUS, f"HTTP {status}")


def test_a_server_that_hangs_and_one_that_drips() -> None:
    def hang(client: socket.socket) -> None:
        client.recv(1)

    def drip(client: socket.socket) -> None:
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            client.sendall(b" ")
            time.sleep(0.05)

    for behaviour in (hang, drip):
        with server(behaviour) as url:
            began = time.monotonic()
            assert fetched(url, deadline_s=1.5).failure is Failure.TIMED_OUT
            assert time.monotonic() - began < 2.5


def test_a_server_that_is_not_there_or_speaks_no_http() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    assert fetched(f"http://127.0.0.1:{port}/").failure is Failure.CONNECTION_REFUSED
    with server(lambda client: client.sendall(b"SSH-2.0-x\r\n\r\n")) as url:
        assert fetched(url).failure is Failure.MALFORMED_REPLY
    with server(lambda client: client.sendall(b"no TLS")) as url:
        assert fetched(url.replace("http:", "https:")).failure is Failure.TLS_FAILED


def test_a_script_that_is_too_large() -> None:
    def flood(client: socket.socket) -> None:
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"/" * 3_000_000)

    with server(flood) as url:
        assert fetched(url).failure is Failure.MALFORMED_REPLY


def test_the_source_is_shown_without_credentials() -> None:
    assert shown("https://jo:secret@pac.example/a?b@c") == "https://pac.example/a?b@c"
    assert shown("file:/etc/proxy.pac") == "file:/etc/proxy.pac"


# --- a list of proxies ------------------------------------------------------------------------------------------------


def by_script(tmp_path: Path, result: str) -> tuple[str | None, object, list[Failure | None]]:
    """Return the chosen proxy's URL, the failure, and why others were passed over."""
    file = tmp_path / "list.pac"
    file.write_text(returning(repr(result)))

    def resolve(name: str) -> DnsCheck:
        known = ("127.0.0.1",) if name == "127.0.0.1" else ()
        failure = None if known else Failure.NXDOMAIN
        return DnsCheck(role=Role.PROXY, name=name, addresses=known, source=NameSource.LITERAL, failure=failure)

    choice, known = proxy_by_script(
        f"file:{file}", Asked(url="https://x/", host="x"), clock=SystemClock(), deadline_s=DEADLINE_S, resolve=resolve
    )
    assert known.mode is ProxyMode.PAC
    assert known.pac is not None
    assert (choice and choice.url) == known.url
    return known.url, known.failure, [attempt.failure for attempt in known.passed_over]


def test_the_first_that_accepts_a_connection_counts(tmp_path: Path) -> None:
    refused, unknown = Failure.CONNECTION_REFUSED, Failure.NXDOMAIN
    with socket.create_server(("127.0.0.1", 0)) as closed:
        dead = f"127.0.0.1:{closed.getsockname()[1]}"
    with socket.create_server(("127.0.0.1", 0)) as listening:
        live = f"127.0.0.1:{listening.getsockname()[1]}"
        assert by_script(tmp_path, f"PROXY {live}; DIRECT") == (f"http://{live}", None, [])
        assert by_script(tmp_path, f"PROXY {dead}; HTTPS {live}") == (f"https://{live}", None, [refused])
        assert by_script(tmp_path, f"PROXY none.invalid:1; PROXY {live}") == (f"http://{live}", None, [unknown])
        assert by_script(tmp_path, f"SOCKS a:1; PROXY {live}; DIRECT") == (f"http://{live}", None, [])
        assert by_script(tmp_path, f"DIRECT; PROXY {live}") == (None, None, [])
    assert by_script(tmp_path, f"PROXY {dead}; DIRECT") == (None, None, [refused])
    assert by_script(tmp_path, f"PROXY {dead}") == (f"http://{dead}", None, [])
    assert by_script(tmp_path, f"PROXY {dead}; PROXY {dead}") == (f"http://{dead}", None, [refused])
    assert by_script(tmp_path, "SOCKS a:1080") == (None, Failure.UNSUPPORTED, [])
    assert by_script(tmp_path, "SOCKS a:1080; DIRECT") == (None, None, [])
    assert by_script(tmp_path, "rubbish") == (None, Failure.UNSUPPORTED, [])
