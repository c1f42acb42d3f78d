"""Unit tests of making and trying sinks: every type, with what keeps each from working."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, get_args

import pytest

from agent.config.sinks import Sink
from agent.daemon.plan import SinkPlan
from agent.record import AgentIdentity
from agent.sinks.journald import SOCKET
from agent.sinks.making import check_sink, make_sink

if TYPE_CHECKING:
    from pathlib import Path

IDENTITY = AgentIdentity(id="6a8c", version="0.1.0", hostname="host-7", boot_id=None)
OPTIONS: dict[str, dict[str, object]] = {
    "stdout": {},
    "file": {"path": "samples.ndjson"},
    "http": {"url": "https://collector.invalid/"},
    "otlp": {"url": "https://collector.invalid/"},
    "syslog": {"address": "unix:/nowhere"},
    "journald": {},
}


def plan(kind: str, **options: object) -> SinkPlan:
    return SinkPlan(name=kind, type=kind, options={**OPTIONS[kind], **options})


def test_there_is_a_sink_for_every_type_of_the_configuration() -> None:
    types = {get_args(kind.model_fields["type"].annotation)[0] for kind in get_args(get_args(Sink)[0])}
    assert types == OPTIONS.keys()
    for kind in types:
        make_sink(plan(kind), IDENTITY).close()


def test_a_type_that_there_is_not_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="there is no type of sink 'pigeon'"):
        make_sink(SinkPlan(name="a", type="pigeon"), IDENTITY)


@pytest.mark.parametrize("kind", ["stdout", "file", "syslog", "journald"])
def test_what_is_not_asked_for_is_not_loaded(kind: str) -> None:
    script = (
        "import sys; from agent.sinks.making import make_sink; from agent.daemon.plan import SinkPlan;"
        f"make_sink(SinkPlan(name='a', type={kind!r}, options={OPTIONS[kind]!r}), None);"
        "print(*{'ssl', 'h11', 'http', 'google', 'opentelemetry', 'pydantic'} & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert said == "\n"


def test_standard_output_is_always_there() -> None:
    assert check_sink(plan("stdout"), IDENTITY) is None


def test_a_file_is_looked_at_and_neither_made_nor_touched(tmp_path: Path) -> None:
    path = tmp_path / "samples.ndjson"
    assert check_sink(plan("file", path=path), IDENTITY) is None
    assert not path.exists()
    path.write_bytes(b'{"schema":"cloudpath.')
    assert check_sink(plan("file", path=path), IDENTITY) is None
    assert path.read_bytes() == b'{"schema":"cloudpath.'
    assert check_sink(plan("file", path=tmp_path), IDENTITY) == f"{tmp_path}: is a directory"
    nowhere = tmp_path / "no" / "samples.ndjson"
    assert check_sink(plan("file", path=nowhere), IDENTITY) == f"{nowhere.parent}: there is no such directory"


def test_rights_are_those_of_the_process() -> None:
    script = (
        "import os; from agent.sinks.making import check_sink; from agent.daemon.plan import SinkPlan;"
        "os.geteuid() or os.setuid(65534);"
        "print(check_sink(SinkPlan(name='a', type='file', options={'path': '/cloudpath-samples'}), None))"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert said == "/: no file can be made there\n"


@pytest.mark.parametrize("kind", ["http", "otlp"])
def test_a_collector_is_connected_to_and_asked_nothing(kind: str) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        assert check_sink(plan(kind, url=url, proxy="none"), IDENTITY) is None
        accepted, _ = listener.accept()
        with closing(accepted):
            assert accepted.recv(1) == b""
    assert check_sink(plan(kind, url=url, proxy="none"), IDENTITY) == f"{url[:-1]}: connection refused"


def test_a_syslog_that_is_not_there_is_said() -> None:
    assert check_sink(plan("syslog"), IDENTITY) == "syslog unix:/nowhere: no such file or directory"


def test_the_journal_is_there_or_it_is_said() -> None:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as journal:
        code = journal.connect_ex(SOCKET)
    assert check_sink(plan("journald"), IDENTITY) == (f"journal: {os.strerror(code).lower()}" if code else None)
