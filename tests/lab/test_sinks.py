"""Lab tests of sinks: the servers that people have, on the loopback: squid, nginx, rsyslog, the journal, logrotate."""

from __future__ import annotations

import json
import os
import random
import re
import socket
import ssl
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent.daemon.plan import SinkPlan
from agent.record import AgentIdentity
from agent.sinks.delivery import Delivery
from agent.sinks.file import FileSink
from agent.sinks.http import HttpSink
from agent.sinks.making import check_sink, make_sink
from agent.sinks.sink import Fate
from agent.store.entry import Kind
from probes.clock import SystemClock
from tests.lab import nginx, squid
from tests.lab.certificates import Authority
from tests.lab.hostile_collector import KEPT, HostileCollector, Mode, Request, mixed
from tests.unit.sinks.a_store import MemoryStore, a_batch, entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from agent.sinks.sink import Outcome

pytestmark = pytest.mark.lab

REPOSITORY = Path(__file__).parents[2]
IDENTITY = AgentIdentity(id="6a8c44b8d8e99fbafc78ad76cddc61db", version="0.1.0", hostname="host-7", boot_id=None)
BATCH = a_batch(entry(1, status="warning"), entry(2, status="critical", size=60_000), entry(3, kind=Kind.CHANGE))


def never() -> bool:
    return False


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def running(command: tuple[str, ...], ready: Callable[[], bool], log: Path) -> Iterator[None]:
    """Run a server until the block ends; it dies with us, however we end."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            ("setpriv", "--pdeathsig", "KILL", *command), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        until = time.monotonic() + 15
        while not ready():
            assert process.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < until, log.read_text(errors="replace")
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait(10)


def listens(port: int) -> Callable[[], bool]:
    def ready() -> bool:
        with closing(socket.socket()) as asking:
            return asking.connect_ex(("127.0.0.1", port)) == 0

    return ready


def sent(url: str, **options: object) -> Outcome:
    plan = SinkPlan(name="centre", type="http", options={"url": url, "proxy": "none", **options})
    with closing(HttpSink(plan, IDENTITY, SystemClock())) as sink:
        return sink.send(BATCH, never)


def delivered(
    store: MemoryStore, plan: SinkPlan, within_s: float, retry: Callable[[], float] = random.random
) -> tuple[Delivery, list[str]]:
    """Deliver until nothing is left; return the delivery and what the log heard."""
    lines: list[str] = []
    sink = make_sink(plan, IDENTITY)
    delivery = Delivery(store, plan, sink, SystemClock(), retry, lambda _, line: lines.append(line))
    delivery.start()
    until = time.monotonic() + within_s
    while store.waiting:
        assert time.monotonic() < until, (delivery.status(), len(store.waiting))
        time.sleep(0.01)
    assert delivery.finish(time.monotonic() + 5)
    return delivery, lines


# --- an outage, and a collector that does everything wrong -----------------------------------------------------------


@contextmanager
def a_collector(kept: Path, *options: str) -> Iterator[str]:
    """Run the hostile collector as a process of its own; give its URL."""
    command = (sys.executable, "-m", "tests.lab.hostile_collector", str(kept), *options)
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield process.stdout.readline().strip()
        process.communicate(timeout=10)


def test_ten_thousand_kept_while_the_sink_was_down_come_in_order_at_two_thousand_a_second(tmp_path: Path) -> None:
    store = MemoryStore([entry(seq, size=5_000) for seq in range(1, 10_001)])
    with a_collector(tmp_path / "kept") as url:
        began = time.monotonic()
        delivered(store, SinkPlan(name="centre", type="http", options={"url": url, "proxy": "none"}), within_s=30)
        taken_s = time.monotonic() - began
    kept = [json.loads(line)["seq"] for line in (tmp_path / "kept").read_text().splitlines()]
    assert kept == list(range(1, 10_001))
    assert 10_000 / taken_s >= 2_000


def test_a_sink_that_is_down_bears_one_try_a_second_at_most(tmp_path: Path) -> None:
    store = MemoryStore([entry(seq) for seq in range(1, 101)])
    began = time.monotonic()

    def choose(_: int, request: Request) -> Mode:
        return Mode.OK if request.at > began + 4 or not request.at else Mode.UNAVAILABLE

    with HostileCollector(tmp_path / "kept", choose) as collector:
        plan = SinkPlan(name="centre", type="http", options={"url": collector.url, "proxy": "none"})
        _, lines = delivered(store, plan, within_s=30, retry=lambda: 0.0)
        moments = [request.at for request in collector.requests]
        kept = collector.kept
    assert len(moments) >= 4
    assert all(after - before >= 1.0 for before, after in pairwise(moments))
    assert [each["seq"] for each in kept] == list(range(1, 101))
    assert [" ".join(line.split()[:4]) for line in lines] == ["sink centre takes nothing,", "sink centre takes entries"]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_a_collector_does_nothing_is_lost_and_each_batch_is_the_same_each_time(
    tmp_path: Path, seed: int
) -> None:
    """Every mode by chance; what was kept under one batch id is the same set each time, in the order of seq."""
    store = MemoryStore([entry(seq, size=200) for seq in range(1, 301)])
    modes = tuple(
        mode for mode in Mode if mode not in {Mode.SILENT, Mode.LATE, Mode.DRIP, Mode.UNAUTHORIZED, Mode.REDIRECT}
    )
    with HostileCollector(tmp_path / "kept", mixed(seed, modes)) as collector:
        options = {"url": collector.url, "proxy": "none", "batch": 10, "timeout_s": 2.0}
        plan = SinkPlan(name="centre", type="http", options=options)
        with closing(make_sink(plan, IDENTITY)) as sink:
            delivery = Delivery(store, plan, sink, SystemClock(), random.random, lambda *_: None)
            # Without the waits between tries: it is the answers that are looked at.
            while delivery.turn() is not None:
                pass
        kept = collector.kept
        bodies: dict[str, set[bytes]] = {}
        for request in collector.requests:
            if request.sent:
                bodies.setdefault(request.headers["x-cloudpath-batch"], set()).add(request.sent)
    aside = {each.id for each, _ in store.aside}
    assert {each["id"] for each in kept} | aside == {entry(seq).id for seq in range(1, 301)}
    assert all(len(each) == 1 for each in bodies.values())
    first = list(dict.fromkeys(each["seq"] for each in kept))
    assert first == sorted(first)
    assert delivery.status().delivered + delivery.status().parked == 300
    assert {each["mode"] for each in kept} <= KEPT


# --- proxies ----------------------------------------------------------------------------------------------------------


@contextmanager
def a_squid(directory: Path, authority: Authority, users: Mapping[str, str] | None = None) -> Iterator[int]:
    directory.mkdir()
    wanted: dict[str, object] = {"port": free_port(), "lines": "acl anyport port 1-65535"}
    if users is not None:
        wanted["users"] = users
    program = squid.program("proxy", wanted, directory, authority)
    with running(program.command, listens(program.port), directory / "said"):
        yield program.port


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    (tmp_path / "certificates").mkdir()
    return Authority(tmp_path / "certificates")


def over_tls(tmp_path: Path, authority: Authority) -> HostileCollector:
    made = authority.issue(["127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    return HostileCollector(tmp_path / "kept", lambda *_: Mode.OK, tls=context)


def test_through_squid_with_and_without_a_password(tmp_path: Path, authority: Authority) -> None:
    ca_file = authority.own.certificate
    with ExitStack() as stack:
        collector = stack.enter_context(over_tls(tmp_path, authority))
        plain = stack.enter_context(HostileCollector(tmp_path / "plain", lambda *_: Mode.OK))
        open_port = stack.enter_context(a_squid(tmp_path / "open", authority))
        users_port = stack.enter_context(a_squid(tmp_path / "users", authority, {"ann": "pass word"}))
        known = f"http://ann:pass%20word@127.0.0.1:{users_port}"
        for url in (collector.url, plain.url):
            for proxy in (f"http://127.0.0.1:{open_port}", known):
                assert sent(url, proxy=proxy, ca_file=ca_file).fate is Fate.DELIVERED
        assert len(collector.requests) == len(plain.requests) == 2
        refused = sent(collector.url, proxy=f"http://ann:wrong-password@127.0.0.1:{users_port}", ca_file=ca_file)
        assert (refused.fate, refused.retry_after_s) == (Fate.UNAVAILABLE, 60)
        assert (
            refused.why == f"the proxy http://127.0.0.1:{users_port} answered 407 to CONNECT 127.0.0.1:{collector.port}"
        )
        plan = SinkPlan(name="c", type="http", options={"url": collector.url, "proxy": known, "ca_file": ca_file})
        assert check_sink(plan, IDENTITY) is None


def test_the_environment_names_the_proxy(tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    with over_tls(tmp_path, authority) as collector, a_squid(tmp_path / "open", authority) as port:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        assert sent(collector.url, proxy="environment", ca_file=authority.own.certificate).fate is Fate.DELIVERED
        assert f"CONNECT 127.0.0.1:{collector.port}" in (tmp_path / "open/access.log").read_text()


# --- nginx ------------------------------------------------------------------------------------------------------------


def test_what_nginx_finds_too_large_is_halved_until_it_fits(tmp_path: Path, authority: Authority) -> None:
    """TLS ends at nginx, which takes 100 kB; one document alone is larger, and is the only one that is parked."""
    store = MemoryStore([entry(seq, size=400_000 if seq == 57 else 9_000) for seq in range(1, 101)])
    port = free_port()
    directory = tmp_path / "nginx"
    directory.mkdir()
    with HostileCollector(tmp_path / "kept", lambda *_: Mode.OK) as collector:
        more = "client_max_body_size 100k;"
        server = {
            "listen": port,
            "tls": ["127.0.0.1"],
            "more": more,
            "locations": {"/": f"proxy_pass http://127.0.0.1:{collector.port};"},
        }
        program = nginx.program([server], directory, authority)
        with running(program.command, listens(port), directory / "said"):
            options = {
                "url": f"https://127.0.0.1:{port}/ingest",
                "proxy": "none",
                "gzip": False,
                "ca_file": authority.own.certificate,
            }
            delivered(store, SinkPlan(name="centre", type="http", options=options), within_s=60)
        kept = [each["seq"] for each in collector.kept]
    assert [each.seq for each, _ in store.aside] == [57]
    assert "answered 413" in store.aside[0][1]
    assert kept == [seq for seq in range(1, 101) if seq != 57]


# --- syslog -----------------------------------------------------------------------------------------------------------

RSYSLOG = """\
$MaxMessageSize 256k
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="{directory}/log")
module(load="imtcp")
input(type="imtcp" address="127.0.0.1" port="{port}")
module(load="imudp")
input(type="imudp" address="127.0.0.1" port="{port}")
template(name="whole" type="string"
    string="%syslogfacility-text%.%syslogseverity-text% %app-name% %msg:::drop-last-lf%\\n")
action(type="omfile" file="{directory}/heard" template="whole")
"""
HEARD = re.compile(rb"local3\.(\w+) cloudpath +(\{.*\})")


@pytest.mark.parametrize("transport", ["unix", "udp", "tcp"])
def test_rsyslog_has_every_document_whole(tmp_path: Path, transport: str) -> None:
    port = free_port()
    configuration = tmp_path / "rsyslog.conf"
    configuration.write_text(RSYSLOG.format(directory=tmp_path, port=port), encoding="utf-8")
    command = ("rsyslogd", "-n", "-f", str(configuration), "-i", str(tmp_path / "pid"))
    address = f"unix:{tmp_path}/log" if transport == "unix" else f"{transport}:127.0.0.1:{port}"
    plan = SinkPlan(name="log", type="syslog", options={"address": address, "facility": "local3"})
    heard = tmp_path / "heard"
    with running(command, listens(port), tmp_path / "said"):
        with closing(make_sink(plan, IDENTITY)) as sink:
            assert sink.send(BATCH, never).fate is Fate.DELIVERED
        until = time.monotonic() + 10
        while not heard.exists() or heard.read_bytes().count(b"\n") < len(BATCH.entries):
            assert time.monotonic() < until
            time.sleep(0.02)
    found = [match.groups() for match in map(HEARD.fullmatch, heard.read_bytes().splitlines()) if match]
    assert found == list(zip((b"warning", b"crit", b"notice"), [each.data for each in BATCH.entries], strict=True))


# --- the journal ------------------------------------------------------------------------------------------------------

# A /run of its own, so that the host's journal, if it has one, hears nothing.
JOURNAL = """
set -e
mount -t tmpfs none /run
mkdir -p /run/systemd/journal /run/log/journal
if ! [ -s /etc/machine-id ]; then
    echo 3f1c7c52a09b4e6f8a7d5c3b1e2f4a60 > /run/machine-id
    mount --bind /run/machine-id /etc/machine-id
fi
/lib/systemd/systemd-journald &
journal=$!
trap 'kill $journal' EXIT
tries=0
until [ -S /run/systemd/journal/socket ]; do
    tries=$((tries + 1)); [ $tries -lt 100 ]; sleep 0.1
done
"$1" -c "$2"
journalctl --sync
journalctl --directory /run/log/journal --identifier cloudpath --output json --all --no-pager
"""
FILL = """
from agent.sinks.journald import JournaldSink
from tests.lab.test_sinks import BATCH
from tests.unit.sinks.a_store import a_batch, entry
sink = JournaldSink()
assert sink.reach(bool) is None
assert sink.send(BATCH, bool).why is None
more = a_batch(entry(4, size=3_000_000), *(entry(seq) for seq in range(5, 500)), identity="b")
assert sink.send(more, bool).why is None
"""


def test_the_journal_has_every_document_and_fields_to_search_by() -> None:
    command = ("unshare", "--mount", "--propagation", "private", "sh", "-c", JOURNAL, "sh", sys.executable, FILL)
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [int(row["CLOUDPATH_SEQ"]) for row in rows] == list(range(1, 500))
    documents = [row["CLOUDPATH_DOCUMENT"].encode() for row in rows]
    assert documents[:3] == [each.data for each in BATCH.entries]
    assert documents[3] == entry(4, size=3_000_000).data
    assert [row["MESSAGE"] for row in rows[:3]] == ["crm: warning CP-12", "crm: critical", "cloudpath change 3"]
    assert [row["PRIORITY"] for row in rows[:3]] == ["4", "2", "5"]
    assert Counter(row["CLOUDPATH_KIND"] for row in rows) == {"sample": 498, "change": 1}


# --- logrotate --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["create", "copytruncate"])
def test_logrotate_takes_no_line_and_halves_none(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "logs" / "samples.ndjson"
    path.parent.mkdir(mode=0o755)
    rules = tmp_path / "rules"
    rules.write_text(f"{path} {{\n rotate 99\n size 1\n {mode}\n}}\n", encoding="utf-8")
    sink = FileSink(path)
    batches = [a_batch(entry(seq, size=3_000), identity=f"batch-{seq}") for seq in range(1, 21)]
    for batch in batches:
        assert sink.send(batch, never).fate is Fate.DELIVERED
        subprocess.run(["logrotate", "--force", "--state", tmp_path / "state", rules], check=True)
    rotated = sorted(path.parent.glob("samples.ndjson.*"), key=lambda each: -int(each.suffix[1:]))
    assert len(rotated) == 20
    lines = b"".join(each.read_bytes() for each in rotated)
    assert lines == b"".join(each.data + b"\n" for batch in batches for each in batch.entries)


def test_a_full_disk_is_waited_for_and_no_line_is_half(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk], check=True)
    try:
        ballast, path = disk / "ballast", disk / "samples.ndjson"
        ballast.write_bytes(os.urandom(40_000))
        sink = FileSink(path)
        first, second = (a_batch(entry(seq, size=15_000), identity=f"batch-{seq}") for seq in (1, 2))
        assert sink.send(first, never).fate is Fate.DELIVERED
        outcome = sink.send(second, never)
        assert outcome.why == f"{path}: no space left on device"
        assert path.read_bytes() == first.entries[0].data + b"\n"
        ballast.unlink()
        assert sink.send(second, never).fate is Fate.DELIVERED
        assert path.read_bytes().splitlines() == [first.entries[0].data, second.entries[0].data]
        sink.close()
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)
