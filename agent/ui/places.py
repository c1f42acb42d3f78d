"""The addresses of the live pages: what each asks for, and how one is written. Pure.

All that a page shows is in its address, so that every one is a bookmark, and back and forward work.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlencode

from probes.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Final

DAY: Final = "24h"
# What there is to choose from, and what it is called.
RANGES: Final[dict[str, tuple[timedelta, str]]] = {
    "1h": (timedelta(hours=1), "1 hour"),
    DAY: (timedelta(days=1), "24 hours"),
    "7d": (timedelta(days=7), "7 days"),
    "30d": (timedelta(days=30), "30 days"),
    "1y": (timedelta(days=365), "1 year"),
}
FORMS: Final = ("html", "json")
# A name that needs no encoding, and that no browser takes for a step (`.`, `..`).
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_HASHED: Final = "~"
_MOST_SEQ_DIGITS: Final = 15
_MOST_FIELDS: Final = 12
_LONGEST_FIND: Final = 100


class NoSuchPlaceError(Exception):
    """An address leads nowhere; `status` is that of HTTP, and the text one sentence for a person."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@frozen
class Span:
    """A stretch of time: `word` of `RANGES`, or None with `since` and `until`, RFC 3339 UTC with milliseconds."""

    word: str | None = DAY
    since: str | None = None
    until: str | None = None

    def ends(self, now: datetime) -> tuple[str, str]:
        """Return when it begins and when it ends, as texts that compare as the store's do."""
        if self.word is None:
            return self.since or "", self.until or utc(now + timedelta(seconds=1))
        # What began this second belongs to it.
        return utc(now - RANGES[self.word][0]), utc(now + timedelta(seconds=1))

    def query(self) -> dict[str, str]:
        """Return it as parts of an address; nothing for the usual one."""
        if self.word is not None:
            return {} if self.word == DAY else {"range": self.word}
        return {key: text for key, text in (("since", self.since), ("until", self.until)) if text}


@frozen
class Overview:
    """All targets, `page` 1 the worst; only those whose names hold `find` where it is not empty."""

    page: int = 1
    find: str = ""


@frozen
class TargetPlace:
    """One target: its time line, and the sample `at`, or the newest; beside another one, or while one is chosen."""

    key: str
    span: Span
    at: int | None = None
    beside: int | None = None
    choosing: bool = False


@frozen
class ReportPlace:
    """One target over a time, as a file to take away."""

    key: str
    span: Span


@frozen
class Changes:
    """What happened to the network and to the store."""

    span: Span


@frozen
class SamplePlace:
    """One sample: a page of its own, `html` or `json` to take away."""

    seq: int
    form: str | None = None


@frozen
class State:
    """What is newer than `after`; of one target, where `key` is one."""

    after: int
    key: str | None = None


Place = Overview | TargetPlace | ReportPlace | Changes | SamplePlace | State


def place_of(parts: tuple[str, ...], query: str, now: datetime) -> Place:
    """Return what an address asks for.

    Args:
        parts: Of its path, behind the token.
        query: Behind its `?`.
        now: The time, with the zone in which a date without one is meant.

    Raises:
        NoSuchPlaceError: It leads nowhere, or a part of it means nothing.
    """
    asked = _fields(query)
    match parts:
        case () | ("",):
            return Overview(page=_number(asked, "page") or 1, find=asked.get("find", "").strip()[:_LONGEST_FIND])
        case ("target", key):
            return TargetPlace(
                key=key,
                span=_span(asked, now),
                at=_number(asked, "at"),
                beside=_number(asked, "with"),
                choosing="choose" in asked,
            )
        case ("target", key, "report.html"):
            return ReportPlace(key=key, span=_span(asked, now))
        case ("changes",):
            return Changes(span=_span(asked, now))
        case ("sample", name):
            return _sample(name)
        case ("state",):
            return State(after=_number(asked, "after") or 0, key=asked.get("target"))
        case _:
            raise NoSuchPlaceError(404, "There is no such page.")


class Links:
    """Writes addresses below one base, `/TOKEN/`."""

    def __init__(self, base: str) -> None:
        self.base = base

    def overview(self, page: int = 1, find: str = "") -> str:
        """Return where all targets are."""
        return self._with("", ({"find": find} if find else {}) | ({"page": str(page)} if page > 1 else {}))

    def target(self, place: TargetPlace) -> str:
        """Return where a target is, as it is to be looked at."""
        numbers = {"at": place.at, "with": place.beside}
        query = place.span.query() | {name: str(seq) for name, seq in numbers.items() if seq is not None}
        return self._with(f"target/{place.key}", query | ({"choose": ""} if place.choosing else {}))

    def report(self, key: str, span: Span) -> str:
        """Return where a target over a time can be taken away."""
        return self._with(f"target/{key}/report.html", span.query())

    def changes(self, span: Span) -> str:
        """Return where changes are listed."""
        return self._with("changes", span.query())

    def sample(self, seq: int, form: str | None = None) -> str:
        """Return where one sample is."""
        return f"{self.base}sample/{seq}{f'.{form}' if form else ''}"

    def state(self, after: int, key: str | None = None) -> str:
        """Return where it is told what is newer."""
        return self._with("state", {"after": str(after)} | ({"target": key} if key else {}))

    def _with(self, path: str, query: Mapping[str, str]) -> str:
        return f"{self.base}{path}{'?' if query else ''}{urlencode(query)}"


def key_of(name: str) -> str:
    """Return what stands for a target in addresses: its name, or where that would need encoding a digest of it."""
    if _PLAIN_NAME.fullmatch(name):
        return name
    return _HASHED + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def named_by(key: str, names: Iterable[str]) -> str | None:
    """Return the target that a key stands for, None for none of these."""
    return next((name for name in names if key_of(name) == key), None)


def utc(instant: datetime) -> str:
    """Return an instant as RFC 3339 UTC with milliseconds, as the store has it."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(query: str) -> dict[str, str]:
    try:
        found = parse_qs(query, keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="replace")
    except ValueError:
        raise NoSuchPlaceError(400, "The address asks for too many things at once.") from None
    return {name: values[-1] for name, values in found.items()}


def _number(asked: Mapping[str, str], name: str) -> int | None:
    text = asked.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_SEQ_DIGITS):
        raise NoSuchPlaceError(400, f"In this address, “{name}” has to be a number.")
    return int(text)


def _sample(name: str) -> SamplePlace:
    number, dot, form = name.partition(".")
    if not number or (dot and form not in FORMS):
        raise NoSuchPlaceError(404, "There is no such page.")
    return SamplePlace(seq=_number({"sample": number}, "sample") or 0, form=form or None)


def _span(asked: Mapping[str, str], now: datetime) -> Span:
    """Return the stretch that is asked for; a range wins over empty fields of a form."""
    since, until = (_instant(asked, name, now) for name in ("since", "until"))
    if since or until:
        since = since or _day_before(str(until))
        if until and since >= until:
            raise NoSuchPlaceError(400, "The time range ends before it begins.")
        return Span(word=None, since=since, until=until)
    word = asked.get("range") or DAY
    if word not in RANGES:
        raise NoSuchPlaceError(400, f"There is no such time range; there are {', '.join(RANGES)}.")
    return Span(word=word)


def _day_before(until: str) -> str:
    try:
        return utc(datetime.fromisoformat(until) - timedelta(days=1))
    except OverflowError:
        return until


def _instant(asked: Mapping[str, str], name: str, now: datetime) -> str | None:
    text = asked.get(name, "").strip()
    if not text:
        return None
    try:
        instant = datetime.fromisoformat(text)
        return utc(instant if instant.tzinfo else instant.replace(tzinfo=now.tzinfo))
    except (ValueError, OverflowError):
        raise NoSuchPlaceError(
            400, f"In this address, “{name}” has to be a date and time, as in 2026-11-23T10:00."
        ) from None
