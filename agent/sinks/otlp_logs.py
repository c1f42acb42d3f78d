"""Batches as OTLP/HTTP log records, in JSON by the standard library and in protobuf by an extra; pure.

A record's body is the whole document as text: a key-value list would be three times as long, and would make text of
every integer. What one searches by stands beside it as attributes.

Source: OpenTelemetry protocol specification 1.x, "OTLP/HTTP"; opentelemetry/proto/logs/v1/logs.proto.
"""

from __future__ import annotations

import json

from probes.word import Word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from opentelemetry.proto.common.v1.common_pb2 import KeyValue

    from agent.record import AgentIdentity
    from agent.store.entry import Batch, Entry

_NAME: Final = "cloudpath-agent"
# SeverityNumber of logs.proto, with the names that it suggests.
_INFO: Final = (9, "INFO")
_WARN: Final = (13, "WARN")
_ERROR: Final = (17, "ERROR")
_SEVERITIES: Final = {"ok": _INFO, "discarded": _INFO, "warning": _WARN, "critical": _ERROR, "failed": _ERROR}
_KIND_SEVERITIES: Final = {"change": _INFO, "gap": _WARN}


class OtlpEncoding(Word):
    """How OTLP is written."""

    JSON = "json"
    PROTOBUF = "protobuf"


def otlp_json(batch: Batch, identity: AgentIdentity) -> bytes:
    """Return an ExportLogsServiceRequest in ProtoJSON: int64 as text, lowerCamelCase names, enumerations as numbers."""
    records = [_json_record(entry) for entry in batch.entries]
    scope = {"name": _NAME, "version": identity.version}
    resource = {"attributes": [_json_pair(*pair) for pair in _resource(identity)]}
    request = {"resourceLogs": [{"resource": resource, "scopeLogs": [{"scope": scope, "logRecords": records}]}]}
    return json.dumps(request, separators=(",", ":"), ensure_ascii=False).encode()


def otlp_protobuf(batch: Batch, identity: AgentIdentity) -> bytes:
    """Return the same in protobuf.

    Raises:
        ModuleNotFoundError: The extra `otlp` is not installed.
    """
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (  # noqa: PLC0415 - an extra, 4 MB of memory
        ExportLogsServiceRequest,
    )

    request = ExportLogsServiceRequest()
    logs = request.resource_logs.add()
    for pair in _resource(identity):
        _add_pair(logs.resource.attributes.add(), *pair)
    scope = logs.scope_logs.add()
    scope.scope.name, scope.scope.version = _NAME, identity.version
    for entry in batch.entries:
        number, text = _severity(entry)
        at_ns = nanoseconds(entry.at)
        record = scope.log_records.add(
            time_unix_nano=at_ns,
            observed_time_unix_nano=at_ns,
            severity_number=number,
            severity_text=text,
            event_name=_event(entry),
        )
        record.body.string_value = entry.data.decode()
        for key, value in _attributes(entry):
            _add_pair(record.attributes.add(), key, value)
    data: bytes = request.SerializeToString(deterministic=True)
    return data


def protobuf_partial(body: bytes) -> tuple[int, str] | None:
    """Return what a protobuf answer says of rejected records, None where it says nothing or is none."""
    from google.protobuf.message import DecodeError  # noqa: PLC0415 - of the extra
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (  # noqa: PLC0415 - likewise
        ExportLogsServiceResponse,
    )

    response = ExportLogsServiceResponse()
    try:
        response.ParseFromString(body)
    except DecodeError:
        return None
    return response.partial_success.rejected_log_records, response.partial_success.error_message


def nanoseconds(at: str) -> int:
    """Return an instant of a document (RFC 3339 UTC with milliseconds) in nanoseconds since 1970."""
    from datetime import datetime  # noqa: PLC0415 - where OTLP is spoken

    moment = datetime.fromisoformat(at)
    return int(moment.replace(microsecond=0).timestamp()) * 1_000_000_000 + moment.microsecond * 1_000


# --- what is said, whatever the encoding ------------------------------------------------------------------------------


def _resource(identity: AgentIdentity) -> Iterator[tuple[str, str]]:
    """Yield the attributes of the resource (OpenTelemetry semantic conventions, "service" and "host")."""
    yield "service.name", _NAME
    yield "service.version", identity.version
    yield "service.instance.id", identity.id
    yield "host.name", identity.hostname


def _attributes(entry: Entry) -> Iterator[tuple[str, str | int | tuple[str, ...]]]:
    """Yield the attributes of a record."""
    yield "cloudpath.id", entry.id
    yield "cloudpath.seq", entry.seq
    if entry.target is not None:
        yield "cloudpath.target", entry.target
    if entry.status is not None:
        yield "cloudpath.status", entry.status
    if entry.codes:
        yield "cloudpath.codes", entry.codes


def _severity(entry: Entry) -> tuple[int, str]:
    if entry.status is None:
        return _KIND_SEVERITIES.get(entry.kind, _INFO)
    return _SEVERITIES.get(entry.status, _INFO)


def _event(entry: Entry) -> str:
    return f"cloudpath.{entry.kind}"


def _json_record(entry: Entry) -> dict[str, object]:
    number, text = _severity(entry)
    # There is nobody between us and the event who could have observed it at another time.
    at = str(nanoseconds(entry.at))
    return {
        "timeUnixNano": at,
        "observedTimeUnixNano": at,
        "severityNumber": number,
        "severityText": text,
        "eventName": _event(entry),
        "body": {"stringValue": entry.data.decode()},
        "attributes": [_json_pair(*pair) for pair in _attributes(entry)],
    }


def _json_pair(key: str, value: str | int | tuple[str, ...]) -> dict[str, object]:
    return {"key": key, "value": _json_value(value)}


def _json_value(value: str | int | tuple[str, ...]) -> dict[str, object]:
    match value:
        case str():
            return {"stringValue": value}
        case int():
            return {"intValue": str(value)}
        case _:
            return {"arrayValue": {"values": [_json_value(each) for each in value]}}


def _add_pair(pair: KeyValue, key: str, value: str | int | tuple[str, ...]) -> None:
    pair.key = key
    match value:
        case str():
            pair.value.string_value = value
        case int():
            pair.value.int_value = value
        case _:
            for each in value:
                pair.value.array_value.values.add().string_value = each
