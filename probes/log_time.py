"""The times that logs write, as instants of a record: RFC 3339, UTC, with milliseconds."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

# Not strptime's: that goes by the locale of the host.
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CTIME_PARTS: Final = 5
# Seconds since 1970 have ten digits from 2001 to 2286; with thirteen they are milliseconds, with sixteen microseconds.
_UNITS_BY_DIGITS: Final = {10: 1, 13: 1_000, 16: 1_000_000}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017 - datetime.UTC is the same, and longer to import


def instant(value: object) -> str | None:
    """Return a log's time as a record has it, None where it is none that is understood.

    Args:
        value: `Fri May 31 17:35:42 2019` (asctime of ISO C, taken as UTC as the service writes it), RFC 3339, or a
            count since 1970 in seconds, milliseconds or microseconds: the forms that the service can be set to.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return None
    text = value.strip()
    try:
        if text.isascii() and text.isdecimal():
            return _counted(text)
        found = _ctime(text) or datetime.fromisoformat(text)
        return of_datetime(found if found.tzinfo else found.replace(tzinfo=_EPOCH.tzinfo))
    except (ValueError, OverflowError):
        return None


def of_datetime(moment: datetime) -> str:
    """Return a moment with its zone as a record has it; OverflowError beyond the years 1 to 9999."""
    return moment.astimezone(_EPOCH.tzinfo).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def of_posix(seconds: float) -> str:
    """Return a POSIX time as a record has it."""
    return of_datetime(datetime.fromtimestamp(seconds, _EPOCH.tzinfo))


def _counted(text: str) -> str | None:
    unit = _UNITS_BY_DIGITS.get(len(text))
    return None if unit is None else of_datetime(_EPOCH + timedelta(microseconds=int(text) * (1_000_000 // unit)))


def _ctime(text: str) -> datetime | None:
    parts = text.split()
    if len(parts) != _CTIME_PARTS or parts[1] not in _MONTHS:
        return None
    _, month, day, clock, year = parts
    hour, minute, second = clock.split(":")
    return datetime(
        int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second), tzinfo=_EPOCH.tzinfo
    )
