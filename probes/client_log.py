"""The tunnel log of the local client: what it says of sessions, and which application each was for.

A session's end names a tag and a code; its application stands in the request before. Tags are counted anew with each
start of the client's service, so another session begins with a request, and with an end long after another end.
"""

from __future__ import annotations

import re
from datetime import datetime

from probes.frozen import mutable
from probes.json_line import BadLineError, LineProblem, json_object, name_at, port_at, text_at
from probes.log_time import of_datetime
from probes.session_facts import SessionEvent, SessionSource

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from probes.json_line import JsonObject

# `2025-08-07 15:13:19.490147(+0200)[1162:11797] INF message`
_PREFIX: Final = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d) (?P<clock>\d\d:\d\d:\d\d)\.(?P<fraction>\d{1,6})\((?P<zone>[+-]\d{4})\)"
    r"\[\d+:\d+\] [A-Z]{3} "
)
# The line that opens a connection, once the service has agreed to it.
_OPENED: Final = re.compile(r"App Name=(?P<application>[^,]{1,255}),.{0,200}?TAG-ID=(?P<tag>\d{1,10})\b")
_REQUEST: Final = '"zpn_mtunnel_request"'
_AGREED: Final = '"zpn_mtunnel_request_ack"'
_END: Final = '"zpn_mtunnel_end"'

# Both lines of one end are written within 30 ms; nobody gives a tag out again within a second.
_SAME_END_S: Final = 1.0
# The service's answer to a request that it agreed to.
_SUCCESS: Final = 1
# Tags whose applications are kept: more than a client has open at once.
_MOST_TAGS: Final = 4_096


@mutable
class _Tag:
    """What is known of a tag now: which use of it this is, what for, and when it ended, as POSIX time."""

    use: int
    application: str | None = None
    port: int | None = None
    ended: bool = False
    ended_at_s: float | None = None


class ClientLog:
    """Reads one log line by line, in its order."""

    def __init__(self) -> None:
        self._tags: dict[str, _Tag] = {}

    def knows(self, text: str) -> bool:
        """Return whether a line is one of such a log."""
        return _PREFIX.match(text) is not None or "zpn_mtunnel" in text

    def event(self, text: str, line: int) -> SessionEvent | None:
        """Return the event of one line, None for the many that say nothing of a session's outcome.

        Raises:
            BadLineError: It does say something, and is broken.
        """
        if _END in text:
            return self._end(_message(text, _END), _time(text), line)
        if _AGREED in text:
            return self._answer(_message(text, _AGREED), _time(text), line)
        if _REQUEST in text:
            self._requested(_message(text, _REQUEST))
        elif opened := _OPENED.search(text):
            self._opened(opened["tag"], opened["application"].strip())
        return None

    # -- what is learnt of tags

    def _requested(self, found: JsonObject) -> None:
        tag = self._anew(_tag_id(found))
        tag.application = name_at(found, "app_name")
        tag.port = port_at(found, "server_port")

    def _opened(self, tag_id: str, application: str) -> None:
        known = self._tags.get(tag_id)
        if known is None or known.ended:
            known = self._anew(tag_id)
        known.application = known.application or application

    def _anew(self, tag_id: str) -> _Tag:
        before = self._tags.pop(tag_id, None)
        if len(self._tags) >= _MOST_TAGS:
            del self._tags[next(iter(self._tags))]
        tag = self._tags[tag_id] = _Tag(before.use + 1 if before else 1)
        return tag

    # -- events

    def _answer(self, found: JsonObject, at: datetime | None, line: int) -> SessionEvent | None:
        reason = text_at(found, "error")
        if reason:
            return self._closed(found, reason, at, line)
        if found.get("err_code") != _SUCCESS:
            return None
        tag_id = _tag_id(found)
        tag = self._tags.get(tag_id) or self._anew(tag_id)
        return _event(tag_id, tag, "", "open", at, line, connection_id=name_at(found, "mtunnel_id"))

    def _end(self, found: JsonObject, at: datetime | None, line: int) -> SessionEvent | None:
        reason = text_at(found, "error")
        # Without a code it is the client's own wish to end.
        return self._closed(found, reason, at, line) if reason else None

    def _closed(self, found: JsonObject, reason: str, at: datetime | None, line: int) -> SessionEvent:
        tag_id = _tag_id(found)
        tag = self._tags.get(tag_id)
        if tag is None or (tag.ended and not _same_end(tag.ended_at_s, at)):
            tag = self._anew(tag_id)
        tag.ended, tag.ended_at_s = True, at.timestamp() if at else None
        return _event(tag_id, tag, reason, "close", at, line)


def _same_end(before_s: float | None, at: datetime | None) -> bool:
    return before_s is None or at is None or abs(at.timestamp() - before_s) <= _SAME_END_S


def _event(
    tag_id: str, tag: _Tag, reason: str, status: str, at: datetime | None, line: int, connection_id: str | None = None
) -> SessionEvent:
    return SessionEvent(
        source=SessionSource.CLIENT_LOG,
        line=line,
        internal_reason=reason,
        at=of_datetime(at) if at else None,
        # The client asks for an application by the name that a person typed.
        application=tag.application,
        host=tag.application,
        port=tag.port,
        connection_status=status,
        connection_id=connection_id,
        tag_id=tag_id,
        tag_use=tag.use,
    )


# --- one line ---------------------------------------------------------------------------------------------------------


def _message(text: str, name: str) -> JsonObject:
    """Return what a line's JSON holds under `name`, a name in quotes; more text may stand around it."""
    start = text.find("{")
    if not 0 <= start < text.index(name):
        raise BadLineError(LineProblem.NOT_JSON, f"{name.strip(chr(34))} stands in no JSON")
    found = json_object(text[start:], more_may_follow=True).get(name.strip('"'))
    if not isinstance(found, dict):
        raise BadLineError(LineProblem.WRONG_VALUE, f"{name.strip(chr(34))} is no mapping")
    return found


def _tag_id(found: JsonObject) -> str:
    tag = found.get("tag_id")
    if isinstance(tag, int) and not isinstance(tag, bool) and tag >= 0:
        return str(tag)
    raise BadLineError(LineProblem.WRONG_VALUE, "tag_id is no number")


def _time(text: str) -> datetime | None:
    match = _PREFIX.match(text)
    if match is None:
        return None
    zone = match["zone"]
    try:
        return datetime.fromisoformat(f"{match['day']}T{match['clock']}.{match['fraction']:0<6}{zone[:3]}:{zone[3:]}")
    except ValueError:
        return None
