"""Instants and stretches of time in words. Pure."""

from datetime import datetime
from typing import Final

# From so many seconds on, in the unit that follows: at least two of it, or one day.
_UNITS: Final = ((172_800, 86_400, "days"), (7_200, 3_600, "h"), (120, 60, "min"), (0, 1, "s"))


def instant(at: str) -> str:
    """Return `2026-11-23 11:00:05` of an instant in RFC 3339, in UTC."""
    return at[:40].replace("T", " ").partition(".")[0].removesuffix("Z")


def seconds_between(earlier: str, later: datetime) -> float:
    """Return how long ago an instant was; below 0 where the clock was set back since."""
    return (later - datetime.fromisoformat(earlier)).total_seconds()


def stretch(seconds: float) -> str:
    """Return `45 s`, `12 min`, `5 h` or `3 days`."""
    _, unit_s, name = next(unit for unit in _UNITS if seconds >= unit[0] or not unit[0])
    return f"{max(0, int(seconds // unit_s))} {name}"


def ago(at: str, now: datetime) -> str:
    """Return `12 min ago`, or `just now`."""
    seconds = seconds_between(at, now)
    return "just now" if seconds < 5 else f"{stretch(seconds)} ago"  # noqa: PLR2004 - seconds that nobody counts
