"""Unit tests of sinks over HTTP: a real server on the loopback that does everything wrong that servers do."""

from __future__ import annotations

import socket
import ssl
import threading
import time
import zlib
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
import trustme

from agent.daemon.plan import SinkPlan
from agent.record import AgentIdentity
from agent.sinks.http import HttpSink
from agent.sinks.making import make_sink
from agent.sinks.sink import Fate, Outcome
from probes.clock import SystemClock
from tests.lab.hostile_collector import HostileCollector, Mode, Request
from tests.unit.sinks.a_store import a_batch, entry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

IDENTITY = AgentIdentity(id="6a8c44b8d8e99fbafc78ad76cddc61db", version="0.1.0", hostname="host", boot_id=None)
BATCH = a_batch(entry(812), entry(813), identity="0193-batch")


def never() -> bool:
    return False


def sink_to(url: str, **options: object) -> HttpSink:
    return HttpSink(
        SinkPlan(name="centre", type="http", options={"url": url, "proxy": "none", **options}), IDENTITY, SystemClock()
    )


def sent(url: str, **options: object) -> Outcome:
    """Return what becomes of one batch."""
    with closing(sink_to(url, **options)) as sink:
        return sink.send(BATCH, never)


@pytest.fixture
def modes() -> list[Mode]:
    """Give the script of the collector: one mode a request, the last one for all that follow."""
    return [Mode.OK]


@pytest.fixture
def collector(tmp_path: Path, modes: list[Mode]) -> Iterator[HostileCollector]:
    def choose(number: int, _: Request) -> Mode:
        return modes[min(number, len(modes) - 1)]

    with HostileCollector(tmp_path / "kept", choose) as running:
        yield running


# --- what is sent -----------------------------------------------------------------------------------------------------


def test_a_batch_is_lines_compressed_and_named(collector: HostileCollector) -> None:
    assert sent(collector.url, headers={"Authorization": "Bearer not-for-logs"}) == Outcome(fate=Fate.DELIVERED)
    (request,) = collector.requests
    assert zlib.decompress(request.sent, 31) == b"".join(each.data + b"\n" for each in BATCH.entries)
    assert request.path == "/ingest"
    wanted = {
        "host": f"127.0.0.1:{collector.port}",
        "content-type": "application/x-ndjson",
        "content-encoding": "gzip",
        "content-length": str(len(request.sent)),
        "authorization": "Bearer not-for-logs",
        "idempotency-key": '"0193-batch"',
        "x-cloudpath-batch": "0193-batch",
        "accept-encoding": "identity",
        "user-agent": "cloudpath-agent/0.1.0",
    }
    assert request.headers == wanted


def test_without_gzip_lines_go_as_they_are(collector: HostileCollector) -> None:
    sent(collector.url, gzip=False)
    (request,) = collector.requests
    assert request.sent == b"".join(each.data + b"\n" for each in BATCH.entries)
    assert "content-encoding" not in request.headers


def test_the_same_batch_is_the_same_bytes_again(collector: HostileCollector, modes: list[Mode]) -> None:
    modes[:] = [Mode.LIE, Mode.OK]
    with closing(sink_to(collector.url)) as sink:
        assert sink.send(BATCH, never).fate is Fate.UNAVAILABLE
        assert sink.send(BATCH, never).fate is Fate.DELIVERED
    first, second = collector.requests
    assert (first.sent, first.headers) == (second.sent, second.headers)


def test_templates_are_filled_and_other_braces_left_alone(collector: HostileCollector) -> None:
    url = f"{collector.url}?insert_deduplication_token={{batch_id}}&of={{agent_id}}&q={{other}}"
    sent(url, headers={"Nats-Msg-Id": "{batch_id}-{first_seq}-{last_seq}", "Content-Type": "text/plain"})
    (request,) = collector.requests
    assert request.path == f"/ingest?insert_deduplication_token=0193-batch&of={IDENTITY.id}&q={{other}}"
    assert request.headers["nats-msg-id"] == "0193-batch-812-813"
    assert request.headers["content-type"] == "text/plain"


def test_splunk_is_told_whose_channel_it_is(collector: HostileCollector) -> None:
    sent(collector.url, format="splunk_raw")
    (request,) = collector.requests
    assert request.headers["x-splunk-request-channel"] == "6a8c44b8-d8e9-9fba-fc78-ad76cddc61db"


def test_one_connection_serves_many_batches(collector: HostileCollector) -> None:
    with closing(sink_to(collector.url)) as sink:
        for _ in range(10):
            assert sink.send(BATCH, never).fate is Fate.DELIVERED
    assert len(collector.requests) == 10
    assert len({request.client for request in collector.requests}) == 1


# --- what is answered -------------------------------------------------------------------------------------------------

ANSWERS = [
    (Mode.OK, Fate.DELIVERED, None),
    (Mode.CLOSE, Fate.DELIVERED, None),
    (Mode.HUGE, Fate.DELIVERED, None),
    (Mode.UNAVAILABLE, Fate.UNAVAILABLE, "answered 503: no"),
    (Mode.LIE, Fate.UNAVAILABLE, "answered 503: no"),
    (Mode.SERVER_ERROR, Fate.UNAVAILABLE, "answered 500: no"),
    (Mode.BUSY, Fate.UNAVAILABLE, "answered 429"),
    (Mode.REDIRECT, Fate.UNAVAILABLE, "answered 302"),
    (Mode.UNAUTHORIZED, Fate.UNAVAILABLE, "answered 401: no"),
    (Mode.BAD_REQUEST, Fate.REFUSED, "answered 400: no"),
    (Mode.TOO_LARGE, Fate.REFUSED, "answered 413: no"),
    (Mode.GARBAGE, Fate.UNAVAILABLE, "it speaks no HTTP: illegal status line"),
]


@pytest.mark.parametrize(("mode", "fate", "why"), ANSWERS, ids=[mode for mode, *_ in ANSWERS])
def test_each_answer_has_its_fate(
    collector: HostileCollector, modes: list[Mode], mode: Mode, fate: Fate, why: str | None
) -> None:
    modes[:] = [mode]
    outcome = sent(collector.url)
    assert outcome.fate is fate
    if why is None:
        assert outcome.why is None
    else:
        assert (outcome.why or "").startswith(f"http://127.0.0.1:{collector.port}: {why}")
    assert len(collector.requests) == 1


@pytest.mark.parametrize("mode", [Mode.CUT_AFTER_STORING, Mode.CUT_BEFORE_READING])
def test_a_connection_that_is_cut_is_tried_later(collector: HostileCollector, modes: list[Mode], mode: Mode) -> None:
    modes[:] = [mode]
    outcome = sent(collector.url)
    assert outcome.fate is Fate.UNAVAILABLE
    assert len(collector.requests) == 1


@pytest.mark.parametrize("mode", [Mode.SILENT, Mode.LATE, Mode.DRIP])
def test_an_answer_has_one_deadline_however_it_drips(
    collector: HostileCollector, modes: list[Mode], mode: Mode
) -> None:
    modes[:] = [mode]
    began = time.monotonic()
    outcome = sent(collector.url, timeout_s=0.5)
    assert time.monotonic() - began < 1.0
    if mode is Mode.DRIP:
        # A head that never ends.
        assert outcome.why == f"http://127.0.0.1:{collector.port}: no answer in time"
    assert outcome.fate is Fate.UNAVAILABLE


def test_who_ends_waits_for_no_answer(collector: HostileCollector, modes: list[Mode]) -> None:
    modes[:] = [Mode.SILENT]
    ending = threading.Event()
    threading.Timer(0.2, ending.set).start()
    began = time.monotonic()
    with closing(sink_to(collector.url, timeout_s=30)) as sink:
        assert sink.send(BATCH, ending.is_set).fate is Fate.UNAVAILABLE
    assert time.monotonic() - began < 1.0


def test_a_connection_that_the_server_closed_meanwhile_costs_no_failure(
    collector: HostileCollector, modes: list[Mode]
) -> None:
    modes[:] = [Mode.OK, Mode.CUT_AFTER_STORING, Mode.OK]
    with closing(sink_to(collector.url)) as sink:
        assert sink.send(BATCH, never).fate is Fate.DELIVERED
        # Cut while in use: once more over a new connection, at once.
        assert sink.send(BATCH, never).fate is Fate.DELIVERED
    assert len(collector.requests) == 3


def test_nobody_there_is_said() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as gone:
        port = gone.getsockname()[1]
    outcome = sent(f"http://127.0.0.1:{port}/")
    assert outcome.fate is Fate.UNAVAILABLE
    assert outcome.why == f"http://127.0.0.1:{port}: connection refused"


def test_a_name_that_nobody_has_is_said() -> None:
    outcome = sent("http://collector.invalid/")
    assert outcome.fate is Fate.UNAVAILABLE
    assert (outcome.why or "").startswith("collector.invalid: ")


def test_secrets_that_come_back_are_masked(collector: HostileCollector, modes: list[Mode]) -> None:
    modes[:] = [Mode.BAD_REQUEST]
    collector.complaint = b"Authorization: Bearer not-for-logs, from /ingest?token=abcdefgh&table=samples: not-for-logs"
    url = f"{collector.url}?token=abcdefgh&table=samples"
    outcome = sent(url, headers={"Authorization": "Bearer not-for-logs"})
    assert outcome.why == (
        f"http://127.0.0.1:{collector.port}: answered 400: "
        "Authorization: ***, from /ingest?token=***&table=samples: ***"
    )


def test_no_part_of_a_secret_is_left_where_the_excerpt_ends(collector: HostileCollector, modes: list[Mode]) -> None:
    modes[:] = [Mode.BAD_REQUEST]
    token = "".join(f"{number:03d}x" for number in range(100))
    collector.complaint = f'{{"error": "bad token {token}"}}'.encode()
    outcome = sent(collector.url, headers={"Authorization": f"Bearer {token}"})
    assert outcome.why == f'http://127.0.0.1:{collector.port}: answered 400: {{"error": "bad token ***...'


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def over_tls(tmp_path: Path, authority: trustme.CA, name: str, mode: Mode = Mode.OK) -> HostileCollector:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return HostileCollector(tmp_path / "kept", lambda *_: mode, tls=context)


def test_a_private_authority_is_trusted_by_its_file(tmp_path: Path, authority: trustme.CA) -> None:
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    with over_tls(tmp_path, authority, "127.0.0.1") as collector:
        with closing(sink_to(collector.url, ca_file=ca_file)) as sink:
            assert [sink.send(BATCH, never).fate for _ in range(3)] == [Fate.DELIVERED] * 3
        outcome = sent(collector.url)
    assert outcome.fate is Fate.UNAVAILABLE
    assert outcome.why == f"https://127.0.0.1:{collector.port}: unable to get local issuer certificate"


def test_a_certificate_for_another_name_is_not_taken(tmp_path: Path, authority: trustme.CA) -> None:
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    with over_tls(tmp_path, authority, "elsewhere.example.com") as collector:
        outcome = sent(collector.url, ca_file=ca_file)
    assert "IP address mismatch" in (outcome.why or "")
    assert not collector.requests


def test_a_file_of_authorities_that_is_gone_is_said(tmp_path: Path, authority: trustme.CA) -> None:
    with over_tls(tmp_path, authority, "127.0.0.1") as collector:
        outcome = sent(collector.url, ca_file=tmp_path / "none.pem")
    assert outcome.why == f"{tmp_path / 'none.pem'}: no such file or directory"
    assert outcome.retry_after_s == 60


# --- proxies: the real one is in the lab ------------------------------------------------------------------------------


def test_a_proxy_of_the_environment_is_asked_for_http_urls(
    collector: HostileCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The collector itself stands in for a proxy: it sees the whole URL, and the password is the proxy's alone."""
    monkeypatch.setenv("http_proxy", f"http://ann:pass-word@127.0.0.1:{collector.port}")
    outcome = sent("http://collector.example.com/ingest", proxy="environment")
    assert outcome.fate is Fate.DELIVERED
    (request,) = collector.requests
    assert request.path == "http://collector.example.com/ingest"
    assert request.headers["host"] == "collector.example.com"
    assert request.headers["proxy-authorization"] == "Basic YW5uOnBhc3Mtd29yZA=="


def test_a_proxy_that_refuses_a_tunnel_is_said_without_its_password(collector: HostileCollector) -> None:
    proxy = f"http://ann:pass-word@127.0.0.1:{collector.port}"
    outcome = sent("https://collector.example.com/ingest", proxy=proxy)
    shown = f"http://127.0.0.1:{collector.port}"
    assert outcome.why == f"the proxy {shown} answered 501 to CONNECT collector.example.com:443"


def test_no_proxy_exempts(collector: HostileCollector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert sent(collector.url, proxy="environment").fate is Fate.DELIVERED


def test_the_making_of_a_sink_connects_to_nobody() -> None:
    plan = SinkPlan(name="centre", type="http", options={"url": "https://collector.invalid/"})
    make_sink(plan, IDENTITY).close()
