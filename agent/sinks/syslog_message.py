"""Entries as syslog messages, and messages as a stream of them; pure.

Source: RFC 5424 (the message), RFC 6587 section 3.4.1 (octet counting), RFC 3164 section 4.1 (on this host).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from time import struct_time
    from typing import Final

    from agent.record import AgentIdentity
    from agent.store.entry import Entry

APP_NAME: Final = "cloudpath"
_SOFTWARE: Final = "cloudpath-agent"
# RFC 5424 section 6.2.1, table 1.
FACILITIES: Final = {
    name: number
    for number, name in enumerate(
        ("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp")
    )
} | {f"local{number}": 16 + number for number in range(8)}
# Table 2.
_CRITICAL: Final = 2
_ERROR: Final = 3
_WARNING: Final = 4
_NOTICE: Final = 5
_INFORMATIONAL: Final = 6
_STATUSES: Final = {
    "ok": _INFORMATIONAL,
    "discarded": _INFORMATIONAL,
    "warning": _WARNING,
    "critical": _CRITICAL,
    "failed": _ERROR,
}
_KINDS: Final = {"change": _NOTICE, "gap": _WARNING}
# Section 7.3.1: sequenceId has 31 bits, and 1 follows the largest.
_LARGEST_SEQUENCE: Final = 2**31 - 1
_LONGEST_HOSTNAME: Final = 255
# Section 6.4: what follows is UTF-8.
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_PRINTABLE: Final = range(33, 127)
# RFC 3164 section 4.1.2, whatever the locale.
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def severity(entry: Entry) -> int:
    """Return how grave an entry is, 0 (emergency) to 7 (debug), as syslog and the journal count."""
    if entry.status is None:
        return _KINDS.get(entry.kind, _INFORMATIONAL)
    return _STATUSES.get(entry.status, _INFORMATIONAL)


def message(entry: Entry, identity: AgentIdentity, *, facility: str, process_id: int) -> bytes:
    """Return one message whose text is the entry's document as it is.

    Structured data has the elements that are registered for everybody, `origin` and `meta`: an element of our own would
    need a private enterprise number, and all that it could say is in the document.
    """
    priority = FACILITIES[facility] * 8 + severity(entry)
    hostname = _word(identity.hostname)[:_LONGEST_HOSTNAME] or "-"
    head = f"<{priority}>1 {entry.at} {hostname} {APP_NAME} {process_id} {entry.kind}"
    sequence = (entry.seq - 1) % _LARGEST_SEQUENCE + 1
    data = f'[origin software="{_SOFTWARE}" swVersion="{identity.version}"][meta sequenceId="{sequence}"]'
    # JSON in ASCII needs no mark, and readers that do not know it choke on it.
    mark = b"" if entry.data.isascii() else _BYTE_ORDER_MARK
    return b"%b %b %b%b" % (head.encode(), data.encode(), mark, entry.data)


def local_message(entry: Entry, moment: struct_time, *, facility: str, process_id: int) -> bytes:
    """Return a message as syslog(3) of the C library writes it to a socket of its host.

    Those who read there know no other form: rsyslog and the journal take the head of RFC 5424 for text [measured].

    Args:
        entry: What is told.
        moment: When it began, in the host's time zone.
        facility: A name of `FACILITIES`.
        process_id: Ours.
    """
    priority = FACILITIES[facility] * 8 + severity(entry)
    month = _MONTHS[moment.tm_mon - 1]
    stamp = f"{month} {moment.tm_mday:2d} {moment.tm_hour:02d}:{moment.tm_min:02d}:{moment.tm_sec:02d}"
    return b"<%d>%b %b[%d]: %b" % (priority, stamp.encode(), APP_NAME.encode(), process_id, entry.data)


def counted(messages: list[bytes]) -> bytes:
    """Return messages for TCP one behind the other, each with its length before it (RFC 6587 section 3.4.1)."""
    return b"".join([b"%d %b" % (len(each), each) for each in messages])


def ended(messages: list[bytes]) -> bytes:
    """Return messages for a stream of this host, each with a NUL behind it, as syslog(3) of the C library ends them."""
    return b"".join([each + b"\0" for each in messages])


def _word(text: str) -> str:
    """Return a text without what a header's field cannot hold (PRINTUSASCII)."""
    return "".join(character for character in text if ord(character) in _PRINTABLE)
