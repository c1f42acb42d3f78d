"""Unit tests of OTLP: OpenTelemetry's own generated code reads what we write, and both encodings say the same."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

from agent.daemon.plan import SinkPlan
from agent.record import AgentIdentity
from agent.sinks import otlp
from agent.sinks.making import make_sink
from agent.sinks.otlp import OtlpSink
from agent.sinks.otlp_logs import nanoseconds, otlp_json, otlp_protobuf
from agent.sinks.sink import Fate
from agent.store.entry import Kind
from probes.clock import SystemClock
from tests.lab.hostile_collector import HostileCollector, Mode, Request
from tests.unit.sinks.a_store import a_batch, entry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

IDENTITY = AgentIdentity(id="6a8c44b8d8e99fba", version="0.1.0", hostname="büro-7", boot_id=None)
BATCH = a_batch(
    entry(1),
    entry(2, status="warning"),
    entry(3, status="critical"),
    entry(2**62, status="failed"),
    entry(5, kind=Kind.CHANGE),
    entry(6, kind=Kind.GAP),
)


def from_json(data: bytes) -> ExportLogsServiceRequest:
    return json_format.Parse(data, ExportLogsServiceRequest())


def from_protobuf(data: bytes) -> ExportLogsServiceRequest:
    return ExportLogsServiceRequest.FromString(data)


def test_both_encodings_say_the_same() -> None:
    assert from_json(otlp_json(BATCH, IDENTITY)) == from_protobuf(otlp_protobuf(BATCH, IDENTITY))


def test_the_same_batch_is_the_same_bytes() -> None:
    assert otlp_json(BATCH, IDENTITY) == otlp_json(BATCH, IDENTITY)
    assert otlp_protobuf(BATCH, IDENTITY) == otlp_protobuf(BATCH, IDENTITY)


def test_a_record_holds_the_whole_document_and_what_one_searches_by() -> None:
    request = from_json(otlp_json(BATCH, IDENTITY))
    (logs,) = request.resource_logs
    assert {pair.key: pair.value.string_value for pair in logs.resource.attributes} == {
        "service.name": "cloudpath-agent",
        "service.version": "0.1.0",
        "service.instance.id": "6a8c44b8d8e99fba",
        "host.name": "büro-7",
    }
    (scope,) = logs.scope_logs
    assert [record.body.string_value.encode() for record in scope.log_records] == [each.data for each in BATCH.entries]
    assert [record.severity_text for record in scope.log_records] == ["INFO", "WARN", "ERROR", "ERROR", "INFO", "WARN"]
    assert [record.severity_number for record in scope.log_records] == [9, 13, 17, 17, 9, 13]
    assert [record.event_name for record in scope.log_records[3:]] == [
        "cloudpath.sample",
        "cloudpath.change",
        "cloudpath.gap",
    ]
    warning = scope.log_records[1]
    assert warning.time_unix_nano == warning.observed_time_unix_nano == 1_763_895_600_123_000_000 + OFFSET
    attributes = {pair.key: pair.value for pair in warning.attributes}
    assert attributes["cloudpath.id"].string_value == BATCH.entries[1].id
    assert attributes["cloudpath.seq"].int_value == 2
    assert attributes["cloudpath.target"].string_value == "crm"
    assert attributes["cloudpath.status"].string_value == "warning"
    assert [each.string_value for each in attributes["cloudpath.codes"].array_value.values] == ["CP-12"]
    assert {pair.key for pair in scope.log_records[4].attributes} == {"cloudpath.id", "cloudpath.seq"}
    assert {pair.key: pair.value for pair in scope.log_records[3].attributes}["cloudpath.seq"].int_value == 2**62


# From 2025-11-23T11:00:00Z to 2026-11-23T11:00:00Z.
OFFSET = 365 * 86_400 * 1_000_000_000


@pytest.mark.parametrize(
    ("at", "expected"),
    [("1970-01-01T00:00:00.001Z", 1_000_000), ("2026-11-23T11:00:00.999Z", 1_763_895_600_999_000_000 + OFFSET)],
)
def test_instants_are_exact(at: str, expected: int) -> None:
    assert nanoseconds(at) == expected


# --- over HTTP --------------------------------------------------------------------------------------------------------


class Receiver(HostileCollector):
    """Keeps no documents: what it got is looked at as it came."""

    def keep(self, request: Request, mode: Mode) -> None:  # type: ignore[explicit-override] # Python 3.12's
        """Keep nothing."""


def answered(tmp_path: Path, reply: bytes, content_type: str, encoding: str) -> tuple[Request, Fate, int, str | None]:
    """Return the request of one batch, and what became of it."""
    with Receiver(tmp_path / "kept", lambda *_: Mode.OK) as receiver:
        receiver.reply, receiver.reply_type = reply, content_type
        plan = SinkPlan(name="o", type="otlp", options={"url": receiver.url, "encoding": encoding, "proxy": "none"})
        with closing(OtlpSink(plan, IDENTITY, SystemClock())) as sink:
            outcome = sink.send(BATCH, bool)
        return receiver.requests[0], outcome.fate, outcome.rejected, outcome.why


ENCODINGS: list[tuple[str, str, Callable[[bytes], ExportLogsServiceRequest]]] = [
    ("json", "application/json", from_json),
    ("protobuf", "application/x-protobuf", from_protobuf),
]


@pytest.mark.parametrize(("encoding", "content_type", "read"), ENCODINGS)
def test_a_batch_arrives(
    tmp_path: Path, encoding: str, content_type: str, read: Callable[[bytes], ExportLogsServiceRequest]
) -> None:
    request, fate, *_ = answered(tmp_path, b"" if encoding == "protobuf" else b"{}", content_type, encoding)
    assert fate is Fate.DELIVERED
    assert request.headers["content-type"] == content_type
    assert len(read(request.body).resource_logs[0].scope_logs[0].log_records) == len(BATCH.entries)


def partial(rejected: int, encoding: str) -> bytes:
    success = ExportLogsPartialSuccess(rejected_log_records=rejected, error_message="too\nold")
    response = ExportLogsServiceResponse(partial_success=success)
    return response.SerializeToString() if encoding == "protobuf" else json_format.MessageToJson(response).encode()


@pytest.mark.parametrize(("encoding", "content_type", "read"), ENCODINGS)
def test_records_that_were_rejected_are_counted_and_not_sent_again(
    tmp_path: Path, encoding: str, content_type: str, read: object
) -> None:
    del read
    _, fate, rejected, why = answered(tmp_path, partial(2, encoding), content_type, encoding)
    assert (fate, rejected) == (Fate.DELIVERED, 2)
    assert (why or "").endswith(": too old")


@pytest.mark.parametrize(("encoding", "content_type", "read"), ENCODINGS)
def test_a_batch_of_which_all_was_rejected_is_refused(
    tmp_path: Path, encoding: str, content_type: str, read: object
) -> None:
    del read
    _, fate, _, why = answered(tmp_path, partial(6, encoding), content_type, encoding)
    assert fate is Fate.REFUSED
    assert (why or "").endswith(": all records rejected: too old")


@pytest.mark.parametrize(
    ("reply", "content_type"),
    [
        (b"<html>fine</html>", "text/html"),
        (b"\xff\xff\xff", "application/x-protobuf"),
        (b'{"partialSuccess": 7}', "application/json"),
        (b'{"partialSuccess": {"rejectedLogRecords": "many"}}', "application/json"),
        (b'{"partialSuccess": {"errorMessage": "only a word"}}', "application/json"),
        (b"[" * 100_000, "application/json"),
    ],
)
def test_a_success_that_cannot_be_read_is_one(tmp_path: Path, reply: bytes, content_type: str) -> None:
    _, fate, rejected, _ = answered(tmp_path, reply, content_type, "json")
    assert (fate, rejected) == (Fate.DELIVERED, 0)


def test_without_its_package_protobuf_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    plan = SinkPlan(name="o", type="otlp", options={"url": "http://127.0.0.1/", "encoding": "protobuf"})
    with pytest.raises(ModuleNotFoundError, match="-m pip install opentelemetry-proto"):
        make_sink(plan, IDENTITY)
    assert otlp.protobuf_problem() is not None
    json_plan = SinkPlan(name="o", type="otlp", options={"url": "http://127.0.0.1/"})
    make_sink(json_plan, IDENTITY).close()


def test_json_needs_no_package() -> None:
    assert json.loads(otlp_json(BATCH, IDENTITY))["resourceLogs"]
