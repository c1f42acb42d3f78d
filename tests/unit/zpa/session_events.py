"""Events and log lines of sessions, as the two logs write them, for the tests of private access."""

import json
from typing import Any

from probes.line_assembly import Line
from probes.session_facts import SessionEvent, SessionSource
from probes.session_lines import BadLine, SessionFormat, SessionLines

# The documented sample of the Log Streaming Service's user activity, shortened: same keys, same types.
ACTIVITY: dict[str, Any] = {
    "LogTimestamp": "Fri May 31 17:35:42 2019",
    "Customer": "Example",
    "SessionID": "session-1",
    "ConnectionID": "session-1,connection-1",
    "InternalReason": "",
    "ConnectionStatus": "active",
    "IPProtocol": 6,
    "DoubleEncryption": 0,
    "Username": "ann@example.com",
    "ServicePort": 443,
    "ClientPublicIP": "192.0.2.7",
    "ClientLatitude": 45.0,
    "Policy": "Everybody",
    "Connector": "Connector-1",
    "Host": "crm.example.com",
    "Application": "CRM",
    "AppGroup": "Office",
    "Server": "0",
    "ServerIP": "10.1.2.3",
    "ServerPort": 443,
    "TimestampConnectionEnd": "",
}


def activity(**changes: Any) -> bytes:
    """Return one line of the service with other values for some keys."""
    return json.dumps(ACTIVITY | changes).encode()


def blocked(reason: str, **changes: Any) -> bytes:
    """Return the line of a session that was refused: closed, with a code, and nobody chosen."""
    nobody = {"Connector": "", "Server": "", "ServerIP": "", "ServerPort": 0, "Policy": 0}
    return activity(**{"InternalReason": reason, "ConnectionStatus": "close", **nobody, **changes})


def tunnel(message: str, at: str = "10:00:00.000000", zone: str = "+0000") -> bytes:
    """Return one line of the client's log."""
    return f"2025-03-01 {at}({zone})[1162:11797] INF {message}".encode()


def request(tag: int, name: str = "crm.example.com", port: int = 443) -> str:
    asked = {"app_name": name, "app_type": "name", "server_port": port, "o_dip": "100.64.1.2", "tag_id": tag}
    return "Writing Mtunnel request: Size: 213 Data: " + json.dumps({"zpn_mtunnel_request": asked})


def end(tag: int, error: str, drop: int = 0) -> str:
    """Return what the service says of a session's end; the client writes it twice, with `drop_data` 0 and 1."""
    said = {"tag_id": tag, "error": error, "err_code": 4002, "drop_data": drop}
    return "ZPN:0: Control Message Response Data: " + json.dumps({"zpn_mtunnel_end": said}, separators=(",", ":"))


def read(*lines: bytes, form: SessionFormat = SessionFormat.AUTO) -> list[SessionEvent | BadLine | None]:
    """Return what each line comes to."""
    reader = SessionLines(form)
    return [reader.read(Line(line)) for line in lines]


def events(*lines: bytes) -> list[SessionEvent]:
    """Return the events of lines that are all good."""
    found = read(*lines)
    assert not any(isinstance(one, BadLine) for one in found), found
    return [one for one in found if isinstance(one, SessionEvent)]


def event(reason: str = "", line: int = 1, **facts: Any) -> SessionEvent:
    """Return an event of the service: closed with a code, or active without one."""
    usual = {
        "source": SessionSource.LOG_STREAMING_SERVICE,
        "at": f"2025-03-01T12:00:{line:02}.000Z",
        "host": "crm.example.com",
        "port": 443,
        "connection_status": "close" if reason else "active",
        "connection_id": f"c{line}",
    }
    return SessionEvent(line=line, internal_reason=reason, **{**usual, **facts})
