"""Samples over time for the tests of pictures: some days of one target, with what can go wrong in them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from agent.timeline import Happening, Moment, Timeline, thinned

START: Final = datetime(2026, 11, 1, tzinfo=UTC)
STEP: Final = timedelta(minutes=5)
TARGET: Final = "crm"


def instant(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(number: int, **changes: object) -> Moment:
    """Return the sample that is due as the so manieth, a healthy one but for the changes."""
    values: dict[str, object] = {
        "seq": number + 1,
        "at": instant(START + number * STEP),
        "status": "ok",
        "latency_us": 12_000 + number % 7 * 300,
        "loss_ratio": 0.0,
        "path": "one",
    }
    return Moment(**{**values, **changes})  # type: ignore[arg-type]


def moments(count: int, *, missing: range = range(0)) -> Iterator[Moment]:
    """Yield so many samples, but for those that were not taken."""
    for number in range(count):
        if number not in missing:
            yield moment(number)


def happening(number: int, kind: str = "change", title: str = "eth0 default route", text: str = "gone") -> Happening:
    return Happening(seq=number, at=instant(START + number * STEP), kind=kind, title=title, text=text)


def picture_of(*of: Moment, happenings: tuple[Happening, ...] = (), most: int = 720) -> Timeline:
    return thinned(of, happenings, target=TARGET, most_buckets=most)
