"""What a person means by `--since` and `--until`: so long ago, or a date and time."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_AGO: Final = re.compile(r"(\d{1,6})([smhdw])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def instant_of(text: str, now: datetime) -> str | None:
    """Return an instant as RFC 3339 UTC with milliseconds, None for a text that means none.

    Args:
        text: `90s`, `15m`, `2h`, `3d`, `1w` before now; or a date, with or without a time (ISO 8601); without a zone it
            is in the zone of `now`.
        now: The time, with its zone.
    """
    ago = _AGO.fullmatch(text.strip())
    try:
        if ago is not None:
            moment = now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        else:
            moment = datetime.fromisoformat(text.strip())
            moment = moment.replace(tzinfo=now.tzinfo) if moment.tzinfo is None else moment
        return _utc(moment)
    except (ValueError, OverflowError):
        return None


def _utc(moment: datetime) -> str:
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
