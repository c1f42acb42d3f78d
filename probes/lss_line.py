"""One line of the Log Streaming Service's user activity as an event of a session.

Source: the product's public help, "About User Activity Log Fields".
"""

from __future__ import annotations

from probes.json_line import BadLineError, LineProblem, name_at, port_at, text_at
from probes.log_time import instant
from probes.session_facts import SessionEvent, SessionSource

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from probes.json_line import JsonObject

_REASON: Final = "InternalReason"
_STATUS: Final = "ConnectionStatus"


def lss_event(found: JsonObject, line: int) -> SessionEvent | None:
    """Return the event in the object of line `line`, None if it is one of the service's other logs.

    Raises:
        BadLineError: It is of this log, and lacks what decides or holds something else in its place.
    """
    if _REASON not in found and _STATUS not in found:
        return None
    reason = found.get(_REASON)
    if reason is None:
        # An operator may leave fields out of the stream. No reason is not the empty one, which says: healthy.
        raise BadLineError(LineProblem.MISSING_KEY, f"{_REASON} is not there")
    if not isinstance(reason, str):
        raise BadLineError(LineProblem.WRONG_VALUE, f"{_REASON} is no text")
    return SessionEvent(
        source=SessionSource.LOG_STREAMING_SERVICE,
        line=line,
        internal_reason=text_at(found, _REASON) or "",
        at=instant(found.get("LogTimestamp")),
        application=name_at(found, "Application"),
        app_group=name_at(found, "AppGroup"),
        host=name_at(found, "Host"),
        port=port_at(found, "ServicePort"),
        connection_status=name_at(found, _STATUS),
        policy=name_at(found, "Policy"),
        connector=name_at(found, "Connector"),
        server=name_at(found, "ServerIP") or name_at(found, "Server"),
        username=name_at(found, "Username"),
        session_id=name_at(found, "SessionID"),
        connection_id=name_at(found, "ConnectionID"),
    )
